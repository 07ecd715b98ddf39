"""What a worker writes, which is what the local converter's worker writes."""

import os
import sys
import threading

import pytest

from tests.tfrecords import drawn_source
from tests.tfrecords.conversions import SETTINGS, SIZES
from tfrecords import errors
from tfrecords.conversion import finished_shards, plan, shard_writer
from tfrecords.conversion.beam import job_files, worker


def make_job(tmp_path, source, versions=None):
    the_plan = plan.make_plan(source, SETTINGS)
    finished_shards.find(str(tmp_path), the_plan.description)
    shards = {shard.name: shard for shard in the_plan.shards}
    versions = versions or plan.find_versions(the_plan.settings)
    job_plan = job_files.JobPlan(source, the_plan.settings, versions, shards)
    return job_files.create(str(tmp_path), job_plan), list(the_plan.shards)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def test_threads_write_the_same_bytes(tmp_path):
    source = drawn_source.DrawnSource(SIZES)
    job, shards = make_job(tmp_path, source)
    before = dict(os.environ)

    def write(part):
        writer = worker.ShardWriter(job)
        for shard in part:
            writer.write(shard.name)
        writer.close()

    threads = [
        threading.Thread(target=write, args=(shards[i : i + 2],)) for i in (0, 2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Starting a process changes the environment for a moment.
    assert dict(os.environ) == before
    results = dict(job.read_results({shard.name for shard in shards}))
    assert results.keys() == {shard.name for shard in shards[:4]}
    settings = job.read_plan().settings
    for shard in shards[:4]:
        alone = shard_writer.write_shard(
            source, settings, str(tmp_path), shard, {}, lambda position: None
        )
        assert read(results[shard.name].temporary) == read(alone.temporary)


def test_other_versions_are_refused(tmp_path):
    job, shards = make_job(
        tmp_path, drawn_source.DrawnSource(SIZES), {"converter": 1, "pillow": "0.1"}
    )
    writer = worker.ShardWriter(job)
    with pytest.raises(errors.UserError, match=r"pillow: 0\.1 there"):
        writer.write(shards[0].name)
    with pytest.raises(errors.UserError, match=r"pillow: 0\.1 there"):
        job.raise_error()
    assert not list(job.read_results({shards[0].name}))


def test_work_ends_with_its_job(tmp_path, monkeypatch):
    """The next start of a conversion has removed the directory."""
    monkeypatch.setattr(worker, "_REPORT_SECONDS", 0.1)
    job, shards = make_job(tmp_path, drawn_source.DrawnSource(SIZES, delay=0.1))
    writer = worker.ShardWriter(job)
    caught = []

    def write():
        with pytest.raises(errors.DataError) as error:
            writer.write(shards[0].name)
        caught.append(error.value)

    thread = threading.Thread(target=write)
    thread.start()
    while not job.count_begun({shards[0].name}):
        pass
    finished_shards.find(
        str(tmp_path),
        plan.make_plan(drawn_source.DrawnSource(SIZES), SETTINGS).description,
    )
    thread.join()
    assert caught and not os.path.exists(job.directory)
    assert sorted(os.listdir(tmp_path)) == [".progress"]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
