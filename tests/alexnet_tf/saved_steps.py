"""Checkpoints of synthetic arrays, and the listing of their directory."""

import os
import re

import numpy as np

from alexnet_tf.runs import checkpoint


def make_arrays(step, size=24):
    """Arrays that depend on `step`, so that a mix of two checkpoints shows."""
    rng = np.random.default_rng(step)
    return {
        "weights/conv1/kernel": rng.standard_normal((size, 3)).astype(np.float32),
        "velocity/conv1/kernel": rng.standard_normal((size, 3)),
        "seeds": rng.integers(0, 2**32, 2, dtype=np.uint32),
        "scalar": np.int64(step),
    }


def save(directory, step, keep=3, best_step=None, **kwargs):
    state = {"epoch": step / 10, "note": f"step {step}"}
    return checkpoint.save(
        str(directory),
        step,
        make_arrays(step, **kwargs),
        state,
        keep=keep,
        best_step=best_step,
    )


def assert_is(loaded, step):
    assert loaded.step == step
    assert loaded.state == {"epoch": step / 10, "note": f"step {step}"}
    expected = make_arrays(step)
    assert loaded.arrays.keys() == expected.keys()
    for name, array in expected.items():
        assert loaded.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded.arrays[name], array)


def list_names(directory):
    return sorted(os.listdir(directory))


def list_steps(directory):
    return sorted(
        int(entry.name.removeprefix("ckpt-"))
        for entry in os.scandir(directory)
        if entry.is_dir() and re.fullmatch(r"ckpt-\d{8,}", entry.name)
    )
