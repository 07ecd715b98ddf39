import dataclasses
import os
import sys

import numpy as np
import pytest

from tests import disk_calls
from tests.tfrecords import drawn_source
from tfrecords import errors
from tfrecords.conversion import finish, finished_shards, plan, shard_writer
from tfrecords.durable import files
from tfrecords.shards import manifest

SETTINGS = plan.ConvertSettings(
    image_size=16, num_shards={"train": 3, "validation": 2}, max_rejects=2
)
SOURCE = drawn_source.DrawnSource({"train": 12, "validation": 5}, broken=(2, 9))
PLAN = plan.make_plan(SOURCE, SETTINGS)


@pytest.fixture
def data_dir(tmp_path):
    """A directory with every shard and no manifest."""
    finished_shards.find(str(tmp_path), PLAN.description)
    for shard in PLAN.shards:
        result = shard_writer.write_shard(
            SOURCE, PLAN.settings, str(tmp_path), shard, {}, lambda position: None
        )
        finished_shards.add(str(tmp_path), shard.name, result)
    return str(tmp_path)


def finish_all(data_dir, the_plan=PLAN):
    finished, _ = finished_shards.find(data_dir, PLAN.description)
    return finish.finish(SOURCE, data_dir, the_plan, finished)


def test_the_manifest_is_what_was_returned(data_dir):
    returned = finish_all(data_dir)
    assert manifest.read_manifest(data_dir) == returned
    assert returned.source == "drawn" and returned.label_offset == 0
    assert returned.splits["train"].num_records == 10
    # Rows 2 and 9 are of classes 2 and 0.
    assert returned.splits["train"].class_counts == (3, 4, 3)
    assert returned.splits["validation"].class_counts == (2, 2, 1)
    assert returned.inputs == SOURCE.inputs
    for name, digest in returned.checksums.items():
        assert files.compute_digest(os.path.join(data_dir, name)) == digest
    assert not os.path.exists(os.path.join(data_dir, ".progress"))


def test_the_manifest_reaches_the_disk_last(data_dir, monkeypatch):
    finished, _ = finished_shards.find(data_dir, PLAN.description)
    disk = disk_calls.DiskCalls(monkeypatch)
    finish.finish(SOURCE, data_dir, PLAN, finished)
    folder = f"fsync {os.path.basename(data_dir)}/"
    names = ("rejects.txt", "statistics.npz", "index.npz", "manifest.json")
    expected = []
    for name in names:
        expected += [f"fsync .{name}.tmp", f"rename {name}", folder]
    assert disk.calls == [*expected, "remove .progress", folder]
    disk.assert_flushed(*(os.path.join(data_dir, name) for name in names))


def test_rejects_are_listed_in_the_order_of_the_plan(data_dir):
    order = np.concatenate([s.rows for s in PLAN.shards if s.split == "train"])
    expected = [f"train_{row:05d}.png" for row in order if row in (2, 9)]
    assert [reject.filename for reject in finish_all(data_dir).rejects] == expected


@pytest.mark.parametrize("victim", ["write_manifest", "remove"])
def test_an_end_before_or_after_the_manifest_changes_nothing(
    data_dir, monkeypatch, victim
):
    def die(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        module = manifest if victim == "write_manifest" else finished_shards
        patch.setattr(module, victim, die)
        with pytest.raises(KeyboardInterrupt):
            finish_all(data_dir)
    assert finished_shards.is_begun(data_dir)
    exists = os.path.exists(os.path.join(data_dir, "manifest.json"))
    assert exists == (victim == "remove")
    before = {name: _digest(data_dir, name) for name in ("index.npz", "statistics.npz")}
    finish_all(data_dir)
    after = {name: _digest(data_dir, name) for name in before}
    assert after == before


def _digest(data_dir, name):
    return files.compute_digest(os.path.join(data_dir, name))


def test_an_image_that_is_neither_record_nor_reject_is_an_error(data_dir):
    first = PLAN.shards[0]
    longer = dataclasses.replace(first, rows=np.append(first.rows, 0))
    wrong = dataclasses.replace(PLAN, shards=(longer, *PLAN.shards[1:]))
    with pytest.raises(errors.DataError, match="2 records and 2 rejects, but 5 images"):
        finish_all(data_dir, wrong)
    assert not os.path.exists(os.path.join(data_dir, "manifest.json"))


def test_one_reject_more_than_allowed_is_an_error(data_dir):
    settings = dataclasses.replace(PLAN.settings, max_rejects=1)
    with pytest.raises(errors.UserError, match=r"2 of 17 .*max_rejects=1"):
        finish_all(data_dir, dataclasses.replace(PLAN, settings=settings))
    with open(os.path.join(data_dir, finish.REJECTS_NAME)) as file:
        assert len(file.read().splitlines()) == 2
    assert finished_shards.is_begun(data_dir)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
