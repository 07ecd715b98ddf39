"""The experiments against the paper's numbers, repeated here."""

import sys

import pytest

from alexnet_tf import experiments
from alexnet_tf.config import overrides, settings_file
from alexnet_tf.config import schema as configs
from alexnet_tf.network import networks
from alexnet_tf.optimization import schedule
from tfrecords import errors

PAPER = {
    "batch_size": 128,  # section 5
    "num_epochs": 90,  # "roughly 90 cycles"
    "precision": "float32",
    "data.crop_size": 224,  # section 4.1
    "data.crop_positions": 32,  # 32 * 32 * 2 = 2048
    "data.crop_chunk": 1,
    "data.mirror": True,
    "data.colour_shift": "paper",
    "data.colour_shift_stddev": 0.1,
    "data.colour_shift_epochs": 0,
    "data.mean": "same_crop",
    "data.reshuffle": True,
    "model.width": 1.0,
    "model.activation": "relu",  # section 3.1
    "model.normalization": "auto",
    "model.normalization_scope": "tower",
    "model.normalization_bias": 2.0,  # section 3.3: k, n, alpha, beta
    "model.normalization_radius": 2,
    "model.normalization_alpha": 0.0001,
    "model.normalization_beta": 0.75,
    "model.conv1_normalized_before_relu": False,
    "model.conv2_map_normalization": False,
    "model.pool_size": 3,  # section 3.4: z, s
    "model.pool_stride": 2,
    "model.dropout_rate": 0.5,  # section 4.2
    "model.dropout_scaling": "test",
    "model.initial_stddev": 0.01,  # section 5
    "model.initial_stddev_conv345": 0.01,
    "optimizer.name": "momentum",  # section 5
    "optimizer.learning_rate": 0.01,
    "optimizer.momentum": 0.9,
    "optimizer.weight_decay": 0.0005,
    "optimizer.bias_weight_decay": True,
    "optimizer.bias_rate_factor": 1.0,
    "optimizer.bias_rate_follows": True,
    "schedule.name": "plateau",  # section 5: "divide by 10", "three times"
    "schedule.factor": 10.0,
    "schedule.max_drops": 3,
}


def find_differences(name):
    paper = overrides.to_dict(configs.Config())
    values = overrides.to_dict(experiments.get_config(name))
    return {key: value for key, value in values.items() if value != paper[key]}


def test_alexnet_is_the_paper():
    config = experiments.get_config("alexnet")
    assert config == configs.Config()
    values = overrides.to_dict(config)
    assert {name: values[name] for name in PAPER} == PAPER


def test_alexnet_source_differs_as_net_145_does():
    assert find_differences("alexnet_source") == {
        "experiment": "alexnet_source",
        "num_epochs": 91,
        "data.crop_positions": 33,
        "data.crop_chunk": 32,
        "data.colour_shift": "source",
        "data.colour_shift_epochs": 67,
        "data.mean": "centre_crop",
        "data.reshuffle": False,
        "model.normalization_alpha": 0.0001 / 5,
        "model.conv1_normalized_before_relu": True,
        "model.conv2_map_normalization": True,
        "model.initial_stddev_conv345": 0.03,
        "optimizer.bias_weight_decay": False,
        "optimizer.bias_rate_factor": 2.0,
        "optimizer.bias_rate_follows": False,
        "schedule.name": "fixed",
        "schedule.steps": "25:0.001 51:0.0001 67:conv1=1e-05 72:conv1=0 79:1e-05 "
        "79:conv1=0",
    }


