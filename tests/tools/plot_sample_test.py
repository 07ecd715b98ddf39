"""The sheet of the drawn set, made by the command itself."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("matplotlib")

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "plot_sample.py"


def run(*arguments, directory):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
    )


def test_makes_a_sheet(tmp_path):
    done = run("--output=made/sheet.png", "--per_class=1", directory=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "made/sheet.png" in done.stdout
    with Image.open(tmp_path / "made" / "sheet.png") as image:
        assert image.format == "PNG"
        # Four panels of 88 pixels and five margins of 10; five rows with their names.
        assert image.size == (4 * 88 + 5 * 10, 5 * (88 + 26) + 10)
        sheet = np.asarray(image.convert("L"), np.float64)
    for row in range(5):
        for column in range(4):
            top, left = 26 + row * (88 + 26), 10 + column * (88 + 10)
            tile = sheet[top : top + 88, left : left + 88]
            name = sheet[top - 20 : top - 2, left : left + 88]
            assert tile.std() > 5
            assert tile.mean() < 250
            assert name.min() < 100
            # White beside and below: the panels lie where they should.
            assert sheet[top : top + 88, left - 3].min() > 250
            assert sheet[top + 89, left : left + 88].min() > 250
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["sheet.png"]


def test_the_seed_changes_the_images(tmp_path):
    for seed in (0, 0, 1):
        name = f"{len(list(tmp_path.iterdir()))}.png"
        flags = [f"--output={name}", "--per_class=1", f"--seed={seed}"]
        assert run(*flags, directory=tmp_path).returncode == 0
    sheets = [(tmp_path / f"{index}.png").read_bytes() for index in range(3)]
    assert sheets[0] == sheets[1] != sheets[2]


def test_help_lists_the_flags_first(tmp_path):
    done = run("--help", directory=tmp_path)
    assert done.returncode == 0
    own = done.stdout[: done.stdout.index("From absl")]
    for flag in ("--output", "--per_class", "--seed"):
        assert flag in own


@pytest.mark.parametrize("flag", ["--per_class=0", "--per_class=51", "--perclass=3"])
def test_wrong_flags_are_a_sentence(flag, tmp_path):
    done = run(flag, directory=tmp_path)
    assert done.returncode == 2
    assert "per_class" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
