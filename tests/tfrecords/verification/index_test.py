"""Another program's shards become readable, or a sentence says why they do not."""

import os
import shutil
import sys

import numpy as np
import pytest

from tests import data_directories
from tfrecords import errors
from tfrecords.durable import files, locks
from tfrecords.images import decoder, resize
from tfrecords.shards import (
    example_proto,
    manifest,
    record_file,
    record_index,
    schema,
    statistics,
)
from tfrecords.verification import index, verify


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    path = tmp_path_factory.mktemp("foreign")
    data_directories.write_foreign_shards(path, num_classes=3, per_class=2)
    return str(path)


@pytest.fixture
def records_dir(foreign, tmp_path):
    return shutil.copytree(foreign, str(tmp_path / "records"))


def run(records_dir, data_dir=None, label_offset=1, num_workers=1):
    return index.index_records(
        records_dir, data_dir or records_dir, label_offset, num_workers
    )


def rewrite(path, change):
    """Changes the records of a shard: `change` gets and returns a list."""
    records = change([data for _, data in record_file.scan(path)])
    with open(path, "wb") as file:
        file.write(b"".join(map(record_file.frame, records)))


def change_record(data, **changes):
    features = {k: v[0] for k, v in example_proto.decode_example(data).items()}
    features.update({getattr(schema, name): v for name, v in changes.items()})
    return example_proto.encode_example(
        {k: v for k, v in features.items() if v is not None}
    )


def test_what_is_written_describes_the_shards(records_dir, tmp_path):
    data_dir = str(tmp_path / "data")
    written = run(records_dir, data_dir)
    assert manifest.read_manifest(data_dir) == written
    assert written.source == "tfrecords"
    assert (written.image_size, written.encoding) == (0, "jpeg")
    assert (written.label_offset, written.records_dir) == (1, "../records")
    assert written.classes == data_directories.make_classes(3)
    for split in ("train", "validation"):
        assert written.splits[split].class_counts == (2, 2, 2)
        found = record_index.read_index(data_dir, written, split)
        assert found.num_records == 6
        descriptor = os.open(found.paths[found.shard[4]], os.O_RDONLY)
        data = record_file.read_record(
            descriptor, "shard", int(found.offset[4]), int(found.length[4])
        )
        os.close(descriptor)
        assert 1 <= schema.decode_record(data).label <= 3
    for shard in written.splits["train"].shards:
        path = os.path.join(records_dir, shard.name)
        assert shard.num_bytes == os.path.getsize(path)
        assert shard.sha256 == files.compute_digest(path)


def test_statistics_are_of_the_images_as_they_will_be_read(records_dir):
    run(records_dir)
    resized = []
    for name in sorted(os.listdir(records_dir)):
        if name.startswith("train-"):
            for _, data in record_file.scan(os.path.join(records_dir, name)):
                image = decoder.decode_pixels(
                    schema.decode_record(data).image_bytes, apply_orientation=False
                )
                resized.append(resize.resize_and_crop(image))
    exact = np.stack(resized).astype(np.float64)
    found = statistics.read_statistics(records_dir)
    assert found.num_images == 6
    np.testing.assert_allclose(found.mean_image, exact.mean(axis=0), rtol=1e-12)
    covariance = np.cov(exact.reshape(-1, 3).T, bias=True)
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-9, atol=1e-9)


def test_the_bytes_do_not_depend_on_workers_and_a_second_run_is_allowed(
    records_dir, tmp_path
):
    digests = []
    for num_workers in (1, 2, 1):
        run(records_dir, str(tmp_path / "data"), num_workers=num_workers)
        digests.append(
            [
                files.compute_digest(str(tmp_path / "data" / name))
                for name in ("manifest.json", "index.npz", "statistics.npz")
            ]
        )
    assert digests[0] == digests[1] == digests[2]


def test_validation_may_be_called_val(records_dir):
    for shard in range(2):
        os.rename(
            os.path.join(records_dir, f"validation-{shard:05d}-of-00002"),
            os.path.join(records_dir, f"val-{shard:05d}-of-00002"),
        )
    written = run(records_dir)
    names = [shard.name for shard in written.splits["validation"].shards]
    assert names == ["val-00000-of-00002", "val-00001-of-00002"]
    assert verify.verify(records_dir, 1).problems == ()


