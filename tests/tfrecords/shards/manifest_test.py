"""A manifest says what it said; one that was changed or is at odds is refused."""

import copy
import dataclasses
import errno
import json
import os
import shutil
import sys

import pytest

from tests import data_directories
from tfrecords import errors
from tfrecords.shards import manifest


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    return str(path), data_directories.write_data_directory(path, per_class=3)


@pytest.fixture
def data_dir(built, tmp_path):
    return shutil.copytree(built[0], str(tmp_path / "data"))


def change_json(data_dir, change):
    path = os.path.join(data_dir, manifest.MANIFEST_NAME)
    with open(path, encoding="utf-8") as file:
        value = json.load(file)
    # As in manifests of older versions, which have none.
    del value["sha256"]
    change(value)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file)


def test_round_trip(built):
    assert manifest.read_manifest(built[0]) == built[1]
    assert built[1].num_classes == 2
    assert built[1].get_split("train").num_records == 6


def test_round_trip_of_every_kind_of_entry(tmp_path):
    written = manifest.Manifest(
        source="folder",
        image_size=256,
        encoding="raw",
        label_offset=0,
        records_dir=".",
        settings={"seed": 1, "fraction": 0.1, "nested": {"a": [None, True]}},
        classes=(manifest.ClassInfo("café", "Kaffee"),),
        splits={"train": manifest.SplitInfo((), (0,))},
        rejects=(manifest.Reject("train", "a\udcff.jpg", "it is empty"),),
        inputs=(
            manifest.InputFile("a.tar", 10, None, None),
            manifest.InputFile("b.tar", 11, "0" * 32, False),
        ),
        checksums={manifest.INDEX_NAME: "1", manifest.STATISTICS_NAME: "2"},
    )
    manifest.write_manifest(str(tmp_path), written)
    assert manifest.read_manifest(str(tmp_path)) == written


def test_an_unknown_split_names_those_there_are(built):
    with pytest.raises(errors.UserError, match="it has: train, validation"):
        built[1].get_split("tset")


def test_a_missing_directory_and_an_unfinished_one(tmp_path):
    with pytest.raises(errors.UserError, match="there is no data directory"):
        manifest.read_manifest(str(tmp_path / "none"))
    with pytest.raises(errors.UserError, match="unfinished"):
        manifest.read_manifest(str(tmp_path))


def test_another_version_is_not_called_damage(data_dir):
    change_json(data_dir, lambda value: value.update(version=2, new_field=1))
    with pytest.raises(errors.UserError, match="has version 2") as caught:
        manifest.read_manifest(data_dir)
    assert not isinstance(caught.value, errors.DataError)


def list_places(value, place=()):
    """The place of every value in a JSON value."""
    items = []
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, member in items:
        yield (*place, key)
        yield from list_places(member, (*place, key))


def is_allowed(place, old, replacement):
    if replacement == "remove":
        return len(place) == 2 and place[0] == "splits"
    return (
        type(replacement) is type(old)
        or (place[0] == "version" and replacement == 1)  # True, to Python
        or (place[0] in ("rejects", "inputs") and replacement == [])
    )


