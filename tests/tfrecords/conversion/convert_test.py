import os
import shutil
import sys

import numpy as np
import pytest

from tests.tfrecords import drawn_source
from tests.tfrecords.conversions import SETTINGS, SIZES, digest_directory, read_marks
from tfrecords import errors
from tfrecords.conversion import convert, finished_shards, plan
from tfrecords.durable import files, locks
from tfrecords.images import resize
from tfrecords.shards import manifest, record_file, record_index, schema, statistics


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    data_dir = str(tmp_path_factory.mktemp("golden") / "data")
    convert.convert(drawn_source.DrawnSource(SIZES), data_dir, SETTINGS, num_workers=1)
    return data_dir


def read_all(data_dir, split):
    """(serialized Example) of each record, in the manifest's order."""
    info = manifest.read_manifest(data_dir).splits[split]
    for shard in info.shards:
        for _, data in record_file.scan(os.path.join(data_dir, shard.name)):
            yield data


@pytest.mark.parametrize("num_workers", [2, 3])
def test_bytes_do_not_depend_on_the_number_of_workers(golden, tmp_path, num_workers):
    source = drawn_source.DrawnSource(SIZES)
    convert.convert(source, str(tmp_path / "data"), SETTINGS, num_workers)
    assert digest_directory(tmp_path / "data") == digest_directory(golden)


def test_directory_holds_what_the_manifest_names_and_no_more(golden):
    found = manifest.read_manifest(golden)
    shards = [shard.name for split in found.splits.values() for shard in split.shards]
    assert sorted(os.listdir(golden)) == sorted(
        [*shards, "LOCK", "index.npz", "manifest.json", "statistics.npz"]
    )
    for split in found.splits.values():
        for shard in split.shards:
            path = os.path.join(golden, shard.name)
            assert files.compute_digest(path) == shard.sha256
            assert os.path.getsize(path) == shard.num_bytes
    assert found.splits["train"].class_counts == (20, 20, 20)
    assert found.splits["validation"].class_counts == (7, 7, 6)
    assert found.settings["seed"] == 3


def test_tensorflow_reads_labels_names_and_images_back(golden):
    tf = pytest.importorskip("tensorflow")
    found = manifest.read_manifest(golden)
    paths = [os.path.join(golden, s.name) for s in found.splits["train"].shards]
    names = set()
    for serialized in tf.data.TFRecordDataset(paths):
        parsed = schema.parse_example(serialized)
        filename = parsed["filename"].numpy().decode()
        row = int(filename.removeprefix("train_").removesuffix(".png"))
        label = int(parsed["label"])
        assert label == row % 3
        assert parsed["synset"].numpy().decode() == found.classes[label].synset
        assert parsed["text"].numpy().decode() == found.classes[label].text
        image = tf.io.decode_jpeg(parsed["image_bytes"]).numpy().astype(int)
        expected = resize.resize_and_crop(drawn_source.draw("train", row), 32)
        assert np.abs(image.mean((0, 1)) - expected.mean((0, 1))).max() < 3
        names.add(filename)
    assert len(names) == 60


def test_index_leads_to_every_record(golden):
    found = manifest.read_manifest(golden)
    for split, size in SIZES.items():
        index = record_index.read_index(golden, found, split)
        assert index.num_records == size
        for number, expected in enumerate(read_all(golden, split)):
            path = index.paths[index.shard[number]]
            with open(path, "rb") as file:
                data = record_file.read_record(
                    file.fileno(),
                    path,
                    int(index.offset[number]),
                    int(index.length[number]),
                )
            assert data == expected


def test_statistics_are_those_of_the_resized_training_images(golden):
    images = np.stack(
        [
            resize.resize_and_crop(drawn_source.draw("train", row), 32)
            for row in range(60)
        ]
    ).astype(np.float64)
    pixels = images.reshape(-1, 3)
    found = statistics.read_statistics(golden)
    assert found.num_images == 60
    np.testing.assert_allclose(found.mean_image, images.mean(0), rtol=1e-12)
    np.testing.assert_allclose(found.covariance, np.cov(pixels.T, bias=True), rtol=1e-9)


