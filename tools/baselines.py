"""Trains the two earlier systems of the paper's tables 1 and 2, and compares them."""

from __future__ import annotations

import dataclasses
import functools
import importlib.metadata
import importlib.util
import pathlib
import sys
from typing import TYPE_CHECKING

from absl import flags

# A script of the checkout finds the checkout's packages, wherever it is called.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from alexnet_tf.runs import environment
from tfrecords import errors
from tfrecords.console import command_line, progress, worker_pool
from tfrecords.durable import files
from tools.benchmarks import harness

if TYPE_CHECKING:
    from tools.baseline_models import images, models, training

SYNOPSIS = """\
python tools/baselines.py --data_dir=D [--answers=FILE,...] [--output=result.json]

Trains the earlier systems of tables 1 and 2 on D's training split: six sparse-coding
models, averaged, and two classifiers of Fisher vectors, averaged. Prints their errors
on the validation split, ours (from alexnet-evaluate --answers), and the paper's. Needs
the extra baselines: pip install '.[baselines]'.

With --models_dir, a stopped comparison resumes after the last finished model.

  python tools/baselines.py --data_dir=data --answers=seed0.npz,seed1.npz"""

_PACKAGES = {"skimage": "scikit-image", "sklearn": "scikit-learn"}

_DATA_DIR = flags.DEFINE(
    command_line.PathParser(), "data_dir", None, "the shards", required=True
)
_ANSWERS = flags.DEFINE(
    command_line.PathListParser(),
    "answers",
    [],
    "our answers for the validation split: files of alexnet-evaluate --answers, "
    "separated by commas, which are averaged",
)
_OUTPUT = flags.DEFINE(
    command_line.PathParser(), "output", None, "a JSON file for the result"
)
_MODELS_DIR = flags.DEFINE(
    command_line.PathParser(),
    "models_dir",
    None,
    "a directory for every model's answers; models that are there already, of the same "
    "settings and data, are not trained again",
)
_SEED = flags.DEFINE_integer("seed", 0, "of all random choices", lower_bound=0)
_NUM_ATOMS = flags.DEFINE_integer(
    "num_atoms", 512, "atoms of every dictionary", lower_bound=2
)
_NUM_MODES = flags.DEFINE_integer(
    "num_modes", 64, "Gaussians of every mixture", lower_bound=2
)
_NUM_DESCRIPTORS = flags.DEFINE_integer(
    "num_descriptors",
    10_000,
    "descriptors that every dictionary and mixture is learned from",
    lower_bound=100,
)
_NUM_WORKERS = flags.DEFINE_integer(
    "num_workers", None, "processes; by default one for every processor"
)
_MAX_MEMORY_GB = flags.DEFINE_float(
    "max_memory_gb",
    3.0,
    "the most memory that one model's vectors of all images may take, 10^9 bytes",
    lower_bound=0.0,
)


def main() -> None:
    """Reads the flags, trains, prints the table."""
    if _OUTPUT.value:
        files.check_target(_OUTPUT.value)
    worker_pool.check_num_workers(_NUM_WORKERS.value)
    check_packages()
    # Only now: scikit-learn takes seconds to import, and may be missing.
    from tools.baseline_models import comparison, images, models, training

    splits = images.open_splits(_DATA_DIR.value)
    manifest = splits.manifest
    labels = images.read_labels(splits.validation)
    ours = comparison.read_answers(_ANSWERS.value, labels, manifest.num_classes)
    options = training.Options(
        _SEED.value, _NUM_DESCRIPTORS.value, _NUM_WORKERS.value, _MAX_MEMORY_GB.value
    )
    listed = models.list_models(_NUM_ATOMS.value, _NUM_MODES.value)
    trained = []
    for number, model in enumerate(listed, 1):
        position = f"model {number} of {len(listed)}"
        result = _train(model, splits, options, position)
        trained.append(result)
        tuned = result.choice.tried[result.choice.strength]
        spent = sum(t.seconds for t in trained)
        left = progress.format_duration(spent / number * (len(listed) - number))
        print(
            f"{position}, {model.system}, {model.name}: top-1 error on the tuning "
            f"images {tuned:.1%}; about {left} left",
            file=sys.stderr,
        )
    seconds = sum(t.seconds for t in trained)
    systems = {
        name: [t.probabilities for t in trained if t.model.system == name]
        for name in (models.SPARSE_CODING, models.FISHER_VECTORS)
    }
    table = comparison.make_table(
        f"Earlier systems: {len(splits.train):,} training and {len(labels):,} "
        f"validation images, {manifest.num_classes} classes, seed {_SEED.value}",
        {**systems, comparison.OURS: ours},
        labels,
        [f"{progress.format_duration(seconds)} in all."],
    )
    machine = environment.describe()
    find_errors = functools.partial(comparison.compute_errors, labels=labels)
    print(harness.format_table(table, machine))
    if _OUTPUT.value:
        report = {
            **harness.to_json(table, machine),
            "packages": {p: importlib.metadata.version(p) for p in _PACKAGES.values()},
            "settings": dataclasses.asdict(options),
            "data_fingerprint": manifest.fingerprint,
            "seconds": seconds,
            "models": [result.describe(labels) for result in trained],
            "answers": dict(zip(_ANSWERS.value, map(find_errors, ours), strict=True)),
        }
        files.write_json(_OUTPUT.value, report)


def _train(
    model: models.Model,
    splits: images.Splits,
    options: training.Options,
    position: str,
) -> training.Trained:
    """Trains a model, or loads it from --models_dir."""
    from tools.baseline_models import saved_models, training

    directory = _MODELS_DIR.value
    if not directory:
        return training.train(model, splits, options, position)
    files.make_directory(directory)
    path = saved_models.find_path(directory, model, splits, options)
    result = saved_models.load(path, model)
    if result is None:
        result = training.train(model, splits, options, position)
        saved_models.save(path, result)
    return result


def check_packages() -> None:
    """Raises `UserError` if a package of the extra is missing."""
    missing = [p for m, p in _PACKAGES.items() if importlib.util.find_spec(m) is None]
    if missing:
        raise errors.UserError(
            f"this needs {' and '.join(missing)}, which cannot be found. Install the "
            "extra baselines: pip install '.[baselines]'."
        )


if __name__ == "__main__":
    command_line.run(main, __name__, SYNOPSIS, prints_result=lambda: not _OUTPUT.value)
