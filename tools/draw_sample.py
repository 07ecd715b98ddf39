"""Draws images of the sample data set into a folder of classes, as files."""

from __future__ import annotations

import os
import pathlib
import sys

from absl import flags

# A script of the checkout finds the checkout's packages, wherever it is called.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tfrecords.console import command_line
from tfrecords.durable import files
from tfrecords.plurals import counted
from tfrecords.sources.sample import sample_source

SYNOPSIS = """\
python tools/draw_sample.py --output_dir=D [--per_class=1] [--seed=1]

Draws images of the sample's twenty classes, D/circle/0.jpg and so on. Another seed
than the data set's (0) makes images that no network has seen.

  python tools/draw_sample.py --output_dir=images --per_class=2"""

_OUTPUT_DIR = flags.DEFINE(
    command_line.PathParser(),
    "output_dir",
    None,
    "a folder for the classes' folders",
    required=True,
)
_PER_CLASS = flags.DEFINE_integer("per_class", 1, "images of each class", lower_bound=1)
_SEED = flags.DEFINE_integer("seed", 1, "other seeds, other images")


def main() -> None:
    """Reads the flags and draws."""
    count = _PER_CLASS.value
    source = sample_source.open_sample(count, 0, _SEED.value)
    for label, info in enumerate(source.classes):
        folder = os.path.join(_OUTPUT_DIR.value, info.synset)
        files.make_directory(folder)
        for number in range(count):
            data = source.read_image("train", label * count + number)
            files.write_bytes(os.path.join(folder, f"{number}.jpg"), data)
    print(
        f"{_OUTPUT_DIR.value}: {count} of each of "
        f"{counted(len(source.classes), 'class')}"
    )


if __name__ == "__main__":
    command_line.run(main, __name__, SYNOPSIS)
