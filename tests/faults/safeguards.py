"""The safeguards, and how each is switched off, to see that a fault finds it missing.

A safeguard is switched off by replacing a function or value of the product. The
replacement reaches the processes that a fault starts through an environment variable
and `switched_off/sitecustomize.py`, which Python runs at its start.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from tests.faults import replacements

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


SAFEGUARDS: dict[str, Safeguard] = {
    safeguard.name: safeguard
    for safeguard in (
        Safeguard(
            "temporary_names",
            "Files are written under another name and renamed when they are whole",
            "tfrecords.durable.files:make_temporary_name",
            replacements.write_in_place,
            "conversion_kills",
            # Late, when the manifest is written.
            r"call 2\d\d$",
        ),
        Safeguard(
            "flushed_files",
            "A file is flushed to the disk before its rename",
            "os:fsync",
            replacements.skip_files,
            "conversion_power_cuts",
            "(names|zeros)$",
        ),
        Safeguard(
            "flushed_directories",
            "A directory is flushed to the disk after a rename in it",
            "tfrecords.durable.files:fsync_directory",
            replacements.do_nothing,
            "conversion_power_cuts",
            "after the end",
        ),
        Safeguard(
            "leftovers",
            "What killed writers left is removed",
            "tfrecords.durable.files:remove_temporary_files",
            lambda original: lambda directory: [],
            "conversion_kills",
        ),
        Safeguard(
            "errors_of_the_disk",
            "Errors of the disk become a sentence and an exit code",
            "tfrecords.durable.files:storage_errors",
            lambda original: lambda path: contextlib.nullcontext(),
            "conversion_errors",
        ),
        Safeguard(
            "conversion_signals",
            "A request to stop ends the workers, then the program",
            "tfrecords.console.stop_signals:StopRequest.receive",
            replacements.end_at_once,
            "conversion_signals",
        ),
        Safeguard(
            "locks",
            "A directory has one writer at a time",
            "tfrecords.durable.locks:_take_lock",
            replacements.do_nothing,
            "conversion_seconds",
        ),
        Safeguard(
            "seals",
            "A manifest holds the checksum of its own text",
            "tfrecords.durable.json_records:_check_seal",
            lambda original: lambda text, value: value.pop("sha256"),
            "data_flips",
            "manifest",
        ),
        Safeguard(
            "checksums_of_records",
            "A record's checksum is compared when it is read",
            "tfrecords.shards.record_file:_check_data",
            lambda original: replacements.take_footer,
            "data_flips",
            "train",
        ),
        Safeguard(
            "checksums_of_headers",
            "A tar header's checksum is compared",
            "tfrecords.sources.archives.tar_headers:HeaderReader.fail",
            replacements.accept_checksums,
            "tar_flips",
        ),
        Safeguard(
            "commits",
            "A checkpoint names the SHA-256 of its files",
            "alexnet_tf.runs.checkpoint_files:make_commit",
            replacements.accept_commit,
            "checkpoint_flips",
        ),
        Safeguard(
            "directories_of_archives",
            "All arrays that an .npz lists are read",
            "tfrecords.durable.npz:check_directory",
            replacements.do_nothing,
            "weights_flips",
        ),
        Safeguard(
            "training_signals",
            "A request to stop ends a run after its step, with the state saved",
            "tfrecords.console.stop_signals:StopRequest.receive",
            replacements.end_at_once,
            "training_signals",
        ),
        Safeguard(
            "flushed_metrics",
            "Measurements are flushed before the checkpoint that counts them",
            "alexnet_tf.runs.metrics_file:MetricsFile.sync",
            lambda original: lambda self: self.num_lines,
            "training_power_cuts",
            "flushed$",
        ),
        Safeguard(
            "finite_checks",
            "A run stops where a loss or gradient is not finite",
            "alexnet_tf.training.finite:check_step",
            replacements.do_nothing,
            "training_not_finite",
        ),
        Safeguard(
            "finished_shards",
            "A shard of an earlier start is kept if its checksum is the one noted",
            "tfrecords.conversion.finished_shards:_read_if_unchanged",
            replacements.believe_notes,
            "conversion_resumed_damage",
            "^train.*bit",
        ),
        Safeguard(
            "dropout_counters",
            "A checkpoint holds the counters from which dropout draws its numbers",
            "alexnet_tf.training.run_state:RunState.get_variables",
            replacements.forget("dropout/"),
            "training_resumes",
        ),
        Safeguard(
            "velocities",
            "A checkpoint holds the velocities",
            "alexnet_tf.training.run_state:RunState.get_variables",
            replacements.forget("velocity/"),
            "training_resumes",
        ),
        Safeguard(
            "pixel_limit",
            "An image's size is read from its header before anything is decoded",
            "tfrecords.images.decoder:read_dimensions",
            replacements.count_no_pixels,
            "image_bombs",
            "^jpeg 13000",
        ),
        Safeguard(
            "format_by_content",
            "An image's content decides its format, not its name",
            "tfrecords.images.decoder:read_dimensions",
            replacements.believe_the_name,
            "image_mutants",
        ),
        Safeguard(
            "metadata_left_out",
            "An image's metadata is left out, not read",
            "tfrecords.images.metadata:strip_png",
            replacements.pass_all,
            "image_bombs",
            "^png [zi]",
        ),
        Safeguard(
            "unpickler",
            "Weights are unpickled with a list of what they may call",
            "alexnet_tf.weights.numpy_files:_ArrayUnpickler.find_class",
            replacements.import_anything,
            "hostile_weights",
            "^npy calls os.mkdir",
        ),
        Safeguard(
            "pickle_opcodes",
            "A pickle's opcodes and memo are checked before it is unpickled",
            "tfrecords.durable.pickle_opcodes:check",
            replacements.do_nothing,
            "hostile_weights",
            "^npy with a memo of 1 GiB",
        ),
        Safeguard(
            "unpacked_size",
            "Weights that unpack to far more than their file are refused",
            "alexnet_tf.weights.bounds:_check_ratio",
            replacements.do_nothing,
            "hostile_weights",
            "^(npz with a bomb|h5 that would pack)",
        ),
        Safeguard(
            "record_length",
            "A record's length is compared with the file's size",
            "tfrecords.shards.record_file:_check_header",
            replacements.trust_the_length,
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
            replacements.count_no_pixels_in_graph,
            "request_bombs",
            "^jpeg 13000",
        ),
        Safeguard(
            "worker_replacement",
            "A worker that has ended is replaced, and an image that ended two rejected",
            "tfrecords.console.worker_pool:WorkerPool._replace",
            replacements.give_up,
            "worker_deaths",
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
