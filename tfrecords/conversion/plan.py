"""Decides which images go into which shard, before the first one is read.

The plan depends only on the source's list and the settings, never on the machine: a
split's images, in the source's sorted order, are shuffled by one seeded permutation,
and shard i takes the i-th contiguous part of it. A shard's bytes are then a function of
its plan, so shards can be written in any order, by any number of processes, in one run
or in several.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import PIL
from PIL import features

from tfrecords import errors, stable_random
from tfrecords.images import turbo_jpeg
from tfrecords.plurals import counted
from tfrecords.shards import schema
from tfrecords.sources import ImageTable, Source

ENCODINGS = ("jpeg", "raw")
RESIZINGS = ("bicubic", "authors")

# ImageNet's 1,281,167 training images make 128 shards.
_MAX_RECORDS_PER_SHARD = 10_010
# Small data sets get more shards, to occupy many cores, but of at least 100 records.
_MIN_RECORDS_PER_SHARD = 100
_SMALL_SET_SHARDS = 64

# Pillow warns of larger images and refuses those with twice as many pixels.
LARGEST_MAX_PIXELS = 89_478_485

_DEFAULT_REJECTED_SHARE = 0.01

# Left out of descriptions: early versions offered no choice.
_IMPLIED = {"resizing": "bicubic"}

# As Python objects, 14 million names take a gigabyte.
_NAMES_AT_ONCE = 100_000

# To be increased when the same input and settings give other bytes than before.
_CONVERTER_VERSION = 1


@dataclasses.dataclass(frozen=True)
class ConvertSettings:
    """What the user decides about the shards."""

    image_size: int = 256  # side of the stored images in pixels (paper, section 2)
    # "bicubic" (ours: the paper names no filter; see `resize`), or "authors", their
    # converter's (see `authors_resize`), which needs the extra `opencv`.
    resizing: str = "bicubic"
    encoding: str = "jpeg"  # or "raw": uint8, six times larger, nothing to decode
    jpeg_quality: int = 95  # 1..100, on libjpeg's scale (ours: the paper has none)
    seed: int = 0  # of the shuffle, any integer
    # By split; `choose_num_shards` decides for a split that is not named.
    num_shards: dict[str, int] = dataclasses.field(default_factory=dict)
    # Whether images are rotated by their EXIF orientation; None: the source's default.
    apply_orientation: bool | None = None
    # More undecodable images are an error; None: 1 % of all splits together.
    max_rejects: int | None = None
    max_pixels: int = 64_000_000  # larger images are rejected before they are decoded


@dataclasses.dataclass(frozen=True)
class ShardPlan:
    """A planned shard: its file name, its split and the table's rows, int64 [N]."""

    name: str
    split: str
    rows: np.ndarray


@dataclasses.dataclass(frozen=True)
class Plan:
    """A planned conversion."""

    settings: ConvertSettings  # with `apply_orientation` and `max_rejects` filled in
    shards: tuple[ShardPlan, ...]  # in the order of the splits, then of their numbers
    # Everything that determines the bytes, as JSON values: plans with equal
    # descriptions make equal directories.
    description: dict[str, Any]

    @property
    def num_images(self) -> int:
        return sum(len(shard.rows) for shard in self.shards)


def make_plan(source: Source, settings: ConvertSettings) -> Plan:
    """Decides every shard's images.

    Raises `UserError` if the source has no training images, or a setting does not fit.
    """
    _check_settings(settings)
    tables = {
        split: source.splits[split]
        for split in schema.SPLITS
        if split in source.splits and source.splits[split].num_images
    }
    if "train" not in tables:
        raise errors.UserError(
            "the source holds no training images. Check --source and --source_dir."
        )
    num_images = sum(table.num_images for table in tables.values())
    orientation, limit = settings.apply_orientation, settings.max_rejects
    if orientation is None:
        orientation = source.applies_orientation
    if limit is None:
        limit = int(num_images * _DEFAULT_REJECTED_SHARE)
    settings = dataclasses.replace(
        settings, apply_orientation=orientation, max_rejects=limit
    )
    shards: list[ShardPlan] = []
    for split, table in tables.items():
        shards += _plan_split(split, table.num_images, settings)
    return Plan(settings, tuple(shards), _describe(source, tables, settings, shards))


