"""Dynamic loss scaling for float16 gradients (Micikevicius et al. 2018; not the paper).

float16 overflows above 65,504, and gradients below 6e-8 vanish. The loss is therefore
multiplied by a scale and the gradients are divided by it. A non-finite gradient skips
the update and halves the scale; 2,000 finite updates double it. In other precisions the
scale stays 1, and nothing is multiplied or divided.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from alexnet_tf.devices import placement

GROWTH_STEPS = 2000
INITIAL_FLOAT16_SCALE = 2.0**15
MAX_FLOAT16_SCALE = 2.0**24


class LossScale(tf.Module):
    """The loss scale and its step counter; with all precisions but mixed_float16, 1.

    Attributes:
      scale: float32 scalar variable, on `device`, tower a's, like the next.
      good_steps: int32 scalar variable, finite updates since the last change.
      minimum: the smallest scale to try.
    """

    minimum = 1.0

    def __init__(self, precision: str, device: str | None = None):
        super().__init__(name="loss_scale")
        self._scales = scales = precision == "mixed_float16"
        # Half the minimum means that even a step at the minimum was not finite.
        self._floor = self.minimum / 2 if scales else 1.0
        self._maximum = MAX_FLOAT16_SCALE if scales else 1.0
        with placement.scope(device):
            initial = INITIAL_FLOAT16_SCALE if scales else 1.0
            self.scale = tf.Variable(initial, trainable=False, dtype=tf.float32)
            self.good_steps = tf.Variable(0, trainable=False, dtype=tf.int32)

    @property
    def is_exhausted(self) -> bool:
        """True if a step was not finite and there is no smaller scale to try."""
        return self._floor == 1.0 or float(self.scale) < self.minimum

    def scale_up(self, loss: tf.Tensor) -> tf.Tensor:
        """The loss times the scale, to be differentiated."""
        return loss * self.scale if self._scales else loss

    def scale_down(
        self, gradients: Sequence[tf.Tensor], variables: Sequence[tf.Variable]
    ) -> list[tf.Tensor]:
        """The gradients divided by the scale, each on its variable's device."""
        if not self._scales:
            return list(gradients)
        scale = tf.convert_to_tensor(self.scale)
        divided = []
        for gradient, variable in zip(gradients, variables, strict=True):
            with placement.scope(variable.device):
                divided.append(gradient / scale)
        return divided

    def update(self, is_finite: tf.Tensor) -> None:
        """Halves the scale, counts the step, or doubles the scale.

        `is_finite`, a bool scalar, tells whether this step's loss and gradients were
        finite.
        """
        good_steps = tf.where(is_finite, self.good_steps + 1, 0)
        grows = good_steps >= GROWTH_STEPS
        factor = tf.where(is_finite, tf.where(grows, 2.0, 1.0), 0.5)
        scale = tf.clip_by_value(self.scale * factor, self._floor, self._maximum)
        self.scale.assign(scale)
        self.good_steps.assign(tf.where(grows, 0, good_steps))
