"""Tests of `alexnet_tf.commands.setting_flags`, each in a process of its own."""

from __future__ import annotations

import json
import sys

import pytest

from alexnet_tf import experiments
from alexnet_tf.config import overrides
from alexnet_tf.config.schema import Config
from alexnet_tf.runs import run_record, workdir
from tests import processes

PROGRAM = """\
import json, sys
from absl import flags
from alexnet_tf.config import overrides as settings
from alexnet_tf.commands import setting_flags
from tfrecords import errors
setting_flags.define()
flags.FLAGS(["program", *sys.argv[2:]])
try:
    print(json.dumps(settings.to_dict(setting_flags.read(sys.argv[1]))))
except errors.UserError as error:
    print(json.dumps(str(error)))
listed = {f.name: f.help for f in flags.FLAGS.flags_by_module_dict()[sys.argv[0]]}
print(json.dumps(listed))
"""


def run(experiment, *arguments):
    result = processes.run_python("-c", PROGRAM, experiment, *arguments)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_every_setting_has_a_flag_with_its_text_and_default():
    values, listed = run("alexnet")
    assert values == overrides.to_dict(Config())
    wanted = {s.name: s for s in overrides.list_settings(Config())}
    del wanted["experiment"]
    assert set(listed) == {f"config.{name}" for name in wanted}
    for name, setting in wanted.items():
        assert setting.doc in listed[f"config.{name}"]
    assert listed["config.batch_size"].endswith("[128]")
    assert listed["config.data.crop_size"].endswith("[224]")


def test_flags_go_over_the_experiments_values():
    values, _ = run(
        "alexnet_source",
        "--config.batch_size=64",
        "--config.profile_steps=20,30",
        "--config.data.mirror=false",
        "--config.schedule.steps=1:0.1 2:conv1=0",
    )
    expected = overrides.to_dict(experiments.get_config("alexnet_source")) | {
        "batch_size": 64,
        "profile_steps": [20, 30],
        "data.mirror": False,
        "schedule.steps": "1:0.1 2:conv1=0",
    }
    assert values == expected


def test_finetune_inherits_what_no_flag_gives(tmp_path):
    config = overrides.override(
        experiments.get_config("caffe"), {"model.width": 0.5, "data.mean": "channel"}
    )
    info = run_record.RunInfo("data", "fingerprint", ["alexnet-train"], {})
    with workdir.open_workdir(str(tmp_path), config, info) as made:
        made.begin(0)
    values, _ = run(
        "finetune",
        f"--config.init_from={tmp_path}",
        "--config.model.normalization_bias=2.0",
    )
    assert values["model.normalization_bias"] == 2.0
    assert values["model.dropout_scaling"] == "training"
    assert values["model.width"] == 0.5
    assert values["data.mean"] == "channel"


@pytest.mark.parametrize(
    "experiment, flag, sentence",
    [
        ("alexnet", "--config.batch_size=1.5", "a whole number"),
        ("alexnet", "--config.optimizer.momentum=nan", "a number"),
        ("alexnet", "--config.profile_steps=20,b", "whole numbers separated"),
        ("alexnet", "--config.keep_checkpoints=0", "at least 1"),
        ("alexnet", "--config.precision=float16", "one of float32"),
        ("sampel", "--config.batch_size=2", "Did you mean 'sample'?"),
    ],
)
def test_invalid_values_are_refused_with_the_reason(experiment, flag, sentence):
    assert sentence in run(experiment, flag)[0]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
