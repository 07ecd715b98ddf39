"""The nearest vectors by Euclidean distance, with faiss: exactly or approximately.

Exact search reads every vector, a block at a time, in constant memory. The approximate
index keeps each vector's 256 principal components at four bits, 128 bytes, and its
number, 8 bytes, in inverted lists (Sivic and Zisserman 2003), in one file. Its
candidates are compared by their exact distances, which costs a few reads.

For many queries faiss computes |x - y|^2 as |x|^2 + |y|^2 - 2 x.y in float32, which
cancels for near vectors, so the results' distances are computed again, in float64.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import math
import os
from typing import Any

import numpy as np

from alexnet_tf.retrieval import feature_files
from alexnet_tf.retrieval.feature_files import Features
from tfrecords import errors
from tfrecords.console import progress
from tfrecords.durable import files, json_records
from tfrecords.plurals import counted

INDEX_NAME = "approximate.faiss"
_RECORD_NAME = "approximate.json"
# Further rows that are compared by their exact distances, per search.
_EXACT_SPARE = 16
_APPROXIMATE_CANDIDATES = 200
# Below, exact search takes milliseconds.
MIN_APPROXIMATE = 1000
_TRAINING_ROWS = 100_000
_COMPONENTS = 256
_ROWS_OF_COMPONENTS = 1500
# faiss wants at least 39 vectors for each list's centre.
_ROWS_PER_LIST = 39


@dataclasses.dataclass(frozen=True)
class _Record:
    """CRC-32 of the index, and `feature_files.identify` of what it was made of."""

    checksum: int
    features: int


def check_package() -> None:
    """Raises `UserError` if faiss is not installed."""
    if importlib.util.find_spec("faiss") is None:
        raise errors.UserError(
            "retrieval needs the package faiss-cpu, which is not installed. Install it "
            "with pip install 'alexnet-tf[retrieval]'."
        )


def check_count(features: Features, count: int) -> None:
    """Raises `UserError` if there are fewer than `count` images to find."""
    if count > features.source.num_images:
        raise errors.UserError(
            f"{count} neighbours were asked for, but {features.path} has the features "
            f"of {counted(features.source.num_images, 'image')}. Ask for no more than "
            "that."
        )


def search(
    features: Features, queries: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Finds the `count` nearest vectors of each query, the nearest first, exactly.

    `queries` are float32 [Q, D]. Returns distances, float32 [Q, count], and rows, int64
    [Q, count]. Equal distances are in the order of the rows. Raises `UserError` if
    there are fewer vectors, or faiss is missing.
    """
    check_package()
    check_count(features, count)
    import faiss

    source = features.source
    wanted = min(count + _EXACT_SPARE, source.num_images)
    heap = faiss.ResultHeap(len(queries), wanted)
    queries = np.ascontiguousarray(queries, np.float32)
    for block in range(source.num_blocks):
        vectors = np.ascontiguousarray(features.read_block(block))
        distances, rows = faiss.knn(queries, vectors, min(wanted, len(vectors)))
        heap.add_result(distances, rows + block * source.block_rows)
    heap.finalize()
    return _rank(features, queries, heap.I, count)


