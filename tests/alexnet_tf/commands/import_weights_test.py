"""The command: a file of weights in, a workdir and a list of what it holds out."""

from __future__ import annotations

import functools
import hashlib
import os
import pathlib
import sys

import numpy as np
import pytest

from alexnet_tf.runs import data_summary, run_record
from tests import training_runs
from tests.alexnet_tf import foreign_weights

SCRIPT = pathlib.Path(__file__).resolve().parents[3] / "tools" / "import_weights.py"
WEIGHTS = foreign_weights.make_weights()


@pytest.fixture
def run(commands):
    return functools.partial(commands.run, SCRIPT)


def write_npy(path, layers=tuple(WEIGHTS)):
    caffe = foreign_weights.to_channels_last(WEIGHTS, bgr=True)
    content = {layer: list(caffe[layer]) for layer in layers}
    np.save(path, np.array(content, dtype=object))
    return path


def test_caffes_file_becomes_a_workdir(run, tmp_path):
    source = write_npy(tmp_path / "bvlc_alexnet.npy")
    classes = tmp_path / "classes.txt"
    classes.write_text("".join(f"n{n:08d} name {n}\n" for n in range(5)))
    target = tmp_path / "runs" / "caffe"
    done = run(
        f"--input={source}",
        f"--workdir={target}",
        "--mean=122.5,116.5,104",
        f"--classes={classes}",
        f"--width={foreign_weights.WIDTH}",
    )
    assert done.returncode == 0, done.stderr
    assert "kernels hwio, fc6's rows hwc, images bgr" in done.stdout
    assert "conv2  from conv2/weights [5, 5, 3, 16], conv2/biases [16]" in done.stdout
    assert "mean colour 122.50, 116.50, 104.00 (R, G, B)" in done.stdout
    assert "random" not in done.stdout
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    assert digest in done.stdout
    (start,) = run_record.read_record(str(target))["starts"]
    assert start["weights"] == {
        "name": source.name,
        "num_bytes": source.stat().st_size,
        "sha256": digest,
    }
    arrays = training_runs.load_checkpoint(target).arrays
    for name, array in foreign_weights.to_towers(WEIGHTS).items():
        np.testing.assert_array_equal(arrays[f"weights/{name}"], array)
    config = run_record.read_config(str(target))
    assert (config.experiment, config.data.mean) == ("caffe", "channel")
    kept = data_summary.load(str(target))
    assert kept.classes[4].text == "name 4"


def test_a_part_of_the_layers_another_experiment_and_a_mean_image(run, tmp_path):
    source = write_npy(tmp_path / "part.npy", ("conv1", "conv2", "fc8"))
    mean = np.full((3, 256, 256), 100.0)
    mean[0] = 50.0  # blue
    np.save(tmp_path / "mean.npy", mean)
    target = tmp_path / "run"
    done = run(
        f"--input={source}",
        f"--workdir={target}",
        f"--mean_image={tmp_path / 'mean.npy'}",
        "--experiment=alexnet",
        f"--width={foreign_weights.WIDTH}",
    )
    assert done.returncode == 0, done.stderr
    assert "conv3  is not there, or not whole: its weights are random" in done.stdout
    assert "The classes have only numbers" in done.stdout
    assert run_record.read_config(str(target)).data.mean == "same_crop"
    kept = data_summary.load(str(target))
    assert kept.statistics.mean_image[9, 9].tolist() == [100.0, 100.0, 50.0]
    assert kept.classes[4].synset == "0004"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give either --mean or --mean_image"),
        (("--mean=1,2,3", "--mean_image=a.npy"), "give either --mean or --mean_image"),
        (("--mean=1,2,x",), "is not three numbers"),
        (("--mean=1,2,3", "--format=h5"), "is not an HDF5 file"),
        (("--mean=1,2,3", "--fc6_order=cwh"), "fc6_order"),
        (("--mean=1,2,3", "--width=0.5"), "--width"),
    ],
)
def test_wrong_use_is_a_sentence(run, tmp_path, arguments, words):
    source = write_npy(tmp_path / "weights.npy")
    done = run(f"--input={source}", f"--workdir={tmp_path / 'run'}", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == ["weights.npy"]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
