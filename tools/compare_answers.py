"""Compares an export's answers on this machine's GPU with those on its CPU."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

from absl import flags

# A script of the checkout finds the checkout's packages, wherever it is called.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tfrecords import errors
from tfrecords.console import command_line
from tfrecords.plurals import counted

ROOT = pathlib.Path(__file__).resolve().parents[1]

SYNOPSIS = """\
python tools/compare_answers.py --export_dir=E IMAGES...

Classifies the images twice, with all devices and without any GPU, and prints how many
first answers are the same and by how much probabilities differ at most."""

_EXPORT_DIR = flags.DEFINE(
    command_line.PathParser(), "export_dir", None, "the export", required=True
)
_IMAGES = flags.DEFINE_multi(
    command_line.PathParser(),
    flags.ArgumentSerializer(),
    "images",
    [],
    "files or folders; the flag's name may be left out",
)

# The probability of each of the five answers, by image and by class.
Answers = dict[str, dict[str, float]]


def compare(first: Answers, second: Answers) -> tuple[int, float]:
    """The number of images with the same first answer, and the largest difference.

    Probabilities are compared where both have the class among their five.
    """
    num_same, largest = 0, 0.0
    for image, answers in first.items():
        others = second[image]
        num_same += next(iter(answers)) == next(iter(others))
        for name in answers.keys() & others.keys():
            largest = max(largest, abs(answers[name] - others[name]))
    return num_same, largest


def classify(export_dir: str, images: list[str], **environment: str) -> Answers:
    """The answers of `alexnet-predict`; raises `UserError` if it fails."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "alexnet_tf.commands.predict", "--format=json"),
            *(f"--export_dir={export_dir}", *images),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )
    if done.returncode:
        # Without the other program's name.
        sentence = done.stderr.strip().splitlines()[-1].partition(": ")[2]
        raise errors.UserError(sentence or f"exit code {done.returncode}")
    return parse(done.stdout)


def main() -> None:
    """Classifies twice and prints the comparison."""
    if not _IMAGES.value:
        raise errors.UserError("there is no image: name some, or folders.")
    images = [os.path.abspath(image) for image in _IMAGES.value]
    export_dir = os.path.abspath(_EXPORT_DIR.value)
    everywhere = classify(export_dir, images)
    on_cpu = classify(export_dir, images, CUDA_VISIBLE_DEVICES="-1")
    num_same, largest = compare(everywhere, on_cpu)
    print(
        f"{num_same} of {counted(len(everywhere), 'image')} have the same first "
        f"answer; probabilities differ by {largest:.1e} at most"
    )


def parse(text: str) -> Answers:
    """The output of `alexnet-predict --format=json`, the most probable answer first."""
    return {
        image["path"]: {
            answer["synset"]: answer["probability"] for answer in image["top5"]
        }
        for image in json.loads(text)
    }


if __name__ == "__main__":
    command_line.run(
        main, __name__, SYNOPSIS, positional="images", prints_result=lambda: True
    )
