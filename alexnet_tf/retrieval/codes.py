"""Binary codes of all vectors, beside the features, and Hamming search in them.

I/codes-128/codes.npy      uint8 [N, 16], in the features' order
I/codes-128/encoder.npz    the encoder's arrays (see `autoencoder`)
I/codes-128/codes.json     how they were made, written last
"""

from __future__ import annotations

import contextlib
import dataclasses
import os

import numpy as np

from alexnet_tf.retrieval import autoencoder, feature_files, search
from alexnet_tf.retrieval.feature_files import Features
from tfrecords import errors
from tfrecords.durable import files, json_records, locks, npz

RECORD_NAME = "codes.json"
CODES_NAME = "codes.npy"
ENCODER_NAME = "encoder.npz"
FORMAT_NAME = "alexnet-codes"
FORMAT_VERSION = 1
MIN_BITS, MAX_BITS = 8, 1024
# The vectors whose codes are computed at a time.
_ROWS = 1024


@dataclasses.dataclass(frozen=True)
class CodesRecord:
    """How codes were made; `loss` is `autoencoder.train`'s, 0..1 or above."""

    num_bits: int
    num_epochs: int
    seed: int
    loss: float
    num_images: int
    # CRC-32 of `CODES_NAME`, and `feature_files.identify`; None in old directories.
    checksum: int | None = None
    features: int | None = None


def get_path(path: str, num_bits: int) -> str:
    """The directory of a length's codes."""
    return os.path.join(path, f"codes-{num_bits}")


def check_bits(num_bits: int) -> None:
    """Raises `UserError` unless a code fills whole bytes."""
    if num_bits % 8 or not MIN_BITS <= num_bits <= MAX_BITS:
        raise errors.UserError(
            f"--bits is {num_bits}; it must be a multiple of 8 from {MIN_BITS} to "
            f"{MAX_BITS}, such as 128."
        )


def build_codes(
    features: Features, num_bits: int, num_epochs: int, seed: int = 0
) -> CodesRecord:
    """Trains the autoencoder, and writes encoder and codes of all vectors.

    Codes of the same length are replaced.

    Raises:
      UserError: for a wrong length.
      InUseError: if another process writes to the features' directory.
      StorageError: if the disk is full.
    """
    check_bits(num_bits)
    with locks.directory_lock(features.path, "alexnet-retrieve"):
        return _build_codes(features, num_bits, num_epochs, seed)


def _build_codes(
    features: Features, num_bits: int, num_epochs: int, seed: int
) -> CodesRecord:
    encoder, loss = autoencoder.train(features, num_bits, num_epochs, seed)
    encode = autoencoder.make_encode(encoder)
    source = features.source
    found = []
    for block in range(source.num_blocks):
        vectors = features.read_block(block)
        for start in range(0, len(vectors), _ROWS):
            found.append(encode(vectors[start : start + _ROWS]))
    path = get_path(features.path, num_bits)
    files.make_directory(path)
    record_path = os.path.join(path, RECORD_NAME)
    # Without the record there are no codes, so earlier ones are not mixed with these.
    with contextlib.suppress(FileNotFoundError):
        os.unlink(record_path)
    npz.save(os.path.join(path, ENCODER_NAME), encoder)
    codes_path = os.path.join(path, CODES_NAME)
    feature_files.save_array(codes_path, np.concatenate(found))
    checksum = feature_files.compute_checksum(codes_path)
    record = CodesRecord(
        num_bits,
        num_epochs,
        seed,
        loss,
        source.num_images,
        checksum,
        feature_files.identify(features),
    )
    header = {"format": FORMAT_NAME, "version": FORMAT_VERSION}
    json_records.write_sealed(record_path, {**header, **dataclasses.asdict(record)})
    return record


class CodeIndex:
    """Codes in memory, searched by the number of differing bits (Hamming distance).

    Raises:
      UserError: if there are no codes of that length, or faiss is missing.
      DataError: if they are damaged, or of other features.
    """

    def __init__(self, features: Features, num_bits: int):
        search.check_package()
        check_bits(num_bits)
        import faiss

        path = get_path(features.path, num_bits)
        self.record = _read_record(path, num_bits, features)
        codes_path = os.path.join(path, CODES_NAME)
        remedy = "Make the codes again with alexnet-retrieve codes."
        with (
            files.read_errors(codes_path),
            json_records.explain_damage(codes_path, remedy),
        ):
            codes = np.load(codes_path, allow_pickle=False)
            shape = features.source.num_images, num_bits // 8
            if codes.dtype != np.uint8 or codes.shape != shape:
                raise ValueError(
                    f"it has {codes.dtype} {codes.shape}, not uint8 {shape}"
                )
            expected = self.record.checksum
            if expected not in (None, feature_files.compute_checksum(codes_path)):
                raise ValueError(f"it does not match its checksum in {RECORD_NAME}")
        self._encode = autoencoder.make_encode(
            npz.load(os.path.join(path, ENCODER_NAME))
        )
        self._features = features
        self._index = faiss.IndexBinaryFlat(num_bits)
        self._index.add(codes)

    def search(self, queries: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The nearest codes of feature vectors, float32 [Q, D], the nearest first.

        Returns numbers of differing bits, float32 [Q, count], and rows, int64 [Q,
        count]. Raises `UserError` if there are fewer images.
        """
        search.check_count(self._features, count)
        distances, rows = self._index.search(self._encode(queries), count)
        return distances.astype(np.float32), rows


def _read_record(path: str, num_bits: int, features: Features) -> CodesRecord:
    record_path = os.path.join(path, RECORD_NAME)
    try:
        record = json_records.read(
            record_path,
            CodesRecord,
            remedy="Make the codes again with alexnet-retrieve codes.",
            format_name=FORMAT_NAME,
            version=FORMAT_VERSION,
            may_be_sealed=True,
        )
    except (FileNotFoundError, NotADirectoryError) as error:
        raise errors.UserError(
            f"{features.path} has no codes of {num_bits} bits. Make them with "
            f"alexnet-retrieve codes --index_dir={features.path} --bits={num_bits}."
        ) from error
    if record.num_images != features.source.num_images:
        raise errors.DataError(
            f"{record_path} is of {record.num_images} images, but {features.path} has "
            f"{features.source.num_images}. Make the codes again."
        )
    if record.features not in (None, feature_files.identify(features)):
        raise errors.DataError(
            f"{record_path} is of other features than {features.path} now has. Make "
            "the codes again with alexnet-retrieve codes."
        )
    return record