def test_raw_records_hold_the_pixels(tmp_path):
    tf = pytest.importorskip("tensorflow")
    source = drawn_source.DrawnSource({"train": 6}, as_arrays=True)
    settings = plan.ConvertSettings(image_size=32, encoding="raw")
    convert.convert(source, str(tmp_path), settings, num_workers=1)
    for data in read_all(str(tmp_path), "train"):
        parsed = schema.parse_example(tf.constant(data))
        row = int(parsed["filename"].numpy()[6:11])
        assert parsed["format"].numpy() == b"RAW"
        image = np.frombuffer(parsed["image_bytes"].numpy(), np.uint8)
        expected = resize.resize_and_crop(drawn_source.draw("train", row), 32)
        np.testing.assert_array_equal(image.reshape(32, 32, 3), expected)


def test_jpeg_quality_is_that_of_the_settings(tmp_path):
    sizes = {}
    for quality in (50, 95):
        settings = plan.ConvertSettings(image_size=32, jpeg_quality=quality)
        data_dir = str(tmp_path / str(quality))
        source = drawn_source.DrawnSource({"train": 4})
        found = convert.convert(source, data_dir, settings, num_workers=1)
        sizes[quality] = found.splits["train"].shards[0].num_bytes
    assert sizes[50] < sizes[95]


def test_every_image_is_converted_or_rejected(tmp_path, capsys):
    source = drawn_source.DrawnSource(SIZES, broken=(4, 7))
    settings = plan.ConvertSettings(image_size=32, max_rejects=2)
    found = convert.convert(source, str(tmp_path), settings, num_workers=2)
    assert found.splits["train"].num_records == 58
    assert found.splits["validation"].num_records == 20
    # Rows 4 and 7 are both of class 1.
    assert found.splits["train"].class_counts == (20, 18, 20)
    assert {r.filename for r in found.rejects} == {"train_00004.png", "train_00007.png"}
    lines = (tmp_path / "rejects.txt").read_text().splitlines()
    fields = [line.split("\t") for line in lines]
    assert [(f[0], f[1]) for f in fields] == [
        ("train", r.filename) for r in found.rejects
    ]
    assert all(f[2] for f in fields)
    assert statistics.read_statistics(str(tmp_path)).num_images == 58
    printed = capsys.readouterr().out
    assert "train: 60 images seen = 58 converted + 2 rejected" in printed
    assert "These images are drawn." in printed


def test_too_many_rejects_are_an_error_and_a_higher_limit_goes_on(tmp_path):
    source = drawn_source.DrawnSource(SIZES, broken=(4, 7))
    data_dir = str(tmp_path)
    # The default is one in a hundred: of 80 images, none.
    settings = plan.ConvertSettings(image_size=32, num_shards={"train": 3})
    with pytest.raises(errors.UserError, match=r"2 of 80 .*max_rejects=0") as raised:
        convert.convert(source, data_dir, settings, num_workers=1)
    assert raised.value.exit_code == 2
    assert "train_00007.png" in (tmp_path / "rejects.txt").read_text()
    with pytest.raises(errors.UserError, match="unfinished"):
        manifest.read_manifest(data_dir)
    marks = read_marks(data_dir)
    higher = plan.ConvertSettings(image_size=32, num_shards={"train": 3}, max_rejects=2)
    convert.convert(source, data_dir, higher, num_workers=1)
    assert read_marks(data_dir) == marks


class _Stop(Exception):
    pass


def convert_partly(data_dir, num_shards, monkeypatch):
    """Leaves `data_dir` as if killed after `num_shards` shards were finished."""
    add = finished_shards.add
    added = []

    def add_and_stop(data_dir, name, result):
        added.append(add(data_dir, name, result))
        if len(added) == num_shards:
            raise _Stop
        return added[-1]

    with monkeypatch.context() as patch:
        patch.setattr(finished_shards, "add", add_and_stop)
        with pytest.raises(_Stop):
            convert.convert(drawn_source.DrawnSource(SIZES), data_dir, SETTINGS, 1)


def test_a_second_run_makes_only_what_is_missing(golden, tmp_path, monkeypatch):
    data_dir = str(tmp_path)
    convert_partly(data_dir, 3, monkeypatch)
    marks = read_marks(data_dir)
    assert len(marks) == 3
    (tmp_path / ".train-00004-of-00005.tmp-99").write_bytes(b"left over")
    convert.convert(drawn_source.DrawnSource(SIZES), data_dir, SETTINGS, 2)
    assert digest_directory(data_dir) == digest_directory(golden)
    after = read_marks(data_dir)
    assert {name: after[name] for name in marks} == marks


