"""What a job's files carry between driver and workers, and what they refuse."""

import dataclasses
import os
import pickle
import sys

import numpy as np
import pytest

from tests.tfrecords import drawn_source
from tests.tfrecords.conversions import SETTINGS, SIZES
from tfrecords import errors
from tfrecords.conversion import finished_shards, plan, shard_writer
from tfrecords.conversion.beam import job_files
from tfrecords.durable import files

SOURCE = drawn_source.DrawnSource(SIZES)
PLAN = plan.make_plan(SOURCE, SETTINGS)
FIRST, SECOND = PLAN.shards[:2]


@pytest.fixture
def job(tmp_path):
    finished_shards.find(str(tmp_path), PLAN.description)
    shards = {shard.name: shard for shard in PLAN.shards}
    return job_files.create(
        str(tmp_path),
        job_files.JobPlan(SOURCE, PLAN.settings, {"pillow": "1"}, shards),
    )


def write(job, shard, rejected=None):
    result = shard_writer.write_shard(
        SOURCE,
        PLAN.settings,
        job.make_worker_directory(),
        shard,
        rejected or {},
        lambda position: None,
    )
    job.add_result(shard.name, result)
    return result


def test_a_worker_reads_the_plan(job):
    there = pickle.loads(pickle.dumps(job)).read_plan()
    assert there.settings == PLAN.settings and there.versions == {"pillow": "1"}
    assert there.shards[SECOND.name].rows.tolist() == SECOND.rows.tolist()
    assert there.source.read_image("train", 5) == SOURCE.read_image("train", 5)


def test_another_plan_is_not_unpickled(job, tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "trapped"),)

    with open(os.path.join(job.directory, "plan"), "wb") as file:
        pickle.dump(Trap(), file)
    with pytest.raises(errors.DataError, match="same file system"):
        job.read_plan()
    assert not (tmp_path / "trapped").exists()


def test_a_directory_that_is_not_shared_is_named_with_the_machine(job):
    elsewhere = dataclasses.replace(job, directory="/no/data")
    with pytest.raises(errors.DataError, match="/no/data/plan cannot be read on "):
        elsewhere.read_plan()


def test_results_arrive_whole(job):
    expected = write(job, FIRST)
    write(job, SECOND)
    # A worker dies between the shard and its side file.
    files.write_bytes(os.path.join(job.directory, f"{PLAN.shards[2].name}@x"), b"a")
    names = {shard.name for shard in PLAN.shards}
    found = dict(job.read_results(names))
    assert found.keys() == {FIRST.name, SECOND.name}
    contents = found[FIRST.name].contents
    assert contents.info == expected.contents.info
    np.testing.assert_array_equal(contents.lengths, expected.contents.lengths)
    size = os.path.getsize(found[FIRST.name].temporary)
    assert size == contents.info.num_bytes
    assert [name for name, _ in job.read_results({SECOND.name})] == [SECOND.name]


def test_two_results_of_one_shard_do_not_mix(job, monkeypatch):
    """A runner starts a task twice at a time; one of them rejects an image."""
    save = finished_shards.save_result

    def save_after_the_other(path, result):
        monkeypatch.setattr(finished_shards, "save_result", save)
        write(job, FIRST, {0: "it took too long"})
        save(path, result)

    monkeypatch.setattr(finished_shards, "save_result", save_after_the_other)
    write(job, FIRST)
    found = [result for _, result in job.read_results({FIRST.name})]
    assert sorted(len(result.rejects) for result in found) == [0, 1]
    for result in found:
        digest = files.compute_digest(result.temporary)
        assert digest == result.contents.info.sha256


def test_a_result_taken_over_is_a_finished_shard(job, tmp_path):
    write(job, FIRST)
    ((name, result),) = job.read_results({FIRST.name})
    finished_shards.add(str(tmp_path), name, result)
    again, changed = finished_shards.find(str(tmp_path), PLAN.description)
    assert again.keys() == {FIRST.name} and changed == []
    # The next start removes the job's directory.
    assert not os.path.exists(job.directory)
    with pytest.raises(errors.DataError):
        job.set_num_begun(FIRST.name, 1)


def test_progress_counts_unfinished_shards(job):
    job.set_num_begun(FIRST.name, 4)
    job.set_num_begun(FIRST.name, 7)
    job.set_num_begun(SECOND.name, 5)
    assert job.count_begun({FIRST.name, SECOND.name}) == 12
    assert job.count_begun({SECOND.name}) == 5
    with open(os.path.join(job.directory, f"{FIRST.name}.begun"), "w"):
        pass
    assert job.count_begun({FIRST.name, SECOND.name}) == 5


@pytest.mark.parametrize(
    "error, kind, code",
    [
        (errors.StorageError("disk"), errors.StorageError, 4),
        (errors.DataError("bad"), errors.DataError, 2),
        (OSError(24, "many"), errors.UserError, 2),
        (MemoryError(), errors.UserError, 2),
    ],
)
def test_a_workers_error_is_raised_again(job, error, kind, code):
    job.raise_error()
    job.add_error(FIRST.name, error)
    with pytest.raises(kind) as caught:
        job.raise_error()
    assert caught.value.exit_code == code
    if isinstance(error, errors.UserError):
        assert str(caught.value) == str(error)


def test_a_workers_bug_is_no_user_error(job):
    job.add_error(FIRST.name, RuntimeError("Traceback ... ZeroDivisionError"))
    with pytest.raises(RuntimeError, match=r"on .*ZeroDivisionError"):
        job.raise_error()


def test_a_request_is_one_line(job):
    request = job_files.JobRequest("direct", ["--a=b c"], job, [FIRST.name])
    text = request.to_json()
    assert "\n" not in text and job_files.JobRequest.from_json(text) == request


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
