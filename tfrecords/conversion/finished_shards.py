"""Which shards of a conversion are finished: what the next start knows after a kill.

Beside the shards is the directory `.progress`: `plan.json`, the plan's description, and
for every finished shard a side file `<shard>.npz` with what index, statistics and
manifest will need to know of it. The side file is published after the shard and names
its size and SHA-256; it is trusted only while the shard still has both.

No file is written to twice and none is shared by two shards, so that several machines
could write shards into one directory.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Callable, Mapping
from concurrent import futures
from typing import Any

import numpy as np

from tfrecords import errors, limits
from tfrecords.conversion import plan, shard_writer
from tfrecords.durable import files, json_records, npz
from tfrecords.shards import manifest, statistics
from tfrecords.shards.directory_files import ShardContents

PROGRESS_DIR_NAME = ".progress"
FORMAT_NAME = "alexnet-conversion"
FORMAT_VERSION = 1

_PLAN_NAME = "plan.json"
# Of conversions begun before there were side files.
_JOURNAL_NAME = "journal"
# In a side file, beside the arrays: a `FinishedShard` as JSON, uint8 [n].
_DESCRIPTION = "description"


@dataclasses.dataclass(frozen=True)
class _PlanFile:
    plan: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class FinishedShard:
    """A finished shard, without its records' lengths and checksums."""

    info: manifest.ShardInfo
    rejects: tuple[manifest.Reject, ...]  # in the order of the plan
    largest: shard_writer.LargestImage | None  # None if it has no image


def find(
    data_dir: str,
    description: Mapping[str, Any],
    num_threads: int = 1,
    check_stop: Callable[[], None] = lambda: None,
) -> tuple[dict[str, FinishedShard], list[str]]:
    """Finds the finished shards of a conversion, or begins the conversion.

    The caller holds the directory's lock. Temporary files that a killed process left
    are removed. `description` is the plan's. Up to `num_threads` shards are read at a
    time; `check_stop` is called before each and may raise to stop.

    Returns:
      The finished shards by name, and the names of those that were changed after they
      were finished, sorted.

    Raises:
      UserError: if the directory holds the conversion of another plan, or one begun by
        an earlier version of this program; nothing is changed.
      DataError: if the plan's file is damaged.
      StorageError: if the disk is full, read-only or failing.
    """
    progress_dir = os.path.join(data_dir, PROGRESS_DIR_NAME)
    if os.path.lexists(os.path.join(progress_dir, _JOURNAL_NAME)):
        raise errors.UserError(
            f"{data_dir} holds a conversion that an earlier version of alexnet-convert "
            "began and that this version cannot resume. Finish it with that version, "
            "or delete the directory and convert again."
        )
    path = os.path.join(progress_dir, _PLAN_NAME)
    is_new = not os.path.lexists(path)
    if not is_new:
        begun = json_records.read(
            path,
            _PlanFile,
            remedy=f"Delete {data_dir}, which is unfinished, and convert again.",
            format_name=FORMAT_NAME,
            version=FORMAT_VERSION,
            may_be_sealed=True,
        )
        check_same_plan(data_dir, begun.plan, description)
    files.make_directory(progress_dir)
    files.remove_temporary_files(data_dir)
    files.remove_temporary_files(progress_dir)
    if is_new:
        header = {"format": FORMAT_NAME, "version": FORMAT_VERSION}
        json_records.write_sealed(path, {**header, "plan": dict(description)})

    def read_if_unchanged(name: str) -> FinishedShard | None:
        check_stop()
        return _read_if_unchanged(data_dir, name)

    names = sorted(
        os.path.splitext(name)[0]
        for name in os.listdir(progress_dir)
        if name.endswith(".npz")
    )
    with futures.ThreadPoolExecutor(num_threads) as pool:
        found = dict(zip(names, pool.map(read_if_unchanged, names), strict=True))
    finished = {name: shard for name, shard in found.items() if shard is not None}
    return finished, [name for name in names if name not in finished]


def add(data_dir: str, name: str, result: shard_writer.ShardResult) -> FinishedShard:
    """Publishes a shard, then its side file, durably; raises `StorageError`."""
    files.publish(result.temporary, os.path.join(data_dir, name))
    save_result(_make_side_path(data_dir, name), result)
    return FinishedShard(result.contents.info, result.rejects, result.largest)


