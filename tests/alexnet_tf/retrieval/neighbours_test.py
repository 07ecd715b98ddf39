"""Tests of `alexnet_tf.retrieval.neighbours`, with features that need no network."""

import dataclasses
import sys

import numpy as np
import pytest
from PIL import Image

from alexnet_tf.config.schema import DataConfig
from alexnet_tf.retrieval import build, extractor, neighbours
from tests import data_directories
from tests.alexnet_tf.retrieval import made_features
from tfrecords import errors
from tfrecords.shards import manifest

CONFIG = DataConfig()


def compute(images):
    return images.mean(axis=(1, 2)).astype(np.float32)


EXTRACTOR = extractor.Extractor("fc7", 256, compute)


def search(features):
    """The nearest by NumPy."""
    vectors = features.read_rows(np.arange(features.source.num_images))

    def find(queries, count):
        distances = np.linalg.norm(queries[:, np.newaxis] - vectors, axis=-1)
        rows = np.argsort(distances, axis=1)[:, :count]
        return np.take_along_axis(distances, rows, 1).astype(np.float32), rows

    return find


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A data directory and the features of its training images."""
    path = tmp_path_factory.mktemp("built")
    data_directories.write_data_directory(path / "data", num_classes=3, per_class=4)
    data = build.open_images(str(path / "data"), CONFIG)
    features = build.build(EXTRACTOR, data, CONFIG, "train", str(path / "index"), "r")
    return data, features


def find(built, queries, count=3):
    features = built[1]
    return list(
        neighbours.find_neighbours(
            EXTRACTOR, features, search(features), iter(queries), count, batch_size=2
        )
    )


def test_a_record_does_not_find_itself(built):
    data, features = built
    queries = neighbours.read_records(data, "train", range(12), features)
    results = find(built, queries)
    assert [each.query.name for each in results] == [f"train/{k}" for k in range(12)]
    for row, result in enumerate(results):
        assert len(result.neighbours) == 3
        assert row not in [each.row for each in result.neighbours]
        # Colours tell the classes apart.
        assert {each.label for each in result.neighbours} == {result.query.label}
    # The control: as an image like any other it does.
    strangers = neighbours.read_records(data, "train", range(12), None)
    for row, result in enumerate(find(built, strangers)):
        assert result.neighbours[0].row == row
        assert result.neighbours[0].distance < 1e-3


def test_what_is_no_image_has_its_reason_and_the_rest_goes_on(built, tmp_path):
    data, features = built
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    image, label = build.read_image(data, "validation", 0)
    Image.fromarray(image).save(good)
    bad.write_bytes(b"no image")
    paths = [str(bad), str(good), str(bad)]
    results = find(built, neighbours.read_files(paths, 256))
    assert [bool(each.query.error) for each in results] == [True, False, True]
    assert {each.label for each in results[1].neighbours} == {label}
    assert not results[0].neighbours
    assert "not searched" in neighbours.format_text(results[0], features)


def test_results_in_words_and_numbers(built):
    data, features = built
    (result,) = find(built, neighbours.read_records(data, "validation", [2], features))
    lines = neighbours.format_text(result, features).splitlines()
    assert lines[0].startswith("validation/2  class")
    assert len(lines) == 4 and lines[1].split()[0] == "1"
    values = neighbours.to_json(result, features, data)
    first = values["neighbours"][0]
    assert first["record"] == result.neighbours[0].row
    assert first["file"] == build.read_file_name(data, "train", first["record"])
    assert values["label"] == result.query.label
    assert first["name"] == f"class {first['label']}"


def test_a_record_is_not_counted_among_its_neighbours(built):
    data, features = built
    queries = neighbours.read_records(data, "train", [0], features)
    with pytest.raises(errors.UserError, match=r"12 neighbours .* there are 11"):
        find(built, queries, 12)


def test_features_of_another_network_are_refused(built, tmp_path):
    features = made_features.write(tmp_path, np.ones((9, 3), np.float32))
    with pytest.raises(errors.UserError, match="of another network"):
        list(
            neighbours.find_neighbours(EXTRACTOR, features, search(features), iter([]))
        )


@pytest.mark.parametrize("row", [-1, 12])
def test_a_record_that_is_not_there(built, row):
    data, features = built
    with pytest.raises(errors.UserError, match="its records are 0 to 11"):
        list(neighbours.read_records(data, "train", [0, row], features))


def test_a_name_of_a_class_cannot_control_the_terminal(built):
    data, features = built
    odd = tuple(
        manifest.ClassInfo(f"{k}\n\x1b[31m", "a\u202eb")
        for k in range(len(features.source.classes))
    )
    source = dataclasses.replace(features.source, classes=odd)
    queries = neighbours.read_records(data, "validation", [2], features)
    (result,) = find(built, queries)
    text = neighbours.format_text(result, dataclasses.replace(features, source=source))
    assert len(text.splitlines()) == 4
    assert all(line.isprintable() for line in text.splitlines())


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
