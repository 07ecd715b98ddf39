"""Tests of `runs.checkpoint`: which checkpoints are kept, and damage is detected."""

import os
import pathlib
import resource
import shutil
import sys

import numpy as np
import pytest

from alexnet_tf.runs import checkpoint, checkpoint_files
from tests.alexnet_tf.saved_steps import assert_is, list_names, list_steps, save
from tfrecords import errors


def test_everything_comes_back(tmp_path):
    directory = tmp_path / "run" / "checkpoints"
    path = save(directory, 7, best_step=7)
    assert list_names(path) == ["COMMIT", "arrays.npz", "state.json"]
    for loaded in (
        checkpoint.load_latest(str(directory)),
        checkpoint.load(str(directory), "last"),
        checkpoint.load(str(directory), "best"),
        checkpoint.load(str(directory), 7),
        checkpoint.load(str(directory), "7"),
    ):
        assert_is(loaded, 7)
        assert (loaded.best_step, loaded.path, loaded.warnings) == (7, path, ())


def test_its_bytes_depend_on_its_contents_alone(tmp_path):
    one, two = save(tmp_path / "a", 7), save(tmp_path / "b", 7)
    for name in list_names(one):
        assert pathlib.Path(one, name).read_bytes() == (
            pathlib.Path(two, name).read_bytes()
        )


def test_no_checkpoint_is_none(tmp_path):
    assert checkpoint.load_latest(str(tmp_path / "absent")) is None
    assert checkpoint.load_latest(str(tmp_path)) is None
    for directory in (tmp_path, tmp_path / "absent"):
        with pytest.raises(errors.UserError, match="holds no checkpoint"):
            checkpoint.load(str(directory), "last")


def test_none_left_of_those_saved_is_refused(tmp_path):
    for directory in (tmp_path, tmp_path / "absent"):
        with pytest.raises(errors.DataError, match="step 30") as raised:
            checkpoint.load_latest(str(directory), saved_step=30)
        assert "another workdir" in str(raised.value)
    assert list_names(tmp_path) == []


def test_a_missing_newest_is_reported_with_both_steps(tmp_path):
    save(tmp_path, 20)
    (warning,) = checkpoint.load_latest(str(tmp_path), saved_step=30).warnings
    assert "30" in warning and "20" in warning
    # The record of a run killed before it was brought up to date names an older step.
    for recorded in (None, 0, 10, 20):
        assert checkpoint.load_latest(str(tmp_path), recorded).warnings == ()
    # A damaged checkpoint is reported once.
    flip(pathlib.Path(save(tmp_path, 30), "arrays.npz"))
    (warning,) = checkpoint.load_latest(str(tmp_path), saved_step=30).warnings
    assert "ckpt-00000030 is damaged" in warning


def _while_reading(monkeypatch, change, times=1):
    """Has `change` made in the middle of the next `times` readings."""
    make_commit, left = checkpoint_files.make_commit, [times]

    def change_and_read(path, step):
        if left[0]:
            left[0] -= 1
            change()
        return make_commit(path, step)

    monkeypatch.setattr(checkpoint_files, "make_commit", change_and_read)


@pytest.mark.parametrize("which", ["last", "best"])
def test_reading_chooses_again_where_training_deletes(tmp_path, monkeypatch, which):
    save(tmp_path, 10, best_step=10)

    def go_on():
        steps = list_steps(tmp_path)
        with monkeypatch.context() as patch:
            patch.setattr(checkpoint_files, "make_commit", commit_of)
            save(tmp_path, steps[-1] + 1, keep=1, best_step=steps[-1] + 1)

    commit_of = checkpoint_files.make_commit
    _while_reading(monkeypatch, go_on, times=3)
    assert_is(checkpoint.load(str(tmp_path), which), 13)


def test_reading_chooses_again_where_training_replaces(tmp_path, monkeypatch):
    path = pathlib.Path(save(tmp_path, 10))
    other = pathlib.Path(save(tmp_path / "other", 10, size=30))

    def replace():
        shutil.rmtree(path)
        shutil.copytree(other, path)

    _while_reading(monkeypatch, replace)
    loaded = checkpoint.load(str(tmp_path), "last")
    assert loaded.arrays["weights/conv1/kernel"].shape == (30, 3)


