"""The safeguards, and how each is switched off, to see that a fault finds it missing.

A safeguard is switched off by replacing a function or value of the product. The
replacement reaches the processes that a fault starts through an environment variable
and `switched_off/sitecustomize.py`, which Python runs at its start.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import os
import pathlib
import pickle
import stat
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from tfrecords import errors

VARIABLE = "ALEXNET_SWITCHED_OFF"
# First in PYTHONPATH of the processes that are started.
SITE = str(pathlib.Path(__file__).with_name("switched_off"))


@dataclasses.dataclass(frozen=True)
class Safeguard:
    """Something that keeps a guarantee.

    Attributes:
      name: short, unique.
      title: what it does, for the page.
      target: what is replaced, "module:attribute" or "module:Class.attribute".
      replace: makes the replacement from the original.
      fault: the kind of fault that must break its guarantee without it.
      cases: a regular expression of the cases to inject, the most likely ones; "" for
        all.
    """

    name: str
    title: str
    target: str
    replace: Callable[[Any], Any]
    fault: str
    cases: str = ""


def _do_nothing(original: Any) -> Any:
    del original
    return lambda *arguments, **settings: None


def _skip_files(fsync: Any) -> Any:
    def flush_directory(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            fsync(descriptor)

    return flush_directory


def _write_in_place(original: Any) -> Any:
    del original
    return os.path.abspath


def _forget(*prefixes: str) -> Callable[[Any], Any]:
    """A `to_arrays` or `get_variables` without the names that begin so."""

    def replace(original: Any) -> Any:
        @functools.wraps(original)
        def without(self: Any) -> Any:
            found = original(self)
            return {k: v for k, v in found.items() if not k.startswith(prefixes)}

        return without

    return replace


class _Unbounded(int):
    """A side of an image whose pixels nobody counts."""

    def __mul__(self, other: int) -> int:
        return 0


def _count_no_pixels(read_dimensions: Any) -> Any:
    def read(data: bytes) -> tuple[str, int, int]:
        image_format, width, height = read_dimensions(data)
        return image_format, _Unbounded(width), _Unbounded(height)

    return read


def _believe_the_name(read_dimensions: Any) -> Any:
    """Takes all for JPEGs, as ImageNet's names say."""

    def read(data: bytes) -> tuple[str, int, int]:
        return "JPEG", *read_dimensions(data)[1:]

    return read


def _pass_all(original: Any) -> Any:
    del original
    return lambda data: (data, b"")


def _count_no_pixels_in_graph(read_num_pixels: Any) -> Any:
    return lambda image_bytes: read_num_pixels(image_bytes) * 0


def _give_up(replace: Any) -> Any:
    del replace

    def refuse(self: Any, lost: Any) -> Any:
        raise errors.UserError("a worker has ended")

    return refuse


def _skip_the_checksum(parse: Any) -> Any:
    """Gives each header its right checksum before it is compared."""

    def parse_repaired(self: Any, block: bytes, offset: int) -> Any:
        fixed = block[:148] + b" " * 8 + block[156:]
        return parse(self, block[:148] + b"%06o\0 " % sum(fixed) + block[156:], offset)

    return parse_repaired


def _import_anything(find_class: Any) -> Any:
    del find_class
    return pickle.Unpickler.find_class


def _trust_the_length(check_header: Any) -> Any:
    del check_header
    return lambda place, offset, header, num_bytes: int.from_bytes(header[:8], "little")


