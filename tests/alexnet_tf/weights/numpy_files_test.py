"""Weights in NumPy's files: good ones, old ones, damaged ones and hostile ones."""

from __future__ import annotations

import io
import os
import pickle
import struct
import sys
import zipfile

import numpy as np
import pytest

from alexnet_tf.weights import bounds, numpy_files
from tfrecords import errors

KERNEL = np.arange(6, dtype=np.float32).reshape(2, 3)
BIAS = np.array([0.5, -1.5, 2.5], np.float32)


def save_object(path, content, **arguments):
    np.save(path, np.array(content, dtype=object), **arguments)
    return str(path)


def save_pickle(path, data):
    """A .npy file of one object whose pickle is `data`."""
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|O", "fortran_order": False, "shape": ()}
        )
        file.write(data)
    return str(path)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.npy"


@pytest.mark.parametrize(
    "layer",
    [
        [KERNEL, BIAS],
        (KERNEL, BIAS),
        {"weights": KERNEL, "biases": BIAS},
        np.array([KERNEL, BIAS], dtype=object),
    ],
    ids=["list", "tuple", "dictionary", "array"],
)
def test_a_dictionary_of_layers(path, layer):
    arrays = numpy_files.read_npy(save_object(path, {"conv1": layer}))
    assert list(arrays) == ["conv1/weights", "conv1/biases"]
    np.testing.assert_array_equal(arrays["conv1/weights"], KERNEL)
    np.testing.assert_array_equal(arrays["conv1/biases"], BIAS)
    assert arrays["conv1/weights"].dtype == np.float32


def test_a_dictionary_of_arrays(path):
    arrays = numpy_files.read_npy(save_object(path, {"fc8_b": BIAS}))
    np.testing.assert_array_equal(arrays["fc8_b"], BIAS)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f2", ">f8"])
def test_every_protocol_and_byte_order(path, protocol, dtype):
    content = {"conv1": [np.asfortranarray(KERNEL.astype(dtype)), BIAS.astype(dtype)]}
    # As numpy.save wraps it.
    data = pickle.dumps(np.array(content, dtype=object), protocol)
    arrays = numpy_files.read_npy(save_pickle(path, data))
    np.testing.assert_array_equal(arrays["conv1/weights"], KERNEL)
    assert arrays["conv1/weights"].dtype == np.dtype("=f4")
    assert arrays["conv1/weights"].flags.c_contiguous


def make_old_array(shape, kind, raw):
    """An array as Python 2 pickled it: protocol 2, names and bytes as short strings."""

    def text(data):
        return b"U" + bytes([len(data)]) + data

    dimensions = b"(" + b"".join(b"K" + bytes([n]) for n in shape) + b"t"
    dtype = b"cnumpy\ndtype\n" + text(kind) + b"K\x00K\x01\x87R"
    dtype += b"(K\x03" + text(b"|" if kind == b"O8" else b"<") + b"NNN"
    dtype += 2 * b"J\xff\xff\xff\xff" + b"K\x00tb"
    begin = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85"
    return (
        begin + text(b"b") + b"\x87R(K\x01" + dimensions + dtype + b"\x89" + raw + b"tb"
    )


def test_what_python_2_wrote(path):
    raw = KERNEL.tobytes()
    assert max(raw) > 127  # no ASCII
    kernel = make_old_array((2, 3), b"f4", b"U" + bytes([len(raw)]) + raw)
    layers = b"}U\x05conv1](" + kernel + kernel + b"es"
    data = b"\x80\x02" + make_old_array((), b"O8", b"]" + layers + b"a") + b"."
    arrays = numpy_files.read_npy(save_pickle(path, data))
    np.testing.assert_array_equal(arrays["conv1/weights"], KERNEL)