def test_reading_gives_up_where_training_never_stops(tmp_path, monkeypatch):
    path = pathlib.Path(save(tmp_path, 10))

    def replace():
        (path / "arrays.npz").write_bytes(b"")
        shutil.copytree(path, tmp_path / "copy")
        shutil.rmtree(path)
        (tmp_path / "copy").rename(path)

    monkeypatch.setattr(checkpoint, "_SECONDS_BETWEEN_ATTEMPTS", 0)
    _while_reading(monkeypatch, replace, times=1000)
    with pytest.raises(errors.DataError, match="faster than they can be read"):
        checkpoint.load(str(tmp_path), "last")


def test_the_newest_and_the_best_stay_among_decoys(tmp_path):
    decoys = ["ckpt-5", "ckpt-00000003.bad", "ckpt-", "ckpt-0000000x", "notes"]
    for name in decoys:
        (tmp_path / name).mkdir()
    (tmp_path / "ckpt-00000002").write_text("a file, not a checkpoint")
    decoys.append("ckpt-00000002")
    for step in (5, 9, 10, 1000):
        save(tmp_path, step, keep=2, best_step=5)
    kept = [checkpoint_files.make_name(step) for step in (5, 10, 1000)]
    assert list_names(tmp_path) == sorted(kept + decoys)
    assert list_steps(str(tmp_path)) == [5, 10, 1000]
    assert_is(checkpoint.load_latest(str(tmp_path)), 1000)
    assert_is(checkpoint.load(str(tmp_path), "best"), 5)
    # Steps of nine digits are newer, though their names sort first.
    save(tmp_path, 123456789, keep=1, best_step=1000)
    assert list_steps(str(tmp_path)) == [1000, 123456789]
    assert checkpoint.load(str(tmp_path), "last").step == 123456789


def test_what_was_just_saved_stays_though_higher_steps_are_there(tmp_path):
    save(tmp_path, 50, keep=1)
    save(tmp_path, 10, keep=1)
    assert list_steps(str(tmp_path)) == [10, 50]


def test_a_checkpoint_of_the_same_step_is_replaced(tmp_path):
    save(tmp_path, 7)
    save(tmp_path, 7, best_step=7)
    assert list_names(tmp_path) == ["ckpt-00000007"]
    assert checkpoint.load_latest(str(tmp_path)).best_step == 7


def test_a_wrong_choice_lists_the_steps(tmp_path):
    save(tmp_path, 5)
    save(tmp_path, 6)
    for which in (7, "newest", "-5", "5.0"):
        with pytest.raises(errors.UserError, match="5, 6"):
            checkpoint.load(str(tmp_path), which)
    with pytest.raises(errors.UserError, match=r"no 'best'.*5, 6"):
        checkpoint.load(str(tmp_path), "best")


def test_foreign_dtypes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="weights"):
        checkpoint.save(
            str(tmp_path), 1, {"weights": np.zeros(2, "V2")}, {}, keep=1
        )  # fmt: skip
    assert list_names(tmp_path) == []


