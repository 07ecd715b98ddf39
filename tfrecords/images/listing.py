"""What lies in the folders that users name: one rule for every command.

Names that begin with "." are hidden, and so is what lies under them. Links are
followed, and each directory is visited once: links that lead back do not make a walk
endless. What is neither a file nor a directory is named and never opened, as a pipe
would be waited for.
"""

from __future__ import annotations

import collections
import dataclasses
import os
import stat
from collections.abc import Callable, Iterator

# What a file must be called, in any case, to be taken for an image in a folder.
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
    """The names in a directory that are not hidden, sorted.

    Attributes:
      directories: those and links to them, each directory once.
      files: regular files and links to them.
      repeated: links to a directory that is listed, or that holds this one.
      others: pipes, sockets, devices, and links that lead nowhere.
    """

    directories: list[str]
    files: list[str]
    repeated: list[str]
    others: list[str]


def list_directory(directory: str) -> Listing:
    """Lists a directory.

    Raises:
      OSError: where it, or what is known of a file in it, cannot be read.
    """
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
                # Of a folder that may be listed and not entered, or a failing disk.
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
    # Last: a directory goes by its own name rather than by a link's.
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

    Args:
      directory: its path.
      on_error: is called with the path of a directory that cannot be read; the walk
        goes on.

    Yields:
      `(path, listing)` of each directory, in no particular order.
    """
    seen: set[tuple[int, int]] = set()
    # Links wait until all other directories are listed, which keep their own names.
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
    """What an `st_mode` that is no regular file's stands for: "a named pipe"."""
    return next((text for test, text in _KINDS if test(mode)), "no regular file")


def _identify(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
