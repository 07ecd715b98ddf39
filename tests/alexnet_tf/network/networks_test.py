"""Tests of `alexnet_tf.network.networks`: each network by its sizes, and at work."""

from __future__ import annotations

import dataclasses
import math
import sys

import numpy as np
import pytest

from alexnet_tf.config import overrides
from alexnet_tf.config.schema import Config, ModelConfig
from alexnet_tf.export import standard_layers
from alexnet_tf.inference import predict
from alexnet_tf.network import build, layers, networks, tables
from alexnet_tf.runs import trained_network
from tests import data_directories, training_runs
from tfrecords import errors

CONV1, CONV2 = 2 * (11 * 11 * 3 * 48 + 48), 2 * (5 * 5 * 48 * 128 + 128)
CONV3 = 2 * (3 * 3 * 256 * 192 + 192)
CONV4, CONV5 = 2 * (3 * 3 * 192 * 192 + 192), 2 * (3 * 3 * 192 * 128 + 128)
FC6, FC7, FC8 = 9216 * 4096 + 4096, 4096 * 4096 + 4096, 4096 * 1000 + 1000
FC = FC6 + FC7 + FC8
# Weights and biases of each layer, with 1,000 or (CIFAR-10) ten classes.
PARAMETERS = {
    "alexnet": [CONV1, CONV2, CONV3, CONV4, CONV5, FC],
    "one_gpu": [
        *(11 * 11 * 3 * 48 + 48, 5 * 5 * 48 * 128 + 128, 3 * 3 * 128 * 192 + 192),
        *(3 * 3 * 192 * 192 + 192, 3 * 3 * 192 * 256 + 256, FC),
    ],
    "conv6": [CONV1, CONV2, CONV3, CONV4, CONV5, 3 * 3 * 256 * 256 + 256, FC],
    "late_exchange": [
        *(CONV1, 2 * (5 * 5 * 48 * 160 + 160), 2 * (3 * 3 * 160 * 192 + 192)),
        *(CONV4, CONV5, 2 * (4608 * 4096 + 4096), 2 * (4096 * 2048 + 2048), FC8),
    ],
    # conv2 sees the images' three channels; conv3 conv1's 96 maps; conv4 conv2's 128 of
    # its tower; conv5 conv3's 192; fc6 conv4's 384.
    "without_conv1": [2 * (5 * 5 * 3 * 128 + 128), CONV3, CONV4, CONV5, FC],
    "without_conv2": [CONV1, 2 * (3 * 3 * 96 * 192 + 192), CONV4, CONV5, FC],
    "without_conv3": [CONV1, CONV2, 2 * (3 * 3 * 128 * 192 + 192), CONV5, FC],
    "without_conv4": [CONV1, CONV2, CONV3, CONV5, FC],
    "without_conv5": [
        *(CONV1, CONV2, CONV3, CONV4, 6 * 6 * 384 * 4096 + 4096, FC7, FC8)
    ],
    "cifar10_figure1": [
        *(5 * 5 * 3 * 32 + 32, 5 * 5 * 32 * 32 + 32, 5 * 5 * 32 * 64 + 64),
        3 * 3 * 64 * 10 + 10,
    ],
    "cifar10_13pct": [
        *(5 * 5 * 3 * 64 + 64, 5 * 5 * 64 * 64 + 64),
        *(36 * (9 * 64 * 32 + 32), 36 * (9 * 32 * 32 + 32), 36 * 32 * 10 + 10),
    ],
    "cifar10_11pct": [
        *(5 * 5 * 3 * 64 + 64, 5 * 5 * 64 * 64 + 64),
        *(36 * (9 * 64 * 64 + 64), 36 * (9 * 64 * 32 + 32), 36 * 32 * 10 + 10),
    ],
}
UP = {"model.pool_rounding": "up"}