def test_a_finished_directory_is_left_alone(golden, capsys):
    before = {
        n: os.stat(os.path.join(golden, n)).st_mtime_ns for n in os.listdir(golden)
    }
    before.pop("LOCK")
    found = convert.convert(drawn_source.DrawnSource(SIZES), golden, SETTINGS, 1)
    assert found == manifest.read_manifest(golden)
    assert "nothing was written" in capsys.readouterr().out
    after = {n: os.stat(os.path.join(golden, n)).st_mtime_ns for n in before}
    assert after == before


def test_a_finished_directory_with_a_cut_shard_is_refused(golden, tmp_path):
    data_dir = str(tmp_path / "copy")
    shutil.copytree(golden, data_dir)
    with open(os.path.join(data_dir, "train-00001-of-00005"), "r+b") as file:
        file.truncate(100)
    with pytest.raises(errors.DataError, match="train-00001-of-00005 has 100 bytes"):
        convert.convert(drawn_source.DrawnSource(SIZES), data_dir, SETTINGS, 1)


@pytest.mark.parametrize("finished", [False, True])
def test_another_plan_in_the_directory_is_refused(
    golden, tmp_path, monkeypatch, finished
):
    data_dir = str(tmp_path / "data")
    if finished:
        shutil.copytree(golden, data_dir)
    else:
        convert_partly(data_dir, 2, monkeypatch)
    digest = read_marks(data_dir)
    other = plan.ConvertSettings(
        image_size=32, seed=4, num_shards=SETTINGS.num_shards, jpeg_quality=90
    )
    message = "jpeg_quality: 95 there, 90 here; seed: 3 there, 4 here"
    with pytest.raises(errors.UserError, match=message):
        convert.convert(drawn_source.DrawnSource(SIZES), data_dir, other, 1)
    fewer = drawn_source.DrawnSource({"train": 59, "validation": 20})
    with pytest.raises(errors.UserError, match="num_images: 60 there, 59 here"):
        convert.convert(fewer, data_dir, SETTINGS, 1)
    assert read_marks(data_dir) == digest


def test_a_foreign_directory_is_refused_untouched(tmp_path):
    (tmp_path / "train-00000-of-00005").write_bytes(b"another program's")
    with pytest.raises(errors.UserError, match="not empty"):
        convert.convert(drawn_source.DrawnSource(SIZES), str(tmp_path), SETTINGS, 1)
    assert os.listdir(tmp_path) == ["train-00000-of-00005"]


@pytest.mark.parametrize("inner", ["", "shards"])
def test_shards_among_the_images_are_refused(tmp_path, inner):
    with pytest.raises(errors.UserError, match="source directory"):
        convert.check_directories(str(tmp_path), str(tmp_path / inner))
    convert.check_directories(str(tmp_path / "images"), str(tmp_path / "shards"))


def test_a_directory_in_use_is_refused(tmp_path):
    with (
        locks.directory_lock(str(tmp_path), "another"),
        pytest.raises(errors.InUseError, match="another, process"),
    ):
        convert.convert(drawn_source.DrawnSource(SIZES), str(tmp_path), SETTINGS, 1)


def test_a_file_that_vanished_stops_the_run(tmp_path):
    source = drawn_source.DrawnSource(SIZES, fault="vanish")
    with pytest.raises(errors.DataError, match=r"train_00001.png.*No such file"):
        convert.convert(source, str(tmp_path), SETTINGS, 2)
    assert not [name for name in os.listdir(tmp_path) if ".tmp-" in name]


def test_a_source_without_training_images_is_refused(tmp_path):
    source = drawn_source.DrawnSource({"train": 0, "validation": 3})
    with pytest.raises(errors.UserError, match="no training images"):
        convert.convert(source, str(tmp_path / "data"), SETTINGS, 1)
    assert not (tmp_path / "data").exists()


def test_a_disk_too_small_is_refused_before_the_first_shard(tmp_path, monkeypatch):
    # 80 images of 32 x 32 x 3 bytes and 400 bytes around each: 277,760.
    settings = plan.ConvertSettings(image_size=32, encoding="raw")
    for num_blocks, fits in ((277, False), (278, True)):
        data_dir = tmp_path / str(num_blocks)
        status = type("Status", (), {"f_bavail": num_blocks, "f_frsize": 1000})
        with monkeypatch.context() as patch:
            patch.setattr(os, "statvfs", lambda _, status=status: status)
            source = drawn_source.DrawnSource(SIZES)
            if fits:
                convert.convert(source, str(data_dir), settings, 1)
                continue
            with pytest.raises(errors.StorageError, match="at least 277,760"):
                convert.convert(source, str(data_dir), settings, 1)
            assert not [n for n in os.listdir(data_dir) if n.startswith("train")]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
