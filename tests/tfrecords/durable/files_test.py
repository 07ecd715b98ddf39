"""Files are whole or absent; a directory has one writer."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from tests import disk_calls, processes
from tfrecords import errors
from tfrecords.durable import files, locks

HOLD_LOCK = """
import sys, time
from tfrecords.durable import files as durable, locks
with locks.directory_lock(sys.argv[1], "holder"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_atomic_write_appears_only_when_whole(tmp_path):
    path = tmp_path / "file"
    with files.atomic_write(str(path)) as file:
        file.write(b"ab")
        assert not path.exists()
    assert path.read_bytes() == b"ab"
    assert os.listdir(tmp_path) == ["file"]


def test_two_threads_write_the_same_file_and_neither_fails(tmp_path):
    path = tmp_path / "a"
    inside = threading.Barrier(2, timeout=60)

    def write(content):
        with files.atomic_write(str(path)) as file:
            file.write(content)
            inside.wait()  # both have begun, none has ended

    other = threading.Thread(target=write, args=(b"other",))
    other.start()
    write(b"main")
    other.join()
    assert path.read_bytes() in (b"main", b"other")
    assert os.listdir(tmp_path) == ["a"]


def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), files.atomic_write(str(path)) as file:
        file.write(b"new")
        raise ZeroDivisionError
    with pytest.raises(KeyboardInterrupt), files.atomic_write(str(path)) as file:
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_file_over_the_size_limit_is_a_storage_error_and_leaves_nothing(tmp_path):
    code = """
import resource, signal, sys
from tfrecords.durable import files as durable, locks
from tfrecords import errors
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    durable.write_bytes(sys.argv[1], bytes(1_000_000))
except errors.StorageError as error:
    print(error.exit_code, error)
"""
    result = processes.run_python("-c", code, tmp_path / "file")
    assert result.stdout.startswith("4 "), result.stderr
    assert "larger than the limit" in result.stdout
    assert str(tmp_path / "file") in result.stdout
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_a_sentence():
    with (
        pytest.raises(errors.StorageError, match=r"/dev/full .*the disk is full"),
        files.storage_errors("/dev/full"),
        open("/dev/full", "wb", buffering=0) as file,
    ):
        file.write(b"x")


def test_a_file_that_cannot_be_there_is_a_sentence(tmp_path):
    with pytest.raises(errors.UserError, match=r"there is no directory .*Make it"):
        files.write_bytes(str(tmp_path / "no" / "a.json"), b"")
    with pytest.raises(errors.UserError, match="is a directory, not a file"):
        files.check_target(str(tmp_path))
    files.check_target(str(tmp_path / "a.json"))
    assert os.listdir(tmp_path) == []


def test_other_errors_pass_unchanged(tmp_path):
    path = str(tmp_path / "none" / "file")
    with pytest.raises(FileNotFoundError), files.storage_errors(path):
        os.stat(path)


def test_an_error_of_another_file_is_not_blamed_on_this_one(tmp_path):
    with (
        pytest.raises(PermissionError),
        files.atomic_write(str(tmp_path / "file")),
    ):
        raise PermissionError(13, "Permission denied", "/another/file")


def test_a_full_disk_below_a_new_directory_is_a_sentence(tmp_path):
    """The file that cannot be opened lies two levels below the path's directory."""
    with (
        pytest.raises(errors.StorageError, match=r"made .*the disk is full"),
        files.atomic_directory(str(tmp_path / "made")) as temporary,
    ):
        path = os.path.join(temporary, "sub", "file")
        raise OSError(errno.ENOSPC, "No space left on device", path)
    assert os.listdir(tmp_path) == []


def test_a_writer_that_is_still_alive_does_not_disturb_a_removal(tmp_path, monkeypatch):
    left = tmp_path / f".job{files.TEMPORARY_MARK}1"
    left.mkdir()
    (left / "file").write_bytes(b"x")
    # What a kill in the middle of an earlier removal has left.
    (tmp_path / f"{left.name}-removed").mkdir()
    remove, failed = files.shutil.rmtree, []

    def write_and_remove(path, **arguments):
        try:
            (left / "late").write_bytes(b"x")
        except FileNotFoundError:
            failed.append(path)
        remove(path, **arguments)

    monkeypatch.setattr(files.shutil, "rmtree", write_and_remove)
    assert files.remove_temporary_files(str(tmp_path))[0] == left.name
    assert failed and os.listdir(tmp_path) == []