def build_named(name, **settings):
    config = ModelConfig(network=name, **settings)
    if not name.startswith("cifar10"):
        return build.build_model(1000, config)
    if name == "cifar10_figure1":
        return build.build_model(10, config, crop_size=32)
    config = dataclasses.replace(config, pool_rounding="up")
    return build.build_model(10, config, crop_size=24)


def get_sides(model, prefixes=("conv", "pool", "local")):
    """Maps' sizes by layer, of tower a."""
    return {
        build.get_layer_name(layer.name): layer.output.shape[1]
        for layer in model.layers
        if layer.name.startswith(prefixes) and not layer.name.endswith("b")
    }


def test_every_network_is_a_setting():
    (setting,) = (
        s for s in overrides.list_settings(Config()) if s.name == "model.network"
    )
    assert setting.choices == tuple(networks.NETWORKS) == tuple(PARAMETERS)


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_parameters(name):
    model = build_named(name)
    assert model.count_params() == sum(PARAMETERS[name])
    sides = get_sides(model)
    if name == "cifar10_figure1":
        assert [sides[f"pool{n}"] for n in (1, 2, 3)] == [15, 7, 3]
    elif name.startswith("cifar10"):
        assert (sides["pool1"], sides["pool2"], sides["local4"]) == (12, 6, 6)
    else:
        assert [sides[f"pool{n}"] for n in (1, 2, 5)] == [27, 13, 6]


def test_named_counts():
    """As the tables' comments give them."""
    totals = {name: sum(counts) for name, counts in PARAMETERS.items()}
    assert totals["alexnet"] == 60_965_224 and totals["one_gpu"] == 59_798_312
    assert totals["conv6"] == 61_555_304 and totals["late_exchange"] == 60_714_408
    without = [totals[f"without_conv{n}"] for n in range(1, 6)]
    assert without == [60_642_280, 60_104_808, 59_858_920, 60_301_288, 79_396_968]
    cifar10 = [totals[f"cifar10_{name}"] for name in ("figure1", "13pct", "11pct")]
    assert cifar10 == [85_098, 1_116_490, 2_112_970]


def test_net_147_pools_two_by_two():
    model = build_named(
        "alexnet",
        pool_size=2,
        pool_rounding="up",
        paddings={"conv2": 1, "conv5": 0},
    )
    assert list(get_sides(model).values()) == [55, 28, 26, 13, 13, 13, 11, 6]


def list_exchanges(**settings):
    model = build.build_model(3, ModelConfig(width=0.02, **settings), crop_size=67)
    return [
        layer.name.removeprefix("exchange").rstrip("ab")
        for layer in model.layers
        if layer.name.startswith("exchange") and not layer.name.endswith("b")
    ]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ((), "3678"),
        (("conv3", "fc6", "fc7"), "3678"),
        (("fc6", "fc7"), "678"),
        (("fc8",), "8"),
        (("conv2", "conv3", "conv4", "conv5", "fc6", "fc7"), "2345678"),
    ],
)
def test_towers_meet_where_the_setting_says(layers, expected):
    assert list_exchanges(exchange_layers=layers) == list(expected)
    # The normalizations' own exchanges do not get in the way.
    both = list_exchanges(exchange_layers=layers, normalization_scope="all")
    assert sorted(both) == [*expected, "_lrn1", "_lrn2"]


def test_normalized_layers():
    config = ModelConfig(width=0.02, normalized_layers=("conv1",))
    model = build.build_model(3, config, crop_size=67)
    names = {layer.name for layer in model.layers}
    assert "lrn1a" in names and "lrn2a" not in names and "pool2a" in names