def damage_cases(content):
    """Every byte changed, and every length cut to (some, for long files)."""
    for index in range(len(content)):
        flipped = bytearray(content)
        flipped[index] ^= 1 << (index % 8)
        yield bytes(flipped)
    for length in range(0, len(content), 1 + len(content) // 200):
        yield content[:length]


@pytest.mark.parametrize("name", ["arrays.npz", "state.json", "COMMIT"])
def test_no_byte_changes_unseen(tmp_path, name):
    path = checkpoint.save(
        str(tmp_path), 3, {"w": np.arange(6, dtype=np.float32)}, {}, keep=1
    )
    file = pathlib.Path(path, name)
    content = file.read_bytes()
    num_cases = 0
    for damaged in damage_cases(content):
        file.write_bytes(damaged)
        with pytest.raises(errors.DataError, match="ckpt-00000003 is damaged"):
            checkpoint.load(str(tmp_path), "last")
        num_cases += 1
    assert num_cases > len(content)
    file.write_bytes(content + b"\n")
    with pytest.raises(errors.DataError):
        checkpoint.load(str(tmp_path), "last")
    file.write_bytes(content)
    checkpoint.load(str(tmp_path), "last")


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        lambda new, old: flip(new / "arrays.npz"),
        lambda new, old: flip(new / "state.json"),
        lambda new, old: (new / "COMMIT").unlink(),
        lambda new, old: (new / "arrays.npz").unlink(),
        lambda new, old: (new / "arrays.npz").write_bytes(b""),
        lambda new, old: shutil.copy(old / "arrays.npz", new / "arrays.npz"),
        lambda new, old: shutil.copy(old / "state.json", new / "state.json"),
        lambda new, old: shutil.copytree(old, new, dirs_exist_ok=True),
        lambda new, old: (shutil.rmtree(new), new.mkdir()),
        lambda new, old: ((new / "COMMIT").unlink(), (new / "COMMIT").mkdir()),
    ],
)
def test_the_one_before_is_used_and_said_so(tmp_path, damage):
    old, new = pathlib.Path(save(tmp_path, 4)), pathlib.Path(save(tmp_path, 8))
    damage(new, old)
    # `load` changes nothing and names the damaged checkpoint.
    with pytest.raises(errors.DataError, match="ckpt-00000008 is damaged"):
        checkpoint.load(str(tmp_path), "last")
    assert list_names(tmp_path) == ["ckpt-00000004", "ckpt-00000008"]
    loaded = checkpoint.load_latest(str(tmp_path))
    assert_is(loaded, 4)
    (warning,) = loaded.warnings
    assert "ckpt-00000008 is damaged" in warning and "ckpt-00000008.bad" in warning
    assert list_names(tmp_path) == ["ckpt-00000004", "ckpt-00000008.bad"]
    # The run resumes to the same step; a second damaged one gets another name.
    damage(pathlib.Path(save(tmp_path, 8)), old)
    assert_is(checkpoint.load_latest(str(tmp_path)), 4)
    assert "ckpt-00000008.bad-2" in list_names(tmp_path)


def test_a_look_finds_what_a_run_would_and_changes_nothing(tmp_path):
    old, new = pathlib.Path(save(tmp_path, 4)), pathlib.Path(save(tmp_path, 8))
    (tmp_path / ".ckpt-00000012.tmp-1").mkdir()
    flip(new / "arrays.npz")
    before = list_names(tmp_path)
    loaded = checkpoint.load_latest(str(tmp_path), 8, read_only=True)
    assert_is(loaded, 4)
    (warning,) = loaded.warnings
    assert "ckpt-00000008 is damaged" in warning
    flip(old / "arrays.npz")
    with pytest.raises(errors.DataError, match="ckpt-00000004, ckpt-00000008"):
        checkpoint.load_latest(str(tmp_path), 8, read_only=True)
    assert list_names(tmp_path) == before
    # A replaced checkpoint stands in for the damaged one of its step.
    shutil.rmtree(new)
    save(tmp_path, 8)
    shutil.copytree(new, f"{new}.previous")
    flip(new / "arrays.npz")
    assert_is(checkpoint.load_latest(str(tmp_path), read_only=True), 8)


def test_all_damaged_is_refused_again_and_again(tmp_path):
    for step in (4, 8):
        flip(pathlib.Path(save(tmp_path, step), "arrays.npz"))
    for _ in range(2):
        with pytest.raises(errors.DataError, match="are damaged") as raised:
            checkpoint.load_latest(str(tmp_path))
        assert "ckpt-00000004.bad, ckpt-00000008.bad" in str(raised.value)
    # Readers such as the evaluation do not say that nothing was trained.
    with pytest.raises(
        errors.DataError, match=r"are damaged .*00000008\.bad"
    ) as raised:
        checkpoint.load(str(tmp_path), "last")
    assert "Train first" not in str(raised.value)
    (tmp_path / "ckpt-00000004.bad").rename(tmp_path / "mine")
    (tmp_path / "ckpt-00000008.bad").rename(tmp_path / "ckpt-00000009")
    with pytest.raises(errors.DataError):  # a renamed one is no other step's
        checkpoint.load_latest(str(tmp_path))


def test_running_out_of_files_damages_nothing(tmp_path):
    save(tmp_path, 4)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = []
    try:
        # A process that has run many other tests may hold hundreds of files already.
        limit = max(map(int, os.listdir("/proc/self/fd"))) + 16
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limits[1]))
        with pytest.raises(OSError):
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        for spare in range(4):
            if spare:
                os.close(held.pop())
            try:
                assert_is(checkpoint.load_latest(str(tmp_path)), 4)
                break
            except OSError:
                pass
            except errors.UserError as error:
                assert type(error) is errors.UserError and "open" in str(error)
        else:
            pytest.fail("three files were not enough")
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert list_names(tmp_path) == ["ckpt-00000004"]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
