"""Lists the folders that users name, by the same rules in every command.

Names that begin with "." are skipped, with everything below them. Links are followed,
and each directory is visited once, so cyclic links do not make a walk endless. What is
neither a file nor a directory is listed and never opened: opening a pipe would block.
"""

from __future__ import annotations

import collections
import dataclasses
import os
import stat
from collections.abc import Callable, Iterator

# Suffixes of the files that are taken for images, in upper or lower case.
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp")

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@dataclasses.dataclass(frozen=True)
class Listing:
    """The names in a directory that are not hidden, sorted."""

    directories: list[str]  # and links to them, each directory once
    files: list[str]  # regular files and links to them
    repeated: list[str]  # links to a directory that is already listed or is listed now
    others: list[str]  # pipes, sockets, devices, and broken links


def list_directory(directory: str) -> Listing:
    """Lists a directory; raises `OSError` if it or a file's status cannot be read."""
    seen = {_identify(os.stat(directory))}
    listing = Listing([], [], [], [])
    links: list[tuple[str, os.stat_result]] = []
    with os.scandir(directory) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.startswith("."):
                continue
            try:
                status = entry.stat()
            except OSError as error:
                # The folder may be listed and not entered, or the disk is failing.
                if not entry.is_symlink() and not isinstance(error, FileNotFoundError):
                    raise
                listing.others.append(entry.name)
                continue
            if stat.S_ISREG(status.st_mode):
                listing.files.append(entry.name)
            elif not stat.S_ISDIR(status.st_mode):
                listing.others.append(entry.name)
            elif entry.is_symlink():
                links.append((entry.name, status))
            else:
                listing.directories.append(entry.name)
                seen.add(_identify(status))
    # Links come last, so that a directory is listed under its own name.
    for name, status in links:
        is_new = _identify(status) not in seen
        (listing.directories if is_new else listing.repeated).append(name)
        seen.add(_identify(status))
    listing.directories.sort()
    return listing


def walk(
    directory: str, on_error: Callable[[str, OSError], None]
) -> Iterator[tuple[str, Listing]]:
    """Lists a directory and all below it.

    `on_error` is called with the path of a directory that cannot be read; the walk
    continues.

    Yields:
      `(path, listing)` of each directory, in no particular order.
    """
    seen: set[tuple[int, int]] = set()
    # Links come after all directories, so that these are listed under their own names.
    waiting, links = [directory], collections.deque[str]()
    while waiting or links:
        path = waiting.pop() if waiting else links.popleft()
        try:
            identity = _identify(os.stat(path))
            if identity in seen:
                continue
            seen.add(identity)
            listing = list_directory(path)
        except OSError as error:
            on_error(path, error)
            continue
        yield path, listing
        for name in listing.directories:
            below = os.path.join(path, name)
            (links if os.path.islink(below) else waiting).append(below)


def describe_kind(mode: int) -> str:
    """The kind of file that an `st_mode` stands for: "a named pipe"."""
    return next((text for test, text in _KINDS if test(mode)), "not a regular file")


def _identify(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