def test_files_and_names_reach_the_disk_in_order(tmp_path, monkeypatch):
    disk = disk_calls.DiskCalls(monkeypatch)
    files.write_bytes(str(tmp_path / "file"), b"x")
    folder = tmp_path.name
    assert disk.calls == ["fsync .file.tmp", "rename file", f"fsync {folder}/"]
    disk.assert_flushed(tmp_path / "file")


def test_a_published_file_has_its_name_on_the_disk(tmp_path, monkeypatch):
    (tmp_path / "temporary").write_bytes(b"x")
    disk = disk_calls.DiskCalls(monkeypatch)
    files.publish(str(tmp_path / "temporary"), str(tmp_path / "file"))
    assert disk.calls == ["rename file", f"fsync {tmp_path.name}/"]


def test_a_directory_reaches_the_disk_with_all_in_it(tmp_path, monkeypatch):
    disk = disk_calls.DiskCalls(monkeypatch)
    with files.atomic_directory(str(tmp_path / "made")) as temporary:
        os.mkdir(os.path.join(temporary, "sub"))
        for name in ("b", "a", "sub/c"):
            with open(os.path.join(temporary, name), "wb") as file:
                file.write(name.encode())
    before = {"fsync a", "fsync b", "fsync c", "fsync sub/", "fsync .made.tmp/"}
    assert set(disk.calls[:5]) == before
    assert disk.calls[5:] == ["rename made", f"fsync {tmp_path.name}/"]


def test_a_new_directory_is_on_the_disk_with_its_parents(tmp_path, monkeypatch):
    disk = disk_calls.DiskCalls(monkeypatch)
    files.make_directory(str(tmp_path / "a" / "b" / "c"))
    assert disk.calls == [f"fsync {tmp_path.name}/", "fsync a/", "fsync b/"]
    files.make_directory(str(tmp_path / "a" / "b"))
    assert len(disk.calls) == 3


def test_write_json_is_readable_and_keeps_the_order(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(str(path), {"b": [1, 2.5], "a": "é\udc80"})
    assert path.read_bytes().endswith(b"}\n")
    assert list(json.loads(path.read_text())) == ["b", "a"]
    assert json.loads(path.read_text())["a"] == "é\udc80"


def test_make_directory_refuses_a_file_in_the_way(tmp_path):
    files.make_directory(str(tmp_path / "a" / "b"))
    files.make_directory(str(tmp_path / "a" / "b"))
    (tmp_path / "file").write_bytes(b"")
    for path in ("file", "file/sub"):
        with pytest.raises(errors.UserError, match="is a file"):
            files.make_directory(str(tmp_path / path))


def test_check_directory_makes_nothing_and_refuses_what_could_not_be_made(
    tmp_path, monkeypatch
):
    files.check_directory(str(tmp_path))
    files.check_directory(str(tmp_path / "a" / "b"))
    assert not os.listdir(tmp_path)
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(errors.UserError, match=f"{tmp_path}/file is a file"):
            files.check_directory(str(path))
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(errors.StorageError, match="does not permit it"):
        files.check_directory(str(tmp_path / "new"))


def test_check_lock_sees_another_holder_and_leaves_no_trace(tmp_path):
    locks.check_lock(str(tmp_path))
    assert not os.listdir(tmp_path)
    with (
        locks.directory_lock(str(tmp_path), "alexnet-train"),
        pytest.raises(errors.InUseError, match="alexnet-train, process"),
    ):
        locks.check_lock(str(tmp_path))
    locks.check_lock(str(tmp_path))
    with locks.directory_lock(str(tmp_path), "alexnet-train"):
        pass


def test_remove_temporary_files_takes_only_those(tmp_path):
    (tmp_path / ".a.tmp-12").write_bytes(b"x")
    (tmp_path / ".d.tmp-12").mkdir()
    (tmp_path / ".d.tmp-12" / "file").write_bytes(b"x")
    (tmp_path / "kept").mkdir()
    (tmp_path / ".l.tmp-1").symlink_to(tmp_path / "kept")
    removed = files.remove_temporary_files(str(tmp_path))
    assert removed == [".a.tmp-12", ".d.tmp-12", ".l.tmp-1"]
    assert os.listdir(tmp_path) == ["kept"]


def test_compute_digest_of_known_bytes(tmp_path):
    # FIPS 180-2, appendix B.1, and RFC 1321, appendix A.5.
    (tmp_path / "abc").write_bytes(b"abc")
    path = str(tmp_path / "abc")
    assert files.compute_digest(path) == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
    assert files.compute_digest(path, "md5") == "900150983cd24fb0d6963f7d28e17f72"


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_is_one_process_and_dies_with_it(tmp_path, end):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_LOCK, str(tmp_path)],
        stdout=subprocess.PIPE,
        env=processes.make_environment(),
    )
    try:
        assert holder.stdout.readline() == b"held\n"
        with (
            pytest.raises(errors.InUseError, match=f"holder, process {holder.pid} on"),
            locks.directory_lock(str(tmp_path), "second"),
        ):
            pass
    finally:
        holder.send_signal(end)
        holder.wait()
        holder.stdout.close()
    with locks.directory_lock(str(tmp_path), "second"):
        text = (tmp_path / locks.LOCK_NAME).read_text()
        assert text.startswith(f"second, process {os.getpid()} on ")
        assert text.count("\n") == 1


