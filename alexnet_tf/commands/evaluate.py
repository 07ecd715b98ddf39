"""alexnet-evaluate: top-1 and top-5 error of a trained network."""

from __future__ import annotations

import sys

from absl import flags

from alexnet_tf.runs import run_record
from tfrecords.console import command_line
from tfrecords.durable import files
from tfrecords.shards import schema

SYNOPSIS = """\
alexnet-evaluate --workdir=W [--views=10] [--checkpoint=last|best|STEP]

Evaluates a checkpoint of the run in W on its own validation split, or on another split
or data directory of the same classes, every image exactly once.

  alexnet-evaluate --workdir=runs/alexnet --views=10 --per_class

Exit codes: 0 done, 2 wrong use or bad input, 4 storage, 129, 130 or
143 stopped by SIGHUP, SIGINT or SIGTERM."""

_WORKDIR = flags.DEFINE(
    command_line.PathParser(), "workdir", None, "the run's directory", required=True
)
_CHECKPOINT = flags.DEFINE(
    command_line.TextParser(("last", "best")),
    "checkpoint",
    "last",
    "last, best or a step",
)
_SPLIT = flags.DEFINE(
    command_line.TextParser(schema.SPLITS),
    "split",
    "validation",
    "train, validation or test",
)
_VIEWS = flags.DEFINE_enum(
    "views",
    "1",
    ["1", "10"],
    "1: the centre; 10: corners and centre, mirrored, predictions averaged "
    "(section 4.1)",
)
_DATA_DIR = flags.DEFINE(
    command_line.PathParser(),
    "data_dir",
    None,
    "the shards; by default those of the training",
)
_DEVICES = flags.DEFINE_string("devices", None, "by default those of the training")
_PER_CLASS = flags.DEFINE_bool("per_class", False, "print every class's errors")
_OUTPUT = flags.DEFINE(
    command_line.PathParser(), "output", None, "a JSON file for the result"
)


def main() -> None:
    """Reads the flags, evaluates and prints."""
    if _OUTPUT.value:
        files.check_target(_OUTPUT.value)
    # What is wrong with the run is said at once, not after TensorFlow's import.
    run_record.read_config(_WORKDIR.value)
    command_line.quiet_tensorflow()
    from alexnet_tf.evaluation import evaluate
    from alexnet_tf.runs import untrained

    checkpoint, result, data = evaluate.evaluate_checkpoint(
        _WORKDIR.value,
        _CHECKPOINT.value,
        _SPLIT.value,
        int(_VIEWS.value),
        _DATA_DIR.value,
        _DEVICES.value,
    )
    random_layers = untrained.read(checkpoint)
    if warning := untrained.describe(random_layers):
        print(warning, file=sys.stderr)
    report = evaluate.make_report(
        result, data.manifest, checkpoint.step, _SPLIT.value, int(_VIEWS.value)
    )
    report[untrained.KEY] = list(random_layers)
    print(evaluate.format_report(report, _PER_CLASS.value))
    if _OUTPUT.value:
        files.write_json(_OUTPUT.value, report)


def run() -> None:
    """The console script."""
    command_line.run(main, __name__, SYNOPSIS, prints_result=lambda: not _OUTPUT.value)


if __name__ == "__main__":
    run()
