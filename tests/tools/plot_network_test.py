"""Tests of `tools.plot_network`: the paper's sizes, counts and crossings."""

import json
import pathlib
import subprocess
import sys

import pytest
from PIL import Image

from tests import processes
from tools import flops

CHECKOUT = pathlib.Path(__file__).parents[2]
SCRIPT = CHECKOUT / "tools" / "plot_network.py"

# The tool defines flags, so it is read in a process of its own.
READ = """
import json, sys
from absl import flags
from alexnet_tf.config import overrides
from alexnet_tf.config.schema import Config
from alexnet_tf.devices.placement import Placement
from alexnet_tf.network import build
from tools import plot_network
found = {}
for name, crop, classes in (("alexnet", 224, 1000), ("cifar10_13pct", 24, 10)):
    given = {"model.network": name, "data.crop_size": crop}
    config = overrides.override(Config(), given)
    model = build.build_network(config, classes, Placement())
    found[name] = [
        {**layer._asdict(), "dense": layer.num_dense_weights}
        for layer in plot_network.read_layers(model)
    ]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def layers():
    done = processes.run_python("-c", READ, cwd=CHECKOUT)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return {name: {layer["name"]: layer for layer in found[name]} for name in found}


def test_sizes_and_crossings_are_figure_2s(layers):
    found = layers["alexnet"]
    sizes = {name: (each["side"], each["maps"]) for name, each in found.items()}
    assert sizes == {
        "conv1": (55, [48, 48]),
        "conv2": (27, [128, 128]),
        "conv3": (13, [192, 192]),
        "conv4": (13, [192, 192]),
        "conv5": (13, [128, 128]),
        "fc6": (1, [2048, 2048]),
        "fc7": (1, [2048, 2048]),
        "fc8": (1, [1000]),
    }
    assert [name for name, each in found.items() if each["crosses"]] == [
        *("conv3", "fc6", "fc7", "fc8")
    ]


def test_counts_are_those_of_the_table(layers):
    found = layers["alexnet"]
    assert sum(each["num_parameters"] for each in found.values()) == 60_965_224
    products = {name: each["num_products"] for name, each in found.items()}
    assert products == flops.count_alexnet()


def test_a_dense_network_by_hand(layers):
    dense = {name: each["dense"] for name, each in layers["alexnet"].items()}
    assert dense["conv1"] == (224 * 224 * 3) * (55 * 55 * 96)
    assert dense["conv2"] == (27 * 27 * 96) * (27 * 27 * 256)
    assert dense["conv3"] == (13 * 13 * 256) * (13 * 13 * 384)
    assert dense["fc6"] == (6 * 6 * 256) * 4096
    assert dense["fc8"] == 4096 * 1000


def test_a_local_layer_uses_each_weight_once(layers):
    found = layers["cifar10_13pct"]["local3"]
    # 5x5 places with 32 kernels of 3x3x64 each, and their biases.
    assert found["num_products"] == 25 * 32 * 9 * 64
    assert found["num_parameters"] == found["num_products"] + 25 * 32
    assert layers["cifar10_13pct"]["conv2"]["num_products"] == 11 * 11 * 64 * 25 * 64


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_the_figure_is_written(tmp_path, suffix):
    path = tmp_path / f"network.{suffix}"
    done = subprocess.run(
        [sys.executable, str(SCRIPT), f"--output={path}"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "60,965,224 parameters" in done.stdout
    assert "66.7 billion weights" in done.stdout
    if suffix == "png":
        assert Image.open(path).size[0] > 3000
    else:
        text = path.read_text()
        assert "<svg" in text and "<image" not in text


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
