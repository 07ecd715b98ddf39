"""Divides each class's images by chance: a validation split of one's own.

The division of a class depends on the seed and on the class's name and images, not on
the other classes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from tfrecords import errors, sources
from tfrecords.sources import stored

NO_VALIDATION = (
    "There is no validation split, and training will need "
    "--config.schedule.name=fixed; --validation_fraction=0.1 makes one."
)


def hold_out(
    splits: Mapping[str, sources.ImageTable],
    class_names: Sequence[str],
    fraction: float | None,
    seed: int,
) -> tuple[dict[str, sources.ImageTable], dict[str, object], list[str]]:
    """Makes a validation split of training images, if asked for.

    Args:
      splits: the source's own.
      class_names: in the order of the labels.
      fraction: of each class, rounded down, between 0 and 1; None: no such split.
      seed: any integer.

    Returns:
      The splits, the source's settings and remarks: a missing validation split.

    Raises:
      UserError: if the fraction is out of range, or there is a validation split
        already.
    """
    stored.check_fraction(fraction)
    if fraction is None:
        missing = [] if "validation" in splits else [NO_VALIDATION]
        return dict(splits), {}, missing
    if "validation" in splits:
        raise errors.UserError(
            f"--validation_fraction={fraction} was given, but the data set has a "
            f"validation split of {splits['validation'].num_images:,} images. Leave "
            "out the flag."
        )
    divided = divide(splits["train"], class_names, {"validation": fraction}, seed)
    settings: dict[str, object] = {"validation_fraction": fraction, "seed": seed}
    if "validation" in divided:
        return {**splits, **divided}, settings, []
    raise errors.UserError(
        f"No class has enough images for a validation split of {fraction}: a "
        "fraction is rounded down. Choose a larger one."
    )


def divide(
    table: sources.ImageTable,
    class_names: Sequence[str],
    fractions: Mapping[str, float],
    seed: int,
) -> dict[str, sources.ImageTable]:
    """Divides a table; `fractions` are those of all splits but "train".

    Each class keeps a training image. Returns the splits that have images.
    """
    names = list(fractions)
    # By image: the place of its split in `names`, or len(names) for training.
    split_of = np.full(table.num_images, len(names), np.int8)
    by_label = np.argsort(table.labels, kind="stable")
    starts = np.searchsorted(table.labels[by_label], np.arange(len(class_names) + 1))
    for label, class_name in enumerate(class_names):
        own = by_label[starts[label] : starts[label + 1]]
        rows = own[stored.shuffle_class(len(own), class_name, seed)]
        for place, name in enumerate(names):
            count = int(len(rows) * fractions[name])
            count = max(0, min(count, len(rows) - 1))
            split_of[rows[:count]] = place
            rows = rows[count:]
    splits = {}
    for place in (len(names), *range(len(names))):
        chosen = np.flatnonzero(split_of == place)
        if len(chosen):
            name = [*names, "train"][place]
            splits[name] = sources.ImageTable(
                **{
                    field.name: getattr(table, field.name)[chosen]
                    for field in dataclasses.fields(table)
                }
            )
    return splits