def test_the_lock_is_free_after_use_and_after_an_exception(tmp_path):
    with (
        pytest.raises(ZeroDivisionError),
        locks.directory_lock(str(tmp_path), "first"),
    ):
        raise ZeroDivisionError
    with locks.directory_lock(str(tmp_path), "second"):
        pass


def test_a_lock_file_removed_while_it_is_taken_is_made_again(tmp_path, monkeypatch):
    take, taken = locks._take_lock, []

    def take_removed_file(descriptor, directory):
        take(descriptor, directory)
        if not taken:
            os.unlink(tmp_path / locks.LOCK_NAME)  # by its holder, just before
        taken.append(descriptor)

    monkeypatch.setattr(locks, "_take_lock", take_removed_file)
    with locks.directory_lock(str(tmp_path), "first"):
        assert len(taken) == 2
        with (
            pytest.raises(errors.InUseError, match="first, process"),
            locks.directory_lock(str(tmp_path), "second"),
        ):
            pass


def test_made_directories_are_removed_up_to_what_was_there(tmp_path):
    (tmp_path / "kept").mkdir()
    for part in ("kept/a/b", "new/c"):
        path = str(tmp_path / part)
        nearest = files.find_nearest(path)
        files.make_directory(path)
        files.remove_empty_directories(path, nearest)
    assert [p.name for p in tmp_path.rglob("*")] == ["kept"]
    nearest = files.find_nearest(str(tmp_path / "x" / "y"))
    files.make_directory(str(tmp_path / "x" / "y"))
    (tmp_path / "x" / "file").touch()
    files.remove_empty_directories(str(tmp_path / "x" / "y"), nearest)
    assert os.listdir(tmp_path / "x") == ["file"]


def test_a_symbolic_link_for_a_lock_is_refused_and_its_target_untouched(tmp_path):
    (tmp_path / "target").write_bytes(b"precious")
    (tmp_path / locks.LOCK_NAME).symlink_to(tmp_path / "target")
    with (
        pytest.raises(errors.StorageError, match="symbolic link"),
        locks.directory_lock(str(tmp_path), "first"),
    ):
        pass
    assert (tmp_path / "target").read_bytes() == b"precious"


def test_a_place_where_no_directory_can_be_made_is_a_sentence():
    with pytest.raises(errors.UserError, match="/proc/alexnet/run cannot be made"):
        files.make_directory("/proc/alexnet/run")


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
