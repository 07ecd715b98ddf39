import json
import sys

import pytest

from alexnet_tf import experiments
from alexnet_tf.config import overrides
from alexnet_tf.config.by_layer import RateChange
from alexnet_tf.config.schema import Config
from tfrecords import errors


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("batch_size", "64", 64),
        ("optimizer.learning_rate", "1e-3", 0.001),
        ("optimizer.learning_rate", 1, 1.0),
        ("data.mirror", "false", False),
        ("data.mirror", "True", True),
        ("data.mirror", False, False),
        ("model.activation", "tanh", "tanh"),
        ("profile_steps", "20,30", (20, 30)),
        ("profile_steps", [20, 30], (20, 30)),
        ("profile_steps", "", ()),
        ("devices", "GPU:0, GPU:1", ("GPU:0", "GPU:1")),
        ("init_layers", "conv1 conv2", ("conv1", "conv2")),
        ("optimizer.rate_factors", "conv1=0 fc8=10", {"conv1": 0.0, "fc8": 10.0}),
        ("optimizer.per_layer", "fc8=adamw", {"fc8": "adamw"}),
        ("schedule.frozen_until", "conv1=2.5", {"conv1": 2.5}),
        (
            "schedule.steps",
            "25:0.001 72:conv1=0",
            (RateChange(25.0, 0.001), RateChange(72.0, 0.0, "conv1")),
        ),
    ],
)
def test_a_field_takes_its_type_or_its_text(name, text, value):
    config = overrides.override(Config(), {name: text})
    by_name = {s.name: s.value for s in overrides.list_settings(config)}
    assert by_name[name] == value
    assert type(by_name[name]) is type(value)
    changed = {n for n, v in by_name.items() if v != settings_of(Config())[n]}
    assert changed <= {name}


def settings_of(config):
    return {s.name: s.value for s in overrides.list_settings(config)}


@pytest.mark.parametrize(
    ("name", "value", "facts"),
    [
        ("batch_size", "many", "config.batch_size .* whole number.*'many'"),
        ("batch_size", "64.0", "whole number"),
        ("batch_size", 2.5, "whole number"),
        ("batch_size", True, "whole number"),
        ("batch_size", None, "whole number"),
        ("batch_size", float("inf"), "whole number"),
        ("batch_size", "0", "at least 1"),
        ("batch_size", -3, "at least 1"),
        ("optimizer.momentum", "nan", "a number.*'nan'"),
        ("optimizer.momentum", "-0.1", "at least 0"),
        ("optimizer.momentum", False, "a number"),
        ("model.dropout_rate", "1", "below 1.*'1'"),
        ("model.width", "1e9", "below 1000000000"),
        ("seed", str(2**63), f"below {2**63}"),
        ("num_epochs", str(2**31), f"below {2**31}"),
        ("optimizer.learning_rate", "1e39", "below 3.4e"),
        ("data.mirror", "yes", "true or false"),
        ("data.mirror", "2", "true or false"),
        ("model.activation", "rlu", "one of relu, tanh.*Did you mean 'relu'"),
        ("model.activation", 3, "text"),
        ("profile_steps", "20,x", "whole numbers separated by commas"),
        ("profile_steps", 20, "whole numbers separated by commas"),
        ("init_layers", 3, "names"),
        ("optimizer.rate_factors", "fc8=x", "LAYER=NUMBER .*'x' in 'fc8=x'"),
        ("optimizer.rate_factors", {"fc8": -1}, "LAYER=NUMBER"),
        ("optimizer.per_layer", "fc8", "LAYER=RULE"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_expected(name, value, facts):
    with pytest.raises(errors.UserError, match=facts):
        overrides.override(Config(), {name: value})


@pytest.mark.parametrize(
    "entry",
    ["25", "25:", "25:x", ":0.1", "x:0.1", "25:-1", "-1:0.1", "25:nan", "inf:1",
     "25:conv1=", "25:=0.1", "25=0.1", "25:0.1,26:0.2"],
)  # fmt: skip
def test_an_unreadable_entry_is_named_with_the_expected_form(entry):
    with pytest.raises(errors.UserError) as raised:
        overrides.override(Config(), {"schedule.steps": f"1:0.1 {entry}"})
    for part in ("config.schedule.steps", "EPOCH:LAYER=RATE", entry):
        assert part in str(raised.value)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("batchsize", "batch_size"),
        ("model.activaton", "model.activation"),
        ("learning_rate", "optimizer.learning_rate"),
        ("optimizer.learning_rat", "optimizer.learning_rate"),
    ],
)
def test_a_misspelt_name_gets_the_nearest_suggested(name, near):
    with pytest.raises(errors.UserError, match=f"no setting '{name}'.*{near!r}"):
        overrides.override(Config(), {name: 1})


def test_a_part_is_no_setting():
    for name in ("model", "model.", "model.activation.x", ""):
        with pytest.raises(errors.UserError, match="no setting"):
            overrides.override(Config(), {name: "relu"})


@pytest.mark.parametrize("name", experiments.EXPERIMENTS)
def test_json_and_back(name):
    config = experiments.get_config(name)
    values = {
        "profile_steps": "3,4",
        "seed": 7,
        "devices": "CPU:0,CPU:1",
        "init_layers": "conv1 conv2",
        "optimizer.per_layer": "fc8=adamw",
        "schedule.frozen_until": "0.1 conv1=5",
    }
    config = overrides.override(config, values)
    values = json.loads(json.dumps(overrides.to_dict(config)))
    assert overrides.from_dict(values) == config
    assert list(values) == [s.name for s in overrides.list_settings(config)]


def test_tables_are_shown_as_they_are_written_on_the_command_line():
    given = {
        "optimizer.rate_factors": "conv1=0 fc8=10",
        "schedule.steps": "25:0.001 72:conv1=0",
        "devices": "GPU:0,GPU:1",
        "init_layers": "conv1 conv2",
    }
    config = overrides.override(Config(), given)
    shown = overrides.to_dict(config)
    assert {name: shown[name] for name in given} == given
    ((name, old, new),) = overrides.find_differences(
        Config(), overrides.override(Config(), {"optimizer.rate_factors": "fc8=10"})
    )
    assert (name, old, new) == ("optimizer.rate_factors", "", "fc8=10")


def test_differences_leave_out_what_may_change():
    new = overrides.override(
        Config(), {"num_epochs": 1, "devices": "CPU:0", "model.dropout_rate": 0.25}
    )
    assert overrides.find_differences(Config(), new) == [
        ("model.dropout_rate", 0.5, 0.25)
    ]
    assert overrides.find_differences(new, new) == []


def test_a_path_is_expanded_and_an_url_refused(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    config = overrides.override(Config(), {"init_from": "~/runs/a"})
    assert config.init_from == "/home/somebody/runs/a"
    assert overrides.override(config, {"init_from": ""}).init_from == ""
    with pytest.raises(errors.UserError, match="s3: "):
        overrides.override(Config(), {"init_from": "s3://bucket/run"})
    assert set(overrides.PATHS) <= {s.name for s in overrides.list_settings(Config())}


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
