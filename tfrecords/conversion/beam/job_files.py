"""The files through which a Beam job and its driver communicate.

The driver makes a directory below `.progress`, on the file system of the shards, which
all workers share:

  plan                   what is to be written, pickled by the driver
  SHARD.begun            number of images that a worker has begun
  SHARD@ID               a whole shard, flushed to the disk
  SHARD@ID.npz           its side file, published after it
  SHARD.error            why a shard cannot be written

Only the driver, which holds the data directory's lock, gives a shard its final name.
The directory has a new name in every start. A worker of a job that has ended finds its
directory gone, and can change nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import pickle
import socket
import uuid
from collections.abc import Container, Iterator, Sequence
from typing import Any

from tfrecords import errors, limits
from tfrecords.conversion import finished_shards, plan, shard_writer
from tfrecords.durable import files
from tfrecords.sources import Source

_PLAN_NAME = "plan"
_SIDE_SUFFIX, _BEGUN_SUFFIX, _ERROR_SUFFIX = ".npz", ".begun", ".error"


@dataclasses.dataclass(frozen=True)
class JobPlan:
    """What every worker needs to know; too large for a pipeline's graph."""

    source: Source
    settings: plan.ConvertSettings  # completed by `plan.make_plan`
    versions: dict[str, Any]  # the driver's `plan.find_versions`
    shards: dict[str, plan.ShardPlan]  # by name


@dataclasses.dataclass(frozen=True)
class JobFiles:
    """The files of one job; small, and pickled into the pipeline."""

    directory: str  # absolute; the same path on every machine
    plan_digest: str  # SHA-256 of the plan's file

    def read_plan(self) -> JobPlan:
        """The plan, as the driver wrote it.

        Raises `DataError` if the directory is not shared with the driver, or has ended,
        or the file is not the driver's.
        """
        path = os.path.join(self.directory, _PLAN_NAME)
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError as error:
            limits.refuse(error)
            raise errors.DataError(
                f"{path} cannot be read on {socket.gethostname()} ({error.strerror}). "
                "Give every machine the same file system at the same path; if the "
                "conversion was stopped, nothing is wrong."
            ) from error
        # Unpickling runs what the file says. The digest came with the pipeline.
        if hashlib.sha256(data).hexdigest() != self.plan_digest:
            raise errors.DataError(
                f"{path} is not the file that the driver wrote. Give every machine the "
                "same file system at the same path."
            )
        result = pickle.loads(data)
        assert isinstance(result, JobPlan)
        return result

    def make_worker_directory(self) -> str:
        """A new directory for one worker's unfinished files."""
        path = os.path.join(self.directory, f"worker-{uuid.uuid4().hex}")
        with files.read_errors(self.directory):
            os.mkdir(path)
        return path

    def add_result(self, name: str, result: shard_writer.ShardResult) -> None:
        """Hands a shard over to the driver; raises `StorageError`."""
        # Runners may start a task twice at a time; the results never mix.
        path = os.path.join(self.directory, f"{name}@{uuid.uuid4().hex}")
        files.publish(result.temporary, path)
        finished_shards.save_result(path + _SIDE_SUFFIX, result)

    def read_results(
        self, names: Container[str]
    ) -> Iterator[tuple[str, shard_writer.ShardResult]]:
        """Yields the whole shards among `names`, each once."""
        for entry in self._list():
            stem, suffix = os.path.splitext(entry)
            name = stem.partition("@")[0]
            if suffix == _SIDE_SUFFIX and name in names and entry[0] != ".":
                path = os.path.join(self.directory, stem)
                yield name, finished_shards.load_result(path + _SIDE_SUFFIX, path)

    def set_num_begun(self, name: str, num_images: int) -> None:
        """Reports progress within a shard; raises `DataError` if the job has ended."""
        path = os.path.join(self.directory, name + _BEGUN_SUFFIX)
        with files.read_errors(path), open(path, "w") as file:
            file.write(str(num_images))

    def count_begun(self, names: Container[str]) -> int:
        """The images begun in those shards of `names` that are not whole."""
        total = 0
        for entry in self._list():
            name, suffix = os.path.splitext(entry)
            if suffix == _BEGUN_SUFFIX and name in names:
                with open(os.path.join(self.directory, entry)) as file:
                    # Empty while a worker writes it.
                    total += int(file.read() or 0)
        return total

    def add_error(self, name: str, error: Exception) -> None:
        """Reports why a shard cannot be written, if anybody listens."""
        kind = type(error).__name__ if isinstance(error, errors.UserError) else ""
        text = str(error)
        if explained := limits.explain(error):
            kind, text = errors.UserError.__name__, explained
        value = {"kind": kind, "text": text, "host": socket.gethostname()}
        path = os.path.join(self.directory, name + _ERROR_SUFFIX)
        # Without a disk or a driver, Beam is left to tell the error.
        with contextlib.suppress(errors.UserError):
            files.write_json(path, value)

    def raise_error(self) -> None:
        """Raises a worker's error, if there is one, as if it had happened here.

        Raises:
          UserError: or a class derived from it, if a worker raised it.
          RuntimeError: for any other exception, with its text and the machine's name.
        """
        for entry in self._list():
            if entry.endswith(_ERROR_SUFFIX) and entry[0] != ".":
                with open(os.path.join(self.directory, entry)) as file:
                    value = json.load(file)
                kind = getattr(errors, value["kind"], None)
                if isinstance(kind, type) and issubclass(kind, errors.UserError):
                    raise kind(value["text"])
                raise RuntimeError(f"on {value['host']}: {value['text']}")

    def _list(self) -> list[str]:
        with files.read_errors(self.directory):
            return sorted(os.listdir(self.directory))


@dataclasses.dataclass(frozen=True)
class JobRequest:
    """What the driver asks `pipeline.main` for."""

    runner: str  # one of `runners.BEAM_RUNNERS`
    arguments: Sequence[str]  # Beam's, from `runners.check`
    job: JobFiles
    shards: Sequence[str]  # names

    def to_json(self) -> str:
        """The request as one line."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> JobRequest:
        """The request that `to_json` wrote."""
        value = json.loads(text)
        return cls(**{**value, "job": JobFiles(**value["job"])})


def create(data_dir: str, the_plan: JobPlan) -> JobFiles:
    """Makes a job's directory in a conversion's `data_dir`; raises `StorageError`.

    The next start of the conversion removes it, if this one does not.
    """
    directory = os.path.join(
        os.path.abspath(data_dir),
        finished_shards.PROGRESS_DIR_NAME,
        f".beam{files.TEMPORARY_MARK}{uuid.uuid4().hex}",
    )
    files.make_directory(directory)
    data = pickle.dumps(the_plan)
    files.write_bytes(os.path.join(directory, _PLAN_NAME), data)
    return JobFiles(directory, hashlib.sha256(data).hexdigest())