def choose_num_shards(num_images: int) -> int:
    """The number of shards of a split: 10,010 records each, fewer in small data sets.

    It depends only on the number of images, not on the machine: a split of less than
    640,000 images gets up to 64 shards of at least 100 records, for as many cores.
    """
    by_size = -(-num_images // _MAX_RECORDS_PER_SHARD)
    by_cores = min(_SMALL_SET_SHARDS, num_images // _MIN_RECORDS_PER_SHARD)
    return max(1, by_size, by_cores)


def find_versions(settings: ConvertSettings) -> dict[str, Any]:
    """The versions of what resizes and encodes here; others may give other bytes.

    Raises `UserError` if the settings need a package that is missing.
    """
    versions: dict[str, Any] = {
        "converter": _CONVERTER_VERSION,
        "pillow": PIL.__version__,
        "libjpeg": features.version("libjpeg_turbo") or features.version("jpg"),
    }
    if settings.resizing == "authors":
        versions |= _find_opencv_versions()
    return versions


def find_differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """What differs between two descriptions: "seed: 0 there, 1 here" for example."""
    flat_there, flat_here = ({**_IMPLIED, **_flatten(plan)} for plan in (there, here))
    differences = []
    for name in sorted(flat_there.keys() | flat_here.keys()):
        before, after = (flat.get(name, "absent") for flat in (flat_there, flat_here))
        if before != after:
            # The keys keep their earlier names.
            shown = name.replace("pictures", "images")
            is_digest = name == "classes" or name.endswith(".pictures")
            difference = f"{shown}: {before} there, {after} here"
            differences.append(f"other {shown}" if is_digest else difference)
    return differences


def _flatten(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, item in value.items():
        if isinstance(item, dict):
            flat.update(_flatten(item, f"{prefix}{name}."))
        else:
            flat[prefix + name] = item
    return flat


def _check_settings(settings: ConvertSettings) -> None:
    for kind, value, known in (
        ("encoding", settings.encoding, ENCODINGS),
        ("resizing", settings.resizing, RESIZINGS),
    ):
        if value not in known:
            raise errors.UserError(
                f"the {kind} {value!r} is unknown. Use {' or '.join(known)}."
            )
    for name, number, low, high in (
        ("jpeg_quality", settings.jpeg_quality, 1, 100),
        ("max_pixels", settings.max_pixels, 1, LARGEST_MAX_PIXELS),
        ("image_size", settings.image_size, 1, None),
        ("max_rejects", settings.max_rejects or 0, 0, None),
    ):
        if number < low or (high is not None and number > high):
            expected = f"at least {low}" if high is None else f"{low} to {high:,}"
            raise errors.UserError(f"{name} must be {expected}, not {number:,}.")


def _plan_split(
    split: str, num_images: int, settings: ConvertSettings
) -> list[ShardPlan]:
    num_shards = settings.num_shards.get(split, choose_num_shards(num_images))
    if not 1 <= num_shards <= num_images:
        raise errors.UserError(
            f"the {split} split has {counted(num_images, 'image')} and cannot be "
            "divided into "
            f"{counted(num_shards, 'shard')}. Choose 1 to {num_images}."
        )
    order = stable_random.make_permutation(
        num_images, settings.seed, schema.SPLITS.index(split)
    )
    return [
        ShardPlan(schema.make_shard_name(split, shard, num_shards), split, rows)
        for shard, rows in enumerate(np.array_split(order, num_shards))
    ]


def _describe(
    source: Source,
    tables: dict[str, ImageTable],
    settings: ConvertSettings,
    shards: list[ShardPlan],
) -> dict[str, Any]:
    classes = [dataclasses.astuple(info) for info in source.classes]
    description: dict[str, Any] = {
        "source": source.name,
        "source_settings": source.settings,
        "classes": _combine(hashlib.sha256(json.dumps(classes).encode())),
        "image_size": settings.image_size,
        "encoding": settings.encoding,
        "jpeg_quality": settings.jpeg_quality,
        "seed": settings.seed,
        "apply_orientation": settings.apply_orientation,
        "max_pixels": settings.max_pixels,
        "splits": {
            split: {
                "num_pictures": table.num_images,
                "num_shards": sum(shard.split == split for shard in shards),
                "pictures": _digest_table(table),
            }
            for split, table in tables.items()
        },
        "versions": find_versions(settings),
    }
    if settings.resizing == "authors":
        description["resizing"] = settings.resizing
    # As it will be read from a file: tuples become lists, keys strings.
    as_read: dict[str, Any] = json.loads(json.dumps(description))
    return as_read


def _find_opencv_versions() -> dict[str, str]:
    try:
        return turbo_jpeg.find_versions()
    except ImportError as error:
        raise errors.UserError(
            f"--resizing=authors needs OpenCV and simplejpeg ({error}). Install the "
            "extra: pip install 'alexnet-tf[opencv]', or leave out --resizing."
        ) from error


def _digest_table(table: ImageTable) -> str:
    """A digest of the table's names, labels and sizes."""
    digest = hashlib.sha256()
    for start in range(0, table.num_images, _NAMES_AT_ONCE):
        names = table.filenames[start : start + _NAMES_AT_ONCE].tolist()
        digest.update(b"\n" * bool(start) + b"\n".join(names))
    labels = np.ascontiguousarray(table.labels, "<i4").tobytes()
    sizes = np.ascontiguousarray(table.num_bytes, "<i8").tobytes()
    return _combine(digest, hashlib.sha256(labels), hashlib.sha256(sizes))


def _combine(*parts: hashlib._Hash) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.digest())
    return digest.hexdigest()
