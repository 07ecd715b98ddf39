"""The update rule (paper, section 5).

  v <- momentum * v - weight_decay * rate * w - rate * gradient
  w <- w + v

The velocity v includes the rate and the decay: when the rate is divided by ten, the
accumulated velocity stays. (Other rules differ: Keras' SGD and TensorFlow Addons' SGDW
decay outside the velocity, and PyTorch's SGD applies the rate outside it.)

A rate of 0 freezes a parameter. It also resets the velocity, which would otherwise keep
moving the weights.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import tensorflow as tf

from alexnet_tf.config import by_layer
from alexnet_tf.config.schema import OptimizerConfig
from alexnet_tf.devices import placement
from alexnet_tf.network.parameters import BIAS, Parameter, list_layer_names


class Optimizer(tf.Module):
    """Base class: the paper's rule below, or the rules of `keras_optimizers`.

    The config gives the weight decay, and whether biases decay.

    Attributes:
      parameters: the parameters to train.
      rates: float32 [layers, 2], on `device`, tower a's: the learning rates of each
        layer's kernel and bias, in the order of `list_layer_names`. The training loop
        assigns them.
    """

    def __init__(
        self,
        parameters: Sequence[Parameter],
        config: OptimizerConfig,
        device: str | None = None,
    ):
        super().__init__(name="optimizer")
        self.parameters = list(parameters)
        layer_names = list_layer_names(parameters)
        decays = by_layer.resolve(
            config.weight_decays,
            layer_names,
            config.weight_decay,
            "optimizer.weight_decays",
        )
        self._decays = [
            0.0
            if parameter.kind == BIAS and not config.bias_weight_decay
            else decays[parameter.layer]
            for parameter in parameters
        ]
        self._rows = [layer_names.index(parameter.layer) for parameter in parameters]
        with placement.scope(device):
            self.rates = tf.Variable(tf.zeros([len(layer_names), 2]), trainable=False)

    def begin(self) -> None:
        """Makes the current weights those of step 0."""

    def apply(self, gradients: Sequence[tf.Tensor]) -> None:
        """Updates every parameter on its own device.

        The gradients are float32, one per parameter, of the batch's mean loss.
        """
        # (Not `abc.ABC`: tf.Module has a metaclass of its own.)
        raise NotImplementedError

    def get_variables(self) -> dict[str, tf.Variable]:
        """The variables to save, by name; `weights/...` are the evaluated ones."""
        raise NotImplementedError

    def evaluated_weights(self) -> contextlib.AbstractContextManager[None]:
        """Within the context, the parameters hold the weights to evaluate."""
        return contextlib.nullcontext()


class MomentumOptimizer(Optimizer):
    """The paper's rule; arguments as `Optimizer`.

    `velocities` are float32, one per parameter, on its variable's device.
    """

    def __init__(
        self,
        parameters: Sequence[Parameter],
        config: OptimizerConfig,
        device: str | None = None,
    ):
        super().__init__(parameters, config, device)
        self._momentum = config.momentum
        self.velocities = []
        for parameter in parameters:
            with placement.scope(parameter.variable.device):
                zeros = tf.zeros(parameter.variable.shape)
                self.velocities.append(tf.Variable(zeros, trainable=False))

    def apply(self, gradients: Sequence[tf.Tensor]) -> None:
        """As in `Optimizer`."""
        rates = tf.convert_to_tensor(self.rates)
        for parameter, gradient, velocity, decay, row in zip(
            self.parameters,
            gradients,
            self.velocities,
            self._decays,
            self._rows,
            strict=True,
        ):
            rate = rates[row, parameter.kind]
            with placement.scope(parameter.variable.device):
                momentum = tf.where(rate > 0, self._momentum, 0.0)
                weights = parameter.variable
                # v <- momentum * v - rate * (gradient + decay * w);  w <- w + v
                tf.raw_ops.ResourceApplyKerasMomentum(
                    var=weights.handle,
                    accum=velocity.handle,
                    lr=rate,
                    grad=gradient + decay * weights,
                    momentum=momentum,
                )

    def get_variables(self) -> dict[str, tf.Variable]:
        """As in `Optimizer`: `weights/...` and `velocity/...`."""
        variables = {}
        for parameter, velocity in zip(self.parameters, self.velocities, strict=True):
            variables[f"weights/{parameter.name}"] = parameter.variable
            variables[f"velocity/{parameter.name}"] = velocity
        return variables