class Canary:
    """What runs a command where it is unpickled."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (os.system, ("touch {}",)),
        (eval, ("open({!r}, 'w')",)),
        (os.mkdir, ("{}",)),
        (np.save, ("{}", 1)),
        (open, ("{}", "w")),
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_hostile_file_runs_nothing(path, tmp_path, function, arguments, protocol):
    canary = tmp_path / "canary"
    filled = [a.format(str(canary)) if isinstance(a, str) else a for a in arguments]
    content = {"conv1": [KERNEL, BIAS], "fc8": Canary(function, *filled)}
    data = pickle.dumps(np.array(content, dtype=object), protocol)
    with pytest.raises(errors.DataError, match=r"tries to run .*\."):
        numpy_files.read_npy(save_pickle(path, data))
    assert os.listdir(tmp_path) == ["weights.npy"]
    # The file would have done it.
    pickle.loads(data)
    assert len(os.listdir(tmp_path)) == 2


RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"
ARRAY_TYPE = b"cnumpy\nndarray\n"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        # A terabyte, asked for by a few bytes.
        (ARRAY_TYPE + b"(I1000000000000\nI1\ntR.", "not callable"),
        (RECONSTRUCT + b"}U\x08__call__K\x01sb.", "modifies a callable"),
        (ARRAY_TYPE + b"}U\x01xK\x01sb.", "modifies a callable"),
        (b"c_codecs\nencode\nU\x01aU\x04utf8\x86R.", "it encodes as 'utf8'"),
        (b"cnumpy\ndtype\nU\x0c(1000000,)f4\x85R.", r"arrays are of type '\(1000000"),
        (b"cnumpy\nload\nU\x01a\x85R.", "run numpy.load"),
        (b"cnumpy.core.multiarray\nscalar\n.", "run numpy.core.multiarray"),
        (b"Phello\n.", "opcode PERSID"),
        (b"\x82\x01.", "opcode EXT1"),
        (b"(ios\nsystem\n.", "opcode INST"),
        (b"K\x01r\xff\xff\xff\x7f.", "2,147,483,647"),
        (b"K\x01p99999999\n.", "99,999,999"),
        # Eight exabytes, announced.
        (b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7fab.", "damaged"),
        (b"].", "single object"),
        (b"K\x01", "damaged"),
        (b"", "damaged"),
    ],
)
def test_a_forged_pickle_is_refused(path, data, words):
    with pytest.raises(errors.DataError, match=words):
        numpy_files.read_npy(save_pickle(path, b"\x80\x02" + data))


def test_a_shape_that_the_bytes_do_not_fill_is_refused(path):
    raw = KERNEL.tobytes()
    kernel = make_old_array((200, 200), b"f4", b"U" + bytes([len(raw)]) + raw)
    layers = b"}U\x05conv1](" + kernel + b"es"
    data = b"\x80\x02" + make_old_array((), b"O8", b"]" + layers + b"a") + b"."
    with pytest.raises(errors.DataError, match=r"shape \[200, 200\] has 24 bytes"):
        numpy_files.read_npy(save_pickle(path, data))


def test_an_array_that_is_listed_again_and_again_takes_no_more_memory(
    path, monkeypatch
):
    monkeypatch.setattr(bounds, "MAX_BYTES", 1 << 20)
    big = np.zeros(50_000, np.float32)
    save_object(path, {f"layer{n}": [big, BIAS] for n in range(1000)})
    assert path.stat().st_size < bounds.MAX_BYTES
    with pytest.raises(errors.DataError, match=r"more than .* arrays or"):
        numpy_files.read_npy(str(path))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([KERNEL], "an array of object"),
        ("text", "dictionary"),
        ({"conv1": "text"}, "'conv1' is not an array"),
        ({"conv1": [KERNEL, 3]}, "conv1/biases is not an array"),
        ({"conv1": [KERNEL.astype(np.int32), BIAS]}, "conv1/weights holds int32"),
        ({"conv1": [KERNEL, BIAS * np.nan]}, "conv1/biases .* not finite"),
        ({"conv1": [KERNEL + np.float64(1e300), BIAS]}, "conv1/weights .* not finite"),
        ({"conv1": [KERNEL.astype("c8"), BIAS]}, "holds complex64"),
        ({"conv1": [np.zeros((0, 3), np.float32), BIAS]}, r"shape \[0, 3\]"),
    ],
)
def test_other_content_is_refused_with_the_reason(path, content, words):
    with pytest.raises(errors.DataError, match=words):
        numpy_files.read_npy(save_object(path, content))


def test_every_truncation_is_an_error(path):
    save_object(path, {"conv1": [KERNEL, BIAS]})
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(errors.DataError, match=r"damaged or is not a \.npy file"):
            numpy_files.read_npy(str(path))


def test_a_plain_array_and_no_file(path):
    np.save(path, KERNEL)
    with pytest.raises(errors.DataError, match="an array of float32"):
        numpy_files.read_npy(str(path))
    with pytest.raises(errors.UserError, match=r"nowhere.npy cannot be read"):
        numpy_files.read_npy("nowhere.npy")
    with pytest.raises(errors.UserError, match="is not a file"):
        numpy_files.read_npy(str(path.parent))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path, save):
    path = str(tmp_path / "weights.npz")
    save(path, **{"conv1/kernel": KERNEL.astype(">f4"), "conv1_b": BIAS})
    arrays = numpy_files.read_npz(path)
    assert list(arrays) == ["conv1/kernel", "conv1_b"]
    np.testing.assert_array_equal(arrays["conv1/kernel"], KERNEL)
    assert arrays["conv1/kernel"].dtype == np.dtype("=f4")


def write_member(path, header_shape, data, name="conv1_W.npy"):
    with zipfile.ZipFile(path, "w") as archive:
        stream = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            stream, {"descr": "<f4", "fortran_order": False, "shape": header_shape}
        )
        archive.writestr(name, stream.getvalue() + data)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (((1 << 20, 1 << 20), b"\0" * 24), "4 GiB"),
        (((2, 3), b"\0" * 23), "is not as long as its header"),
        (((2, 3), b"\0" * 25), "is not as long as its header"),
        (((2, 3), b"\0" * 24, "../conv1.npy"), "outside the archive"),
        (((2, 3), b"\0" * 24, "/conv1.npy"), "outside the archive"),
        (((2, 3), b"\0" * 24, "C:\\conv1.npy"), "outside the archive"),
    ],
)
def test_a_forged_npz_is_refused(tmp_path, arguments, words):
    path = str(tmp_path / "weights.npz")
    write_member(path, *arguments)
    with pytest.raises(errors.DataError, match=words):
        numpy_files.read_npz(path)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    path = str(tmp_path / "weights.npz")
    np.savez_compressed(path, conv1_W=np.zeros(1_000_000, np.float32))
    monkeypatch.setattr(bounds, "MAX_BYTES", 1_000_000)
    assert os.path.getsize(path) < 10_000
    with pytest.raises(errors.DataError, match=r"would unpack to [\d,]+ bytes"):
        numpy_files.read_npz(path)


def test_a_small_file_that_would_grow_large_is_refused_before_it_is_unpacked(
    tmp_path, monkeypatch
):
    path = tmp_path / "weights.npz"
    block = bytes(1 << 20)
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("conv1_W.npy", "w") as stream,
    ):
        for _ in range(600):
            stream.write(block)
    monkeypatch.setattr(zipfile.ZipFile, "open", None)
    with pytest.raises(errors.DataError, match="unpacks to 629,145,600"):
        numpy_files.read_npz(str(path))


def test_weights_that_pack_well_are_read(tmp_path):
    path = str(tmp_path / "weights.npz")
    np.savez_compressed(path, conv1_W=np.zeros(1_000_000, np.float32))
    assert os.path.getsize(path) * bounds.MAX_RATIO < 4_000_000
    assert numpy_files.read_npz(path)["conv1_W"].shape == (1_000_000,)


def test_pickled_truncated_and_changed_npz(tmp_path):
    path = tmp_path / "weights.npz"
    np.savez(path, conv1=np.array([KERNEL, None], dtype=object))
    with pytest.raises(errors.DataError, match="conv1 is pickled"):
        numpy_files.read_npz(str(path))
    np.savez(path, conv1_W=KERNEL)
    data = path.read_bytes()
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        with pytest.raises(errors.DataError, match=r"damaged or is not a \.npz file"):
            numpy_files.read_npz(str(path))
    place = data.index(struct.pack("<f", 5.0))
    path.write_bytes(data[:place] + b"\1" + data[place + 1 :])
    with pytest.raises(errors.DataError, match="CRC"):
        numpy_files.read_npz(str(path))


def test_an_array_that_the_directory_hides_is_missed(tmp_path):
    path = tmp_path / "w.npz"
    numpy_files.write_npz(str(path), {"a": np.ones(3, "f4"), "b": np.ones(2, "f4")})
    data = bytearray(path.read_bytes())
    # The length of the first entry's comment, which then holds the second entry.
    data[data.index(b"PK\1\2") + 33] = 1
    path.write_bytes(data)
    assert len(zipfile.ZipFile(path).namelist()) == 1
    with pytest.raises(errors.DataError, match="lists 1 of 2 members"):
        numpy_files.read_npz(str(path))


def test_what_is_written_is_read_by_numpy_and_by_us(tmp_path):
    arrays = {"conv1/kernel": KERNEL, "conv1/bias": BIAS}
    npy, npz = str(tmp_path / "a.npy"), str(tmp_path / "a.npz")
    numpy_files.write_npy(npy, arrays)
    numpy_files.write_npz(npz, arrays)
    # numpy.load wants the word that the house forbids; the pickle is our own.
    with open(npy, "rb") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        content = pickle.load(file).item()
    assert list(content) == ["conv1"]
    for found, expected in zip(content["conv1"], (KERNEL, BIAS), strict=True):
        np.testing.assert_array_equal(found, expected)
    with np.load(npz) as loaded:
        np.testing.assert_array_equal(loaded["conv1/kernel"], KERNEL)
    assert numpy_files.read_npy(npy)["conv1/weights"].tobytes() == KERNEL.tobytes()
    assert numpy_files.read_npz(npz)["conv1/bias"].tobytes() == BIAS.tobytes()


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
