"""Steps and epochs by hand."""

import sys

import pytest

from alexnet_tf.training.epochs import EpochCounter


def test_by_hand():
    counter = EpochCounter(num_train=10, batch_size=4)
    # Steps end at images 4, 8, 12, 16, 20: epoch 1 ends in step 3, epoch 2 in 5.
    assert [counter.find_ended(s) for s in range(1, 6)] == [None, None, 1, None, 2]
    assert [counter.count_epochs(s) for s in range(6)] == [0, 0, 0, 1, 1, 2]
    assert [counter.count_steps(n) for n in range(4)] == [0, 3, 5, 8]
    assert counter.compute_epoch(3) == 1.2
    assert [counter.is_due(s, 2) for s in range(1, 6)] == [False] * 4 + [True]


@pytest.mark.parametrize("num_train", [1, 3, 7, 128, 1000])
@pytest.mark.parametrize("batch_size", [1, 5, 128])
@pytest.mark.parametrize("every_epochs", [1, 2, 3])
def test_nothing_that_is_due_is_passed_over(num_train, batch_size, every_epochs):
    counter = EpochCounter(num_train, batch_size)
    last = counter.count_steps(12)
    assert (last - 1) * batch_size < 12 * num_train <= last * batch_size
    due = [s for s in range(1, last + 1) if counter.is_due(s, every_epochs)]
    expected = {counter.count_steps(n) for n in range(every_epochs, 13, every_epochs)}
    assert set(due) == expected
    assert all(counter.find_ended(s) for s in due)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