def test_conv6_follows_net_146():
    """The notes of layer-params-146-2009, -2011 and -2012-2011.cfg."""
    source = overrides.to_dict(experiments.get_config("alexnet_source"))
    common = {
        "data.colour_shift_epochs": 0,
        "model.network": "conv6",
        "model.initial_stddevs": "conv6=0.03",
    }
    convolutions = [f"0:conv{number}=0.001" for number in range(1, 7)]
    expected = {
        "conv6_fall2009": {
            "num_epochs": 7,
            "schedule.steps": " ".join([*convolutions[:5], "2.16:0.001"]),
        },
        "conv6_fall2011": {
            "num_epochs": 8,
            "init_layers": "conv1 conv2 conv3 conv4 conv5 conv6",
            "schedule.steps": " ".join([*convolutions, "6:0.001"]),
        },
        "conv6_source": {
            "num_epochs": 54,
            "data.colour_shift_epochs": 38,
            "schedule.steps": "0:0.001 0:conv1=0.0001 0.03:fc9=0.01 5:conv1=1e-05 "
            "7:conv1=0 9:fc9=0.001 22:0.0001 22:conv1=0 42:1e-05 42:conv1=0",
        },
    }
    for name, changes in expected.items():
        values = overrides.to_dict(experiments.get_config(name))
        found = {key: value for key, value in values.items() if value != source[key]}
        assert found == {"experiment": name, **common, **changes}


def test_caffe_differs_as_its_network_does():
    """models/bvlc_alexnet: train_val.prototxt and solver.prototxt."""
    assert find_differences("caffe") == {
        "experiment": "caffe",
        "batch_size": 256,
        "data.crop_size": 227,
        "data.crop_positions": 256 - 227 + 1,
        "data.colour_shift": "none",
        "model.normalization_scope": "all",
        "model.normalization_bias": 1.0,
        "model.normalization_alpha": 0.0001 / 5,
        "model.dropout_scaling": "training",
        "optimizer.bias_weight_decay": False,
        "optimizer.bias_rate_factor": 2.0,
        "schedule.name": "fixed",
        # 100,000 steps of 256 of 1,281,167 images are 20 epochs, 450,000 are 90.
        "schedule.steps": "20:0.001 40:0.0001 60:1e-05 80:1e-06",
    }


def test_sample_keeps_the_papers_arithmetic():
    """Batch, length, cadences, precision and the rate's fall; nothing else."""
    assert set(find_differences("sample")) == {
        "experiment",
        "batch_size",
        "num_epochs",
        "precision",
        "eval_every_epochs",
        "checkpoint_every_epochs",
        "schedule.name",
        "schedule.steps",
    }


def test_the_quick_sample_changes_width_length_and_start():
    """Beside the sample's own: what a narrow network needs in order to learn soon."""
    assert set(find_differences("sample_quarter")) - set(
        find_differences("sample")
    ) == {
        "model.width",
        "model.dropout_rate",
        "model.initial_scaling",
        "model.initial_stddevs",
        "model.initial_biases",
        "optimizer.learning_rate",
    }


def test_cifar10_is_the_sources():
    """layers-conv-local-13pct.cfg, layers-cifar10-11pct.cfg and their parameters."""
    plain = find_differences("cifar10_13pct")
    assert plain.pop("experiment") == plain.pop("model.network") == "cifar10_13pct"
    assert plain == {
        "num_epochs": 140,
        "data.crop_size": 24,
        "data.crop_positions": 9,
        "data.colour_shift": "none",
        "model.pool_rounding": "up",
        "model.initial_stddevs": (
            "conv1=0.0001 conv2=0.01 local3=0.04 local4=0.04 fc5=0.01"
        ),
        "optimizer.learning_rate": 0.001,
        "optimizer.weight_decays": (
            "conv1=0 conv2=0 local3=0.004 local4=0.004 fc5=0.004"
        ),
        "optimizer.bias_weight_decay": False,
        "optimizer.bias_rate_factor": 2.0,
        "schedule.name": "fixed",
        "schedule.steps": "120:0.0001 130:1e-05",
    }
    normalized = find_differences("cifar10_11pct")
    assert {
        name: value for name, value in normalized.items() if plain.get(name) != value
    } == {
        "experiment": "cifar10_11pct",
        "model.network": "cifar10_11pct",
        "model.normalization_radius": 4,
        "model.normalization_bias": 1.0,
        "model.normalization_alpha": 0.001 / 9,
        "optimizer.weight_decays": (
            "conv1=0 conv2=0 local3=0.004 local4=0.004 fc5=0.01"
        ),
    }