def save_result(path: str, result: shard_writer.ShardResult) -> None:
    """Writes a side file: all of `result` but its path; raises `StorageError`."""
    contents = result.contents
    shard = FinishedShard(contents.info, result.rejects, result.largest)
    text = json.dumps(dataclasses.asdict(shard)).encode()
    arrays = {
        "lengths": contents.lengths,
        "checksums": contents.checksums,
        "class_counts": contents.class_counts,
        _DESCRIPTION: np.frombuffer(text, np.uint8),
    }
    if contents.accumulator is not None:
        arrays.update(contents.accumulator.to_arrays())
    npz.save(path, arrays)


def load_result(path: str, temporary: str) -> shard_writer.ShardResult:
    """The result whose side file is at `path` and whose shard is at `temporary`.

    Raises `DataError` if the side file is damaged.
    """
    arrays = npz.load(path)
    with json_records.explain_damage(path, "Run the same command again."):
        shard = _parse(arrays)
        contents = ShardContents(
            info=shard.info,
            lengths=arrays["lengths"],
            checksums=arrays["checksums"],
            class_counts=arrays["class_counts"],
            accumulator=(
                statistics.Accumulator.from_arrays(arrays)
                if "image_sum" in arrays
                else None
            ),
        )
    return shard_writer.ShardResult(temporary, contents, shard.rejects, shard.largest)


def read_contents(data_dir: str, name: str) -> ShardContents:
    """What a shard's side file says; raises `DataError` if the file is damaged."""
    path = os.path.join(data_dir, name)
    return load_result(_make_side_path(data_dir, name), path).contents


def is_begun(data_dir: str) -> bool:
    """Whether a conversion was begun in `data_dir` and not finished."""
    progress_dir = os.path.join(data_dir, PROGRESS_DIR_NAME)
    return any(
        os.path.isfile(os.path.join(progress_dir, name))
        for name in (_PLAN_NAME, _JOURNAL_NAME)
    )


def remove(data_dir: str) -> None:
    """Removes the plan and the side files of a conversion that is finished."""
    progress_dir = os.path.join(data_dir, PROGRESS_DIR_NAME)
    with files.storage_errors(progress_dir):
        if os.path.isdir(progress_dir):
            shutil.rmtree(progress_dir)
            files.fsync_directory(data_dir)


def check_same_plan(
    data_dir: str, begun: Mapping[str, Any], description: Mapping[str, Any]
) -> None:
    """Raises `UserError`, listing the differences, unless the descriptions are equal.

    `begun` describes the conversion in `data_dir`, `description` that asked for.
    """
    differences = plan.find_differences(begun, description)
    if differences:
        # Another source differs in everything.
        shown = [d for d in differences if d.startswith("source:")] or differences
        more = f"; {len(shown) - 5} more" if len(shown) > 5 else ""
        raise errors.UserError(
            f"{data_dir} holds a conversion of another source or with other settings: "
            f"{'; '.join(shown[:5])}{more}. Use the same source and settings to resume "
            "it, or another --data_dir."
        )


def _make_side_path(data_dir: str, name: str) -> str:
    return os.path.join(data_dir, PROGRESS_DIR_NAME, f"{name}.npz")


def _parse(arrays: Mapping[str, np.ndarray]) -> FinishedShard:
    value = json.loads(arrays[_DESCRIPTION].tobytes())
    return json_records.convert(FinishedShard, value)


def _read_if_unchanged(data_dir: str, name: str) -> FinishedShard | None:
    """None unless the side file is sound and the shard is the one that it names."""
    shard_path = os.path.join(data_dir, name)
    try:
        shard = _parse(npz.load(_make_side_path(data_dir, name)))
        is_unchanged = (
            shard.info.name == name
            and os.path.getsize(shard_path) == shard.info.num_bytes
            and files.compute_digest(shard_path) == shard.info.sha256
        )
    except (OSError, ValueError, KeyError, errors.DataError) as error:
        # Reaching a limit, such as that of open files, does not make the shard bad.
        limits.refuse(error)
        return None
    return shard if is_unchanged else None
