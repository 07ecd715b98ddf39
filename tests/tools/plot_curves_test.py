"""A run's curves, drawn by the command itself from a small metrics file."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

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
    picture = tmp_path / "curves.png"
    done = run(f"--workdirs={one},{two}", "--labels=paper", f"--output={picture}")
    assert done.returncode == 0, done.stderr
    with Image.open(picture) as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    # Matplotlib's first two colours, C0 and C1: each run was drawn.
    for colour in ((31, 119, 180), (255, 127, 14)):
        assert (pixels == colour).all(axis=1).sum() > 200


def test_a_directory_without_metrics_is_a_sentence(tmp_path):
    done = run(f"--workdirs={tmp_path}", f"--output={tmp_path}/curves.png")
    assert done.returncode == 2
    assert "is no run of alexnet-train" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "curves.png").exists()


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
