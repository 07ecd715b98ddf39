"""Measures this machine: how near its limit the program is, and beside its peers."""

from __future__ import annotations

import math
import pathlib
import sys

from absl import flags

# A script of the checkout finds the checkout's packages, wherever it is called.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from alexnet_tf.runs import environment
from tfrecords import errors
from tfrecords.console import command_line
from tfrecords.durable import files
from tools.benchmarks import contest, registry, report

SYNOPSIS = f"""\
python tools/benchmark.py SUBJECT [--output=result.json]

Subjects:
{registry.list_subjects()}

What is compared is measured side by side, in turns. Most subjects give a median of
several rounds with its spread; growth gives medians, memory and convert-memory one run.
Let nothing else run meanwhile. Peers that are not installed are named and left out.

  python tools/benchmark.py train --precision=float32 --batch_size=128"""

_PLOT_ENDINGS = (".png", ".pdf", ".svg")

_SUBJECT = flags.DEFINE_string("subject", "", "what to measure")
_PRECISION = flags.DEFINE_enum(
    "precision",
    "auto",
    ["auto", "float32", "mixed_bfloat16"],
    "the arithmetic; auto: the faster one, measured",
)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 128, "images per step", lower_bound=1)
_ROUNDS = flags.DEFINE_integer(
    "rounds", 5, "turns of every contestant that count", lower_bound=1
)
_PEERS = flags.DEFINE_bool("peers", True, "measure other programs beside ours")
_WIDTH = flags.DEFINE_float(
    "width",
    1.0,
    "factor on the network's kernels and units, to try a subject out",
    lower_bound=0.01,
)
_CROP_SIZE = flags.DEFINE_integer(
    "crop_size", 224, "side of the network's input, likewise", lower_bound=1
)
_DATA_DIR = flags.DEFINE(
    command_line.PathParser(),
    "data_dir",
    None,
    "JPEG shards to work on; without them images are drawn",
)
_SOURCE_DIR = flags.DEFINE(
    command_line.PathParser(),
    "source_dir",
    None,
    "JPEG images to convert; without them images are drawn",
)
_EXPORT_DIR = flags.DEFINE(
    command_line.PathParser(),
    "export_dir",
    None,
    "an export to ask; without it a network that was not trained",
)
_NUM_IMAGES = flags.DEFINE_integer(
    "num_images",
    None,
    "images to work on; by default as many as the subject needs",
    lower_bound=1,
)
_MAX_IMAGES = flags.DEFINE_integer(
    "max_images", 100_000, "where a subject's images grow, the end", lower_bound=1
)
_NUM_STEPS = flags.DEFINE_integer(
    "num_steps",
    None,
    "steps of a run; by default as many as the subject needs",
    lower_bound=10,
)
_PLOT = flags.DEFINE(
    command_line.PathParser(), "plot", None, "an image file: growth draws its curves"
)
_OUTPUT = flags.DEFINE(
    command_line.PathParser(), "output", None, "a JSON file for the result"
)


def main() -> None:
    """Reads the flags, measures, prints the table."""
    if _SUBJECT.value not in registry.SUBJECTS:
        raise errors.UserError(
            f"there is no subject {_SUBJECT.value!r}; there are "
            f"{', '.join(registry.SUBJECTS)}."
        )
    if not math.isfinite(_WIDTH.value):
        raise errors.UserError(f"--width={_WIDTH.value} is no number. Give 1 or less.")
    if _PLOT.value and (
        _SUBJECT.value != "growth" or not _PLOT.value.endswith(_PLOT_ENDINGS)
    ):
        raise errors.UserError(
            f"--plot={_PLOT.value} cannot be drawn: growth alone draws, to a file that "
            f"ends in {', '.join(_PLOT_ENDINGS)}."
        )
    for path in (_OUTPUT.value, _PLOT.value):
        if path:
            files.check_target(path)
    # Only now: TensorFlow takes seconds to import.
    from alexnet_tf.devices import precision

    chosen = precision.choose_precision(_PRECISION.value)
    if chosen.reason:
        print(chosen.describe())
    options = contest.Options(
        precision=chosen.precision,
        batch_size=_BATCH_SIZE.value,
        rounds=_ROUNDS.value,
        with_peers=_PEERS.value,
        width=_WIDTH.value,
        crop_size=_CROP_SIZE.value,
        # Contestants run in the checkout.
        data_dir=_make_absolute(_DATA_DIR.value),
        source_dir=_make_absolute(_SOURCE_DIR.value),
        export_dir=_make_absolute(_EXPORT_DIR.value),
        num_images=_NUM_IMAGES.value,
        max_images=_MAX_IMAGES.value,
        num_steps=_NUM_STEPS.value,
        plot=_PLOT.value,
    )
    measure, _ = registry.SUBJECTS[_SUBJECT.value]
    result = measure(options)
    machine = environment.describe()
    print(report.format_table(result, machine))
    if _OUTPUT.value:
        files.write_json(_OUTPUT.value, report.to_json(result, machine))


def _make_absolute(path: str | None) -> str | None:
    return None if path is None else str(pathlib.Path(path).resolve())


if __name__ == "__main__":
    command_line.run(
        main,
        __name__,
        SYNOPSIS,
        positional="subject",
        prints_result=lambda: not _OUTPUT.value,
    )
