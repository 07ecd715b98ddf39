import os
import pickle
import sys

import numpy as np
import pytest

from tests import archives
from tfrecords import errors
from tfrecords.conversion import source_report
from tfrecords.sources import folder


def open_source(directory, validation_fraction=None, seed=0):
    return folder.open_folder(
        str(directory), validation_fraction=validation_fraction, seed=seed
    )


def list_split(source, split):
    """The split as {file name: (class, bytes)}."""
    table = source.splits[split]
    return {
        bytes(table.filenames[row]).decode(): (
            source.classes[table.labels[row]].synset,
            source.read_image(split, row),
        )
        for row in range(table.num_images)
    }


def expect(written):
    return {name: (name.split("/")[0], data) for name, data in written.items()}


def test_a_folder_of_classes_is_a_training_split(tmp_path):
    written = archives.write_folder(tmp_path, {"dog": 3, "cat": 2, "Emu": 11})
    source = open_source(tmp_path)
    assert [(c.synset, c.text) for c in source.classes] == [
        ("Emu", "Emu"),
        ("cat", "cat"),
        ("dog", "dog"),
    ]
    assert list_split(source, "train") == expect(written)
    assert set(source.splits) == {"train"}
    assert source.applies_orientation
    assert source.name == "folder"
    assert any("no validation split" in remark for remark in source.remarks)
    filenames = list(source.splits["train"].filenames)
    assert filenames == sorted(filenames)


@pytest.mark.parametrize("words_name", ["LOC_synset_mapping.txt", "words.txt", ""])
def test_an_unpacked_imagenet_has_synsets_and_their_words(tmp_path, words_name):
    counts = {"n01440764": 3, "n02102040": 2}
    written = archives.write_folder(tmp_path / "train", counts, ".jpg")
    archives.write_folder(tmp_path / "val", counts)
    separator = "\t" if words_name == "words.txt" else " "
    words = {synset: archives.WORDS[synset] for synset in counts}
    if words_name:
        lines = [f"{synset}{separator}{text}\n" for synset, text in words.items()]
        archives.write_file(tmp_path, words_name, "".join(lines).encode())
    source = open_source(tmp_path)
    assert list_split(source, "train") == expect(written)
    assert [c.synset for c in source.classes] == list(counts)
    expected = words.values() if words_name else counts
    assert [c.text for c in source.classes] == list(expected)
    assert source.remarks == ()


@pytest.mark.parametrize("validation_name", ["val", "validation"])
def test_a_folder_of_splits(tmp_path, validation_name):
    written = {
        "train": archives.write_folder(tmp_path / "train", {"a": 3, "b": 2}),
        "validation": archives.write_folder(
            tmp_path / validation_name, {"a": 1, "b": 2}, ".png"
        ),
        "test": archives.write_folder(tmp_path / "test", {"b": 4}),
    }
    source = open_source(tmp_path)
    assert set(source.splits) == set(written)
    for split, images in written.items():
        assert list_split(source, split) == expect(images)
    assert source.remarks == ()
    assert source_report.find_notes(source) == [
        "1 of 2 classes have no test images, a among them."
    ]
    assert source.settings == {}


def test_a_fraction_of_each_class_is_for_validation(tmp_path):
    counts = {"a": 10, "b": 7, "c": 23}
    written = archives.write_folder(tmp_path, counts)
    source = open_source(tmp_path, 0.2, seed=5)
    train, validation = (list_split(source, s) for s in ("train", "validation"))
    assert not set(train) & set(validation)
    assert train | validation == expect(written)
    # round(10 * 0.2), round(7 * 0.2), round(23 * 0.2)
    assert np.bincount(source.splits["validation"].labels).tolist() == [2, 1, 5]
    assert source.settings == {"validation_fraction": 0.2, "seed": 5}
    assert source.remarks == ()


def test_the_split_depends_on_the_seed_and_each_class_alone(tmp_path):
    archives.write_folder(tmp_path, {"b": 40, "c": 40})
    first = list_split(open_source(tmp_path, 0.25, seed=1), "validation")
    assert first == list_split(open_source(tmp_path, 0.25, seed=1), "validation")
    assert first != list_split(open_source(tmp_path, 0.25, seed=2), "validation")
    archives.write_folder(tmp_path, {"a": 8})
    more = list_split(open_source(tmp_path, 0.25, seed=1), "validation")
    assert {name: row for name, row in more.items() if name[0] != "a"} == first
    chosen = [{n[2:] for n in first if n[0] == name} for name in "bc"]
    assert chosen[0] != chosen[1]


@pytest.mark.parametrize(
    ("count", "fraction", "lacking"), [(4, 0.1, "validation"), (4, 0.9, "training")]
)
def test_a_class_too_small_for_the_split_is_named(tmp_path, count, fraction, lacking):
    archives.write_folder(tmp_path, {"many": 100, "few": count})
    sentence = rf"class few has {count} image\(s\).* no {lacking} image"
    with pytest.raises(errors.UserError, match=sentence):
        open_source(tmp_path, fraction)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5, 7.0, float("nan")])
def test_a_fraction_outside_zero_and_one_is_refused(tmp_path, fraction):
    archives.write_folder(tmp_path, {"a": 3})
    with pytest.raises(errors.UserError, match="between 0 and 1"):
        open_source(tmp_path, fraction)


def test_a_fraction_beside_a_validation_folder_is_refused(tmp_path):
    archives.write_folder(tmp_path / "train", {"a": 5})
    archives.write_folder(tmp_path / "val", {"a": 5})
    with pytest.raises(errors.UserError, match="val already holds validation images"):
        open_source(tmp_path, 0.2)


