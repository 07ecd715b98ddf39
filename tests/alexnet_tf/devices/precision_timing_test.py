"""Timing is fair and short, and measures what the network computes."""

import sys

import numpy as np
import pytest

from alexnet_tf.devices import precision_timing

KEYS = [
    (what, name)
    for what in ("matmul", "convolution")
    for name in ("float32", "bfloat16")
]


class Machine:
    """Operations that take the given seconds of a fake clock.

    Args:
      seconds: by key; a list's last holds for all further runs. The first run of each
        is the one that does not count.
    """

    def __init__(self, seconds):
        self.now, self.runs = 0.0, []
        self._seconds = {key: list(seconds[key]) for key in KEYS}
        self.operations = {key: lambda key=key: self._run(key) for key in KEYS}

    def _run(self, key):
        self.runs.append(key)
        left = self._seconds[key]
        self.now += left.pop(0) if len(left) > 1 else left[0]

    def measure(self):
        return precision_timing.measure(self.operations, lambda: self.now)


def make_machine(**seconds):
    return Machine(
        {
            ("matmul", "float32"): seconds.get("matmul", [9, 0.002]),
            ("matmul", "bfloat16"): seconds.get("matmul16", [9, 0.001]),
            ("convolution", "float32"): seconds.get("convolution", [9, 0.006]),
            ("convolution", "bfloat16"): seconds.get("convolution16", [9, 0.003]),
        }
    )


def test_the_first_run_does_not_count_and_the_types_alternate():
    machine = make_machine()
    timing = machine.measure()
    assert timing.speedup == pytest.approx(2)
    assert timing.matmul == pytest.approx({"float32": 0.002, "bfloat16": 0.001})
    assert "bfloat16 is 2 times" in timing.describe()
    assert machine.runs == KEYS * (len(machine.runs) // len(KEYS))
    # 12 ms a round until 50 ms are used up.
    assert len(machine.runs) // len(KEYS) == 1 + 5


def test_what_disturbs_single_runs_does_not_count():
    machine = make_machine(
        matmul=[9, 0.5, 0.002], convolution16=[9, 0.7, 0.003], matmul16=[9, 0.001, 0.4]
    )
    assert machine.measure().speedup == pytest.approx(2)


def test_a_clear_answer_needs_one_round():
    machine = make_machine(convolution16=[9, 0.3])
    timing = machine.measure()
    assert timing.speedup == pytest.approx(8 / 301)
    assert "float32 is 38 times" in timing.describe()
    assert "matmul 0.5, convolution 50" in timing.describe()
    assert len(machine.runs) == 2 * len(KEYS)


def test_a_slow_machine_is_given_two_rounds():
    machine = make_machine(convolution=[9, 0.3], convolution16=[9, 0.2])
    machine.measure()
    assert len(machine.runs) == 3 * len(KEYS)


def test_the_operations_are_those_of_the_network_in_both_types(monkeypatch):
    results = {}

    def keep(function, operands):
        results[len(results)] = [x.numpy() for x in function(*operands)]

    monkeypatch.setattr(precision_timing, "_wait", keep)
    operations = precision_timing.make_operations()
    assert sorted(operations) == sorted(KEYS)
    for key in KEYS:
        operations[key]()
    for wide, narrow in ((0, 1), (2, 3)):
        for exact, rounded in zip(results[wide], results[narrow], strict=True):
            assert (exact.dtype.name, rounded.dtype.name) == ("float32", "bfloat16")
            assert exact.shape == rounded.shape
            difference = np.linalg.norm(exact - rounded.astype(np.float32))
            assert 0 < difference < 0.02 * np.linalg.norm(exact)
    # The convolution's outputs: the maps and the kernels' gradient.
    assert results[2][1].shape == (3, 3, 128, 192)


def test_a_closed_standard_error_is_no_obstacle(monkeypatch):
    def fail(descriptor):
        raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr(precision_timing.os, "dup", fail)
    assert make_machine().measure().speedup == pytest.approx(2)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
