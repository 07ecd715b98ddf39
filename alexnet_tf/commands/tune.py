"""alexnet-tune: searches for the settings with the smallest validation error."""

from __future__ import annotations

import os
import sys

from absl import flags

from alexnet_tf import experiments
from alexnet_tf.commands import setting_flags
from alexnet_tf.tune import directory, space, trial_results
from tfrecords import errors
from tfrecords.console import command_line
from tfrecords.shards import manifest

SYNOPSIS = """\
alexnet-tune --data_dir=D --tune_dir=T [--search=random|hyperband|bayesian]
  [--space=NAME[=RANGE],...] [--config.FIELD=VALUE ...]

Trains one network after another on the train split of D with settings drawn from
ranges, and keeps the settings with the smallest validation error in T/best.json. Every
trial is a run in T/trials. The same command on the same T goes on where it stopped.

  alexnet-tune --data_dir=data --tune_dir=runs/tune
  alexnet-tune --data_dir=data --tune_dir=runs/tune2 --search=bayesian \\
    '--space=paper,weight_decay,batch_size=32|64' --config.model.width=0.5
  alexnet-train --data_dir=data --workdir=runs/best --experiment=runs/tune/best.json

The validation split has then chosen the settings: judge them by images that it does
not hold, a test split. Several processes share a search by KerasTuner's variables
KERASTUNER_TUNER_ID, KERASTUNER_ORACLE_IP and KERASTUNER_ORACLE_PORT.

Exit codes: 0 done, 2 wrong use or bad input, 4 storage, 5 directory in use, 129, 130 or
143 stopped by SIGHUP, SIGINT or SIGTERM with the state saved."""

_DATA_DIR = flags.DEFINE(
    command_line.PathParser(),
    "data_dir",
    None,
    "the shards, with a validation split",
    required=True,
)
_TUNE_DIR = flags.DEFINE(
    command_line.PathParser(),
    "tune_dir",
    None,
    "the search's directory, new or begun",
    required=True,
)
_SEARCH = flags.DEFINE_enum(
    "search",
    "random",
    list(directory.STRATEGIES),
    "random: every trial is drawn alone; hyperband: many short trials, the best of "
    "which are trained on; bayesian: drawn where earlier trials promise most",
)
_SPACE = flags.DEFINE_list(
    "space",
    ["paper"],
    "what is searched: NAME, NAME=LOW..HIGH, NAME=LOW..HIGH:log or NAME=A|B|C, "
    "separated by commas. paper: what the paper chose by validation, "
    f"{', '.join(space.PAPER)}. Ranges of ours: "
    f"{', '.join(space.list_known())}",
)
_MAX_TRIALS = flags.DEFINE_integer(
    "max_trials",
    None,
    "trials in all; a search may be gone on with for more. Without: 20, with hyperband "
    "as many as its rounds have",
    lower_bound=1,
)
_EPOCHS = flags.DEFINE_integer(
    "epochs", 10, "of every trial; of the longest with hyperband", lower_bound=1
)
_SEED = flags.DEFINE_integer(
    "seed", 0, "of the drawn settings; the trials' is --config.seed", lower_bound=0
)
_CHANCE_EPOCHS = flags.DEFINE_integer(
    "chance_epochs",
    3,
    "a trial whose training loss stood at ln(classes) for so many epochs is given up; "
    "0: none is",
    lower_bound=0,
)
_MEDIAN_EPOCHS = flags.DEFINE_integer(
    "median_epochs",
    None,
    "from this epoch on, a trial clearly behind the median of three or more others at "
    "the same epoch is given up; 0: none is. Without: 3, with hyperband 0",
    lower_bound=0,
)
_EXPERIMENT = flags.DEFINE(
    command_line.PathParser(experiments.EXPERIMENTS),
    "experiment",
    "alexnet",
    "the settings to start from: "
    f"{', '.join(experiments.EXPERIMENTS)}, or a file of settings",
)
setting_flags.define(__name__)


def main() -> None:
    """Reads the flags, searches and prints the trials."""
    asked = _read_search()
    directory.check_installed(asked.strategy)
    # What is wrong with the data is said at once, not after TensorFlow's import.
    data = manifest.read_manifest(_DATA_DIR.value)
    directory.check_trials(asked, data, _DATA_DIR.value)
    command_line.quiet_tensorflow()
    from alexnet_tf.tune import search

    results = search.search(asked, _DATA_DIR.value, _TUNE_DIR.value, sys.argv)
    print(trial_results.format_table(results))
    best = trial_results.find_best(results)
    if best is None:
        print("no trial came to an error that counts: search other ranges, elsewhere")
        return
    path = os.path.join(_TUNE_DIR.value, trial_results.BEST_NAME)
    print(
        f"done: {len(results)} trials, best validation top-1 error "
        f"{best.top1_error:.2%} (trial {best.trial}): {path}"
    )
    print(
        f"  alexnet-train --data_dir={_DATA_DIR.value} --workdir=W --experiment={path}"
    )
    print(f"  tensorboard --logdir={_TUNE_DIR.value}")


def _read_search() -> directory.Search:
    """The search that the flags ask for."""
    given = setting_flags.read_given()
    if "num_epochs" in given:
        raise errors.UserError(
            "the length of a trial is --epochs, not --config.num_epochs."
        )
    # A trial's checkpoints are for going on with it.
    given = {"keep_checkpoints": "1", **given, "num_epochs": str(_EPOCHS.value)}
    config = setting_flags.read(_EXPERIMENT.value, given=given)
    entries = space.parse_space(_SPACE.value, config)
    for entry in entries:
        if entry.name in given:
            raise errors.UserError(
                f"--config.{entry.name} fixes what --space searches. Leave one out."
            )
    is_hyperband = _SEARCH.value == "hyperband"
    max_trials, median_epochs = _MAX_TRIALS.value, _MEDIAN_EPOCHS.value
    return directory.Search(
        _SEARCH.value,
        entries,
        config,
        20 if max_trials is None and not is_hyperband else max_trials,
        _SEED.value,
        _CHANCE_EPOCHS.value,
        (0 if is_hyperband else 3) if median_epochs is None else median_epochs,
    )


def run() -> None:
    """The console script."""
    command_line.run(main, __name__, SYNOPSIS)


if __name__ == "__main__":
    run()
