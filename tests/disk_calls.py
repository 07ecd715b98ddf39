"""Records the order in which data reaches the disk: flushes, renames, removals."""

import os
import re
import shutil
import stat


class DiskCalls:
    """Records the calls that decide what a power cut leaves.

    Args:
      monkeypatch: pytest's; it ends the record.

    Attributes:
      calls: "fsync NAME", "fsync NAME/" of a directory, "rename NAME" (the new name),
        "remove NAME", in their order. Temporary names end in ".tmp", without numbers.
      flushed_bytes: by path, a file's size when it was flushed last: data that were
        written later, or lay in a buffer, are not on the disk.
    """

    def __init__(self, monkeypatch):
        self.calls: list[str] = []
        self.flushed_bytes: dict[str, int] = {}
        for module, name, describe in (
            (os, "fsync", self._describe_fsync),
            (os, "replace", self._describe_rename),
            (os, "rename", self._describe_rename),
            (shutil, "rmtree", lambda path, *_: f"remove {_shorten(path)}"),
        ):
            monkeypatch.setattr(
                module, name, self._wrap(getattr(module, name), describe)
            )

    def _wrap(self, original, describe):
        def recorded(*arguments, **settings):
            result = original(*arguments, **settings)
            self.calls.append(describe(*arguments))  # only what succeeded
            return result

        return recorded

    def _describe_fsync(self, descriptor):
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            return f"fsync {_shorten(path)}/"
        self.flushed_bytes[path] = status.st_size
        return f"fsync {_shorten(path)}"

    def _describe_rename(self, source, target):
        source, target = os.path.abspath(source), os.path.abspath(target)
        if source in self.flushed_bytes:
            self.flushed_bytes[target] = self.flushed_bytes.pop(source)
        return f"rename {_shorten(target)}"

    def assert_flushed(self, *paths):
        """All that the files hold now was flushed."""
        for path in map(str, paths):
            assert self.flushed_bytes.get(path) == os.path.getsize(path), path


def _shorten(path):
    return re.sub(r"\.tmp-\d+", ".tmp", os.path.basename(str(path)))
