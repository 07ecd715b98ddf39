"""Runs a queue of runs, one at a time; stops and resumes at any moment (ours).

Each run trains in OUTPUT/runs/NAME and leaves a record. A run that has a record is not
repeated; one that was stopped resumes from its newest checkpoint. The directory of a
finished run is removed once no other run starts from its weights.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Collection, Mapping, Sequence

from alexnet_tf.data import folds
from alexnet_tf.experiments.claims.data_sets import DATA_SETS, DataSet
from alexnet_tf.network.networks import NETWORKS
from alexnet_tf.reproduce import run_records
from alexnet_tf.reproduce.plan import Run
from alexnet_tf.reproduce.run_records import RunRecord
from alexnet_tf.runs import metrics_file, run_record
from tfrecords import errors
from tfrecords.console import progress
from tfrecords.durable import files, locks
from tfrecords.plurals import counted
from tfrecords.shards import manifest

WORK_NAME = "runs"


def find_data(runs: Sequence[Run], data_root: str) -> dict[str, manifest.Manifest]:
    """The manifests of the data sets that the runs need, by name.

    Raises:
      UserError: if one is missing, or is not what the claims need, saying how to make
        it.
    """
    found = {}
    for name in dict.fromkeys(run.data for run in runs):
        path = os.path.join(data_root, name)
        what, command = DATA_SETS[name].what, DATA_SETS[name].format_command(path)
        if not os.path.isdir(path):
            raise errors.UserError(
                f"{path} is missing: {what}, which the claims need. Make it with "
                f"{command}, or correct --data_root."
            )
        splits = {run.split for run in runs if run.data == name} | {"train"}
        try:
            found[name] = manifest.read_manifest(path)
            _check_data(found[name], DATA_SETS[name], splits)
        except errors.UserError as error:
            raise errors.UserError(
                f"{path} should hold {what}: {error} Make it with {command}, or "
                "correct --data_root."
            ) from error
    return found


def _check_data(
    info: manifest.Manifest, expected: DataSet, splits: Collection[str]
) -> None:
    if info.image_size != expected.image_size:
        raise errors.UserError(
            f"its images have {info.image_size} pixels per side, and the claims need "
            f"{expected.image_size}."
        )
    counts = expected.class_counts
    if counts and info.num_classes not in counts:
        raise errors.UserError(
            f"it has {counted(info.num_classes, 'class')}, and the claims need "
            f"{' or '.join(map(str, counts))}."
        )
    for split in splits:
        needed = "train" if split == folds.HELD_OUT else split
        if needed not in info.splits:
            raise errors.UserError(f"it has no {needed} split, which the claims need.")


def check_records(
    records: Mapping[str, RunRecord],
    data: Mapping[str, manifest.Manifest],
    records_dir: str,
) -> None:
    """Raises `UserError` if a record is of other data than `data`, by name."""
    for record in records.values():
        info = data.get(record.data)
        if info is not None and info.images_fingerprint != record.data_fingerprint:
            raise errors.UserError(
                f"{run_records.find_path(records_dir, record.name)} was made with "
                f"other data than {record.data} now has. Give the data of that time, "
                "or other --records_dir and --output_dir."
            )


def run_queue(
    runs: Sequence[Run],
    data_root: str,
    output_dir: str,
    records_dir: str,
    command: Sequence[str],
) -> dict[str, RunRecord]:
    """Runs what has no record yet, in order, and returns all records by name.

    Raises:
      UserError: if data, records or directories do not fit the runs.
      InUseError: if another process runs claims in `output_dir`.
      Interrupted: after SIGTERM, SIGINT or SIGHUP, once the run's state is saved.
    """
    from alexnet_tf.reproduce.execute import execute

    data = find_data(runs, data_root)
    records = dict(run_records.read_all(records_dir))
    asked = {run.name: records[run.name] for run in runs if run.name in records}
    check_records(asked, data, records_dir)
    files.make_directory(output_dir)
    with locks.directory_lock(output_dir, "alexnet-reproduce"):
        work_dir = os.path.join(output_dir, WORK_NAME)
        finished = find_finished(runs, records, work_dir)
        line = QueueLine(runs, data, finished)
        for run in runs:
            _remove_unneeded(runs, finished, work_dir)
            if run.name in finished:
                continue
            line.begin(run)
            records[run.name] = execute(
                run,
                os.path.join(data_root, run.data),
                os.path.join(work_dir, run.name),
                records_dir,
                command,
                line.advance,
            )
            line.end(records[run.name])
            finished.add(run.name)
        _remove_unneeded(runs, finished, work_dir)
    return records


def find_finished(
    runs: Sequence[Run], records: Mapping[str, RunRecord], work_dir: str
) -> set[str]:
    """The names of the runs that need not be run (again)."""
    # A claim that came later may ask more of a run than its record has.
    finished = {
        run.name
        for run in runs
        if run.name in records and set(run.probes) <= set(records[run.name].probes)
    }
    # A run that others start from is needed with its weights, not only its record. The
    # origins of a run come before it.
    for run in reversed(runs):
        if run.origin and run.name not in finished:
            record = records.get(run.origin.name)
            if record and not _has_weights(record, work_dir):
                finished.discard(run.origin.name)
    return finished


def _has_weights(record: RunRecord, work_dir: str) -> bool:
    """Whether the run's directory is there, with all epochs of its record."""
    path = os.path.join(work_dir, record.name, run_record.METRICS_NAME)
    if not os.path.exists(path):
        return False
    lines = metrics_file.read_lines(path)
    trained = {line["epoch"] for line in lines if line["kind"] == "epoch"}
    return len(trained) >= len(record.epochs)


