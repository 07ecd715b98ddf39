"""Damaged data directories, checkpoints, exports, archives and weights."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import pathlib
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from alexnet_tf.runs import checkpoint
from alexnet_tf.weights import numpy_files
from tests import archives
from tests.faults import damage
from tests.faults.damage import Target
from tests.faults.engine import Case, Fault
from tests.tfrecords import conversions, drawn_source
from tfrecords.conversion import convert
from tfrecords.shards import manifest, record_index, record_reader
from tfrecords.sources import class_archive

_SECTION = "Damaged files"


def _make_data(shared: pathlib.Path) -> pathlib.Path:
    data_dir = shared / "data"
    source = drawn_source.DrawnSource({"train": 6, "validation": 2})
    settings = dataclasses.replace(
        conversions.SETTINGS, num_shards={"train": 1, "validation": 1}
    )
    convert.convert(source, str(data_dir), settings, num_workers=1)
    return data_dir


def _read_data(data_dir: pathlib.Path) -> str:
    """Of everything that training reads."""
    digest = hashlib.sha256()
    found = manifest.read_manifest(str(data_dir))
    digest.update(repr(found).encode())
    for name in (manifest.STATISTICS_NAME, manifest.INDEX_NAME):
        arrays = manifest.load_arrays(str(data_dir), name, found.checksums[name])
        for key, array in sorted(arrays.items()):
            digest.update(f"{key} {array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
    for split in found.splits:
        index = record_index.read_index(str(data_dir), found, split)
        reader = record_reader.RecordReader(index)
        for record_id in range(index.num_records):
            digest.update(reader.read(record_id))
        reader.close()
    return digest.hexdigest()


def _list_data_targets(shared: pathlib.Path) -> Iterator[Target]:
    data_dir = _make_data(shared)
    for path in sorted(data_dir.iterdir()):
        if path.is_file() and path.name != "LOCK":
            yield Target(path.name, data_dir, path.name, _read_data)


def _digest_arrays(arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


_ARRAYS = {
    "conv1/kernel": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "conv1/bias": np.array([0.5, -1.0], np.float32),
}


def _read_checkpoint(directory: pathlib.Path) -> object:
    found = checkpoint.load(str(directory), "last")
    return found.step, found.best_step, found.state, _digest_arrays(found.arrays)


def _list_checkpoint_targets(shared: pathlib.Path) -> Iterator[Target]:
    directory = shared / "checkpoints"
    path = checkpoint.save(
        str(directory), 7, _ARRAYS, {"schedule": [1, 0.1]}, keep=1, best_step=7
    )
    for file in sorted(pathlib.Path(path).iterdir()):
        relative = str(file.relative_to(directory))
        yield Target(file.name, directory, relative, _read_checkpoint)


def _read_weights(directory: pathlib.Path) -> str:
    return _digest_arrays(numpy_files.read_npz(str(directory / "w.npz")))


def _list_weights_targets(shared: pathlib.Path) -> Iterator[Target]:
    # HDF5 has no checksums: a flipped bit in a weight of an .h5 file is a weight.
    directory = shared / "weights"
    directory.mkdir()
    numpy_files.write_npz(str(directory / "w.npz"), _ARRAYS)
    yield Target("w.npz", directory, "w.npz", _read_weights)


# A class per folder; the members' data have no checksum in a tar.
_MEMBERS = [
    (f"{name}/{row}.jpg", archives.make_image(10 * label + row))
    for label, name in enumerate(("cat", "dog"))
    for row in range(3)
]
_BLOCK_BYTES = 512


def _read_tar(directory: pathlib.Path) -> object:
    source = class_archive.open_archive(str(directory / "images.tar"))
    found = []
    for split, table in source.splits.items():
        for row in range(table.num_images):
            image = source.read_image(split, row)
            found.append((split, bytes(table.filenames[row]), table.labels[row], image))
    return [info.synset for info in source.classes], found


def _list_tar_targets(shared: pathlib.Path) -> Iterator[Target]:
    directory = shared / "tar"
    directory.mkdir()
    data = archives.make_tar(_MEMBERS)
    (directory / "images.tar").write_bytes(data)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        headers = [member.offset for member in tar]
    offsets = [start + i for start in headers for i in range(_BLOCK_BYTES)]
    yield Target("images.tar", directory, "images.tar", _read_tar, offsets)


def _make_all(
    list_targets: Callable[[pathlib.Path], Iterator[Target]], cuts: bool
) -> Callable[[pathlib.Path, int], Sequence[Case]]:
    def make_cases(shared: pathlib.Path, seed: int) -> Sequence[Case]:
        return [
            case
            for target in list_targets(shared)
            for case in (
                damage.make_cuts(target) if cuts else damage.make_flips(target, seed)
            )
        ]

    return make_cases


_REFUSED = (
    "Refused with the name of the file, or read as before; never as something else"
)


def _make_faults(
    name: str,
    what: str,
    list_targets: Callable[[pathlib.Path], Iterator[Target]],
    flipped: str = "",
) -> Iterator[Fault]:
    """Flips and cuts of `what`; flips of `flipped`, if it differs."""
    for kind, injected in (
        (
            "flips",
            f"A bit, chosen at random, flipped in every byte of {flipped or what}",
        ),
        ("cuts", f"A cut to every length of {what}"),
    ):
        yield Fault(
            f"{name}_{kind}",
            _SECTION,
            injected,
            _REFUSED,
            _make_all(list_targets, kind == "cuts"),
        )


FAULTS = (
    *_make_faults(
        "data",
        "every file of a data directory: shards, index, statistics, manifest",
        _list_data_targets,
    ),
    *_make_faults("checkpoint", "every file of a checkpoint", _list_checkpoint_targets),
    *_make_faults("weights", "weights in an .npz file", _list_weights_targets),
    *_make_faults(
        "tar",
        "a tar of images",
        _list_tar_targets,
        "every header of a tar of images; a tar has no checksum of its data",
    ),
)
