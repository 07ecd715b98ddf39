"""Weights in Keras' files: what both versions of Keras write, and hostile ones."""

from __future__ import annotations

import sys
import zipfile

import h5py
import numpy as np
import pytest

from alexnet_tf.config.schema import ModelConfig
from alexnet_tf.network import build as model_lib
from alexnet_tf.network.parameters import list_parameters
from alexnet_tf.stack import keras
from alexnet_tf.weights import bounds, keras_files, mapping, naming
from tests.alexnet_tf import foreign_weights
from tfrecords import errors

KERNEL = np.arange(6, dtype=np.float32).reshape(2, 3)
BIAS = np.array([0.5, -1.5, 2.5], np.float32)


def make_network(is_named):
    """The narrow network as a user of Keras writes it, with grouped convolutions."""
    layers = [keras.Input((227, 227, 3))]
    for layer, shape in foreign_weights.SHAPES.items():
        name = {"name": layer} if is_named else {}
        if layer.startswith("conv"):
            groups = 2 if layer in ("conv2", "conv4", "conv5") else 1
            stride = 4 if layer == "conv1" else 1
            layers += [
                keras.layers.Conv2D(
                    shape[0],
                    shape[2],
                    strides=stride,
                    padding="valid" if layer == "conv1" else "same",
                    groups=groups,
                    **name,
                )
            ]
        else:
            layers += [keras.layers.Flatten()] if layer == "fc6" else []
            layers += [keras.layers.Dense(shape[0], **name)]
        if layer in ("conv1", "conv2", "conv5"):
            layers += [keras.layers.MaxPooling2D(3, 2)]
    network = keras.Sequential(layers)
    weights = foreign_weights.to_channels_last(foreign_weights.make_weights())
    network.set_weights([array for pair in weights.values() for array in pair])
    return network


@pytest.mark.parametrize("is_named", [True, False])
@pytest.mark.parametrize("suffix", [".weights.h5", ".keras"])
def test_a_grouped_network_of_keras(tmp_path, is_named, suffix):
    path = str(tmp_path / f"network{suffix}")
    network = make_network(is_named)
    if suffix == ".keras":
        network.save(path)
        arrays = keras_files.read_keras(path)
    else:
        network.save_weights(path)
        arrays = keras_files.read_h5(path)
    mapped = mapping.to_towers(
        path, arrays, mapping.Layout(), foreign_weights.get_shapes()
    )
    assert mapped.missing == mapped.unused == ()
    expected = foreign_weights.to_towers(foreign_weights.make_weights())
    foreign_weights.assert_same_bits(mapped.arrays, expected)


def test_an_older_file(tmp_path):
    """As Keras 2 writes model.save_weights("a.h5")."""
    path = str(tmp_path / "a.h5")
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = ["conv_1", "fc8"]
        file.create_group("dropout")
        file["conv1/conv1/kernel:0"], file["conv1/conv1/bias:0"] = KERNEL, BIAS
        file["optimizer_weights/SGD/conv1/momentum:0"] = KERNEL
        file["seed/state"] = np.arange(2)
    arrays = keras_files.read_h5(path)
    assert set(arrays) == {"conv1/conv1/kernel:0", "conv1/conv1/bias:0"}
    named, unused = naming.name_arrays(path, arrays)
    assert named["conv1/kernel"] == "conv1/conv1/kernel:0"
    assert unused == []


def test_load_weights_takes_what_is_written(tmp_path):
    """On the stack that the tests run on; the file is the same on both."""
    path = str(tmp_path / "ours.weights.h5")
    config = ModelConfig(width=0.03)
    one = model_lib.build_model(3, config, crop_size=67, seed=1)
    arrays = {p.name: p.variable.numpy() for p in list_parameters(one)}
    keras_files.write_h5(path, mapping.sort_towers(arrays))
    other = model_lib.build_model(3, config, crop_size=67, seed=2)
    other.load_weights(path)
    found = {p.name: p.variable.numpy() for p in list_parameters(other)}
    foreign_weights.assert_same_bits(found, arrays)
    # And back, from our file and from Keras' own.
    shapes = {name: array.shape for name, array in arrays.items()}
    again = str(tmp_path / "again.weights.h5")
    other.save_weights(again)
    for source in (path, again):
        read = keras_files.read_h5(source)
        mapped = mapping.to_towers(source, read, mapping.Layout(), shapes)
        foreign_weights.assert_same_bits(mapped.arrays, arrays)


def write(path, fill):
    with h5py.File(path, "w") as file:
        fill(file)
    return str(path)


def link_outside(file):
    file["conv1/kernel:0"] = h5py.ExternalLink("secret.h5", "/secret")


def link_outside_as_a_group(file):
    file["conv1"] = h5py.ExternalLink("secret.h5", "/")


def link_softly(file):
    file["secret"] = KERNEL
    file["conv1/kernel:0"] = h5py.SoftLink("/secret")


def store_outside(file):
    file.create_dataset(
        "conv1/kernel:0", (2, 3), "f4", external=[("secret.raw", 0, 24)]
    )


def look_outside(file):
    layout = h5py.VirtualLayout((2, 3), "f4")
    layout[:] = h5py.VirtualSource("secret.h5", "secret", (2, 3))
    file.create_virtual_dataset("conv1/kernel:0", layout)


