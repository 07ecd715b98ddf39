"""How good retrieval is: precision at k, and how near results are in pixels.

  precision at k = share of a query's k nearest images that have its class, averaged
                   over the queries
  pixel rank     = 1 + number of images that are nearer to the query in raw pixels than
                   the retrieved one

The paper notes that retrieved training images are "generally not close in L2 to the
query images" in pixels (section 6.1): their pixel ranks are then large.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from alexnet_tf.data.directory import DataDirectory
from alexnet_tf.retrieval import build, neighbours
from alexnet_tf.retrieval.extractor import Extractor
from alexnet_tf.retrieval.feature_files import Features
from alexnet_tf.retrieval.neighbours import Result, Search
from tfrecords import errors
from tfrecords.console import progress
from tfrecords.plurals import counted

# Of a normal distribution's 95 % interval.
_SPREAD = 1.96


@dataclasses.dataclass(frozen=True)
class Precision:
    """Mean precision over queries, 0..1, and the half-width of its 95 % interval."""

    mean: float
    margin: float
    num_queries: int


@dataclasses.dataclass(frozen=True)
class Report:
    """What `measure` found.

    Attributes:
      count: neighbours of each query, k.
      num_images: images searched.
      search_seconds: of the search of all queries, without their features.
      pixel_ranks: int64 [Q, k], or None if they were not asked for.
    """

    split: str
    count: int
    num_images: int
    precision: Precision
    search_seconds: float
    pixel_ranks: np.ndarray | None


def measure(
    extractor: Extractor,
    features: Features,
    search: Search,
    data: DataDirectory,
    split: str,
    count: int,
    max_queries: int,
    ranks_pixels: bool = False,
) -> Report:
    """Searches with records of `split`; `data` are the features' images.

    Raises `UserError` if the split has no labels, and as `neighbours.find_neighbours`.
    """
    if not data.is_labelled(split):
        raise errors.UserError(
            f"the split {split!r} has no labels to compare with. Choose another "
            "--split."
        )
    seconds = 0.0

    def timed(queries: np.ndarray, wanted: int) -> tuple[np.ndarray, np.ndarray]:
        nonlocal seconds
        start = time.perf_counter()
        found = search(queries, wanted)
        seconds += time.perf_counter() - start
        return found

    rows = pick_queries(data.count_images(split), max_queries)
    queries = neighbours.read_records(data, split, rows, features)
    results = list(
        neighbours.find_neighbours(extractor, features, timed, queries, count)
    )
    ranks = _rank_by_pixels(results, features, data) if ranks_pixels else None
    num_images = features.source.num_images
    precision = measure_precision(results)
    return Report(split, count, num_images, precision, seconds, ranks)


def _rank_by_pixels(
    results: Sequence[Result], features: Features, data: DataDirectory
) -> np.ndarray:
    source = features.source
    begin = (data.image_size - source.crop_size) // 2
    end = begin + source.crop_size

    def crop(images: np.ndarray) -> np.ndarray:
        return images[..., begin:end, begin:end, :]

    # An approximate index may find fewer for some.
    count = min(len(result.neighbours) for result in results)
    rows = np.array([[n.row for n in r.neighbours[:count]] for r in results])
    found = [
        np.stack([crop(build.read_image(data, source.split, row)[0]) for row in of_one])
        for of_one in rows.tolist()
    ]
    line = progress.Progress("pixel ranks", source.num_images, "images")

    def read() -> Iterable[np.ndarray]:
        every = range(source.num_images)
        for images, _ in build.read_batches(data, source.split, every, batch_size=256):
            yield crop(images)
            line.advance(len(images))

    queries = np.stack([result.query.image for result in results])
    ranks = rank_by_pixels(crop(queries), rows, np.stack(found), read())
    line.close()
    return ranks


def measure_precision(results: Sequence[Result]) -> Precision:
    """Measures the results of queries whose labels are known; there is at least one."""
    shares = np.array(
        [
            np.mean([each.label == result.query.label for each in result.neighbours])
            for result in results
        ]
    )
    deviation = shares.std(ddof=1) if len(shares) > 1 else 0.0
    margin = float(_SPREAD * deviation / np.sqrt(len(shares)))
    return Precision(float(shares.mean()), margin, len(shares))


def rank_by_pixels(
    queries: np.ndarray,
    found_rows: np.ndarray,
    found: np.ndarray,
    images: Iterable[np.ndarray],
) -> np.ndarray:
    """The pixel ranks of retrieved images among all images.

    Args:
      queries: uint8 [Q, height, width, 3].
      found_rows: int64 [Q, k], the retrieved images' rows.
      found: uint8 [Q, k, height, width, 3], the retrieved images.
      images: batches of all images in the order of their rows, uint8 [B, height, width,
        3], read once.

    Returns:
      int64 [Q, k], from 1, the nearest in pixels.
    """
    flat = _flatten(queries)
    limits = np.stack(
        [
            _square_distances(flat[number : number + 1], _flatten(found[number]))[0]
            for number in range(len(flat))
        ]
    )
    nearer = np.zeros(found_rows.shape, np.int64)
    start = 0
    for batch in images:
        distances = _square_distances(flat, _flatten(batch))
        rows = np.arange(start, start + len(batch))
        for place in range(found_rows.shape[1]):
            # Not the image itself, whose distance may round differently.
            is_other = rows != found_rows[:, place, np.newaxis]
            is_nearer = distances < limits[:, place, np.newaxis]
            nearer[:, place] += np.sum(is_nearer & is_other, axis=1)
        start += len(batch)
    return nearer + 1


def _flatten(images: np.ndarray) -> np.ndarray:
    # Centred: smaller numbers round less.
    return images.reshape(len(images), -1).astype(np.float32) - np.float32(127.5)


def _square_distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """|x - y|^2 = |x|^2 + |y|^2 - 2 x.y of all pairs, float32 [n, m]."""
    squares = np.sum(one**2, axis=1)[:, np.newaxis] + np.sum(other**2, axis=1)
    return squares - 2 * (one @ other.T)


def pick_queries(num_records: int, count: int) -> list[int]:
    """`count` records at equal distances over a split, or all if there are fewer."""
    count = min(count, num_records)
    return [number * num_records // count for number in range(count)]


def format_text(report: Report) -> str:
    """Formats a report for reading."""
    precision = report.precision
    queries = counted(precision.num_queries, "image")
    per_second = precision.num_queries / max(report.search_seconds, 1e-9)
    lines = [
        f"precision at {report.count}: {precision.mean:.1%} +- {precision.margin:.1%} "
        f"(95 %), with {queries} of {report.split} in {report.num_images:,}",
        f"search: {per_second:,.0f} queries/s",
    ]
    if report.pixel_ranks is not None:
        summary = _summarize(report.pixel_ranks, report.count)
        lines.append(
            f"rank of what was found by distance in pixels: median "
            f"{summary['median']:,.0f} of {report.num_images:,}; "
            f"{summary['share_of_nearest']:.1%} are among the {report.count} nearest"
        )
    return "\n".join(lines)


def to_json(report: Report) -> dict[str, Any]:
    """Converts a report to JSON values; shares are 0..1."""
    ranks = report.pixel_ranks
    return {
        "split": report.split,
        "neighbours": report.count,
        "num_images": report.num_images,
        "num_queries": report.precision.num_queries,
        "precision": report.precision.mean,
        "margin": report.precision.margin,
        "search_seconds": report.search_seconds,
        "pixel_ranks": None if ranks is None else _summarize(ranks, report.count),
    }


def _summarize(ranks: np.ndarray, count: int) -> dict[str, float]:
    return {
        "median": float(np.median(ranks)),
        "share_of_nearest": float(np.mean(ranks <= count)),
    }