def test_every_missing_field_and_every_wrong_type_is_refused(data_dir):
    path = os.path.join(data_dir, manifest.MANIFEST_NAME)
    with open(path, encoding="utf-8") as file:
        whole = json.load(file)
    del whole["sha256"]
    tried = 0
    for place in list_places(whole):
        if place[0] == "settings":  # free
            continue
        for replacement in ("remove", 1.5, "text", None, [], {}, -1, True):
            value = copy.deepcopy(whole)
            parent = value
            for key in place[:-1]:
                parent = parent[key]
            old = parent[place[-1]]
            if is_allowed(place, old, replacement):
                continue
            if replacement == "remove":
                del parent[place[-1]]
            else:
                parent[place[-1]] = replacement
            with open(path, "w", encoding="utf-8") as file:
                json.dump(value, file)
            with pytest.raises(errors.UserError) as caught:
                manifest.read_manifest(data_dir)
            assert path in str(caught.value), (place, replacement)
            tried += 1
    assert tried > 200


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda v: v.update(extra=1), "extra is unknown"),
        (lambda v: v.update(encoding="png"), "encoding is 'png'"),
        (lambda v: v.update(image_size=-1), "image_size is -1"),
        (lambda v: v.update(format="other"), "format is 'other'"),
        (lambda v: v["classes"].pop(), "class_counts"),
        (lambda v: v["classes"][0].update(v["classes"][1]), "synset twice"),
        (lambda v: v["checksums"].pop("index.npz"), "checksums"),
        (lambda v: v["splits"]["train"]["class_counts"].reverse(), None),
        (lambda v: v["splits"]["train"]["class_counts"].append(0), "class_counts"),
        (
            lambda v: v["splits"]["train"].update(class_counts=[7, -1]),
            "class_counts",
        ),
        (
            lambda v: v["splits"]["train"]["shards"][0].update(num_records=4),
            "class_counts",
        ),
        (
            lambda v: v["splits"]["train"]["shards"][0].update(num_bytes=-1),
            "negative",
        ),
        (
            lambda v: v["splits"]["train"]["shards"][0].update(name="../x"),
            "outside",
        ),
        (lambda v: v["splits"]["train"]["shards"][0].update(name=".."), "outside"),
        (lambda v: v["splits"]["train"]["shards"].reverse(), None),
    ],
)
def test_contradictions_are_refused(data_dir, change, reason):
    change_json(data_dir, change)
    if reason is None:  # only alexnet-verify can tell
        manifest.read_manifest(data_dir)
        return
    with pytest.raises(errors.DataError, match=reason):
        manifest.read_manifest(data_dir)


def test_every_changed_byte_is_damage(data_dir):
    path = os.path.join(data_dir, manifest.MANIFEST_NAME)
    with open(path, "rb") as file:
        whole = file.read()
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 1 << position % 7
        with open(path, "wb") as file:
            file.write(changed)
        # Another version, or another format, is reported as such.
        with pytest.raises(errors.UserError, match=r"manifest\.json"):
            manifest.read_manifest(data_dir)
    for content in (whole + b" ", whole.replace(b"\n ", b"\n  "), whole[:-1]):
        with open(path, "wb") as file:
            file.write(content)
        with pytest.raises(errors.DataError, match="sha256"):
            manifest.read_manifest(data_dir)


def test_a_manifest_without_its_checksum_is_read(data_dir, built):
    change_json(data_dir, lambda value: None)
    assert manifest.read_manifest(data_dir) == built[1]


def test_text_that_is_no_json_is_damage(data_dir):
    path = os.path.join(data_dir, manifest.MANIFEST_NAME)
    for content in (b"", b"{", b"[]", b"null", b"\xff", b"[" * 10**5):
        with open(path, "wb") as file:
            file.write(content)
        with pytest.raises(errors.DataError, match="damaged"):
            manifest.read_manifest(data_dir)


def test_a_forbidden_manifest_is_a_sentence(data_dir, monkeypatch):
    def refuse(path, *args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(errors.StorageError, match=r"manifest\.json could not be read"):
        manifest.read_manifest(data_dir)


def test_the_fingerprint_changes_with_the_data_and_not_with_the_place(built, tmp_path):
    first = built[1].fingerprint
    moved = shutil.copytree(built[0], str(tmp_path / "elsewhere"))
    assert manifest.read_manifest(moved).fingerprint == first
    for other in (
        data_directories.write_data_directory(tmp_path / "seed", per_class=3, seed=1),
        data_directories.write_data_directory(
            tmp_path / "shards", per_class=3, num_shards=3
        ),
        data_directories.write_data_directory(
            tmp_path / "raw", per_class=3, encoding="raw"
        ),
    ):
        assert other.fingerprint != first
        assert other.images_fingerprint != built[1].images_fingerprint


def test_the_fingerprint_of_the_images_does_not_depend_on_the_statistics(built):
    kept = built[1]
    checksums = {**kept.checksums, manifest.STATISTICS_NAME: "0" * 64}
    other = dataclasses.replace(kept, checksums=checksums)
    assert other.fingerprint != kept.fingerprint
    assert other.images_fingerprint == kept.images_fingerprint
    checksums = {**kept.checksums, manifest.INDEX_NAME: "0" * 64}
    other = dataclasses.replace(kept, checksums=checksums)
    assert other.images_fingerprint != kept.images_fingerprint


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