def test_tensorflows_record_without_our_extra_keys(tmp_path):
    image = data_directories.draw_image(0, 1, np.random.default_rng(0), 90, 200)
    minimal = {
        schema.ENCODED: data_directories.encode_jpeg(image),
        schema.LABEL: 0,
    }
    record = example_proto.encode_example(minimal)
    data_directories.write_shards(str(tmp_path), "train", [record], 1)
    written = run(str(tmp_path), label_offset=0)
    assert written.classes == (manifest.ClassInfo("label-0000", "label-0000"),)
    assert verify.verify(str(tmp_path), 1).problems == ()


def test_a_wrong_offset_is_a_sentence_and_nothing_is_written(records_dir, tmp_path):
    with pytest.raises(errors.UserError, match="give --label_offset=1"):
        run(records_dir, str(tmp_path / "data"), label_offset=0)
    assert os.listdir(tmp_path / "data") == [locks.LOCK_NAME]


def test_images_that_cannot_be_decoded_are_listed(records_dir):
    path = os.path.join(records_dir, "validation-00001-of-00002")

    def change(records):
        return [change_record(data, ENCODED=b"") for data in records[:1]] + records[1:]

    rewrite(path, change)
    with pytest.raises(errors.DataError, match=f"{path}: record 0 at byte 0") as caught:
        run(records_dir)
    assert "cannot be decoded" in str(caught.value)
    assert not os.path.exists(os.path.join(records_dir, "manifest.json"))


def test_at_most_twenty_are_listed(tmp_path):
    image = data_directories.draw_image(0, 1, np.random.default_rng(0), 90, 200)
    good = data_directories.make_record(image, 0, 0, "train", 1, "jpeg", 1)
    bad = [change_record(good, ENCODED=b"x")] * 25
    data_directories.write_shards(str(tmp_path), "train", [*bad, good], 2)
    with pytest.raises(errors.DataError, match=r"and 5 more") as caught:
        run(str(tmp_path))
    assert str(caught.value).count("record ") == 20


def test_damaged_and_cut_shards_are_named(records_dir):
    path = os.path.join(records_dir, "train-00000-of-00002")
    with open(path, "r+b") as file:
        file.seek(60)
        file.write(b"\xff\x00\xff")
    with pytest.raises(errors.DataError, match=f"{path}: record 0 at byte 0"):
        run(records_dir)
    os.truncate(path, 50)
    with pytest.raises(errors.DataError, match="more than the file holds"):
        run(records_dir)
    with open(path, "wb") as file:
        file.write(record_file.frame(b"nonsense"))
    with pytest.raises(errors.DataError, match="not a well-formed"):
        run(records_dir)


def test_a_shard_of_zero_bytes_is_named_before_anything_is_read(records_dir):
    path = os.path.join(records_dir, "validation-00001-of-00002")
    os.truncate(path, 0)
    with pytest.raises(errors.DataError, match=r"1 shard .*validation-00001-of-00002"):
        run(records_dir)
    assert not os.path.exists(os.path.join(records_dir, locks.LOCK_NAME))
    written = index.index_records(
        records_dir, records_dir, 1, 1, allow_empty_shards=True
    )
    counts = [shard.num_records for shard in written.splits["validation"].shards]
    assert counts == [3, 0]
    assert verify.verify(records_dir, 1).problems == ()


def test_two_synsets_of_one_label_in_a_shard(records_dir):
    path = os.path.join(records_dir, "train-00000-of-00002")
    rewrite(path, lambda rs: [*rs, change_record(rs[0], SYNSET=b"n7")])
    with pytest.raises(errors.DataError, match=r"record 3 .* synset is 'n7'"):
        run(records_dir)


def test_two_synsets_of_one_label_in_two_shards(records_dir):
    path = os.path.join(records_dir, "validation-00000-of-00002")
    rewrite(path, lambda rs: [change_record(rs[0], SYNSET=b"n7")])
    with pytest.raises(errors.UserError, match="has two synsets"):
        run(records_dir)


def test_a_converted_directory_is_left_alone(tmp_path):
    data_directories.write_data_directory(tmp_path)
    before = files.compute_digest(str(tmp_path / "manifest.json"))
    with pytest.raises(errors.UserError, match="was made by alexnet-convert"):
        run(str(tmp_path), label_offset=0)
    assert files.compute_digest(str(tmp_path / "manifest.json")) == before


def test_a_directory_in_use_is_refused(records_dir):
    with (
        locks.directory_lock(records_dir, "another"),
        pytest.raises(errors.InUseError, match="in use by another"),
    ):
        run(records_dir)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