def _remove_unneeded(
    runs: Sequence[Run], finished: Collection[str], work_dir: str
) -> None:
    """Removes the directories of finished runs that no unfinished run starts from.

    Their checkpoints are many times larger than all records.
    """
    left = [run for run in runs if run.name not in finished]
    needed = {run.origin.name for run in left if run.origin}
    for name in set(finished) - needed:
        path = os.path.join(work_dir, name)
        if os.path.isdir(path):
            shutil.rmtree(path)


class QueueLine:
    """Prints how far the queue is, and how long the rest will take.

    Work is estimated as images * pixels * towers * width^1.5, which is about how the
    time of a step grows, so that small networks do not make long runs look short.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        data: Mapping[str, manifest.Manifest],
        finished: set[str],
    ):
        self._data = data
        self._left = [run for run in runs if run.name not in finished]
        self._num_runs = len(runs)
        self._line = progress.LiveLine()
        self._begun = time.monotonic()
        self._work_done = 0.0
        self._epoch: int | None = None

    def begin(self, run: Run) -> None:
        """Announces a run."""
        number = self._num_runs - len(self._left) + 1
        self._line.print_above(
            f"run {number} of {self._num_runs}: {run.name}; "
            f"{self._format_left(self._sum_left())}"
        )
        self._epoch = None

    def advance(self, epoch: int) -> None:
        """Announces the end of an evaluated epoch of the run."""
        run = self._left[0]
        # A resumed run had epochs behind it when this command began.
        before = epoch - run.config.eval_every_epochs if self._epoch is None else 0
        num_done = epoch - max(before, self._epoch or 0)
        self._work_done += num_done * self._cost_of_epoch(run)
        self._epoch = epoch
        left = self._sum_left() - epoch * self._cost_of_epoch(run)
        number = self._num_runs - len(self._left) + 1
        self._line.print_above(
            f"run {number} of {self._num_runs}, epoch {epoch} of "
            f"{run.config.num_epochs}; {self._format_left(left)}"
        )

    def end(self, record: RunRecord) -> None:
        """Announces a run's result."""
        del self._left[0]
        error = record.get_error(record.split, "ten_views", "top1")
        self._line.print_above(
            f"{record.name}: top-1 error {error:.2%} by ten views, after "
            f"{counted(len(record.epochs), 'epoch')}"
        )

    def _sum_left(self) -> float:
        return sum(self._cost_of_epoch(r) * r.config.num_epochs for r in self._left)

    def _cost_of_epoch(self, run: Run) -> float:
        num_images = folds.count_rest(
            self._data[run.data].get_split("train").num_records, run.config.data
        )
        pixels = run.config.data.crop_size**2
        towers = NETWORKS[run.config.model.network].num_towers
        return num_images * pixels * towers * run.config.model.width**1.5

    def _format_left(self, work: float) -> str:
        seconds = time.monotonic() - self._begun
        if not self._work_done or seconds <= 0:
            minutes = sum(run.minutes for run in self._left)
            return (
                f"about {progress.format_duration(60 * minutes)} left, by the claims' "
                "estimates"
            )
        left = work * seconds / self._work_done
        return f"about {progress.format_duration(left)} left"