def test_figure_1_has_no_regularization():
    config = experiments.get_config("cifar10_figure1")
    assert config.optimizer.weight_decay == 0 and not config.optimizer.weight_decays
    data = config.data
    assert (data.crop_size, data.crop_positions) == (32, 1)
    assert not data.mirror and data.colour_shift == "none"


@pytest.mark.parametrize("name", experiments.EXPERIMENTS)
def test_every_experiment_names_itself_and_holds_valid_settings(name):
    config = experiments.get_config(name)
    assert config.experiment == name
    # Reading the values back checks each against its choices and minimum.
    assert overrides.from_dict(overrides.to_dict(config)) == config
    schedule.make_schedule(config, networks.NETWORKS[config.model.network].layers)


def test_an_unknown_experiment_brings_the_nearest():
    with pytest.raises(errors.UserError, match=r"alexnet_source.*mean 'alexnet'"):
        experiments.get_config("alexnt")


def test_a_file_of_settings_stands_over_its_experiment(tmp_path):
    path = tmp_path / "best.json"
    content = settings_file.SettingsFile(
        "alexnet_source",
        {"model.normalization_bias": 1.5, "batch_size": 64, "profile_steps": [2, 3]},
        {"top1_error": 0.25},
    )
    settings_file.write(str(path), content)
    assert settings_file.read(str(path)) == content
    config = experiments.get_config(str(path))
    assert config.experiment == "alexnet_source+best.json"
    differences = overrides.to_dict(experiments.get_config("alexnet_source"))
    differences = {
        name: value
        for name, value in overrides.to_dict(config).items()
        if value != differences[name]
    }
    assert differences == {
        "experiment": "alexnet_source+best.json",
        "model.normalization_bias": 1.5,
        "batch_size": 64,
        "profile_steps": [2, 3],
    }


def test_a_settings_file_is_found_in_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.json").write_text('{"settings": {"batch_size": 64}}')
    config = experiments.get_config("mine.json")
    assert config.batch_size == 64
    assert config == experiments.get_config(str(tmp_path / "mine.json"))


@pytest.mark.parametrize(
    "text, fact",
    [
        ("", "not JSON"),
        ('{"settings": {', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[1]", "JSON object"),
        ("{}", "'settings'"),
        ('{"settings": [1]}', "'settings' is not an object"),
        ('{"experiment": 3, "settings": {}}', "'experiment' is not text"),
        ('{"experiment": "x.json", "settings": {}}', "'x.json'"),
        ('{"settings": {}, "setings": {}}', "'setings'"),
        ('{"settings": {}, "version": 2}', "version 2"),
        ('{"settings": {}, "format": "alexnet-run"}', "'alexnet-run'"),
        ('{"settings": {"experiment": "sample"}}', "'experiment' is inside 'settings'"),
        ('{"settings": {"bach_size": 1}}', "Did you mean 'batch_size'"),
        ('{"settings": {"batch_size": 0}}', "at least 1"),
        ('{"settings": {"batch_size": null}}', "a whole number; None"),
        ('{"settings": {"batch_size": {}}}', "a whole number"),
        ('{"settings": {"profile_steps": 3}}', "whole numbers"),
    ],
)
def test_a_bad_settings_file_is_refused_with_the_reason(tmp_path, text, fact):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(errors.UserError) as caught:
        experiments.get_config(str(path))
    assert fact in str(caught.value) and str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["none.json", "sub/none", "none.json/x"])
def test_a_missing_settings_file_is_named(tmp_path, name):
    (tmp_path / "none.jsonx").write_text("")
    with pytest.raises(errors.UserError, match=f"no settings file .*{name}"):
        experiments.get_config(str(tmp_path / name))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