@pytest.mark.parametrize(
    "fill",
    [link_outside, link_outside_as_a_group, link_softly, store_outside, look_outside],
)
def test_links_are_refused(tmp_path, monkeypatch, fill):
    monkeypatch.chdir(tmp_path)
    with h5py.File("secret.h5", "w") as file:
        file["secret"] = KERNEL
    (tmp_path / "secret.raw").write_bytes(KERNEL.tobytes())
    path = write("a.h5", fill)
    with pytest.raises(errors.DataError, match="link to another file"):
        keras_files.read_h5(path)


def test_a_group_within_itself_ends(tmp_path, monkeypatch):
    def fill(file):
        group = file.create_group("conv1")
        group["one"] = group["two"] = group

    path = write(tmp_path / "a.h5", fill)
    with pytest.raises(errors.DataError, match="nested more than 20 deep"):
        keras_files.read_h5(path)
    # Two to the twentieth groups, were they not counted.
    monkeypatch.setattr(keras_files, "_MAX_DEPTH", 10**6)
    monkeypatch.setattr(bounds, "MAX_ARRAYS", 500)
    with pytest.raises(errors.DataError, match="more than 500 arrays"):
        keras_files.read_h5(path)


def test_promised_and_compressed_sizes_are_refused(tmp_path, monkeypatch):
    def promise(file):
        # A terabyte of zeros in a file of a few kilobytes.
        file.create_dataset("conv1/kernel:0", (1 << 19, 1 << 19), "f4", chunks=(9, 9))

    path = write(tmp_path / "a.h5", promise)
    with pytest.raises(errors.DataError, match="4 GiB"):
        keras_files.read_h5(path)

    def compress(file):
        zeros = np.zeros(1_000_000, np.float32)
        file.create_dataset("conv1/kernel:0", data=zeros, compression="gzip")

    path = write(tmp_path / "b.h5", compress)
    monkeypatch.setattr(bounds, "MAX_BYTES", 1_000_000)
    with pytest.raises(errors.DataError, match="conv1/kernel:0, of shape"):
        keras_files.read_h5(path)


def test_nothing_is_read_of_a_file_that_unpacks_too_large(tmp_path, monkeypatch):
    def pack(file):
        zeros = np.zeros(100_000, np.float32)
        for layer in ("conv1", "conv2"):
            file.create_dataset(f"{layer}/kernel:0", data=zeros, compression="gzip")

    def pack_in_one_piece(file):
        file.create_dataset(
            "conv1/kernel:0", (9,), "f4", chunks=(200_000,), maxshape=(None,)
        )

    def fail(*args):
        raise AssertionError("something was read")

    monkeypatch.setattr(bounds, "MAX_UNPACKED_BYTES", 500_000)
    monkeypatch.setattr(bounds, "MAX_RATIO", 10)
    monkeypatch.setattr(bounds, "to_float32", fail)
    for fill in (pack, pack_in_one_piece):
        path = write(tmp_path / "a.h5", fill)
        with pytest.raises(errors.DataError, match="unpacks to 800,000"):
            keras_files.read_h5(path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../model.weights.h5", "outside the archive"),
        ("/model.weights.h5", "outside the archive"),
        ("assets\\..\\..\\a", "outside the archive"),
        ("weights.h5", "There is no item named 'model.weights.h5'"),
    ],
)
def test_archives_with_odd_members_are_refused(tmp_path, name, words):
    path = str(tmp_path / "a.keras")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, b"text")
    with pytest.raises(errors.DataError, match=words):
        keras_files.read_keras(path)


def test_an_archive_is_not_blamed_where_no_more_files_can_be_opened(
    tmp_path, monkeypatch
):
    def fail(path):
        raise OSError(24, "Too many open files")

    path = tmp_path / "a.keras"
    path.write_bytes(b"x")
    monkeypatch.setattr("zipfile.ZipFile", fail)
    with pytest.raises(errors.UserError, match="too many files") as raised:
        keras_files.read_keras(str(path))
    assert not isinstance(raised.value, errors.DataError)


def test_an_archive_that_grows_is_refused(tmp_path, monkeypatch):
    path = str(tmp_path / "a.keras")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", bytes(2_000_000))
    monkeypatch.setattr(bounds, "MAX_BYTES", 1_000_000)
    with pytest.raises(errors.DataError, match=r"2,000,000 bytes in 1 member"):
        keras_files.read_keras(path)


def test_truncated_and_empty_files(tmp_path):
    def fill(file):
        file["conv1/kernel:0"], file["conv1/bias:0"] = KERNEL, BIAS

    path = tmp_path / "a.h5"
    write(path, fill)
    data = path.read_bytes()
    for length in range(0, len(data), 101):
        path.write_bytes(data[:length])
        with pytest.raises(errors.DataError, match="damaged or is not an HDF5 file"):
            keras_files.read_h5(str(path))
    write(path, lambda file: file.create_group("conv1"))
    with pytest.raises(errors.DataError, match="it holds no weights"):
        keras_files.read_h5(str(path))
    with pytest.raises(errors.UserError, match="cannot be read"):
        keras_files.read_keras("nowhere.keras")


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    path = write(tmp_path / "a.h5", lambda f: f.create_dataset("a/b", data=[np.inf]))
    with pytest.raises(errors.DataError, match="a/b holds a number that is not finite"):
        keras_files.read_h5(path)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
