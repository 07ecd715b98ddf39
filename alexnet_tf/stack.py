"""All code that differs between the two stacks.

The default stack is TensorFlow 2.21 with Keras 3; the extra `addons` installs
TensorFlow 2.15 with Keras 2 and TensorFlow Addons. The rest of the package is the same
for both and imports `keras` from here.
"""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfrecords import errors

KERAS_MAJOR = int(keras.__version__.split(".")[0])

if keras.backend.backend() != "tensorflow":
    raise errors.UserError(
        f"Keras was imported with the backend {keras.backend.backend()!r} before "
        "alexnet_tf, which needs TensorFlow. Import alexnet_tf first, or set "
        "KERAS_BACKEND=tensorflow."
    )
# Overrides the user's ~/.keras/keras.json.
keras.backend.set_floatx("float32")
keras.backend.set_epsilon(1e-7)
keras.backend.set_image_data_format("channels_last")

# TensorFlow 2.15's XLA is not faster than matmuls for response normalization
# (measured), and prints a line to the console.
XLA_FUSES_LOOPS = KERAS_MAJOR >= 3


def get_tf_variable(variable: Any) -> tf.Variable:
    """The `tf.Variable` behind a Keras weight.

    Keras 3 wraps it in its own class; Keras 2 does so only under a mixed-precision
    policy, to cast it when it is read.
    """
    if KERAS_MAJOR >= 3:
        return variable.value
    return getattr(variable, "_variable", variable)


def compute_power(x: Any, exponent: float) -> Any:
    """Raises a symbolic tensor to a power, as a layer that Keras loads in safe mode.

    Keras 3 records its own ops in a functional model, Keras 2 TensorFlow's. (A Lambda
    layer would contain code.) x is positive; the exponents 0.5 and -0.5 become square
    roots, which other formats support better.
    """
    if KERAS_MAJOR >= 3:
        operations = {0.5: keras.ops.sqrt, -0.5: keras.ops.rsqrt}
        power = keras.ops.power
    else:
        operations = {0.5: tf.math.sqrt, -0.5: tf.math.rsqrt}
        power = tf.math.pow
    operation = operations.get(exponent)
    return operation(x) if operation else power(x, exponent)


def describe() -> dict[str, str]:
    """The package versions that affect a run's results."""
    return {"tensorflow": tf.__version__, "keras": keras.__version__}


@dataclasses.dataclass(frozen=True)
class VariableOptimizer:
    """A Keras optimizer for a single variable w with gradient g.

    Each variable has its own, because a Keras optimizer has one rate for all variables.
    """

    optimizer: Any  # Keras' or TensorFlow Addons' object
    variable: tf.Variable  # float32
    # The optimizer's variables, with the same names on both stacks: "iterations" (int64
    # scalar, updates so far), and, float32 of the variable's shape, "velocity",
    # "first_moment", "second_moment", "average", "slow".
    slots: Mapping[str, tf.Variable]


# Returns the learning rate of an update, float32 scalar.
Rate = Callable[[], tf.Tensor]


def _name_sgd_slots(momentum: float, *more: str) -> dict[str, str]:
    # Our names -> Keras' names.
    velocity = {"velocity": "momentum"} if momentum else {}
    return {**velocity, **{name: name for name in more}}


def make_sgd(
    variable: tf.Variable, rate: Rate, momentum: float, decay: float = 0.0
) -> VariableOptimizer:
    """SGD with weight decay outside the velocity (Loshchilov, Hutter 2017).

        v <- momentum * v - rate * g
        w <- w - rate * decay * w + v

    Keras 3's SGD multiplies `weight_decay` by the rate. Addons' SGDW does not, so it
    is given the product. Without momentum there is no "velocity".
    """
    slots = _name_sgd_slots(momentum)
    if KERAS_MAJOR >= 3:
        sgd = keras.optimizers.SGD(rate, momentum, weight_decay=decay or None)
        return _build_keras3(sgd, variable, slots)
    if decay:
        make = _import_addons("sgdw").SGDW
        sgd = make(lambda: decay * rate(), learning_rate=rate, momentum=momentum)
    else:
        sgd = keras.optimizers.legacy.SGD(rate, momentum)
    return _build_legacy(sgd, variable, slots)


def make_adamw(variable: tf.Variable, rate: Rate, decay: float) -> VariableOptimizer:
    """Adam with weight decay outside its moments (Loshchilov, Hutter 2017).

        m <- 0.9 * m + 0.1 * g;    s <- 0.999 * s + 0.001 * g^2
        w <- w - rate * decay * w
               - rate * sqrt(1 - 0.999^t) / (1 - 0.9^t) * m / (sqrt(s) + 1e-7)

    with t the number of the update, from 1. Like SGDW, Addons' AdamW is given rate *
    decay.
    """
    if KERAS_MAJOR >= 3:
        return _build_keras3(
            keras.optimizers.AdamW(rate, weight_decay=decay),
            variable,
            {"first_moment": "momentum", "second_moment": "velocity"},
        )
    adamw = _import_addons("adamw").AdamW(lambda: decay * rate(), learning_rate=rate)
    slots = {"first_moment": "m", "second_moment": "v"}
    return _build_legacy(adamw, variable, slots)


