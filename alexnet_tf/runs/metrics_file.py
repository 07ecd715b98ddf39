"""`metrics.jsonl`: the measurements of each step, one JSON object per line.

A line is passed to the operating system at once and flushed to disk before the next
checkpoint is written. The checkpoint records the number of lines, so that a resumed run
can detect lost lines.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from typing import Any

from tfrecords import errors
from tfrecords.durable import files


class MetricsFile:
    """The metrics of a run while this process holds its directory.

    `num_lines`, the lines in the file, is known after `rewind`.
    """

    def __init__(self, path: str):
        self._path = path
        self.num_lines = 0

    def append(self, values: Mapping[str, Any]) -> None:
        """Appends a line, creating the file, and passes it to the operating system.

        The values are an integer "step" and any others: numbers (also NumPy's; a
        non-finite one becomes null), text, booleans, lists and dictionaries of them.
        Raises `StorageError` if the disk is full, read-only or failing.
        """
        if not isinstance(values.get("step"), int):
            raise ValueError(f"metrics need an integer 'step': {values}")
        line = json.dumps(_to_json(values), allow_nan=False) + "\n"
        with files.storage_errors(self._path), open(self._path, "ab") as file:
            file.write(line.encode())
        self.num_lines += 1

    def sync(self) -> int:
        """Flushes the lines to the disk; returns their count; raises `StorageError`."""
        if os.path.exists(self._path):
            with files.storage_errors(self._path):
                with open(self._path, "rb") as file:
                    os.fsync(file.fileno())
                files.fsync_directory(os.path.dirname(self._path))
        return self.num_lines

    def rewind(self, step: int, num_saved: int | None) -> list[str]:
        """Drops the lines of steps after `step`, and a truncated last line.

        The run resumes from the checkpoint of `step`, or, with 0, is new. `num_saved`
        is the number of lines when that checkpoint was saved; None if unknown or if
        there is no checkpoint.

        Returns:
          Warnings for the user: missing lines, and lines dropped because the run starts
          over.

        Raises:
          DataError: if a line that is not the last cannot be read.
          StorageError: if the file cannot be written.
        """
        lines: list[bytes] = []
        if os.path.exists(self._path):
            with open(self._path, "rb") as file:
                lines = file.read().splitlines(keepends=True)
        kept, last_dropped = [], 0
        for number, line in enumerate(lines, 1):
            try:
                line_step = int(json.loads(line)["step"])
            except (ValueError, KeyError, TypeError) as error:
                if number == len(lines):
                    break
                raise errors.DataError(
                    f"line {number} of {self._path} is damaged: it is not a JSON "
                    "object with a step. Remove the line or the file, then run the "
                    "same command again."
                ) from error
            if line_step > step:
                last_dropped = max(last_dropped, line_step)
            elif line.endswith(b"\n"):
                kept.append(line)
        if len(kept) < len(lines):
            files.write_bytes(self._path, b"".join(kept))
        self.num_lines = len(kept)
        warnings = []
        if num_saved is not None and len(kept) < num_saved:
            warnings.append(
                f"{self._path} has a gap: only {len(kept)} of the {num_saved} lines "
                f"that it had at step {step} are left. A power failure or an edit "
                "removed the others; the weights are not affected."
            )
        if step == 0 and last_dropped:
            warnings.append(
                f"no checkpoint had been saved, so the run starts over: "
                f"{len(lines) - len(kept)} lines of {self._path}, up to step "
                f"{last_dropped}, were removed."
            )
        return warnings


def read_lines(path: str) -> Iterator[dict[str, Any]]:
    """The readable lines; none if there is no file.

    Skips the others; `MetricsFile.rewind` reports them.
    """
    if os.path.exists(path):
        with open(path, "rb") as file:
            for line in file:
                with contextlib.suppress(ValueError):
                    values = json.loads(line)
                    if isinstance(values, dict):
                        yield values


def _to_json(value: Any) -> Any:
    """Converts to JSON values; NumPy scalars become numbers, NaN and infinity null."""
    if isinstance(value, Mapping):
        return {str(key): _to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
