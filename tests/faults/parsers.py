"""One function for each parser of untrusted bytes: what must hold for any bytes.

Each function takes bytes that nobody chose with care, and returns, or raises an
exception if the parser broke a guarantee: an error that is not ours, or a result that
contradicts the bytes. The fuzzer, the mutants of `parser_faults` and the tests share
them.
"""

from __future__ import annotations

import atexit
import os
import pathlib
import pickle
import re
import tempfile
from collections.abc import Callable

import numpy as np

from alexnet_tf.weights import numpy_files
from tfrecords import errors
from tfrecords.durable import json_records, npz
from tfrecords.images import decoder, headers
from tfrecords.shards import example_proto, manifest, record_file, schema
from tfrecords.sources import cifar
from tfrecords.sources.archives import tar_walk, zip_members

# The committed inputs, a folder for each parser.
CORPUS = pathlib.Path(__file__).parents[1] / "corpus"
_MAX_PIXELS = 100_000
_IMAGE_NAME = re.compile(rb"n\d{8}_\d+\.JPEG")


def fuzz_image(data: bytes) -> None:
    """An image is RGB and of the size that its header says, or refused."""
    try:
        image = decoder.decode_image(
            data, apply_orientation=False, max_pixels=_MAX_PIXELS
        )
    except decoder.ImageError:
        return
    assert image.mode == "RGB"
    assert image.size == decoder.read_dimensions(data)[1:]


def fuzz_orientation(data: bytes) -> None:
    """Every Exif structure has one of the eight orientations."""
    assert 1 <= headers.read_orientation(data) <= 8


def fuzz_tar(data: bytes) -> None:
    """The members of a tar lie in it, in order, apart, under different names."""
    for pattern in (tar_walk.ANY_FILE, _IMAGE_NAME):
        reader = tar_walk.BytesReader("fuzzed.tar", data)
        end, names = 0, set[bytes]()
        try:
            for member in tar_walk.walk(reader, pattern, padding_notes=[]):
                assert pattern.fullmatch(member.name) and member.name not in names
                assert ".." not in member.name.decode("latin1").split("/")
                names.add(member.name)
                assert member.num_bytes >= 0 and member.offset >= end + 512
                end = member.offset + member.num_bytes
                assert end <= len(data)
        except errors.DataError as error:
            assert "fuzzed.tar" in str(error)


def fuzz_zip(data: bytes) -> None:
    """Every file of a zip is read as long as the directory says, or refused."""
    path = _write(data)
    try:
        found, members = zip_members.list_members(path)
    except errors.DataError:
        return
    for offset, num_bytes in found.values():
        try:
            content = members.read(offset, path, lambda a, n: _read_whole(data, a, n))
        except errors.DataError:
            continue
        assert len(content) == num_bytes


def fuzz_records(data: bytes) -> None:
    """A record file's records, framed again, are the file; also with a right length.

    No random change gives a length its checksum, so the first length gets it here.
    """
    length = data[:8]
    checksum = record_file.compute_masked_crc(length).to_bytes(4, "little")
    for content in (data, length + checksum + data[12:] if len(data) >= 12 else b""):
        path = _write(content)
        try:
            framed = [record_file.frame(record) for _, record in record_file.scan(path)]
        except errors.DataError as error:
            assert path in str(error)
        else:
            assert b"".join(framed) == content


def fuzz_example(data: bytes) -> None:
    """Our readers find what the protocol-buffer library finds, or refuse it."""
    # Only here: the import of TensorFlow takes seconds.
    from tensorflow.core.example import example_pb2

    try:
        features = example_proto.decode_example(data)
    except errors.DataError:
        features = None
    if features is not None:
        theirs = example_pb2.Example.FromString(data).features.feature
        assert set(features) == set(theirs)
        for key, values in features.items():
            kind = theirs[key].WhichOneof("kind")
            expected = list(getattr(theirs[key], kind).value) if kind else []
            assert repr(values) == repr(expected), key
    try:
        record = schema.decode_record(data)
    except errors.DataError:
        record = None
    try:
        pixels, label = schema.decode_pixels(memoryview(data))
    except errors.DataError:
        assert record is None
    else:
        # The other reader looks at more features.
        if record is not None:
            assert (bytes(pixels), label) == (record.image_bytes, record.label)


def fuzz_npz(data: bytes) -> None:
    """Arrays of numbers no larger than the file, or refused."""
    try:
        arrays = npz.load(_write(data))
    except errors.DataError:
        return
    assert sum(array.nbytes for array in arrays.values()) <= len(data)
    assert not any(array.dtype.hasobject for array in arrays.values())


def fuzz_npy_weights(data: bytes) -> None:
    """Finite float32 weights, or refused."""
    _check_weights(numpy_files.read_npy, data)


def fuzz_npz_weights(data: bytes) -> None:
    """Finite float32 weights, or refused."""
    _check_weights(numpy_files.read_npz, data)


def _check_weights(read: Callable[[str], dict[str, np.ndarray]], data: bytes) -> None:
    try:
        arrays = read(_write(data))
    except errors.DataError:
        return
    for array in arrays.values():
        assert array.dtype == np.float32 and np.isfinite(array).all()


def fuzz_json(data: bytes) -> None:
    """A manifest, or refused."""
    try:
        found = json_records.read(
            _write(data),
            manifest.Manifest,
            format_name=manifest.FORMAT_NAME,
            version=manifest.FORMAT_VERSION,
            may_be_sealed=True,
        )
    except errors.UserError:
        return
    assert isinstance(found, manifest.Manifest)
    assert all(isinstance(info.synset, str) for info in found.classes)


def fuzz_cifar(data: bytes) -> None:
    """A dictionary without a single object of another class than ours, or refused."""
    try:
        batch = cifar._unpickle(data, "fuzzed")
    except errors.DataError as error:
        assert "fuzzed" in str(error)
    else:
        # What cannot be pickled again, such as an open file, has no business here.
        pickle.dumps({key: None for key in batch})


PARSERS: dict[str, Callable[[bytes], None]] = {
    function.__name__.removeprefix("fuzz_"): function
    for function in (
        fuzz_image,
        fuzz_orientation,
        fuzz_tar,
        fuzz_zip,
        fuzz_records,
        fuzz_example,
        fuzz_npz,
        fuzz_npy_weights,
        fuzz_npz_weights,
        fuzz_json,
        fuzz_cifar,
    )
}


def list_corpus(name: str) -> list[pathlib.Path]:
    """The committed inputs of a parser."""
    return sorted((CORPUS / name).iterdir())


_paths: dict[int, str] = {}


def _write(data: bytes) -> str:
    """A file with these bytes, the same one each time in a process."""
    pid = os.getpid()
    if pid not in _paths:
        memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
        handle, _paths[pid] = tempfile.mkstemp(prefix="alexnet-parsers-", dir=memory)
        os.close(handle)
        atexit.register(os.unlink, _paths[pid])
    path = _paths[pid]
    pathlib.Path(path).write_bytes(data)
    return path


def _read_whole(data: bytes, offset: int, count: int) -> bytes:
    """What `stored.StoredImages` passes on: all bytes, or an error."""
    if offset + count > len(data):
        raise errors.DataError("only a part is left")
    return data[offset : offset + count]
