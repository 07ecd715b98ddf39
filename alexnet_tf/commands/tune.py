"""alexnet-tune: searches for the settings with the smallest validation error."""

from __future__ import annotations

import dataclasses
import sys

from absl import flags

from alexnet_tf.commands import setting_flags, shared_flags
from alexnet_tf.tune import directory, space, trial_results
from tfrecords import errors
from tfrecords.console import command_line
from tfrecords.shards import manifest

SYNOPSIS = """\
alexnet-tune --data_dir=D --tune_dir=T [--search=random|hyperband|bayesian]
  [--space=NAME[=RANGE],...] [--config.FIELD=VALUE ...]

Trains one network after another on the training split of D, with settings drawn from
ranges, and writes the settings with the smallest validation error to T/best.json. Every
trial is a run in T/trials. Give the same command again to resume a search.

  alexnet-tune --data_dir=data --tune_dir=runs/tune
  alexnet-tune --data_dir=data --tune_dir=runs/tune2 --search=bayesian \\
    '--space=paper,weight_decay,batch_size=32|64' --config.model.width=0.5
  alexnet-train --data_dir=data --workdir=runs/best --experiment=runs/tune/best.json

The validation split has then chosen the settings: judge them on other images, such as a
test split. Several processes share a search through KerasTuner's variables
KERASTUNER_TUNER_ID, KERASTUNER_ORACLE_IP and KERASTUNER_ORACLE_PORT.

Exit codes: 0 success, 2 wrong usage or bad input, 4 storage error, 5 directory in use;
129, 130 and 143 stopped by SIGHUP, SIGINT and SIGTERM, state saved."""

_DATA_DIR = command_line.define_path(
    "data_dir", "the shards, with a validation split", required=True
)
_TUNE_DIR = command_line.define_path(
    "tune_dir", "the search's directory: new, or that of a search to resume", True
)
_SEARCH = flags.DEFINE_enum(
    "search",
    "random",
    list(directory.STRATEGIES),
    "random: draw every trial independently; hyperband: train the best of many short "
    "trials for longer; bayesian: draw where earlier trials promise most",
)
_SPACE = flags.DEFINE_list(
    "space",
    ["paper"],
    "the settings to search: NAME, NAME=LOW..HIGH, NAME=LOW..HIGH:log or NAME=A|B|C, "
    "separated by commas. paper: those that the paper chose by validation, "
    f"{', '.join(space.PAPER)}. Names with a default range: "
    f"{', '.join(space.list_known())}",
)
_MAX_TRIALS = flags.DEFINE_integer(
    "max_trials",
    None,
    "number of trials in all; a resumed search may have more. Default: 20, or with "
    "hyperband as many as its rounds have",
    lower_bound=1,
)
_EPOCHS = flags.DEFINE_integer(
    "epochs", 10, "epochs per trial; with hyperband, of the longest", lower_bound=1
)
_SEED = flags.DEFINE_integer(
    "seed", 0, "seed of the drawn settings; --config.seed is the trials'", lower_bound=0
)
_CHANCE_EPOCHS = flags.DEFINE_integer(
    "chance_epochs",
    3,
    "stop a trial whose training loss stays at ln(classes) so many epochs; 0: never",
    lower_bound=0,
)
_MEDIAN_EPOCHS = flags.DEFINE_integer(
    "median_epochs",
    None,
    "from this epoch on, stop a trial that is clearly behind the median of three or "
    "more others at the same epoch; 0: never. Default: 3, or 0 with hyperband",
    lower_bound=0,
)
_EXPERIMENT = shared_flags.define_experiment()
setting_flags.define()
# Only names: the help of alexnet-train describes the most important ones.
_HELP = dataclasses.replace(setting_flags.HELP, first=())


def main() -> None:
    """Reads the flags, searches and prints the trials."""
    asked = _read_search()
    directory.check_installed(asked.strategy)
    # Report bad data before TensorFlow's import, which takes seconds.
    data = manifest.read_manifest(_DATA_DIR.value)
    directory.check_trials(asked, data, _DATA_DIR.value)
    command_line.quiet_tensorflow()
    from alexnet_tf.tune import search

    results = search.search(asked, _DATA_DIR.value, _TUNE_DIR.value, sys.argv)
    print(trial_results.format_table(results))
    training = search.list_training(_TUNE_DIR.value)
    lines = trial_results.format_end(
        results, training, _DATA_DIR.value, _TUNE_DIR.value
    )
    print("\n".join(lines))


def _read_search() -> directory.Search:
    """The search that the flags ask for."""
    given = setting_flags.read_given()
    if "num_epochs" in given:
        raise errors.UserError(
            "the length of a trial is --epochs, not --config.num_epochs."
        )
    # A trial's checkpoints only serve to resume it.
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
    command_line.run(main, __name__, SYNOPSIS, settings=_HELP)


if __name__ == "__main__":
    run()