def _rank(
    features: Features, queries: np.ndarray, candidates: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """The `count` nearest of candidate rows, int64 [Q, C], -1 for none."""
    distances = np.full((len(queries), count), np.inf, np.float32)
    rows = np.full((len(queries), count), -1, np.int64)
    for number, query in enumerate(queries):
        found = np.sort(candidates[number][candidates[number] >= 0])
        difference = features.read_rows(found).astype(np.float64) - query
        exact = np.sqrt(np.einsum("ij,ij->i", difference, difference))
        order = np.argsort(exact, kind="stable")[:count]
        distances[number, : len(order)] = exact[order]
        rows[number, : len(order)] = found[order]
    return distances, rows


def check_approximate(path: str, num_images: int) -> None:
    """Raises `UserError` if an approximate index cannot be made of so many images.

    `path` names them; faiss has to be installed, too.
    """
    check_package()
    if num_images < MIN_APPROXIMATE:
        raise errors.UserError(
            f"{path} has {counted(num_images, 'image')}; an approximate index needs "
            f"at least {MIN_APPROXIMATE:,}. Search exactly: leave out --approximate."
        )


def build_approximate(features: Features) -> str:
    """Writes the approximate index of all vectors; returns its path.

    Raises `UserError` if there are too few vectors for one, or faiss is missing.
    """
    source = features.source
    check_approximate(features.path, source.num_images)
    import faiss

    index = train_approximate(_sample(features), source.num_images)
    line = progress.Progress("approximate index", source.num_images, "vectors")
    for block in range(source.num_blocks):
        vectors = np.ascontiguousarray(features.read_block(block))
        index.add(vectors)
        line.advance(len(vectors))
    line.close()
    path = os.path.join(features.path, INDEX_NAME)
    record_path = os.path.join(features.path, _RECORD_NAME)
    # An earlier record is not of the new index.
    with contextlib.suppress(FileNotFoundError):
        os.unlink(record_path)
    # faiss writes the file itself: at 15 million images it has a gigabyte.
    with files.atomic_write(path) as file:
        faiss.write_index(index, faiss.PyCallbackIOWriter(file.write))
    record = _Record(
        feature_files.compute_checksum(path), feature_files.identify(features)
    )
    json_records.write_sealed(record_path, dataclasses.asdict(record))
    return path


def train_approximate(sample: np.ndarray, num_vectors: int) -> Any:
    """Makes an empty faiss index for `num_vectors` vectors like `sample`, [n, D]."""
    import faiss

    num_features = sample.shape[1]
    most = len(sample) // _ROWS_PER_LIST
    num_lists = max(1, min(int(4 * math.sqrt(num_vectors)), most))
    sample = np.ascontiguousarray(sample, np.float32)
    kind = f"IVF{num_lists},SQ4"
    if num_features > _COMPONENTS:
        # Of fewer vectors than dimensions faiss decomposes the smaller matrix; that of
        # 4096 dimensions takes minutes. A random rotation spreads the variance.
        components = faiss.PCAMatrix(num_features, _COMPONENTS, 0, True)
        components.train(sample[:_ROWS_OF_COMPONENTS])
        inner = faiss.index_factory(_COMPONENTS, kind)
        index = faiss.IndexPreTransform(_copy_map(components), inner)
    else:
        index = faiss.index_factory(num_features, kind)
    index.train(sample)
    # A sixteenth of the lists: most neighbours are in a query's own and the nearest.
    faiss.extract_index_ivf(index).nprobe = max(1, min(256, num_lists // 16))
    return index


def _copy_map(components: Any) -> Any:
    """The map x -> A x + b of trained principal components, and nothing else.

    faiss keeps and writes all of them with their eigenvalues, 24 MB for 4096 numbers;
    of the 256 that are used A has 4 MB.
    """
    import faiss

    copy = faiss.LinearTransform(components.d_in, components.d_out, True)
    faiss.copy_array_to_vector(faiss.vector_to_array(components.A), copy.A)
    faiss.copy_array_to_vector(faiss.vector_to_array(components.b), copy.b)
    copy.is_trained = True
    return copy


def _sample(features: Features) -> np.ndarray:
    # Every n-th vector: the records were shuffled by the conversion.
    num_images = features.source.num_images
    step = max(1, num_images // _TRAINING_ROWS)
    return features.read_rows(np.arange(0, num_images, step, dtype=np.int64))


class ApproximateIndex:
    """An index that `build_approximate` wrote, loaded into memory.

    Raises:
      UserError: if there is none.
      DataError: if it is damaged, or of other features.
    """

    def __init__(self, features: Features):
        check_package()
        import faiss

        path = os.path.join(features.path, INDEX_NAME)
        if not os.path.exists(path):
            raise errors.UserError(
                f"{features.path} has no approximate index. Make one with "
                "alexnet-retrieve build --approximate and the same flags, or leave out "
                "--approximate."
            )
        _check_record(features, path)
        try:
            self._index = faiss.read_index(path)
            expected = features.source.num_images, features.source.num_features
            found = self._index.ntotal, self._index.d
            if found != expected:
                raise ValueError(f"it has {found[0]} vectors of {found[1]} numbers")
        except (RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines()[-1]
            raise errors.DataError(
                f"{path} is damaged or of other features ({reason:.200}). Remove it "
                "and build it again."
            ) from error
        self._features = features

    def search(self, queries: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """As `search`; a near image may be missing, the distances are exact."""
        check_count(self._features, count)
        wanted = min(max(count, _APPROXIMATE_CANDIDATES), self._index.ntotal)
        queries = np.ascontiguousarray(queries, np.float32)
        _, candidates = self._index.search(queries, wanted)
        if np.any(candidates[:, count - 1] < 0):
            # The lists that were searched hold too few.
            import faiss

            lists = faiss.extract_index_ivf(self._index)
            all_lists = faiss.SearchParametersIVF(nprobe=lists.nlist)
            if lists.d != self._index.d:
                all_lists = faiss.SearchParametersPreTransform(index_params=all_lists)
            _, candidates = self._index.search(queries, wanted, params=all_lists)
        return _rank(self._features, queries, candidates, count)


def _check_record(features: Features, path: str) -> None:
    """Raises `DataError` if the index is not as recorded; old ones have no record."""
    record_path = os.path.join(features.path, _RECORD_NAME)
    remedy = "Build the index again with --approximate."
    try:
        record = json_records.read(
            record_path, _Record, remedy=remedy, may_be_sealed=True
        )
    except FileNotFoundError:
        return
    if record.features != feature_files.identify(features):
        raise errors.DataError(
            f"{path} is of other features than {features.path} now has. {remedy}"
        )
    if record.checksum != feature_files.compute_checksum(path):
        raise errors.DataError(
            f"{path} is damaged: it does not match its checksum in {_RECORD_NAME}. "
            f"{remedy}"
        )
