"""Tests of `alexnet_tf.commands.predict`."""

from __future__ import annotations

import json
import os
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from alexnet_tf.export import saved_model
from alexnet_tf.runs import trained_network
from tests import data_directories, forked_processes, training_runs

MODULE = ("-m", "alexnet_tf.commands.predict")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """`run`, its `exports`, and two `images` and a third, invalid one."""
    path = tmp_path_factory.mktemp("runs")
    data_directories.write_data_directory(path / "data", num_classes=6)
    training_runs.run(path / "data", path / "run", {"num_epochs": 1})
    saved_model.export(trained_network.load(str(path / "run")), str(path / "exports"))
    (path / "images").mkdir()
    for label in (1, 2):
        image = data_directories.draw_image(label, 6, np.random.default_rng(0))
        Image.fromarray(image).save(path / "images" / f"{label}.png")
    (path / "bad").mkdir()
    (path / "bad" / "bad.png").write_bytes(b"no image")
    return path


def test_a_run_and_its_export_say_the_same(commands, runs, tmp_path):
    plot = tmp_path / "panels.png"
    from_run = commands.run(
        *MODULE, f"--workdir={runs}/run", f"{runs}/images", f"--plot={plot}"
    )
    assert from_run.returncode == 0, from_run.stderr
    lines = from_run.stdout.splitlines()
    assert lines[0] == f"{runs}/images/1.png" and len(lines) == 12
    assert Image.open(plot).size[0] > 100
    from_export = commands.run(
        *MODULE, f"--export_dir={runs}/exports", f"{runs}/images"
    )
    assert from_export.stdout == from_run.stdout


def test_a_bad_image_does_not_stop_the_rest(runs, tmp_path):
    # A name that is no UTF-8, and that an ASCII terminal cannot show.
    odd_path = os.fsencode(tmp_path) + b"/caf\xe9 \xe5\x90\x8d"
    shutil.copy(f"{runs}/images/2.png", odd_path)
    result = forked_processes.run_python(
        *MODULE,
        f"--workdir={runs}/run",
        "--format=json",
        f"{runs}/bad",
        f"{runs}/images/2.png",
        os.fsdecode(odd_path),
        PYTHONIOENCODING="ascii:strict",
    )
    assert result.returncode == 2, result.stderr
    bad, good, odd = json.loads(result.stdout)
    assert odd == {**good, "path": f"{tmp_path}/caf\udce9 名"}
    assert bad["error"] and not bad["top5"]
    assert len(good["top5"]) == 5 and not good["error"]
    assert "1 of 3 images could not be predicted" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "flags, sentence",
    [
        (["a.png"], "give either --workdir or --export_dir"),
        (["--workdir=w", "--export_dir=e", "a.png"], "give either --workdir or"),
        (["--export_dir=e", "--checkpoint=best", "a.png"], "an export holds one"),
        (["--workdir={runs}/run"], "there is no image to predict"),
        (["--workdir={runs}/run", "{runs}/nowhere.png"], "nowhere.png is not a file"),
        (["--export_dir={runs}/images", "{runs}/bad"], "alexnet-export"),
        (["--workdir={runs}/run", "--plot={runs}", "{runs}/bad"], "{runs}"),
    ],
)
def test_user_mistakes_exit_with_2_and_the_reason(commands, runs, flags, sentence):
    result = commands.run(*MODULE, *[f.format(runs=runs) for f in flags])
    assert result.returncode == 2, result.stderr
    assert sentence.format(runs=runs) in result.stderr
    assert "Traceback" not in result.stderr


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
