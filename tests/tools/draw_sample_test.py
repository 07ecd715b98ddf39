"""The drawn images as files, made by the command itself."""

import io
import pathlib
import subprocess
import sys

import pytest
from PIL import Image

from tfrecords.sources.sample import sample_source

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "draw_sample.py"


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True
    )


def test_every_class_has_its_folder_and_the_sources_bytes(tmp_path):
    done = run(f"--output_dir={tmp_path}/drawn", "--per_class=2", "--seed=7")
    assert done.returncode == 0, done.stderr
    source = sample_source.open_sample(2, 0, 7)
    folders = sorted(path.name for path in (tmp_path / "drawn").iterdir())
    assert folders == sorted(info.synset for info in source.classes)
    for label in (0, len(source.classes) - 1):
        folder = tmp_path / "drawn" / source.classes[label].synset
        for number in range(2):
            data = (folder / f"{number}.jpg").read_bytes()
            assert data == source.read_image("train", 2 * label + number)
            assert Image.open(io.BytesIO(data)).format == "JPEG"


@pytest.mark.parametrize("flags", [[], ["--output_dir=d", "--per_class=0"]])
def test_wrong_use_exits_with_2(flags):
    done = run(*flags)
    assert done.returncode == 2 and "Traceback" not in done.stderr


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