def test_a_fraction_of_a_lone_train_folder(tmp_path):
    archives.write_folder(tmp_path / "train", {"a": 5})
    source = open_source(tmp_path, 0.2)
    assert source.splits["validation"].num_images == 1
    assert len(list_split(source, "train")) == 4


def test_a_class_may_be_called_train(tmp_path):
    written = archives.write_folder(tmp_path, {"train": 2, "bus": 2})
    assert list_split(open_source(tmp_path), "train") == expect(written)


def test_what_is_no_image_is_left_out_and_counted(tmp_path):
    written = archives.write_folder(tmp_path, {"a": 2})
    image = archives.make_image(1)
    for name in ("B.JPG", "C.Jpeg", "d.webp", "e.bmp", "f.gif", "g.PNG"):
        archives.write_file(tmp_path / "a", name, image)
        written[f"a/{name}"] = image
    for name in ("notes.txt", "jpg", "x.tiff"):
        archives.write_file(tmp_path / "a", name, b"")
    archives.write_file(tmp_path / "a" / "deeper.jpg", "x.jpg", image)
    archives.write_file(tmp_path / "a", ".hidden.jpg", image)
    archives.write_file(tmp_path / ".git", "x.jpg", image)
    archives.write_file(tmp_path, "readme.md", b"")
    source = open_source(tmp_path)
    assert list_split(source, "train") == expect(written)
    assert any(r.startswith("5 files and folders") for r in source.remarks)


def test_links_to_files_are_images_and_broken_links_are_not(tmp_path):
    written = archives.write_folder(tmp_path / "d", {"a": 1})
    path = archives.write_file(tmp_path, "other.jpg", archives.make_image(3))
    os.symlink(path, tmp_path / "d/a/link.jpg")
    os.symlink(tmp_path / "absent", tmp_path / "d/a/broken.jpg")
    written["a/link.jpg"] = archives.make_image(3)
    assert list_split(open_source(tmp_path / "d"), "train") == expect(written)


def test_links_to_folders_are_classes_and_each_folder_is_read_once(tmp_path):
    written = archives.write_folder(tmp_path / "d", {"b": 2})
    archives.write_folder(tmp_path / "other", {"c": 1})
    os.symlink(tmp_path / "other" / "c", tmp_path / "d" / "c")
    os.symlink("b", tmp_path / "d" / "a")
    os.symlink("circle", tmp_path / "d" / "b" / "circle.jpg")
    os.mkfifo(tmp_path / "d" / "b" / "pipe.jpg")
    source = open_source(tmp_path / "d")
    written["c/image0.jpg"] = (tmp_path / "other/c/image0.jpg").read_bytes()
    assert list_split(source, "train") == expect(written)
    assert any(r.startswith("3 files and folders") for r in source.remarks)


def test_names_may_hold_any_bytes(tmp_path):
    written = archives.write_folder(tmp_path, {"größe 1": 1})
    path = os.path.join(os.fsencode(tmp_path), "größe 1".encode(), b"\xff \n.jpg")
    with open(path, "wb") as file:
        file.write(b"x")
    source = open_source(tmp_path)
    assert source.splits["train"].num_images == 1 + len(written)
    assert source.read_image("train", 1) == b"x"


def test_a_class_name_that_is_no_text_is_refused(tmp_path):
    os.mkdir(os.path.join(os.fsencode(tmp_path), b"\xff"))
    with pytest.raises(errors.UserError, match="not UTF-8"):
        open_source(tmp_path)


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ({}, "has no sub-folders"),
        ({"a": 3, "b": 0}, "b has no image"),
        ({"train/a": 3, "val/b": 3}, "has the class b, but"),
        ({"train/a": 3, "val/a": 0}, "val has no image"),
        ({"train/a": 3, "val/a": 1, "more/a": 1}, "sub-folder more besides train, val"),
        ({"train/a": 3, "val/a": 1, "validation/a": 1}, "both val and validation"),
    ],
)
def test_folders_that_cannot_be_used_are_sentences(tmp_path, counts, sentence):
    archives.write_folder(tmp_path, counts)
    with pytest.raises(errors.UserError, match=sentence):
        open_source(tmp_path)


def test_a_missing_folder_is_a_sentence(tmp_path):
    with pytest.raises(errors.UserError, match="There is no folder"):
        open_source(tmp_path / "absent")
    (tmp_path / "x.zip").touch()
    with pytest.raises(errors.UserError, match=r"x\.zip is a file.*--source=archive"):
        open_source(tmp_path / "x.zip")


def test_a_image_that_changes_after_it_was_listed_is_refused(tmp_path):
    archives.write_folder(tmp_path, {"a": 1})
    source = pickle.loads(pickle.dumps(open_source(tmp_path)))
    (tmp_path / "a/image0.jpg").write_bytes(b"x")
    with pytest.raises(errors.DataError, match="another size"):
        source.read_image("train", 0)


def test_splits_without_class_folders_are_not_classes(tmp_path):
    archives.write_folder(tmp_path, {"train": 2, "test": 1})
    with pytest.raises(errors.UserError, match=r"test, train, .*--source=imagefolder"):
        open_source(tmp_path)
    # Beside others they are.
    archives.write_folder(tmp_path, {"tram": 1})
    assert [c.synset for c in open_source(tmp_path).classes] == [
        "test",
        "train",
        "tram",
    ]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
