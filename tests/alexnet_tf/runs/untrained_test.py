"""Tests of `runs.untrained`: random layers, and every command that tells of them.

The commands share one process, since TensorFlow takes seconds to import.
"""

from __future__ import annotations

import json
import shutil
import sys

import numpy as np
import pytest

from alexnet_tf import experiments
from alexnet_tf.config import overrides
from alexnet_tf.optimization.learning_rates import LearningRates
from alexnet_tf.runs import checkpoint, untrained
from alexnet_tf.weights import imported_run
from alexnet_tf.weights.mapping import Layout
from tests import data_directories, forked_processes, training_runs
from tests.alexnet_tf import foreign_weights

# Runs [module, flag, ...] one after another; prints code, output and error output.
PROGRAM = """\
import contextlib, importlib, io, json, sys
from absl import app, flags
absl_flags = set(flags.FLAGS)
for module, *arguments in json.loads(sys.argv[1]):
    for name in set(flags.FLAGS) - absl_flags:
        delattr(flags.FLAGS, name)
    sys.modules.pop(module, None)
    sys.argv = [module, *arguments]
    flags.FLAGS.unparse_flags()
    out, err, code = io.StringIO(), io.StringIO(), None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            importlib.import_module(module).run()
        except SystemExit as error:
            code = error.code
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""
WARNING = "fc6 are random"


def save_with_random(run, layers):
    """Writes the newest checkpoint anew, with these random layers; None: no key."""
    found = training_runs.load_checkpoint(run)
    state = {k: v for k, v in found.state.items() if k != untrained.KEY}
    if layers is not None:
        state[untrained.KEY] = layers
    directory = str(run / "checkpoints")
    checkpoint.save(directory, found.step, found.arrays, state, keep=9)


def write_partial_import(path):
    """A run of an imported network without fc6."""
    arrays = {}
    for layer, (kernel, bias) in foreign_weights.make_weights().items():
        if layer != "fc6":
            arrays[f"{layer}.weight"], arrays[f"{layer}.bias"] = kernel, bias
    given = {"model.width": foreign_weights.WIDTH, "data.mean": "channel"}
    mapped = imported_run.write_run(
        str(path),
        overrides.override(experiments.get_config("caffe"), given),
        data_directories.make_classes(foreign_weights.NUM_CLASSES),
        imported_run.make_statistics(imported_run.make_mean_image((120, 110, 100))),
        "theirs.pt",
        arrays,
        Layout("oihw", "chw", "rgb"),
        ["import_weights.py"],
    )
    assert mapped.missing == ("fc6",)


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """(directory, command -> (exit code, output, error output)) of a partial import."""
    path = tmp_path_factory.mktemp("partial")
    write_partial_import(path / "run")
    data_directories.write_data_directory(
        path / "data", num_classes=foreign_weights.NUM_CLASSES, per_class=1
    )
    image = data_directories.draw_image(0, 5, np.random.default_rng(0))
    (path / "a.jpg").write_bytes(data_directories.encode_jpeg(image))
    run, data = f"--workdir={path}/run", f"--data_dir={path}/data"
    export = f"--export_dir={path}/exports"
    start = ["--experiment=finetune", f"--config.init_from={path}/run", data]
    start += ["--config.batch_size=5", "--config.data.finish_on=host"]
    calls = {
        "evaluate": ["evaluate", run, data, f"--output={path}/result.json"],
        "export": ["export", run, export],
        "predict a run": ["predict", run, f"{path}/a.jpg"],
        "predict an export": [
            "predict",
            f"--export_dir={path}/exports",
            f"{path}/a.jpg",
        ],
        "begin": ["train", *start, f"--workdir={path}/new", "--config.num_epochs=0"],
        "evaluate the beginning": ["evaluate", f"--workdir={path}/new"],
        "train": ["train", *start, f"--workdir={path}/new", "--config.num_epochs=1"],
        "evaluate the trained": ["evaluate", f"--workdir={path}/new"],
        "freeze": [
            *("train", *start, f"--workdir={path}/frozen", "--config.num_epochs=1"),
            "--config.optimizer.rate_factors=fc6=0",
        ],
    }
    listed = [[f"alexnet_tf.commands.{c[0]}", *c[1:]] for c in calls.values()]
    done = forked_processes.run_python("-c", PROGRAM, json.dumps(listed), timeout=500)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return path, dict(zip(calls, found, strict=True))


@pytest.mark.whole_run
@pytest.mark.parametrize(
    "command",
    ["evaluate", "export", "predict a run", "predict an export", "freeze"],
)
def test_every_command_tells_of_random_layers(answers, command):
    code, _, messages = answers[1][command]
    assert code == 0, messages
    (line,) = [line for line in messages.splitlines() if WARNING in line]
    assert "fc7" not in line and "--config.init_from" in line


@pytest.mark.whole_run
def test_they_are_recorded_with_the_results(answers):
    path, _ = answers
    assert json.loads((path / "result.json").read_text())[untrained.KEY] == ["fc6"]
    record = path / "exports" / "1" / "assets.extra" / "export.json"
    assert json.loads(record.read_text())[untrained.KEY] == ["fc6"]


@pytest.mark.whole_run
def test_an_export_without_the_record_is_read(answers, tmp_path):
    from alexnet_tf.export import exported
    from alexnet_tf.inference import predict

    export = answers[0] / "exports" / "1"
    before = tmp_path / "1"
    shutil.copytree(export, before)
    record = before / exported.RECORD_NAME
    content = json.loads(record.read_text())
    # Earlier versions wrote neither.
    del content[untrained.KEY], content["checksums"]
    record.write_text(json.dumps(content))
    (before / exported.CHECKSUMS_NAME).unlink()
    predictor = predict.open_export(str(before), 1)
    assert predictor.untrained_layers == ()


@pytest.mark.whole_run
def test_a_new_run_begins_such_layers_anew_and_trains_them(answers):
    path, found = answers
    code, _, messages = found["begin"]
    assert code == 0, messages
    taken, new = messages.splitlines()[0].split("; new: ")
    assert "fc6" not in taken and "fc7b" in taken
    assert "fc6a (random there), fc6b (random there)" in new
    # As long as nothing was trained, fc6 and fc8's like are random in it, too.
    for command in ("begin", "evaluate the beginning"):
        assert WARNING in found[command][2], command
    assert found["train"][0] == found["evaluate the trained"][0] == 0
    assert "random" not in found["evaluate the trained"][2]
    last = training_runs.load_checkpoint(path / "new")
    assert last.step == 1 and last.state[untrained.KEY] == []


@pytest.mark.whole_run
def test_a_frozen_new_layer_is_reported_at_the_start_and_the_end(answers):
    path, found = answers
    code, _, messages = found["freeze"]
    assert code == 0, messages
    first = messages.splitlines()[0]
    assert "fc6 will stay random" in first and "optimizer.rate_factors" in first
    assert training_runs.load_checkpoint(path / "frozen").state[untrained.KEY] == [
        "fc6"
    ]


@pytest.mark.whole_run
def test_checkpoints_of_earlier_versions_name_none(answers):
    path, _ = answers
    save_with_random(path / "new", None)
    assert untrained.read(training_runs.load_checkpoint(path / "new")) == ()


def test_a_layer_of_rate_zero_remains():
    rates = LearningRates(("conv1", "fc6", "fc8"), (0.0, 0.1, 0.0), (0.0, 0.1, 0.2))
    assert untrained.drop_trained(("conv1", "fc6", "fc8"), rates) == ("conv1",)
    assert untrained.drop_trained((), rates) == ()


def test_no_random_layers_are_no_sentence():
    assert untrained.describe(()) == ""
    assert "conv1, fc6" in untrained.describe(("conv1", "fc6"))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
