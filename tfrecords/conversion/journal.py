"""What of a conversion is finished: the memory between a kill and the next start.

Beside the shards lies `.progress/`: `journal`, whose first line is the plan's
description and every other line a finished shard as JSON, appended and flushed to the
disk after the shard has its final name; and one `.npz` a shard with what the index,
the manifest and the statistics will need of it. A line is believed only while the
files it names have the sizes and checksums that it names.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Callable
from concurrent import futures
from typing import Any

from tfrecords import errors, limits
from tfrecords.conversion import plan, shard_writer
from tfrecords.durable import files, npz
from tfrecords.shards import record_file

PROGRESS_DIR_NAME = ".progress"
_JOURNAL_NAME = "journal"


@dataclasses.dataclass(frozen=True)
class FinishedShard:
    """A line of the journal.

    Attributes:
      name: the shard's file name.
      num_records: its records.
      num_bytes: its size.
      sha256: its SHA-256, hexadecimal.
      parts_sha256: SHA-256 of its `.npz` in `.progress/`.
      rejects: (file name, reason) in the plan's order.
      largest: (height, width, file name) of its largest image; None if it has none.
    """

    name: str
    num_records: int
    num_bytes: int
    sha256: str
    parts_sha256: str
    rejects: tuple[tuple[str, str], ...]
    largest: tuple[int, int, str] | None


class Journal:
    """The finished shards of one plan in one directory, whose lock the caller holds.

    Attributes:
      finished: by shard name.
      distrusted: names of shards that the journal lists but whose files have changed.
    """

    def __init__(
        self,
        data_dir: str,
        description: dict[str, Any],
        num_threads: int = 1,
        report_check: Callable[[], None] = lambda: None,
    ):
        """Opens the directory's journal, or begins one.

        Args:
          data_dir: the directory of the shards.
          description: of the plan (`plan.Plan.description`).
          num_threads: how many shards are read back at a time.
          report_check: called before each shard is read back; may raise to stop.

        Raises:
          UserError: where the journal is of another plan; nothing is touched.
          StorageError: where the disk is full, read-only or failing.
        """
        self._data_dir = data_dir
        self._path = os.path.join(data_dir, PROGRESS_DIR_NAME, _JOURNAL_NAME)
        there, listed = _read(self._path)
        if there is not None:
            check_same_plan(data_dir, there, description)
        files.make_directory(os.path.dirname(self._path))
        files.remove_temporary_files(data_dir)
        files.remove_temporary_files(os.path.dirname(self._path))

        def is_intact(shard: FinishedShard) -> bool:
            report_check()
            return self._is_intact(shard)

        with futures.ThreadPoolExecutor(num_threads) as pool:
            verdicts = list(pool.map(is_intact, listed))
        self.finished = {
            shard.name: shard
            for shard, intact in zip(listed, verdicts, strict=True)
            if intact
        }
        self.distrusted = sorted({s.name for s in listed} - self.finished.keys())
        # Written anew, so that neither a torn line nor a distrusted one stays.
        lines = [{"plan": description}]
        lines += [dataclasses.asdict(shard) for shard in self.finished.values()]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        files.write_bytes(self._path, text.encode())

    def add(self, name: str, result: shard_writer.ShardResult) -> FinishedShard:
        """Gives the shard its final name and remembers it, durably.

        Raises:
          StorageError: where the disk is full, read-only or failing.
        """
        arrays = {
            "lengths": result.lengths,
            "checksums": result.checksums,
            "class_counts": result.class_counts,
        }
        if result.accumulator is not None:
            arrays.update(result.accumulator.to_arrays())
        parts_path = self._make_parts_path(name)
        npz.save(parts_path, arrays)
        files.publish(result.temporary, os.path.join(self._data_dir, name))
        shard = FinishedShard(
            name=name,
            num_records=len(result.lengths),
            num_bytes=result.num_bytes,
            sha256=result.sha256,
            parts_sha256=files.compute_digest(parts_path),
            rejects=result.rejects,
            largest=(
                None if result.largest is None else dataclasses.astuple(result.largest)
            ),
        )
        line = json.dumps(dataclasses.asdict(shard)) + "\n"
        with files.storage_errors(self._path), open(self._path, "ab") as file:
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())
        self.finished[name] = shard
        return shard

    def read_parts(self, name: str) -> dict[str, Any]:
        """The arrays of a finished shard: `lengths`, `checksums`, `class_counts`, sums.

        The sums, of the training split, are those of `Accumulator.to_arrays`.
        """
        parts = npz.load(self._make_parts_path(name))
        if "checksums" not in parts:  # Begun by an earlier version.
            path = os.path.join(self._data_dir, name)
            parts["checksums"] = record_file.read_checksums(path, parts["lengths"])
        return parts

    def _make_parts_path(self, name: str) -> str:
        return os.path.join(self._data_dir, PROGRESS_DIR_NAME, f"{name}.npz")

    def _is_intact(self, shard: FinishedShard) -> bool:
        path = os.path.join(self._data_dir, shard.name)
        try:
            return (
                os.path.getsize(path) == shard.num_bytes
                and files.compute_digest(path) == shard.sha256
                and files.compute_digest(self._make_parts_path(shard.name))
                == shard.parts_sha256
            )
        except OSError as error:
            # A shard that cannot be looked at now is not to be made again.
            limits.refuse(error)
            return False


def has_journal(data_dir: str) -> bool:
    """Whether a conversion was begun in `data_dir` and not finished."""
    return os.path.isfile(os.path.join(data_dir, PROGRESS_DIR_NAME, _JOURNAL_NAME))


def remove(data_dir: str) -> None:
    """Removes the journal and the parts of a conversion that is finished."""
    progress_dir = os.path.join(data_dir, PROGRESS_DIR_NAME)
    with files.storage_errors(progress_dir):
        if os.path.isdir(progress_dir):
            shutil.rmtree(progress_dir)
            files.fsync_directory(data_dir)


def check_same_plan(data_dir: str, there: dict[str, Any], here: dict[str, Any]) -> None:
    """Raises `UserError`, listing what differs, unless the descriptions are equal."""
    differences = plan.find_differences(there, here)
    if differences:
        # Another source differs in everything.
        shown = [d for d in differences if d.startswith("source:")] or differences
        more = f"; {len(shown) - 5} more" if len(shown) > 5 else ""
        raise errors.UserError(
            f"{data_dir} holds a conversion of other input or settings: "
            f"{'; '.join(shown[:5])}{more}. Give the same input and settings to go on "
            "with it, or another --data_dir."
        )


def _read(path: str) -> tuple[dict[str, Any] | None, list[FinishedShard]]:
    """The plan's description (None without a journal) and the lines that are whole."""
    try:
        with open(path, "rb") as file:
            lines = file.read().split(b"\n")
    except FileNotFoundError:
        return None, []
    try:
        description = json.loads(lines[0])["plan"]
    except (ValueError, KeyError, TypeError) as error:
        raise errors.DataError(
            f"{path} is damaged ({error!r}). Delete the directory, which holds an "
            "unfinished conversion, and convert again."
        ) from error
    shards: dict[str, FinishedShard] = {}
    for line in lines[1:]:
        # A kill or a power cut can tear the line being written; its shard is remade.
        try:
            shard = FinishedShard(**json.loads(line))
            shards[shard.name] = dataclasses.replace(
                shard,
                rejects=tuple((name, reason) for name, reason in shard.rejects),
            )
        except (ValueError, TypeError, AttributeError):
            continue
    return description, list(shards.values())
