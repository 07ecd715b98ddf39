"""Checks the names and labels of another program's shards."""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping, Sequence

from tfrecords import errors
from tfrecords.plurals import counted
from tfrecords.shards import manifest, schema
from tfrecords.verification import shard_check

_MAX_NAMED = 5


def find_shards(records_dir: str) -> dict[str, tuple[str, ...]]:
    """The shards' file names by split, train first.

    Raises `UserError` if there is no training split or a split lacks a shard.
    """
    if not os.path.isdir(records_dir):
        raise errors.UserError(
            f"there is no directory {records_dir}. Correct --records_dir."
        )
    found: dict[str, dict[tuple[str, int], set[int]]] = {}
    for name in os.listdir(records_dir):
        if match := shard_check.SHARD_NAME.fullmatch(name):
            prefix, shard, num_shards = match.groups()
            split = "validation" if prefix == "val" else prefix
            series = found.setdefault(split, {})
            series.setdefault((prefix, int(num_shards)), set()).add(int(shard))
    if "train" not in found:
        raise errors.UserError(
            f"{records_dir} has no training shards (train-00000-of-01024, ...), which "
            "define the classes and the mean image. Correct --records_dir."
        )
    names = {}
    for split in sorted(found, key=schema.SPLITS.index):
        if len(found[split]) > 1:
            kinds = ", ".join(f"{p}-*-of-{n:05d}" for p, n in sorted(found[split]))
            raise errors.UserError(
                f"{records_dir} has two sets of shards of the split {split}: {kinds}. "
                "Move one of them away."
            )
        ((prefix, num_shards), present), *_ = found[split].items()
        absent = sorted(set(range(num_shards)) - present)
        if absent:
            first = schema.make_shard_name(prefix, absent[0], num_shards)
            raise errors.UserError(
                f"{records_dir} lacks {len(absent)} of {num_shards} shards of the "
                f"split {split}; the first is {first}. Add the missing shards."
            )
        names[split] = tuple(
            schema.make_shard_name(prefix, shard, num_shards)
            for shard in range(num_shards)
        )
    return names


def refuse_empty(records_dir: str, names: Mapping[str, Sequence[str]]) -> None:
    """Raises `DataError` if shards have no bytes: a download that did not start.

    Readers accept an empty file, because no record in it is cut short.
    """
    empty = [
        name
        for shards in names.values()
        for name in shards
        if os.path.getsize(os.path.join(records_dir, name)) == 0
    ]
    if empty:
        shown = ", ".join(empty[:_MAX_NAMED])
        raise errors.DataError(
            f"{records_dir} has {counted(len(empty), 'shard')} of zero bytes: {shown}"
            f"{', ...' if len(empty) > _MAX_NAMED else ''}. Download or make them "
            "again, or give --allow_empty_shards if they are meant to be empty."
        )


def find_short(splits: Mapping[str, manifest.SplitInfo]) -> list[str]:
    """Notes on shards with fewer than half the median number of records of the split.

    A shard that was cut between two records looks complete, but programs write shards
    of about equal length.
    """
    notes = []
    for split, info in splits.items():
        usual = statistics.median(shard.num_records for shard in info.shards)
        short = [s for s in info.shards if s.num_records < usual / 2]
        if short:
            first = min(short, key=lambda shard: shard.num_records)
            notes.append(
                f"the split {split} has {counted(len(short), 'shard')} with fewer than "
                f"half of the usual {usual:,.0f} records; {first.name} has "
                f"{first.num_records:,}. Compare their sizes with the originals."
            )
    return notes


def make_classes(
    label_counts: dict[str, list[dict[int, int]]],
    names: Sequence[dict[int, manifest.ClassInfo]],
    label_offset: int,
) -> tuple[manifest.ClassInfo, ...]:
    """The classes in the order of their labels.

    `label_counts` are, by split, each shard's records by label; `names` each shard's
    classes by label, whose synset and text may be empty. Raises `UserError` if the
    labels do not fit `label_offset` or have gaps, or if a label has two synsets or a
    synset two labels.
    """
    train = sorted({label for counts in label_counts["train"] for label in counts})
    if not train:
        raise errors.UserError("the training shards hold no records.")
    lowest = train[0]
    if lowest != label_offset:
        relation = "below" if lowest < label_offset else "above"
        raise errors.UserError(
            f"the lowest label of the training records is {lowest}, {relation} "
            f"--label_offset={label_offset}. If {lowest} is the first class, give "
            f"--label_offset={lowest}."
        )
    if len(train) != train[-1] - lowest + 1:
        raise errors.UserError(
            f"the training records have {len(train)} labels between {lowest} and "
            f"{train[-1]}, so some labels have no image. Labels must be without gaps: "
            "check that no shard is missing and that the label is the class."
        )
    for split, shards in label_counts.items():
        strange = sorted({label for counts in shards for label in counts} - set(train))
        if strange:
            raise errors.UserError(
                f"the split {split} has the label {strange[0]}, but the training "
                f"records have {lowest} to {train[-1]}. Use splits that the same "
                "program wrote."
            )
    classes = tuple(_merge_names(label, names) for label in train)
    seen: dict[str, int] = {}
    for label, info in zip(train, classes, strict=True):
        other = seen.setdefault(info.synset, label)
        if other != label:
            raise errors.UserError(
                f"the labels {other} and {label} have the same synset, "
                f"{info.synset!r}: the records contradict each other. Make them again."
            )
    return classes


def _merge_names(
    label: int, names: Sequence[dict[int, manifest.ClassInfo]]
) -> manifest.ClassInfo:
    found = [n[label] for n in names if label in n]
    synsets = sorted({info.synset for info in found} - {""})
    texts = sorted({info.text for info in found} - {""})
    if len(synsets) > 1:
        raise errors.UserError(
            f"the label {label} has two synsets, {synsets[0]!r} and {synsets[1]!r}: "
            "the records contradict each other. Make them again."
        )
    # Some programs store no names, but every class needs a unique one.
    synset = synsets[0] if synsets else f"label-{label:04d}"
    return manifest.ClassInfo(synset, texts[0] if texts else synset)
