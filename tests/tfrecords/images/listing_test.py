"""Tests of `images.listing`: hidden names, links, pipes, unreadable folders."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import sys
import types

import pytest

from tfrecords.images import listing


@pytest.fixture
def root(tmp_path):
    """A folder with one of everything."""
    root = tmp_path / "root"
    for name in ("b/deep", "a", ".git", "b/.checkpoints"):
        (root / name).mkdir(parents=True)
    for name in ("x.png", ".y.png", "b/z.png", "b/deep/w.png", ".git/v.png"):
        (root / name).write_bytes(b"")
    (root / "b/.checkpoints/z.png").write_bytes(b"")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "o.png").write_bytes(b"")
    os.symlink(outside, root / "c")
    os.symlink(outside, root / "d")
    os.symlink(root / "b", root / "1b")
    os.symlink(root, root / "b" / "up")
    os.symlink(root / "x.png", root / "link.png")
    os.symlink(tmp_path / "gone", root / "lost")
    os.symlink("circle", root / "circle")
    os.mkfifo(root / "pipe.png")
    return root


def walk(root):
    unreadable = []
    found = {
        os.path.relpath(path, root): listed
        for path, listed in listing.walk(str(root), lambda p, e: unreadable.append(p))
    }
    return found, unreadable


def test_a_folder_is_listed_by_the_rule(root):
    listed = listing.list_directory(str(root))
    # A folder goes by its own name, though a link's comes first.
    assert listed.directories == ["a", "b", "c"]
    assert listed.repeated == ["1b", "d"]
    assert listed.files == ["link.png", "x.png"]
    assert listed.others == ["circle", "lost", "pipe.png"]


def test_a_walk_visits_each_folder_once_and_ends(root):
    found, unreadable = walk(root)
    assert sorted(found) == [".", "a", "b", "b/deep", "c"]
    assert found["c"].files == ["o.png"] and not unreadable
    (root / "e").mkdir()
    os.symlink(root / "b" / "deep", root / "e" / "deep")
    found, _ = walk(root)
    assert "b/deep" in found and "e/deep" not in found


def test_a_hidden_folder_that_is_named_is_walked(root):
    assert walk(root / ".git")[0]["."].files == ["v.png"]


def test_a_folder_that_cannot_be_read_does_not_end_the_walk(root, monkeypatch):
    scandir = os.scandir

    def refuse(path):
        if path == str(root / "a"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found, unreadable = walk(root)
    assert sorted(found) == [".", "b", "b/deep", "c"]
    assert unreadable == [str(root / "a")]
    with pytest.raises(PermissionError):
        listing.list_directory(str(root / "a"))


def test_a_folder_whose_files_cannot_be_reached_is_unreadable(root, monkeypatch):
    # Such as one of mode 444 shows its names and nothing of what they are.
    scandir = os.scandir

    @contextlib.contextmanager
    def show_names(path):
        with scandir(path) as entries:
            is_closed = path == str(root / "b" / "deep")
            yield [types.SimpleNamespace(**refused)] if is_closed else list(entries)

    def refuse():
        raise PermissionError(13, "Permission denied", "w.png")

    refused = {"name": "w.png", "stat": refuse, "is_symlink": lambda: False}
    monkeypatch.setattr(os, "scandir", show_names)
    with pytest.raises(PermissionError):
        listing.list_directory(str(root / "b" / "deep"))
    found, unreadable = walk(root)
    assert sorted(found) == [".", "a", "b", "c"]
    assert unreadable == [str(root / "b" / "deep")]
    # A link into such a folder says nothing of the folder that holds the link.
    refused["is_symlink"] = lambda: True
    assert listing.list_directory(str(root / "b" / "deep")).others == ["w.png"]


def test_kinds_have_names(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "socket"))
    kinds = {tmp_path: "a folder", "/dev/null": "a device"}
    kinds |= {tmp_path / "pipe": "a named pipe", tmp_path / "socket": "a socket"}
    for path, kind in kinds.items():
        assert listing.describe_kind(os.stat(path).st_mode) == kind
    assert listing.describe_kind(stat.S_IFDOOR) == "not a regular file"


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
