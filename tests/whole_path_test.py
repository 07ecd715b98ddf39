"""The commands one after another, as a user types them."""

from __future__ import annotations

import json
import pathlib
import sys

import pytest

from tests import archives, forked_processes, training_runs


def _run(command: str, *flags: str) -> str:
    result = forked_processes.run_python("-m", command, *flags)
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    return result.stdout


@pytest.mark.slow
def test_from_images_to_what_the_network_says_of_others(tmp_path):
    data_dir, workdir = f"--data_dir={tmp_path}/data", f"--workdir={tmp_path}/run"
    counts = ["--train_per_class=2", "--validation_per_class=1"]
    _run(
        "tfrecords.commands.convert",
        "--source=sample",
        data_dir,
        *counts,
        "--num_workers=1",
    )
    _run("tfrecords.commands.verify", data_dir)
    values = {
        "num_epochs": 2,
        "batch_size": 8,
        "profile_steps": "2,3",
        "model.normalization": "auto",
    }
    train_flags = [data_dir, workdir, *training_runs.make_flags(values)]
    trained = _run(
        "alexnet_tf.commands.train", "--experiment=alexnet_source", *train_flags
    )
    assert "done: 10 steps" in trained
    output = tmp_path / "result.json"
    printed = _run(
        "alexnet_tf.commands.evaluate",
        workdir,
        "--views=10",
        "--checkpoint=best",
        "--per_class",
        f"--output={output}",
    )
    report = json.loads(output.read_text())
    assert report["num_seen"] == 20 and len(report["classes"]) == 20
    assert 0 <= report["top5_error"] <= report["top1_error"] <= 1
    assert f"{report['top1_error']:.2%}" in printed
    assert training_runs.load_checkpoint(tmp_path / "run").step == 10
    export_dir = f"--export_dir={tmp_path}/export"
    exported = _run("alexnet_tf.commands.export", workdir, export_dir)
    assert f"exported step 10 to {tmp_path}/export/1" in exported
    draw_sample = pathlib.Path(__file__).parents[1] / "tools" / "draw_sample.py"
    drawn = forked_processes.run_python(
        str(draw_sample), f"--output_dir={tmp_path}/new"
    )
    assert drawn.returncode == 0, drawn.stderr
    plot = tmp_path / "panels.png"
    predict_flags = [export_dir, "--views=10", f"--plot={plot}", "--format=csv"]
    said = _run("alexnet_tf.commands.predict", *predict_flags, f"{tmp_path}/new")
    assert len(said.splitlines()) == 1 + 20 * 5 and plot.stat().st_size > 10_000


@pytest.mark.slow
def test_from_a_folder_of_ones_own_to_predictions_by_fine_tuning(commands, tmp_path):
    """The README's path: images of other classes, then a few of the user's own."""

    def run(command, *flags):
        result = commands.run("-m", command, *flags)
        assert result.returncode == 0, result.stderr
        return result.stdout

    many, own = tmp_path / "many", tmp_path / "own"
    archives.write_folder(many, {"ant": 6, "bee": 6, "cat": 6})
    archives.write_folder(own / "train", {"dog": 4, "elk": 4})
    archives.write_folder(own / "validation", {"dog": 2, "elk": 3})
    data, tuned = f"--data_dir={tmp_path}/data", f"--workdir={tmp_path}/tuned"
    pretrained = f"{tmp_path}/pretrained"
    run(
        "tfrecords.commands.convert",
        "--source=folder",
        f"--source_dir={many}",
        f"--data_dir={tmp_path}/data_many",
        "--validation_fraction=0.2",
    )
    run(
        "alexnet_tf.commands.train",
        f"--data_dir={tmp_path}/data_many",
        f"--workdir={pretrained}",
        *training_runs.make_flags({"num_epochs": 1}),
    )
    run("tfrecords.commands.convert", "--source=folder", f"--source_dir={own}", data)
    run(
        "alexnet_tf.commands.train",
        "--experiment=finetune",
        data,
        tuned,
        f"--config.init_from={pretrained}",
        *training_runs.make_flags({"schedule.frozen_until": "conv1=1"}),
    )
    events = training_runs.read_metrics(tmp_path / "tuned", "event")
    assert any("new: fc8 (" in event["text"] for event in events)
    report = tmp_path / "report.json"
    run("alexnet_tf.commands.evaluate", tuned, "--views=10", f"--output={report}")
    assert json.loads(report.read_text())["num_seen"] == 5
    export_dir = f"--export_dir={tmp_path}/export"
    run("alexnet_tf.commands.export", tuned, export_dir)
    images = str(own / "validation")
    answers = run("alexnet_tf.commands.predict", export_dir, "--format=csv", images)
    assert {"dog", "elk"} == {row.split(",")[3] for row in answers.splitlines()[1:]}


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