def test_initial_biases_and_deviations():
    config = ModelConfig(
        width=0.25, initial_biases={"conv2": 0.5}, initial_stddevs={"fc7": 0.1}
    )
    model = build.build_model(3, config)
    for name, expected in (("conv2a", 0.5), ("fc6a", 1.0)):
        assert set(model.get_layer(name).get_weights()[1]) == {expected}
    # Twice the deviation at a quarter of the inputs.
    kernel = model.get_layer("fc7b").get_weights()[0]
    assert np.std(kernel) == pytest.approx(0.2, rel=0.02)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"exchange_layers": ("conv1",)}, ["exchange_layers", "conv1"]),
        ({"exchange_layers": ("fc9",)}, ["exchange_layers", "fc9"]),
        ({"network": "one_gpu", "exchange_layers": ("fc6",)}, ["one_gpu", "one tower"]),
        ({"normalized_layers": ("fc6",)}, ["normalized_layers", "fc6"]),
        ({"paddings": {"conv2": 0.5}}, ["paddings", "0.5", "whole"]),
        ({"initial_biases": {"conv7": 1}}, ["initial_biases", "conv7"]),
        ({"initial_stddevs": {"conv7": 1}}, ["initial_stddevs", "conv7"]),
    ],
)
def test_a_setting_that_does_not_fit_is_named(settings, words):
    with pytest.raises(errors.UserError) as raised:
        build.build_model(3, ModelConfig(width=0.02, **settings), crop_size=67)
    assert all(word in str(raised.value) for word in words)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("data"))
    data_directories.write_data_directory(path)
    return path


VARIANTS = {
    **{
        name: {"model.network": name} for name in networks.NETWORKS if name != "alexnet"
    },
    "cifar10_13pct": {"model.network": "cifar10_13pct", **UP},
    "cifar10_11pct": {"model.network": "cifar10_11pct", **UP},
    "sigmoid": {"model.activation": "sigmoid"},
    "batch": {"model.normalization": "batch"},
    "net147": {"model.pool_size": 2, "model.paddings": "conv2=1", **UP},
    "late": {"model.exchange_layers": "fc8"},
}


@pytest.mark.whole_run
@pytest.mark.parametrize("variant", VARIANTS)
def test_each_is_trained_restored_and_exported(tmp_path, data_dir, variant):
    """Narrow, for one epoch; the standard layers answer as the network does."""
    values = {**VARIANTS[variant], "num_epochs": 1}
    state = training_runs.run(data_dir, str(tmp_path / "run"), values)
    assert state.step > 0
    network = trained_network.load(str(tmp_path / "run"))
    images = np.stack(
        [data_directories.draw_image(n, 2, np.random.default_rng(0)) for n in (0, 1)]
    )
    expected = predict.make_predictor(network, 1).compute(images)
    assert np.isfinite(expected).all()
    crop = network.config.data.crop_size
    before = (images.shape[1] - crop) // 2
    crops = images[:, before : before + crop, before : before + crop]
    answer = standard_layers.build_inference_model(network)(crops.astype(np.float32))
    np.testing.assert_allclose(np.asarray(answer), expected, atol=1e-5)


def test_at_full_width_nothing_is_scaled():
    for network in networks.NETWORKS.values():
        rows = tables.scale_rows(network.rows, 1.0, network.num_towers)
        assert rows == network.rows
        ratios = tables.compare_inputs(network.rows, rows)
        assert ratios == [1.0] * len(network.layers)
    half = tables.scale_rows(networks.ALEXNET.rows, 0.5, 2)
    assert tables.compare_inputs(networks.ALEXNET.rows, half) == [1.0] + [2.0] * 7


def test_rounding_up_takes_the_last_pixels_too():
    x = np.arange(5 * 5, dtype=np.float32).reshape(1, 5, 5, 1) - 100
    pooled = {
        rounding: np.asarray(layers.MaxPooling(2, 2, rounding)(x))[0, :, :, 0]
        for rounding in ("down", "up")
    }
    np.testing.assert_array_equal(pooled["down"], [[-94, -92], [-84, -82]])
    np.testing.assert_array_equal(
        pooled["up"], [[-94, -92, -91], [-84, -82, -81], [-79, -77, -76]]
    )
    assert math.isfinite(pooled["up"].sum())


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
