"""Finds the files of a data set in numbered parts: `train-00000-of-01024`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tfrecords import errors
from tfrecords.plurals import counted
from tfrecords.shards import schema

# What splits are called elsewhere, and here.
SPLIT_NAMES = {
    **{name: name for name in schema.SPLITS},
    "val": "validation",
    "valid": "validation",
}


def find_parts(
    names: Iterable[str], pattern: re.Pattern[str], source_dir: str
) -> dict[str, list[str]]:
    """The files by split, "train" first, each split's in the order of their numbers.

    Args:
      names: of all files in the folder.
      pattern: matches a part's whole name, with the groups "split" (absent: "train"),
        "number" and, if it is in the name, "total", the number of parts.
      source_dir: for errors.

    Raises:
      UserError: if there is no training part, a part is missing, or a split has two
        series of parts.
    """
    series: dict[str, dict[tuple[str, str], dict[int, str]]] = {}
    for name in sorted(names):
        if not (match := pattern.fullmatch(name)):
            continue
        groups = match.groupdict()
        split = SPLIT_NAMES.get(groups.get("split") or "train")
        if split is None:
            continue
        # What is around the number: "imagenet2012-train.tfrecord-" and "01024".
        kind = (name[: match.start("number")], groups.get("total") or "")
        number = int(groups["number"])
        parts = series.setdefault(split, {}).setdefault(kind, {})
        if number in parts:
            raise errors.UserError(
                f"{source_dir} has part {number} of the split {split} twice: "
                f"{parts[number]} and {name}. Move one of them away."
            )
        parts[number] = name
    found = {}
    for split in schema.SPLITS:
        if split not in series:
            continue
        if len(series[split]) > 1:
            examples = [min(parts.values()) for parts in series[split].values()]
            raise errors.UserError(
                f"{source_dir} has {len(examples)} series of files for the split "
                f"{split}: {' and '.join(examples[:3])}. Move all but one away."
            )
        (((_, total), parts),) = series[split].items()
        num_parts = int(total) if total else max(parts) + 1
        absent = sorted(set(range(num_parts)) - set(parts))
        # Without a total, a series may start at 1.
        if not total and absent == [0]:
            absent = []
        if absent:
            raise errors.UserError(
                f"{source_dir} lacks {counted(len(absent), 'file')} of {num_parts:,} "
                f"of the split {split}; the first is number {absent[0]}, and "
                f"{min(parts.values())} is there. Add the missing ones."
            )
        found[split] = [parts[number] for number in sorted(parts)]
    if found and "train" not in found:
        raise errors.UserError(
            f"{source_dir} has files of the split {', '.join(found)} and none of "
            "the training split, which defines the classes and the mean image. Add it."
        )
    return found
