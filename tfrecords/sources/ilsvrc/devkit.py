"""The development kit of an ILSVRC: class names, ground truth and costs.

`meta.mat` lists the synsets with their numbers (ILSVRC2012_ID 1..1000 are the classes,
the rest the hierarchy above them). Line i of the ground truth is the number of
validation image i. The numbers are not in the order of the synsets' names, so they are
not labels. That of ILSVRC-2010 also has `cost_matrix`: the height, in WordNet, of the
lowest common ancestor of each two classes.
"""

from __future__ import annotations

import dataclasses
import io
import re
import struct
import zlib
from typing import NoReturn

import numpy as np
import scipy.io

from tfrecords import errors
from tfrecords.durable import files
from tfrecords.sources.archives import tar_walk
from tfrecords.sources.ilsvrc.release import SYNSET, Release

# Of the kit and of each file in it, unpacked.
_MAX_BYTES = 64 << 20
_MAT_HEADER_BYTES = 128
_MAT_COMPRESSED = 15


@dataclasses.dataclass(frozen=True)
class Devkit:
    """The contents of a development kit."""

    words: dict[str, str]  # "tench, Tinca tinca" by synset, for all in `meta.mat`
    # By synset, from 1; without the hierarchy above the classes.
    numbers: dict[str, int]
    validation_synsets: tuple[str, ...]  # at i, that of validation image i + 1
    # uint8 [N, N], of answering class i + 1 where k + 1 is right, at [i, k]; or None.
    costs: np.ndarray | None


def read_devkit(path: str, release: Release) -> Devkit:
    """Reads the development kit of `release` at `path`.

    Raises:
      UserError: if it is that of another year.
      DataError: if it is damaged or lacks a part.
      StorageError: if it cannot be read.
    """
    members = tar_walk.read_gzip_tar(path, _MAX_BYTES)
    for name in (release.meta_name, release.truth_name):
        if name in members:
            continue
        other = re.search(r"ILSVRC(20\d\d)", " ".join(sorted(members)))
        if other and int(other[1]) != release.year:
            raise errors.UserError(
                f"{path} is the development kit of ILSVRC-{other[1]}, but that of "
                f"ILSVRC-{release.year} is needed, which numbers the classes "
                f"differently. Download {release.devkit_name}."
            )
        found = ", ".join(sorted(members)[:6]) or "no file"
        raise errors.DataError(
            f"{path} has no member {name} (it holds {found}). Download "
            f"{release.devkit_name} again."
        )
    synsets, words, costs = _parse_meta(
        bytes(members[release.meta_name]), f"{release.meta_name} in {path}", release
    )
    truth = _parse_truth(
        bytes(members[release.truth_name]), f"{release.truth_name} in {path}", synsets
    )
    numbers = {synset: number for number, synset in synsets.items()}
    return Devkit(words, numbers, truth, costs)


def read_truth(path: str, kit: Devkit) -> tuple[str, ...]:
    """Reads a ground truth that is a file of its own: the synset of each image.

    Raises:
      DataError: if a line is not the number of a class.
      StorageError: if it cannot be read.
    """
    with files.read_errors(path), open(path, "rb") as file:
        data = file.read(_MAX_BYTES)
    synsets = {number: synset for synset, number in kit.numbers.items()}
    return _parse_truth(data, path, synsets)


def _parse_meta(
    data: bytes, where: str, release: Release
) -> tuple[dict[int, str], dict[str, str], np.ndarray | None]:
    """The synset of each number, the words of each synset, and the costs."""
    _check_inflated_size(data, where)
    id_name = f"ILSVRC{release.year}_ID"
    try:
        arrays = scipy.io.loadmat(
            io.BytesIO(data), variable_names=["synsets", "cost_matrix"], squeeze_me=True
        )
        table = arrays["synsets"]
        fields = list(table.dtype.names or ())
        if id_name not in fields and any(f.startswith("ILSVRC20") for f in fields):
            raise errors.UserError(
                f"{where} is from another year: it has the field {fields[0]}, not "
                f"{id_name}. Download {release.devkit_name}."
            )
        rows = [
            (int(row[id_name]), str(row["WNID"]), str(row["words"]))
            for row in np.atleast_1d(table)
        ]
    except errors.UserError:
        raise
    except Exception as error:  # scipy's reader raises a dozen types
        _refuse(
            f"{where} is damaged or is not a MATLAB file of synsets "
            f"({type(error).__name__}: {error})"
        )
    limit = release.num_classes
    classes = {number: wnid for number, wnid, _ in rows if 1 <= number <= limit}
    words = {wnid: text for _, wnid, text in rows}
    odd = [wnid for wnid in words if not SYNSET.fullmatch(wnid)]
    if odd or len(words) < len(rows) or len({row[0] for row in rows}) < len(rows):
        problem = f"the synset {odd[0]!r}" if odd else "a synset or number twice"
        _refuse(f"{where} is damaged: it lists {problem}")
    costs = None
    if release.has_costs:
        costs = np.atleast_2d(arrays.get("cost_matrix", 0))
        expected = (max(classes, default=0),) * 2
        if costs.dtype != np.uint8 or costs.shape != expected:
            _refuse(
                f"{where} is damaged: its cost_matrix is {costs.dtype} {costs.shape} "
                f"and should be uint8 {expected}"
            )
    return classes, words, costs


def _refuse(problem: str) -> NoReturn:
    raise errors.DataError(f"{problem}. Download the archive again.")


def _check_inflated_size(data: bytes, where: str) -> None:
    """Refuses a MAT file (version 5) whose compressed elements inflate too much.

    Source: MATLAB, "MAT-File Format", chapter 1: after 128 bytes each element is a
    type and a size, 32 bits each, then its bytes; type 15 is zlib-compressed.
    """
    order = ">" if data[126:128] == b"MI" else "<"
    position, left = _MAT_HEADER_BYTES, _MAX_BYTES
    while position + 8 <= len(data) and left >= 0:
        kind, size = struct.unpack_from(order + "II", data, position)
        position += 8
        if kind == _MAT_COMPRESSED:
            inflater = zlib.decompressobj()
            try:
                element = data[position : position + size]
                left -= len(inflater.decompress(element, left + 1))
            except zlib.error as error:
                _refuse(f"{where} is damaged ({error})")
        position += size
    if left < 0:
        _refuse(
            f"{where} inflates to more than {_MAX_BYTES:,} bytes, unlike the "
            "official file"
        )


def _parse_truth(data: bytes, where: str, synsets: dict[int, str]) -> tuple[str, ...]:
    lines = data.split(b"\n")
    if lines and not lines[-1].strip():
        lines.pop()
    truth = []
    for i, line in enumerate(lines):
        text = line.strip()
        number = int(text) if text.isdigit() and len(text) < 9 else -1
        if number not in synsets:
            _refuse(
                f"{where}, line {i + 1}: {line[:40]!r} is not the number of a class "
                f"(1 to {len(synsets)})"
            )
        truth.append(synsets[number])
    return tuple(truth)
