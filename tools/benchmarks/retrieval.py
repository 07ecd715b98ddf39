"""How fast the nearest images are found, and in how many bytes, on made features."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from alexnet_tf.retrieval import feature_files, search
from tfrecords.console import progress
from tfrecords.shards import manifest
from tools.benchmarks import fixtures, harness
from tools.benchmarks.harness import Options, Result

# Of fc7, and the paper's number of neighbours.
_NUM_FEATURES, _COUNT = 4096, 6
_NUM_QUERIES = 20
_CODE_BITS = 128
_DEFAULT_IMAGES = 5000
# As many classes as ILSVRC-2012 has.
_NUM_CENTRES = 1000
_SAMPLE = 20_000


def measure_retrieval(options: Options) -> Result:
    """Milliseconds per query, bytes and recall of exact, approximate and code search.

    --num_images (5,000) vectors of 4096 numbers: rectified normal noise around 1,000
    centres. Up to --max_images the vectors are on the disk and searched exactly, too;
    of more only the index and the codes are made.
    """
    search.check_package()
    count = options.num_images or _DEFAULT_IMAGES
    queries = next(_draw(_NUM_QUERIES, block_rows=_NUM_QUERIES, seed=1))
    with fixtures.temporary_folder() as folder:
        measure = _measure_stored if count <= options.max_images else _measure_streamed
        rows, build_seconds = measure(folder, count, queries)
    return Result(
        f"Nearest {_COUNT} of {count:,} vectors of {_NUM_FEATURES}, a query at a time",
        "search | bytes per image | GB | ms per query | share of the exact",
        [*rows, _measure_codes(count)],
        [
            f"making the approximate index took {build_seconds:.0f} s, with the "
            "drawing of the vectors where they are not on the disk",
            f"codes have {_CODE_BITS} bits, drawn at random",
        ],
    )


def _measure_stored(
    folder: str, count: int, queries: np.ndarray
) -> tuple[list[tuple[Any, ...]], float]:
    """The rows of vectors on the disk, and the seconds of making their index."""
    features = _write(folder, count)
    exact_seconds, exact = _time(
        lambda vectors: search.search(features, vectors, _COUNT)[1], queries
    )
    rows = [_make_row("exact", count * _NUM_FEATURES * 4, count, exact_seconds, 1.0)]
    if count < search.MIN_APPROXIMATE:
        return rows, 0.0
    start = time.perf_counter()
    size = os.path.getsize(search.build_approximate(features))
    build_seconds = time.perf_counter() - start
    index = search.ApproximateIndex(features)
    seconds, found = _time(lambda vectors: index.search(vectors, _COUNT)[1], queries)
    recall = _recall(exact, found)
    return [
        *rows,
        _make_row("approximate", size, count, seconds, recall),
    ], build_seconds


def _measure_streamed(
    folder: str, count: int, queries: np.ndarray
) -> tuple[list[tuple[Any, ...]], float]:
    """The same of vectors that are drawn, indexed and forgotten."""
    import faiss

    start = time.perf_counter()
    sample = next(_draw(_SAMPLE, block_rows=_SAMPLE, seed=2))
    index = search.train_approximate(sample, count)
    line = progress.Progress("approximate index", count, "vectors")
    for vectors in _draw(count, feature_files.BLOCK_ROWS):
        index.add(vectors)
        line.advance(len(vectors))
    line.close()
    build_seconds = time.perf_counter() - start
    path = os.path.join(folder, "index")
    faiss.write_index(index, path)
    seconds, _ = _time(lambda vectors: index.search(vectors, _COUNT)[1], queries)
    row = _make_row("approximate", os.path.getsize(path), count, seconds, None)
    return [row], build_seconds


def _make_row(
    name: str, size: int, count: int, seconds: float, recall: float | None
) -> tuple[Any, ...]:
    return name, size / count, size / 1e9, 1000 * seconds, recall


def _draw(count: int, block_rows: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Blocks of vectors, float32 [block_rows, 4096]; the last may be shorter."""
    centres = (
        np.random.default_rng(0)
        .normal(size=(_NUM_CENTRES, _NUM_FEATURES))
        .astype(np.float32)
    )
    for start in range(0, count, block_rows):
        rng = np.random.default_rng([seed, start])
        size = min(block_rows, count - start)
        noise = rng.standard_normal((size, _NUM_FEATURES), np.float32)
        noise += centres[rng.integers(0, _NUM_CENTRES, size)]
        yield np.maximum(noise, 0, out=noise)


def _write(folder: str, count: int) -> feature_files.Features:
    source = feature_files.Source(
        layer="fc7",
        split="train",
        data_dir="",
        data_fingerprint="",
        num_folds=0,
        fold=0,
        fraction=1.0,
        crop_size=224,
        network="",
        is_untrained=False,
        classes=(manifest.ClassInfo("", ""),),
        num_images=count,
        num_features=_NUM_FEATURES,
        block_rows=feature_files.BLOCK_ROWS,
    )
    line = progress.Progress("drawing", count, "vectors")
    for block, vectors in enumerate(_draw(count, feature_files.BLOCK_ROWS)):
        path = feature_files.get_block_path(folder, block)
        feature_files.save_array(path, vectors)
        line.advance(len(vectors))
    line.close()
    # An index names the features that it was made of by their record.
    feature_files.write_source(folder, feature_files.RECORD_NAME, source)
    return feature_files.Features(folder, source, np.zeros(1, np.float32))


def _time(
    find: Callable[[np.ndarray], np.ndarray], queries: np.ndarray
) -> tuple[float, np.ndarray]:
    """The median seconds of a query, and what all of them found."""
    find(queries[:1])
    seconds, found = [], []
    for query in queries:
        start = time.perf_counter()
        found.append(find(query[np.newaxis])[0])
        seconds.append(time.perf_counter() - start)
    return harness.summarize(seconds).median, np.array(found)


def _recall(exact: np.ndarray, found: np.ndarray) -> float:
    shared = [
        len({*a} & {*b}) for a, b in zip(exact.tolist(), found.tolist(), strict=True)
    ]
    return float(np.mean(shared)) / _COUNT


def _measure_codes(count: int) -> tuple[Any, ...]:
    import faiss

    rng = np.random.default_rng(0)
    codes = rng.integers(0, 256, (count, _CODE_BITS // 8), np.uint8)
    index = faiss.IndexBinaryFlat(_CODE_BITS)
    index.add(codes)
    queries = rng.integers(0, 256, (_NUM_QUERIES, _CODE_BITS // 8), np.uint8)
    seconds, _ = _time(lambda query: index.search(query, _COUNT)[1], queries)
    name = f"codes of {_CODE_BITS} bits"
    return _make_row(name, codes.nbytes, count, seconds, None)
