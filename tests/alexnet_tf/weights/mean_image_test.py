"""Tests of `weights.mean_image`: what is subtracted, in the order that is asked for."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from alexnet_tf.weights import imported_run, mean_image
from tests import processes
from tfrecords import errors

STATISTICS = imported_run.make_statistics(np.arange(12.0).reshape(2, 2, 3))


def test_one_colour_where_only_that_is_subtracted():
    image = mean_image.make("channel", STATISTICS, "bgr")
    assert image.tolist() == [[[6.5, 5.5, 4.5]] * 2] * 2


@pytest.mark.parametrize("mean", ["same_crop", "centre_crop"])
def test_the_image_itself_otherwise(mean):
    image = mean_image.make(mean, STATISTICS, "rgb")
    assert image.dtype == np.float32 and image.ravel().tolist() == [*range(12)]
    assert mean_image.make(mean, STATISTICS, "bgr")[0, 0].tolist() == [2, 1, 0]


def test_the_name_says_whose_it_is_and_the_order():
    names = {
        mean_image.make_path(weights, order)
        for weights in ("w.npz", "w.npy", "w.safetensors")
        for order in ("rgb", "bgr")
    }
    assert len(names) == 6
    assert mean_image.make_path("a/w.npz", "bgr") == "a/w.npz.mean_bgr.npy"


@pytest.mark.parametrize("order", ["rgb", "bgr"])
def test_an_order_that_the_name_contradicts_is_refused(tmp_path, order):
    other = {"rgb": "bgr", "bgr": "rgb"}[order]
    path = mean_image.make_path(str(tmp_path / "w.npz"), other)
    np.save(path, np.ones((4, 4, 3)))
    imported_run.read_mean_image(path, other)
    with pytest.raises(errors.UserError, match=rf"{other}.* {order}\. .*{other}\."):
        imported_run.read_mean_image(path, order)
    # As earlier versions called it, or anyone may.
    for name in ("w.mean.npy", "mean_bgr.npy"):
        np.save(tmp_path / name, np.ones((4, 4, 3)))
        imported_run.read_mean_image(str(tmp_path / name), order)


def test_a_mean_image_that_fits_no_more_is_a_storage_error(tmp_path):
    code = """
import resource, signal, sys
import numpy as np
from alexnet_tf.weights import numpy_files
from tfrecords import errors
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    numpy_files.write_array(sys.argv[1], np.zeros(100_000, np.float32))
except errors.StorageError as error:
    print(error.exit_code)
"""
    result = processes.run_python("-c", code, tmp_path / "mean.npy")
    assert result.stdout.split() == ["4"], result.stderr
    assert list(tmp_path.iterdir()) == []


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
