"""The comparison from end to end, on few images, and what it refuses."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from tests import data_directories, optional
from tfrecords.durable import npz

optional.require(__name__, "skimage", "the extra baselines is not installed")
optional.require(__name__, "sklearn", "the extra baselines is not installed")

CHECKOUT = pathlib.Path(__file__).parents[2]
SCRIPT = CHECKOUT / "tools" / "baselines.py"
SMALL = ["--num_atoms=8", "--num_modes=2", "--num_descriptors=300", "--num_workers=1"]


def run(*arguments, before=""):
    """Runs the script in a process, after the code `before`."""
    code = (
        f"{before}\nimport runpy; runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        # Threads would only wait for each other on such small arrays.
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Six classes, whose images differ in colour."""
    path = tmp_path_factory.mktemp("data")
    data_directories.write_data_directory(
        path, num_classes=6, per_class={"train": 3, "validation": 1}
    )
    return path


@pytest.fixture(scope="module")
def answers(data, tmp_path_factory):
    """Answers for the validation images, of which the first is wrong."""
    from tools.baseline_models import images

    labels = images.read_labels(images.open_splits(str(data)).validation)
    probabilities = np.eye(6, dtype=np.float32)[labels]
    probabilities[0] = np.roll(probabilities[0], 1)
    path = tmp_path_factory.mktemp("answers") / "ours.npz"
    npz.save(str(path), {"probabilities": probabilities, "labels": labels})
    return path


def read_rows(text):
    rows = [line.strip("|").split("|") for line in text.splitlines() if "|" in line]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows[2:]}


def test_three_systems_and_a_second_run_that_trains_nothing(data, answers, tmp_path):
    flags = [f"--data_dir={data}", f"--models_dir={tmp_path / 'models'}", *SMALL]
    output = tmp_path / "result.json"
    done = run(*flags, f"--answers={answers}", f"--output={output}")
    assert done.returncode == 0, done.stderr
    rows = read_rows(done.stdout)
    assert list(rows) == ["sparse coding", "SIFT + FVs", "CNN"]
    assert [row[0] for row in rows.values()] == ["6", "2", "1"]
    assert rows["CNN"][1] == "16.7 %"
    assert rows["SIFT + FVs"][3:] == ["45.7 %", "25.7 %", "26.2 %"]
    assert "model 1 of 8" in done.stderr and "left" in done.stderr

    report = json.loads(output.read_text())
    assert [model["system"] for model in report["models"]] == (
        ["sparse coding"] * 6 + ["SIFT + FVs"] * 2
    )
    for model in report["models"]:
        assert 0 <= model["top5_error"] <= model["top1_error"] <= 1
        assert str(model["inverse_penalty"]) in model["tuning_top1_errors"]
    # The classes differ in colour; 5 of 6 images are wrong by chance.
    assert min(model["top1_error"] for model in report["models"]) < 0.5
    # Where ours is wrong, all other classes are as probable as the label: a tie.
    assert report["answers"][str(answers)] == [pytest.approx(1 / 6)] * 2
    assert report["machine"]["cores"] and report["packages"]["scikit-learn"]

    assert len(list((tmp_path / "models").iterdir())) == 8
    again = run(*flags)
    assert again.returncode == 0, again.stderr
    assert "images/s" not in again.stderr
    found = read_rows(again.stdout)
    assert found == {name: row for name, row in rows.items() if name != "CNN"}
    assert "--answers" in again.stdout


def test_a_missing_package_is_named_with_its_extra(data):
    done = run(f"--data_dir={data}", before="import sys; sys.modules['skimage'] = None")
    assert done.returncode == 2
    assert "scikit-image" in done.stderr and ".[baselines]" in done.stderr
    assert "Traceback" not in done.stderr


def test_bad_input_is_refused_before_anything_is_trained(commands, data, tmp_path):
    for flag, fact in (
        (f"--data_dir={tmp_path / 'none'}", "none"),
        (f"--answers={tmp_path / 'none.npz'}", "none.npz"),
        (f"--output={tmp_path / 'no' / 'result.json'}", "result.json"),
        ("--num_workers=0", "--num_workers"),
        ("--max_memory_gb=1e-6", "--max_memory_gb"),
    ):
        done = commands.run(SCRIPT, f"--data_dir={data}", *SMALL, flag)
        assert done.returncode == 2, done.stderr
        assert fact in done.stderr and "Traceback" not in done.stderr
        assert not done.stdout


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
