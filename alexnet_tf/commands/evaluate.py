"""alexnet-evaluate: top-1 and top-5 error of a trained network."""

from __future__ import annotations

import sys

from absl import flags

from alexnet_tf.commands import shared_flags
from alexnet_tf.runs import run_record
from tfrecords import errors
from tfrecords.console import command_line
from tfrecords.durable import files, npz
from tfrecords.plurals import counted
from tfrecords.shards import schema

SYNOPSIS = """\
alexnet-evaluate --workdir=W [--views=10] [--checkpoint=last|best|STEP]
alexnet-evaluate --workdirs=V,W,... [--views=10] [--weights=search]
alexnet-evaluate --workdir=W --split=test --submission=FILE

Prints the top-1 and top-5 error of a checkpoint of the run in W, on the run's
validation split or on another split or data directory with the same classes; on
ILSVRC-2010 also the contest's hierarchical error. Every image counts exactly once.
--workdirs averages the probabilities of several networks (section 6). --submission
writes the classes of test images without labels in the contest's format.

  alexnet-evaluate --workdir=runs/alexnet --views=10 --per_class

Exit codes: 0 success, 2 wrong usage or bad input, 4 storage error; 129, 130 and 143
stopped by SIGHUP, SIGINT and SIGTERM."""

_WORKDIR = shared_flags.define_workdir(required=False)
_WORKDIRS = flags.DEFINE(
    command_line.PathListParser(),
    "workdirs",
    [],
    "the directories of several runs, separated by commas, to average",
)
_WEIGHTS = flags.DEFINE_enum(
    "weights",
    "equal",
    ["equal", "search"],
    "with --workdirs: equal, or searched on half of the images and judged on the other "
    "half, as in the authors' source",
)
_CHECKPOINT = shared_flags.define_checkpoint()
_SPLIT = flags.DEFINE(
    command_line.TextParser((*schema.SPLITS, "held_out")),
    "split",
    "validation",
    "train, validation, test or, of a run with --config.data.num_folds, held_out",
)
_VIEWS = shared_flags.define_views()
_DATA_DIR = command_line.define_path(
    "data_dir", "the shards; by default those that the run was trained on"
)
_DEVICES = flags.DEFINE_string(
    "devices", None, "as --config.devices; by default those of the run"
)
_PER_CLASS = flags.DEFINE_bool("per_class", False, "print the errors of every class")
_OUTPUT = command_line.define_path("output", "a JSON file to write the result to")
_ANSWERS = command_line.define_path(
    "answers",
    "an .npz file to write each image's probabilities and label to, in the order of "
    "the records",
)
_SUBMISSION = command_line.define_path(
    "submission",
    "a text file for the contest, of a split without labels: for each test image, in "
    "the order of their names, the numbers (ILSVRC2012_ID) of the five most probable "
    "classes",
)


def main() -> None:
    """Reads the flags, evaluates and prints."""
    for path in filter(None, (_OUTPUT.value, _ANSWERS.value, _SUBMISSION.value)):
        files.check_target(path)
    if bool(_WORKDIR.value) == bool(_WORKDIRS.value):
        raise errors.UserError("give either --workdir or --workdirs.")
    if _WORKDIRS.value and (_PER_CLASS.value or _ANSWERS.value):
        raise errors.UserError(
            "--per_class and --answers are for a single run; leave them out with "
            "--workdirs."
        )
    if _SUBMISSION.value and (
        _PER_CLASS.value
        or _ANSWERS.value
        or _OUTPUT.value
        or _WEIGHTS.value == "search"
    ):
        raise errors.UserError(
            "--per_class, --answers, --output and --weights=search need labels, and a "
            "--submission is for images without. Leave out one or the other."
        )
    # Report a bad run before TensorFlow's import, which takes seconds.
    workdirs = _WORKDIRS.value
    for path in workdirs or [_WORKDIR.value]:
        run_record.read_config(path)
    command_line.quiet_tensorflow()
    if _SUBMISSION.value:
        _submit(workdirs)
    elif workdirs:
        _average(workdirs)
    else:
        _evaluate()


def _read_choices() -> tuple[str, str, int, str | None, str | None]:
    """The checkpoint, split, number of views, data directory and devices."""
    which, split, num_views = _CHECKPOINT.value, _SPLIT.value, int(_VIEWS.value)
    return which, split, num_views, _DATA_DIR.value, _DEVICES.value


def _submit(workdirs: list[str]) -> None:
    from alexnet_tf.evaluation import contest, ensemble, evaluate

    path = str(_SUBMISSION.value)
    if workdirs:
        classes, data = ensemble.find_guesses(workdirs, *_read_choices())
    else:
        _, result, data = evaluate.evaluate_checkpoint(
            _WORKDIR.value, *_read_choices(), is_submission=True
        )
        assert result.guesses is not None  # the data are a contest's
        classes = result.guesses.classes
    contest.write_submission(path, data, _SPLIT.value, classes)
    print(
        f"wrote {path}: {counted(len(classes), 'image')}, "
        f"{counted(classes.shape[1], 'class')} each"
    )


def _average(workdirs: list[str]) -> None:
    from alexnet_tf.evaluation import ensemble

    report = ensemble.evaluate_runs(
        workdirs, *_read_choices(), searches=_WEIGHTS.value == "search"
    )
    print(ensemble.format_report(report))
    if _OUTPUT.value:
        files.write_json(_OUTPUT.value, report)


def _evaluate() -> None:
    from alexnet_tf.evaluation import evaluate
    from alexnet_tf.evaluation import report as report_lib
    from alexnet_tf.runs import untrained

    checkpoint, result, data = evaluate.evaluate_checkpoint(
        _WORKDIR.value, *_read_choices(), keeps_answers=bool(_ANSWERS.value)
    )
    random_layers = untrained.read(checkpoint)
    if warning := untrained.describe(random_layers):
        print(warning, file=sys.stderr)
    contest = data.contest
    report = report_lib.make_report(
        result,
        data.manifest,
        checkpoint.step,
        _SPLIT.value,
        int(_VIEWS.value),
        contest.costs if contest else None,
    )
    report[untrained.KEY] = list(random_layers)
    print(report_lib.format_report(report, _PER_CLASS.value))
    if _OUTPUT.value:
        files.write_json(_OUTPUT.value, report)
    if result.answers:
        npz.save(_ANSWERS.value, result.answers)


def run() -> None:
    """The console script."""
    command_line.run(main, __name__, SYNOPSIS, prints_result=lambda: not _OUTPUT.value)


if __name__ == "__main__":
    run()
