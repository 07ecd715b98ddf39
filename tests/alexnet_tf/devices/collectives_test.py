"""Tests of `devices.collectives`: one process, and the graph of several.

`training.chief`'s test trains with several.
"""

from __future__ import annotations

import sys

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf.devices.collectives import Collectives


def test_one_process_exchanges_nothing():
    alone, values = Collectives(), np.array([1.5, -2.0])
    gradients, variables = [tf.constant([1.0])], [tf.Variable([0.0])]
    with alone as entered:
        assert entered.workers.count == 1
        assert alone.average(gradients, variables)[0] is gradients[0]
        loss, counts = tf.constant(2.0), tf.constant([3, 1])
        assert alone.combine(loss, counts) == (loss, counts)
        assert alone.add(values) is values and alone.share(values) is values
        assert alone.share_json({"a": 1}) == {"a": 1}
        assert alone.agree(True) and not alone.agree(False)
    with pytest.raises(tf.errors.UnavailableError), alone.peer_errors():
        raise tf.errors.UnavailableError(None, None, "as it is")


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