SAFEGUARDS: dict[str, Safeguard] = {
    safeguard.name: safeguard
    for safeguard in (
        Safeguard(
            "temporary_names",
            "Files are written under another name and renamed when they are whole",
            "tfrecords.durable.files:make_temporary_name",
            _write_in_place,
            "conversion_kills",
        ),
        Safeguard(
            "flushed_files",
            "A file is flushed to the disk before its rename",
            "os:fsync",
            _skip_files,
            "conversion_power_cuts",
            "(names|zeros)$",
        ),
        Safeguard(
            "flushed_directories",
            "A directory is flushed to the disk after a rename in it",
            "tfrecords.durable.files:fsync_directory",
            _do_nothing,
            "conversion_power_cuts",
            "flushed$",
        ),
        Safeguard(
            "dropout_counters",
            "A checkpoint holds the counters from which dropout draws its numbers",
            "alexnet_tf.training.run_state:RunState.get_variables",
            _forget("dropout/"),
            "training_resumes",
        ),
        Safeguard(
            "velocities",
            "A checkpoint holds the velocities",
            "alexnet_tf.training.run_state:RunState.get_variables",
            _forget("velocity/"),
            "training_resumes",
        ),
        Safeguard(
            "pixel_limit",
            "An image's size is read from its header before anything is decoded",
            "tfrecords.images.decoder:read_dimensions",
            _count_no_pixels,
            "image_bombs",
            "^jpeg 13000",
        ),
        Safeguard(
            "format_by_content",
            "An image's content decides its format, not its name",
            "tfrecords.images.decoder:read_dimensions",
            _believe_the_name,
            "image_mutants",
        ),
        Safeguard(
            "metadata_left_out",
            "An image's metadata is left out, not read",
            "tfrecords.images.metadata:strip_png",
            _pass_all,
            "image_bombs",
            "^png [zi]",
        ),
        Safeguard(
            "unpickler",
            "Weights are unpickled with a list of what they may call",
            "alexnet_tf.weights.numpy_files:_ArrayUnpickler.find_class",
            _import_anything,
            "hostile_weights",
            "^npy calls os.mkdir",
        ),
        Safeguard(
            "pickle_opcodes",
            "A pickle's opcodes and memo are checked before it is unpickled",
            "tfrecords.durable.pickle_opcodes:check",
            _do_nothing,
            "hostile_weights",
            "^npy with a memo of 1 GiB",
        ),
        Safeguard(
            "unpacked_size",
            "Weights that unpack to far more than their file are refused",
            "alexnet_tf.weights.bounds:_check_ratio",
            _do_nothing,
            "hostile_weights",
            "^(npz with a bomb|h5 that would pack)",
        ),
        Safeguard(
            "record_length",
            "A record's length is compared with the file's size",
            "tfrecords.shards.record_file:_check_header",
            _trust_the_length,
            "hostile_records",
            "^a record of",
        ),
        Safeguard(
            "extended_headers",
            "An extended header of a tar is read if it is no longer than names are",
            "tfrecords.sources.archives.tar_headers:_MAX_EXTENDED_BYTES",
            lambda limit: limit << 20,
            "hostile_archives",
            "^tar with a pax header of 256 MiB",
        ),
        Safeguard(
            "request_pixel_limit",
            "An export reads an image's size from its header before it decodes it",
            "alexnet_tf.data.decoding:read_num_pixels",
            _count_no_pixels_in_graph,
            "request_bombs",
            "^jpeg 13000",
        ),
        Safeguard(
            "worker_replacement",
            "A worker that has ended is replaced, and an image that ended two rejected",
            "tfrecords.console.worker_pool:WorkerPool._replace",
            _give_up,
            "worker_deaths",
        ),
        Safeguard(
            "tar_checksums",
            "Every header of a tar must match its checksum",
            "tfrecords.sources.archives.tar_headers:HeaderReader._parse",
            _skip_the_checksum,
            "tar_flips",
        ),
    )
}


@contextlib.contextmanager
def switched_off(safeguard: Safeguard) -> Iterator[None]:
    """Switches a safeguard off, in this process and in those that faults start."""
    with mock.patch.dict(os.environ, {VARIABLE: safeguard.name}):
        owner, name = _find(safeguard)
        original = getattr(owner, name)
        setattr(owner, name, safeguard.replace(original))
        try:
            yield
        finally:
            setattr(owner, name, original)


def switch_off_here() -> None:
    """Switches off, for the life of this process, what the environment names."""
    if chosen := os.environ.get(VARIABLE):
        safeguard = SAFEGUARDS[chosen]
        owner, name = _find(safeguard)
        setattr(owner, name, safeguard.replace(getattr(owner, name)))


def _find(safeguard: Safeguard) -> tuple[Any, str]:
    module, _, path = safeguard.target.partition(":")
    *owners, name = path.split(".")
    owner: Any = importlib.import_module(module)
    for part in owners:
        owner = getattr(owner, part)
    return owner, name
