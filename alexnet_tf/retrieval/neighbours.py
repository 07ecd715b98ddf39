"""Finds the images whose features are nearest to a query's (section 6.1, figure 4)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from alexnet_tf.data.directory import DataDirectory
from alexnet_tf.devices import placement
from alexnet_tf.inference import predict
from alexnet_tf.retrieval import build
from alexnet_tf.retrieval.extractor import Extractor
from alexnet_tf.retrieval.feature_files import Features
from tfrecords import errors
from tfrecords.console import printing

# From features, float32 [Q, D], and a count to distances, float32 [Q, count], and rows,
# int64 [Q, count], the nearest first; -1 where there is none.
Search = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class Neighbour:
    """A found image: its row in the features, its distance and its label (or -1)."""

    row: int
    distance: float
    label: int


@dataclasses.dataclass(frozen=True)
class Query:
    """An image to search with.

    Attributes:
      name: its path, or "validation/17" for a record.
      error: why it cannot be used, or "".
      image: uint8 [size, size, 3]; empty after an error.
      label: of a record; -1 if it is not known.
      own_row: of the features that are its own, or -1.
    """

    name: str
    error: str
    image: np.ndarray
    label: int = -1
    own_row: int = -1


@dataclasses.dataclass(frozen=True)
class Result:
    """A query with its neighbours, the nearest first."""

    query: Query
    neighbours: tuple[Neighbour, ...]


def read_files(paths: Sequence[str], image_size: int) -> Iterator[Query]:
    """Yields the image files at `paths` as queries."""
    for path in paths:
        image, reason = predict.read_image(path, image_size)
        yield Query(path, reason, image)


def read_records(
    data: DataDirectory, split: str, rows: Sequence[int], features: Features | None
) -> Iterator[Query]:
    """Yields records of a split as queries.

    With the features of the same split of the same data a record does not find itself.
    Raises `UserError` if there is no such record.
    """
    count = data.count_images(split)
    for row in rows:
        if not 0 <= row < count:
            raise errors.UserError(
                f"there is no record {row} in the split {split!r}; its records are 0 "
                f"to {count - 1}. Choose among them."
            )
    is_own = (
        features is not None
        and features.source.split == split
        and features.source.data_fingerprint == data.manifest.images_fingerprint
    )
    for row in rows:
        image, label = build.read_image(data, split, row)
        yield Query(f"{split}/{row}", "", image, label, row if is_own else -1)


def find_neighbours(
    extractor: Extractor,
    features: Features,
    search: Search,
    queries: Iterator[Query],
    count: int = 6,
    batch_size: int = build.BATCH_SIZE,
) -> Iterator[Result]:
    """Yields each query with its `count` nearest images, the paper's six by default.

    A query that cannot be read has none. Raises `UserError` if the features are of
    another network (see `build.check_network`), or there are too few images.
    """
    build.check_network(features, extractor)
    labels = features.read_labels()
    batch: list[Query] = []
    for query in queries:
        batch.append(query)
        if len(batch) == batch_size:
            yield from _answer(extractor, labels, search, batch, count)
            batch = []
    if batch:
        yield from _answer(extractor, labels, search, batch, count)


def _answer(
    extractor: Extractor,
    labels: np.ndarray,
    search: Search,
    batch: Sequence[Query],
    count: int,
) -> Iterator[Result]:
    good = [query for query in batch if not query.error]
    found: dict[int, tuple[Neighbour, ...]] = {}
    if good:
        with placement.memory_errors("network"):
            vectors = extractor.compute(np.stack([query.image for query in good]))
        # One more: it may be the query itself.
        spare = any(query.own_row >= 0 for query in good)
        if spare and count >= len(labels):
            raise errors.UserError(
                f"{count} neighbours were asked for, but besides the query there are "
                f"{len(labels) - 1:,}. Ask for no more than that."
            )
        distances, rows = search(vectors, count + spare)
        for number, query in enumerate(good):
            found[id(query)] = tuple(
                Neighbour(int(row), float(distance), int(labels[row]))
                for row, distance in zip(rows[number], distances[number], strict=True)
                if row >= 0 and row != query.own_row
            )[:count]
    for query in batch:
        yield Result(query, found.get(id(query), ()))


def format_text(result: Result, features: Features) -> str:
    """Formats a query's name, and a line for each neighbour."""
    name = printing.escape(result.query.name)
    if result.query.error:
        return f"{name}\n  not searched: {result.query.error}"
    lines = [f"{name}{_describe_class(result.query.label, features)}"]
    for rank, neighbour in enumerate(result.neighbours, 1):
        lines.append(
            f"  {rank:2d}  {neighbour.distance:10.4f}  {features.source.split}/"
            f"{neighbour.row}{_describe_class(neighbour.label, features)}"
        )
    return "\n".join(lines)


def _describe_class(label: int, features: Features) -> str:
    if label < 0:
        return ""
    name = predict.format_class(features.source.classes[label])
    return f"  {printing.escape(name)}"


def to_json(result: Result, features: Features, data: DataDirectory) -> dict[str, Any]:
    """Converts a result to JSON values; `neighbours` is empty after an error.

    `data` are the features' images, for the names of the files they came from.
    """
    split = features.source.split
    return {
        "query": result.query.name,
        "error": result.query.error,
        **_class_to_json(result.query.label, features),
        "neighbours": [
            {
                "record": neighbour.row,
                "split": split,
                "file": build.read_file_name(data, split, neighbour.row),
                "distance": neighbour.distance,
                **_class_to_json(neighbour.label, features),
            }
            for neighbour in result.neighbours
        ],
    }


def _class_to_json(label: int, features: Features) -> dict[str, Any]:
    if label < 0:
        return {"label": None, "synset": None, "name": None}
    info = features.source.classes[label]
    return {"label": label, "synset": info.synset, "name": info.text}
