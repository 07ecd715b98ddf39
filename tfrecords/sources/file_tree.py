"""The files of a folder, a zip or a tar, listed once and then read in place.

A data set that is published as an archive is often unpacked, too: its source reads both
through this interface.
"""

from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Sequence
from typing import Any, NamedTuple

from tfrecords import errors
from tfrecords.durable import files
from tfrecords.images import listing
from tfrecords.sources import stored, text_files
from tfrecords.sources.archives import archive_reader, tar_walk, zip_members

ARCHIVE_SUFFIXES = (".zip", ".tar")


class Place(NamedTuple):
    """Where a file's bytes are."""

    offset: int  # in the archive; of its header in a zip; -1 in a folder
    num_bytes: int


@dataclasses.dataclass
class FileTree:
    """The files below a path."""

    path: str  # of the folder or archive
    # By folder ("train/cat", or "" for the top) and file name.
    folders: dict[str, dict[str, Place]]
    is_archive: bool
    members: zip_members.ZipMembers | None  # of a zip

    def read_text(self, folder: str, name: str) -> str:
        """The text of a small file.

        Raises:
          DataError: if it is missing, too large, damaged or not UTF-8.
          StorageError: if it cannot be read.
        """
        where = f"{folder}/{name}" if folder else name
        place = self.folders.get(folder, {}).get(name)
        if place is None:
            raise errors.DataError(
                f"{self.path} has no file {where}. Download the data set again."
            )
        if not self.is_archive:
            return text_files.read_text(os.path.join(self.path, folder, name))
        if place.num_bytes > text_files.MAX_BYTES:
            raise errors.DataError(
                f"{self.path} has a file {where} of {place.num_bytes:,} bytes, unlike "
                "any of this kind. Download it again."
            )
        with files.read_errors(self.path), open(self.path, "rb") as file:

            def read_at(offset: int, count: int) -> bytes:
                file.seek(offset)
                return file.read(count)

            if self.members is None:
                data = read_at(place.offset, place.num_bytes)
            else:
                data = self.members.read(place.offset, self.path, read_at)
        return text_files.decode(data, f"{where} in {self.path}")

    def add_images(
        self,
        builder: stored.TableBuilder,
        containers: list[str],
        folder: str,
        names: Sequence[str],
        labels: Sequence[int] | int,
        prefix: str = "",
    ) -> None:
        """Adds images of one folder to a table.

        Args:
          builder: of the table.
          containers: of the source that will be opened; extended where needed.
          folder: the folder of the images.
          names: of their files.
          labels: of each, or of all.
          prefix: of their names in the table; only for an archive.
        """
        path = self.path if self.is_archive else os.path.join(self.path, folder)
        if path not in containers[-1:]:
            containers.append(path)
        places = [self.folders[folder][name] for name in names]
        builder.add(
            [(prefix + name).encode(errors="surrogateescape") for name in names],
            labels,
            len(containers) - 1,
            [place.offset for place in places],
            [place.num_bytes for place in places],
        )

    def open_images(self, **fields: Any) -> stored.StoredImages:
        """The source of the images; `fields` are those of `StoredImages`."""
        if self.members is None:
            return stored.StoredImages(**fields)
        return zip_members.ZipImages(members=self.members, **fields)


def list_tree(path: str) -> FileTree:
    """Lists a folder, a zip or a tar, whichever `path` is.

    Raises:
      UserError: if it is none of them.
      DataError: if an archive is damaged, or holds links, names that lead out of it, or
        what makes it a zip bomb.
      StorageError: if it cannot be read.
    """
    if os.path.isdir(path):
        return FileTree(path, _list_folder(path), False, None)
    if not path.lower().endswith(ARCHIVE_SUFFIXES):
        raise errors.UserError(
            f"{path} is not a folder, a .zip or a .tar. A compressed tar (.tar.gz, "
            ".tgz) cannot be read in place: make it a .tar with gunzip."
        )
    folders: dict[str, dict[str, Place]] = {}
    members = None
    if path.lower().endswith(".zip"):
        found, members = zip_members.list_members(path)
        for name, place in found.items():
            folder, _, file_name = name.rpartition("/")
            folders.setdefault(folder, {})[file_name] = Place(*place)
    else:
        with archive_reader.ArchiveReader(path, compute_md5=False) as reader:
            for member in tar_walk.walk(
                reader, tar_walk.ANY_FILE, example="cat/1.jpg", padding_notes=[]
            ):
                folder, _, file_name = _decode(member.name).rpartition("/")
                place = Place(member.offset, member.num_bytes)
                folders.setdefault(folder, {})[file_name] = place
    return FileTree(path, folders, True, members)


def _decode(name: bytes) -> str:
    return name.decode(errors="surrogateescape")


def _list_folder(path: str) -> dict[str, dict[str, Place]]:
    folders: dict[str, dict[str, Place]] = {}

    def refuse(directory: str, error: OSError) -> None:
        with files.read_errors(directory):
            raise error

    for directory, found in listing.walk(path, refuse):
        folder = os.path.relpath(directory, path)
        with files.read_errors(directory):
            folders["" if folder == "." else folder] = {
                name: Place(-1, status.st_size)
                for name in found.files
                if stat.S_ISREG(
                    (status := os.stat(os.path.join(directory, name))).st_mode
                )
            }
    return folders