def make_moving_average(
    variable: tf.Variable, rate: Rate, momentum: float, average_decay: float
) -> VariableOptimizer:
    """SGD and an exponential moving average of the weights, the slot "average".

        after update 1:  average <- w
        after others:    average <- average_decay * average + (1 - average_decay) * w

    This is Keras 3's `ema_momentum` without overwriting, and Addons' MovingAverage with
    `start_step` 1.
    """
    slots = _name_sgd_slots(momentum, "average")
    if KERAS_MAJOR >= 3:
        sgd = keras.optimizers.SGD(
            rate, momentum, use_ema=True, ema_momentum=average_decay
        )
        return _build_keras3(sgd, variable, slots)
    make = _import_addons("moving_average").MovingAverage
    sgd = keras.optimizers.legacy.SGD(rate, momentum)
    return _build_legacy(make(sgd, average_decay, start_step=1), variable, slots)


def make_swa(
    variable: tf.Variable, rate: Rate, momentum: float, start_step: int, period: int
) -> VariableOptimizer:
    """SGD and the mean of snapshots of its weights (Izmailov et al. 2018).

    Snapshot n (from 0) is taken after update start_step + n * period + 1:

        average <- (n * average + w) / (n + 1)

    Raises `UserError` on Keras 3, which has no SWA.
    """
    make = _import_addons("swa").SWA
    sgd = keras.optimizers.legacy.SGD(rate, momentum)
    slots = _name_sgd_slots(momentum, "average")
    return _build_legacy(make(sgd, start_step, period), variable, slots)


def make_lookahead(
    variable: tf.Variable, rate: Rate, momentum: float, period: int, step_size: float
) -> VariableOptimizer:
    """SGD that steps back every `period` updates (Zhang et al. 2019).

        slow <- slow + step_size * (w - slow);  w <- slow

    Raises `UserError` on Keras 3, which has no such optimizer.
    """
    make = _import_addons("lookahead").Lookahead
    sgd = keras.optimizers.legacy.SGD(rate, momentum)
    slots = _name_sgd_slots(momentum, "slow")
    return _build_legacy(make(sgd, period, step_size), variable, slots)


def combine(
    optimizers: Sequence[VariableOptimizer],
) -> Callable[[Sequence[tf.Tensor]], None]:
    """Returns a function that applies each variable's gradient with its optimizer.

    Uses Addons' MultiOptimizer; on Keras 3, the equivalent sequence of calls.
    """
    if KERAS_MAJOR >= 3:

        def apply_each(gradients: Sequence[tf.Tensor]) -> None:
            for own, gradient in zip(optimizers, gradients, strict=True):
                own.optimizer.apply([gradient])

        return apply_each

    variables = [own.variable for own in optimizers]
    names = [variable.name for variable in variables]
    # MultiOptimizer identifies variables by name.
    if len(set(names)) < len(names):
        raise ValueError(f"two variables have the same name: {sorted(names)}")
    multi = _import_addons("multi_optimizer").MultiOptimizer(
        optimizer_specs=[
            {"optimizer": own.optimizer, "weights": [own.variable.name]}
            for own in optimizers
        ]
    )
    # Reading it creates it, which must not happen inside a graph.
    _ = multi.iterations

    def apply_together(gradients: Sequence[tf.Tensor]) -> None:
        multi.apply_gradients(zip(gradients, variables, strict=True))

    return apply_together


def _import_addons(name: str) -> Any:
    """Imports `tensorflow_addons.optimizers`; raises `UserError` if not installed."""
    if KERAS_MAJOR < 3:
        with contextlib.suppress(ImportError), warnings.catch_warnings():
            # Suppresses the notice that its development has ended.
            warnings.simplefilter("ignore")
            import tensorflow_addons

            return tensorflow_addons.optimizers
    raise errors.UserError(
        f"the optimizer {name} is TensorFlow Addons', which is not installed in this "
        f"environment with TensorFlow {tf.__version__} and Keras {keras.__version__}. "
        "Install its extra in a separate environment with Python 3.10 or 3.11: pip "
        "install '.[addons]'. Keras 3 has sgdw, moving_average and multi_optimizer."
    )


def _build_keras3(
    optimizer: Any, variable: tf.Variable, slots: Mapping[str, str]
) -> VariableOptimizer:
    # `slots`: our names -> suffixes of Keras' variable names.
    optimizer.build([variable])
    found = {v.name.rpartition("_")[2]: v.value for v in optimizer.variables}
    named = {ours: found[theirs] for ours, theirs in slots.items()}
    return VariableOptimizer(
        optimizer, variable, {"iterations": found["iteration"], **named}
    )


def _build_legacy(
    optimizer: Any, variable: tf.Variable, slots: Mapping[str, str]
) -> VariableOptimizer:
    # `slots`: our names -> Keras' slot names, in the optimizer or the one it wraps.
    optimizer._create_all_weights([variable])
    owners = [optimizer, getattr(optimizer, "_optimizer", optimizer)]
    named = {
        ours: next(
            owner.get_slot(variable, theirs)
            for owner in owners
            if theirs in owner.get_slot_names()
        )
        for ours, theirs in slots.items()
    }
    return VariableOptimizer(
        optimizer, variable, {"iterations": optimizer.iterations, **named}
    )
