"""The command: a run's weights as a file of each format, and back."""

from __future__ import annotations

import functools
import pathlib
import sys

import numpy as np
import pytest

from alexnet_tf import weights
from alexnet_tf.config import overrides
from alexnet_tf.config.schema import Config
from alexnet_tf.runs import data_summary
from alexnet_tf.weights import imported_run, mapping
from tests import data_directories, forked_processes, training_runs
from tests.alexnet_tf import foreign_weights

SCRIPT = pathlib.Path(__file__).resolve().parents[3] / "tools" / "export_weights.py"
WEIGHTS = foreign_weights.make_weights()
TOWERS = foreign_weights.to_towers(WEIGHTS)


@pytest.fixture
def run(commands):
    return functools.partial(commands.run, SCRIPT)


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """A run of the paper's network."""
    path = str(tmp_path_factory.mktemp("runs") / "run")
    mean = imported_run.make_mean_image((120.0, 110.0, 100.0))
    imported_run.write_run(
        path,
        overrides.override(Config(), {"model.width": foreign_weights.WIDTH}),
        data_directories.make_classes(foreign_weights.NUM_CLASSES),
        imported_run.make_statistics(mean),
        "weights.npz",
        TOWERS,
        mapping.Layout(),
        ["test"],
    )
    return path


@pytest.mark.parametrize("name", ["npy", "npz", "h5", "pt", "safetensors"])
def test_each_format_there_and_back(run, workdir, tmp_path, name):
    if name in ("pt", "safetensors"):
        package = {"pt": "torch"}.get(name, name)
        pytest.importorskip(package, reason=f"{package} is not installed")
    kind = weights.FORMATS[name]
    target = str(tmp_path / "odd.name")
    done = run(f"--workdir={workdir}", f"--output={target}", f"--format={name}")
    assert done.returncode == 0, done.stderr
    assert f"wrote {target}: step 0, {30 if name == 'h5' else 16} arrays" in done.stdout
    assert (
        "(k 2, alpha 0.0001 not divided by n, n 5, beta 0.75, scope tower); outputs of "
        "fc6 and fc7 times 0.5 at test" in done.stdout
    )
    shapes = foreign_weights.get_shapes()
    mapped = mapping.to_towers(target, kind.read(target), kind.layout, shapes)
    foreign_weights.assert_same_bits(mapped.arrays, TOWERS)


@pytest.mark.parametrize("name", ["narrow.npz", "narrow.weights.h5"])
def test_an_export_is_imported_again_with_its_mean(run, workdir, tmp_path, name):
    """Neither the width nor the colours' order has to be given."""
    target, again = tmp_path / name, str(tmp_path / "again")
    done = run(f"--workdir={workdir}", f"--output={target}")
    assert done.returncode == 0, done.stderr
    order = "bgr" if name.endswith("npz") else "rgb"
    mean = tmp_path / f"{name}.mean_{order}.npy"
    assert f"wrote {mean}" in done.stdout
    script = SCRIPT.with_name("import_weights.py")
    flags = [f"--input={target}", f"--workdir={again}", f"--mean_image={mean}"]
    done = forked_processes.run_python(script, *flags, "--experiment=alexnet")
    assert done.returncode == 0, done.stderr
    assert "width 0.06" in done.stdout
    arrays = training_runs.load_checkpoint(again).arrays
    for key, array in TOWERS.items():
        np.testing.assert_array_equal(arrays[f"weights/{key}"], array)
    kept = data_summary.load(again).statistics.mean_image
    assert kept.shape == (256, 256, 3) and kept[0, 0].tolist() == [120, 110, 100]


def test_exports_of_one_name_keep_their_own_means(run, workdir, tmp_path):
    for suffix in ("npz", "weights.h5"):
        done = run(f"--workdir={workdir}", f"--output={tmp_path}/w.{suffix}")
        assert done.returncode == 0, done.stderr
    blue_first = np.load(tmp_path / "w.npz.mean_bgr.npy")
    red_first = np.load(tmp_path / "w.weights.h5.mean_rgb.npy")
    assert blue_first[0, 0].tolist() == [100, 110, 120]
    assert red_first[0, 0].tolist() == [120, 110, 100]


def test_orders_are_asked_for(run, workdir, tmp_path):
    target = str(tmp_path / "a.npz")
    orders = ("--kernel_layout=oihw", "--fc6_order=chw", "--channel_order=rgb")
    done = run(f"--workdir={workdir}", f"--output={target}", *orders)
    assert done.returncode == 0, done.stderr
    arrays = weights.FORMATS["npz"].read(target)
    for layer, (kernel, bias) in WEIGHTS.items():
        assert arrays[f"{layer}/kernel"].tobytes() == kernel.tobytes()
        assert arrays[f"{layer}/bias"].tobytes() == bias.tobytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--output=a.keras",), "files of this format are only read"),
        (("--output=a.h5", "--fc6_order=chw"), "leave out --fc6_order"),
        (("--output=a.caffemodel",), "Give --format"),
        (("--output=a.onnx",), "Give --format, one of npy, npz, h5, pt, safetensors."),
        (("--output=/nowhere/a.npz",), "there is no directory /nowhere"),
        (("--output=a.npz", "--checkpoint=7"), "no checkpoint of step 7"),
        (("--output=a.npz", "--workdir=nowhere"), "nowhere holds no run"),
    ],
)
def test_wrong_use_is_a_sentence(run, workdir, arguments, words):
    done = run(f"--workdir={workdir}", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
