"""A run's curves, drawn by the command itself from a small metrics file."""

import json
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests import forked_processes

pytest.importorskip("matplotlib")

CHECKOUT = pathlib.Path(__file__).parents[2]
SCRIPT = CHECKOUT / "tools" / "plot_curves.py"


def write_run(path, errors_by_epoch):
    path.mkdir()
    lines = []
    for epoch, error in enumerate(errors_by_epoch, 1):
        rate = 0.01 if epoch < 3 else 0.001
        rates = {"conv1/kernel": rate, "conv1/bias": 0.02}
        values = {"step": epoch, "epoch": epoch, "loss": error, "top1_error": error}
        lines += [
            {**values, "kind": "train", "learning_rates": rates},
            {**values, "kind": "epoch"},
            {**values, "kind": "validation"},
            {"step": epoch, "kind": "event", "text": "something"},
        ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (path / "metrics.jsonl").write_text(text + '{"step": 9')  # a kill's last line
    return path


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True
    )


def test_draws_two_runs_in_their_colours(tmp_path):
    one = write_run(tmp_path / "one", [0.9, 0.6, 0.4, 0.3])
    two = write_run(tmp_path / "two", [0.9, 0.8, 0.7, 0.65])
    path = tmp_path / "curves.png"
    done = run(f"--workdirs={one},{two}", "--labels=paper", f"--output={path}")
    assert done.returncode == 0, done.stderr
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    # The palette's first two colours: each run was drawn.
    for colour in ((0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)):
        assert (pixels == colour).all(axis=1).sum() > 200


def test_the_legend_covers_no_line(tmp_path):
    # A curve that fills every corner of the axes.
    runs = [write_run(tmp_path / f"run{n}", [0.99, 0.01] * 4) for n in range(4)]
    path = tmp_path / "curves.svg"
    listed = ",".join(map(str, runs))
    done = run(f"--workdirs={listed}", f"--output={path}")
    assert done.returncode == 0, done.stderr
    text = path.read_text()
    # Groups in the order of drawing; the legend belongs to the figure, not to axes.
    (legend,) = re.findall(r'^( *)<g id="legend_1">', text, re.MULTILINE)
    axes = re.findall(r'^( *)<g id="axes_\d">', text, re.MULTILINE)
    assert len(axes) == 2 and {legend} == {*axes}


def test_a_directory_without_metrics_is_a_sentence(tmp_path):
    done = run(f"--workdirs={tmp_path}", f"--output={tmp_path}/curves.png")
    assert done.returncode == 2
    assert "is no run of alexnet-train" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "curves.png").exists()


# Reads each run of the arguments; prints what it gave or the error's type and text.
PROGRAM = """\
import sys
from tools import plot_curves
for path in sys.argv[1:]:
    try:
        print("read", len(plot_curves.read_metrics(path)))
    except Exception as error:
        print(type(error).__name__, getattr(error, "exit_code", None), error)
"""


def test_damaged_metrics_name_the_line(tmp_path):
    good = b'{"kind": "epoch", "step": 1, "epoch": 1, "loss": null, "top1_error": 1}\n'
    damaged = [
        b"garbage\n",
        b"\xff\xfe\n",
        b'{"step": 1}\n',
        b"[1, 2]\n",
        b'{"kind": "epoch", "step": 1}\n',
        b'{"kind": "validation", "epoch": 1, "loss": "x", "top1_error": 0}\n',
        b'{"kind": "train", "epoch": 1, "learning_rates": {"fc8/kernel": null}}\n',
        b'{"kind": "train", "epoch": 1, "learning_rates": 3}\n',
    ]
    paths = []
    for number, line in enumerate([good, *damaged]):
        paths.append(tmp_path / f"run{number}")
        paths[-1].mkdir()
        (paths[-1] / "metrics.jsonl").write_bytes(good + line + b'{"cut')
    paths.append(tmp_path / "folder")
    (paths[-1] / "metrics.jsonl").mkdir(parents=True)
    done = forked_processes.run_python("-c", PROGRAM, *paths)
    first, *rest = done.stdout.splitlines()
    assert first == "read 2", done.stderr
    assert len(rest) == len(damaged) + 1
    for text in rest[:-1]:
        assert text.startswith("DataError 2 ") and "metrics.jsonl, line 2," in text
    assert rest[-1].startswith("DataError 2 ")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--workdirs={path}/run"], "no epoch has ended"),
        (["--workdirs="], "Name at least one run"),
        (["--workdirs={path}/run", "--labels=a,b"], "as many labels at most"),
    ],
)
def test_nothing_to_draw_is_a_sentence(tmp_path, flags, words):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "metrics.jsonl").write_text("")
    given = [flag.format(path=tmp_path) for flag in flags]
    done = run(*given, f"--output={tmp_path}/curves.png")
    assert done.returncode == 2
    assert words in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "curves.png").exists()


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
