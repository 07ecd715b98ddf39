"""The scale's rule, step by step."""

import sys

import pytest
import tensorflow as tf

from alexnet_tf.optimization import loss_scale
from alexnet_tf.optimization.loss_scale import GROWTH_STEPS, LossScale


def update(scale, is_finite, times=1):
    for _ in range(times):
        scale.update(tf.constant(is_finite))
    return scale.scale.numpy(), scale.good_steps.numpy()


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_other_precisions_stay_at_1(precision):
    scale = LossScale(precision)
    scale.good_steps.assign(GROWTH_STEPS - 1)
    assert update(scale, True) == (1, 0)
    assert update(scale, False) == (1, 0)
    assert scale.is_exhausted


def test_halves_where_a_gradient_is_not_finite():
    scale = LossScale("mixed_float16")
    assert scale.scale.numpy() == 2**15
    assert update(scale, True, 3) == (2**15, 3)
    assert update(scale, False) == (2**14, 0)
    assert update(scale, False) == (2**13, 0)
    assert update(scale, True) == (2**13, 1)


def test_doubles_after_2000_finite_updates():
    scale = LossScale("mixed_float16")
    scale.good_steps.assign(GROWTH_STEPS - 2)
    assert update(scale, True) == (2**15, 1999)
    assert update(scale, True) == (2**16, 0)
    # A non-finite step restarts the count.
    scale.good_steps.assign(GROWTH_STEPS - 1)
    assert update(scale, False) == (2**15, 0)
    assert update(scale, True) == (2**15, 1)


def test_stays_between_1_and_its_maximum():
    scale = LossScale("mixed_float16")
    assert update(scale, False, 15) == (1, 0)
    assert scale.minimum == 1 and not scale.is_exhausted
    assert update(scale, False, 3) == (0.5, 0)
    assert scale.is_exhausted
    scale.scale.assign(loss_scale.MAX_FLOAT16_SCALE)
    scale.good_steps.assign(GROWTH_STEPS - 1)
    assert update(scale, True) == (2**24, 0)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
