"""The first kernels as an image, from a checkpoint of two small towers."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from alexnet_tf.runs import checkpoint

CHECKOUT = pathlib.Path(__file__).parents[2]
SCRIPT = CHECKOUT / "tools" / "plot_kernels.py"


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True
    )


def test_draws_each_towers_kernels(tmp_path):
    kernels = np.zeros([11, 11, 3, 2], np.float32)
    kernels[0, 0, 0, 0] = 1.0  # red in the upper left corner of a's first kernel
    kernels[10, 10, 2, 1] = 1.0  # blue in the lower right one of its second
    arrays = {
        "weights/conv1a/kernel": kernels,
        "weights/conv1b/kernel": -kernels,
        "weights/conv2a/kernel": np.zeros([5, 5, 2, 1], np.float32),
    }
    state = {"untrained_layers": ["conv1", "fc6"]}
    checkpoint.save(str(tmp_path / "checkpoints"), 7, arrays, state, keep=1)
    image = tmp_path / "kernels.png"
    done = run(f"--workdir={tmp_path}", "--scale=1", f"--output={image}")
    assert done.returncode == 0, done.stderr
    assert "2 towers, step 7" in done.stdout
    assert "conv1 are random" in done.stderr
    pixels = np.asarray(Image.open(image))
    # Two rows of 16 places, 11 pixels and a gap of 4 each.
    assert pixels.shape == (2 * 15, 16 * 15, 3)
    assert pixels[0, 0].tolist() == [255, 0, 0]
    assert pixels[10, 15 + 10].tolist() == [0, 0, 255]
    assert pixels[15, 0].tolist() == [0, 255, 255]
    assert pixels[0, 12].tolist() == [255, 255, 255]


def test_a_shared_range_and_the_order_of_colour(tmp_path):
    # The first kernel is grey and weak, the second red and strong.
    kernels = np.zeros([11, 11, 3, 2], np.float32)
    kernels[0, 0, :, 0] = 0.5
    kernels[0, 0, 0, 1] = 1.0
    arrays = {"weights/conv1a/kernel": kernels, "weights/conv1b/kernel": kernels / 2}
    checkpoint.save(str(tmp_path / "checkpoints"), 7, arrays, {}, keep=1)
    image = tmp_path / "kernels.png"
    done = run(
        f"--workdir={tmp_path}",
        "--scale=1",
        f"--output={image}",
        "--range=shared",
        "--order=colour",
    )
    assert done.returncode == 0, done.stderr
    pixels = np.asarray(Image.open(image))
    # 127.5 (1 + w / 1.0), rounded to the even number.
    assert pixels[0, 0].tolist() == [255, 128, 128]
    assert pixels[0, 15].tolist() == [191, 191, 191]
    assert pixels[15, 0].tolist() == [191, 128, 128]
    assert pixels[5, 5].tolist() == [128, 128, 128]


def test_a_image_beyond_all_memory_is_refused(tmp_path):
    done = run(f"--workdir={tmp_path}", "--scale=100000")
    assert done.returncode == 2
    assert "scale" in done.stderr and "Traceback" not in done.stderr


def test_a_directory_without_checkpoints_is_a_sentence(tmp_path):
    done = run(f"--workdir={tmp_path}", f"--output={tmp_path}/kernels.png")
    assert done.returncode == 2
    assert "holds no run" in done.stderr
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").touch()
    done = run(f"--workdir={tmp_path}", f"--output={tmp_path}/kernels.png")
    assert done.returncode == 2
    assert "it is an export. Give a workdir" in done.stderr


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
