"""What takes the place of a safeguard that is switched off.

Each function makes a replacement from the original, and each replacement does what a
program without the safeguard would do.
"""

from __future__ import annotations

import functools
import os
import pathlib
import pickle
import stat
from collections.abc import Callable
from typing import Any

from tfrecords import errors


def do_nothing(original: Any) -> Any:
    del original
    return lambda *arguments, **settings: None


def end_at_once(original: Any) -> Any:
    del original
    return lambda self, signal_number, frame: os._exit(1)


def skip_files(fsync: Any) -> Any:
    def flush_directory(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            fsync(descriptor)

    return flush_directory


def write_in_place(original: Any) -> Any:
    del original
    return os.path.abspath


def forget(*prefixes: str) -> Callable[[Any], Any]:
    """A `to_arrays` or `get_variables` without the names that begin so."""

    def replace(original: Any) -> Any:
        @functools.wraps(original)
        def without(self: Any) -> Any:
            found = original(self)
            return {k: v for k, v in found.items() if not k.startswith(prefixes)}

        return without

    return replace


def accept_checksums(fail: Any) -> Any:
    def fail_unless_checksum(self: Any, offset: int, problem: str) -> None:
        if "does not match its checksum" not in problem:
            fail(self, offset, problem)

    return fail_unless_checksum


def take_footer(place: str, data: Any, length: int, footer: bytes) -> int:
    del place, data, length
    return int.from_bytes(footer, "little")


def accept_commit(make_commit: Any) -> Any:
    def read_commit(path: str, step: int) -> bytes:
        written = pathlib.Path(path, "COMMIT")
        # While a checkpoint is written there is none.
        found: bytes = (
            written.read_bytes() if written.exists() else make_commit(path, step)
        )
        return found

    return read_commit


class Unbounded(int):
    """A side of an image whose pixels nobody counts."""

    def __mul__(self, other: int) -> int:
        return 0


def count_no_pixels(read_dimensions: Any) -> Any:
    def read(data: bytes) -> tuple[str, int, int]:
        image_format, width, height = read_dimensions(data)
        return image_format, Unbounded(width), Unbounded(height)

    return read


def believe_the_name(read_dimensions: Any) -> Any:
    """Takes all for JPEGs, as ImageNet's names say."""

    def read(data: bytes) -> tuple[str, int, int]:
        return "JPEG", *read_dimensions(data)[1:]

    return read


def pass_all(original: Any) -> Any:
    del original
    return lambda data: (data, b"")


def count_no_pixels_in_graph(read_num_pixels: Any) -> Any:
    return lambda image_bytes: read_num_pixels(image_bytes) * 0


def give_up(replace: Any) -> Any:
    del replace

    def refuse(self: Any, lost: Any) -> Any:
        raise errors.UserError("a worker has ended")

    return refuse


def import_anything(find_class: Any) -> Any:
    del find_class
    return pickle.Unpickler.find_class


def trust_the_length(check_header: Any) -> Any:
    del check_header
    return lambda place, offset, header, num_bytes: int.from_bytes(header[:8], "little")


def believe_notes(read_if_unchanged: Any) -> Any:
    """Takes what was noted of a shard for what the shard is."""
    del read_if_unchanged

    def read(data_dir: str, name: str) -> Any:
        from tfrecords.conversion import finished_shards
        from tfrecords.durable import npz

        path = finished_shards._make_side_path(data_dir, name)
        return finished_shards._parse(npz.load(path))

    return read
