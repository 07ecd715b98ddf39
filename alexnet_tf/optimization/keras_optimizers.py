"""Update rules other than the paper's: Keras' and TensorFlow Addons' optimizers.

`optimizer.name` chooses one. None is in the paper; `alexnet_tf.stack` has the formulas.

  sgdw             decay outside the velocity
  moving_average   the paper's rule, and an exponential average of its weights
  swa              the paper's rule, and the mean of snapshots of its weights
  lookahead        the paper's rule, with a step back every few updates
  multi_optimizer  one of momentum (the paper's), sgdw and adamw, layer by layer

The paper's rule is here Keras' SGD with weight_decay * w added to the gradient:

  v <- momentum * v - rate * (gradient + weight_decay * w);  w <- w + v

Rules that average evaluate and export the averages. Checkpoints store these as
`weights/...` and the trained weights as `training_weights/...`. Before the first
average, the averages equal the weights. Lookahead evaluates the current weights, even
between two steps back.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence

import tensorflow as tf

from alexnet_tf import stack
from alexnet_tf.config.schema import OptimizerConfig
from alexnet_tf.config.suggestions import suggest
from alexnet_tf.devices import placement
from alexnet_tf.network.parameters import Parameter, list_layer_names
from alexnet_tf.optimization.momentum import MomentumOptimizer, Optimizer
from tfrecords import errors

# The rules allowed in `optimizer.per_layer`.
_LAYER_RULES = ("momentum", "sgdw", "adamw")
# Rules whose decay is not part of the gradient.
_DECOUPLED = ("sgdw", "adamw")


class KerasOptimizer(Optimizer):
    """Keras' optimizers, one per parameter and on its device; arguments as `Optimizer`.

    A rate of 0 freezes a parameter, as in the paper's rule: its velocity is reset, its
    slow weights follow the weights, and nothing moves it. Averages and moments are
    still updated. The parameters' variables have unique names. Raises `UserError` if
    this stack lacks the optimizer or it rejects a hyperparameter.
    """

    def __init__(
        self,
        parameters: Sequence[Parameter],
        config: OptimizerConfig,
        device: str | None = None,
    ):
        super().__init__(parameters, config, device)
        if config.momentum > 1:
            raise errors.UserError(
                f"config.optimizer.momentum is {config.momentum:g}; with "
                f"config.optimizer.name={config.name} it must be at most 1."
            )
        self._config, self._device = config, device
        by_layer = parse_rules(config, list_layer_names(parameters))
        self._rules = [by_layer[parameter.layer] for parameter in parameters]
        self._optimizers = []
        indices_by_device: dict[str, list[int]] = {}
        for index, parameter in enumerate(parameters):
            with placement.scope(parameter.variable.device):
                self._optimizers.append(self._make(index))
            indices_by_device.setdefault(parameter.variable.device, []).append(index)
        self._groups = []
        for where, indices in indices_by_device.items():
            with placement.scope(where):
                apply = stack.combine([self._optimizers[index] for index in indices])
            self._groups.append((where, indices, apply))
        self.begin()

    def _make(self, index: int) -> stack.VariableOptimizer:
        config, rule = self._config, self._rules[index]
        variable, decay = self.parameters[index].variable, self._decays[index]
        rate = functools.partial(self._get_rate, index)
        common = variable, rate, config.momentum
        if rule == "sgdw":
            return stack.make_sgd(*common, decay)
        if rule == "adamw":
            return stack.make_adamw(variable, rate, decay)
        if rule == "moving_average":
            return stack.make_moving_average(*common, config.average_decay)
        if rule == "swa":
            start_step, period = config.average_start_step, config.average_every_steps
            return stack.make_swa(*common, start_step, period)
        if rule == "lookahead":
            period, step_size = config.lookahead_steps, config.lookahead_step_size
            return stack.make_lookahead(*common, period, step_size)
        return stack.make_sgd(*common)

    def _get_rate(self, index: int) -> tf.Tensor:
        with placement.scope(self._device):
            return self.rates[self._rows[index], self.parameters[index].kind]

    def begin(self) -> None:
        """As in `Optimizer`: sets averages and slow weights to the weights."""
        for own in self._optimizers:
            for name in {"average", "slow"} & set(own.slots):
                own.slots[name].assign(own.variable)

    def apply(self, gradients: Sequence[tf.Tensor]) -> None:
        """As in `Optimizer`."""
        for where, indices, apply in self._groups:
            with placement.scope(where):
                for index in indices:
                    self._rest(index)
                apply([self._add_decay(index, gradients[index]) for index in indices])
                for index in indices:
                    self._follow(index)

    def _rest(self, index: int) -> None:
        # At rate 0, resets the variables that would still move the weights.
        own = self._optimizers[index]
        is_trained = self._get_rate(index) > 0
        if "velocity" in own.slots:
            velocity = own.slots["velocity"]
            velocity.assign(tf.where(is_trained, velocity, 0.0))
        if "slow" in own.slots:
            slow = own.slots["slow"]
            slow.assign(tf.where(is_trained, slow, own.variable))

    def _add_decay(self, index: int, gradient: tf.Tensor) -> tf.Tensor:
        if self._rules[index] in _DECOUPLED:
            return gradient
        return gradient + self._decays[index] * self._optimizers[index].variable

    def _follow(self, index: int) -> None:
        # Before the first snapshot, SWA's average is not yet an average.
        if self._rules[index] == "swa":
            own = self._optimizers[index]
            average, start_step = own.slots["average"], self._config.average_start_step
            is_before = own.slots["iterations"] <= start_step
            average.assign(tf.where(is_before, own.variable, average))

    def get_variables(self) -> dict[str, tf.Variable]:
        """As in `Optimizer`, with `training_weights/...` for rules that average.

        Slots are named as in `stack.VariableOptimizer`: `slow/...`.
        """
        variables: dict[str, tf.Variable] = {}
        for parameter, own in zip(self.parameters, self._optimizers, strict=True):
            slots = {"weights": parameter.variable, **own.slots}
            if "average" in slots:
                slots["training_weights"] = slots["weights"]
                slots["weights"] = slots.pop("average")
            variables |= {f"{slot}/{parameter.name}": v for slot, v in slots.items()}
        return variables

    @contextlib.contextmanager
    def evaluated_weights(self) -> Iterator[None]:
        """As in `Optimizer`: the averages, for rules that average.

        Swaps averages and weights, and swaps them back at the end. Do not call `apply`
        in between.
        """
        self._exchange_averages()
        try:
            yield
        finally:
            self._exchange_averages()

    def _exchange_averages(self) -> None:
        # Addons' swap_weights adds and subtracts, which causes rounding errors.
        for own in self._optimizers:
            if "average" in own.slots:
                with placement.scope(own.variable.device):
                    weights = tf.identity(own.variable)
                    own.variable.assign(own.slots["average"])
                    own.slots["average"].assign(weights)


def parse_rules(config: OptimizerConfig, layer_names: Sequence[str]) -> dict[str, str]:
    """Each layer's rule, from `optimizer.name` or `optimizer.per_layer`.

    Raises `UserError` if a layer or rule is unknown, or one setting is given without
    the other.
    """
    if config.name != "multi_optimizer":
        if config.per_layer:
            raise errors.UserError(
                "config.optimizer.per_layer requires "
                f"config.optimizer.name=multi_optimizer; it is {config.name}."
            )
        return dict.fromkeys(layer_names, config.name)
    if not config.per_layer:
        raise errors.UserError(
            "config.optimizer.name=multi_optimizer requires "
            "config.optimizer.per_layer: LAYER=RULE entries separated by spaces, such "
            "as 'fc7=adamw fc8=adamw'."
        )
    rules = dict.fromkeys(layer_names, "momentum")
    for layer, rule in config.per_layer.items():
        for given, known in ((layer, layer_names), (rule, _LAYER_RULES)):
            if given not in known:
                raise errors.UserError(
                    f"config.optimizer.per_layer: {given!r} is none of "
                    f"{', '.join(known)}.{suggest(given, known)}"
                )
        rules[layer] = rule
    return rules


def make_optimizer(
    parameters: Sequence[Parameter], config: OptimizerConfig, device: str | None = None
) -> Optimizer:
    """Makes the optimizer `config.name`: the paper's, or a `KerasOptimizer`.

    Raises `UserError` if the settings describe no valid optimizer.
    """
    if config.per_layer:
        parse_rules(config, list_layer_names(parameters))
    if config.name == "momentum":
        return MomentumOptimizer(parameters, config, device)
    return KerasOptimizer(parameters, config, device)
