"""The directories that a power cut may leave, from a trace of a program's calls.

POSIX promises little. Bytes are on the disk once their file was flushed (fsync); names
(creations, renames, removals) once their directory was. What was not flushed may be
there or not, each part by itself: of a file's later writes any prefix, with or without
zeros in the place of the rest; of a directory's later changes any subset. So a file can
have its new name and no content, and a later change can survive an earlier one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib
import random
from collections.abc import Iterator


@dataclasses.dataclass(frozen=True)
class Call:
    """A call that succeeded.

    Attributes:
      name: "create", "truncate", "write", "append", "fsync", "mkdir", "rename" or
        "remove".
      path: relative to the traced directory; "" is that directory.
      other: the new path of a "rename".
      offset: of a "write" in bytes; of a "truncate" the new size.
      data: what was written.
    """

    name: str
    path: str
    other: str = ""
    offset: int = 0
    data: bytes = b""


def read_trace(path: str, root: str) -> list[Call]:
    """The calls in a trace of `shim.c` below the directory `root`."""
    content = pathlib.Path(path).read_bytes()
    calls, position = [], 0
    while position < len(content):
        end = content.index(b"\n", position)
        name, offset, size, *paths = content[position:end].decode().split("\t")
        position = end + 1 + int(size)
        relative = [os.path.relpath(p, root) if p else "" for p in paths]
        first, other = ["" if p == "." else p for p in relative]
        data = content[end + 1 : position]
        calls.append(Call(name, first, other, int(offset), data))
    return calls


class _File:
    def __init__(self) -> None:
        self.data = b""  # as the program sees it
        self.durable = b""
        self.later: list[bytes] = []  # its content after each change since the flush

    def change(self, data: bytes) -> None:
        self.data = data
        self.later.append(data)

    def flush(self) -> None:
        self.durable, self.later = self.data, []


class _Directory:
    def __init__(self) -> None:
        self.names: dict[str, _File | _Directory] = {}
        self.durable: dict[str, _File | _Directory] = {}
        # Changes since the flush: what each sets names to; None removes one.
        self.later: list[dict[str, _File | _Directory | None]] = []

    def change(self, change: dict[str, _File | _Directory | None]) -> None:
        _apply(self.names, change)
        self.later.append(change)

    def flush(self) -> None:
        self.durable, self.later = dict(self.names), []


def _apply(
    names: dict[str, _File | _Directory], change: dict[str, _File | _Directory | None]
) -> None:
    for name, node in change.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


# A directory's content: bytes of files, and directories.
State = dict[str, "bytes | State"]


class Disk:
    """A directory on a disk, call by call."""

    def __init__(self) -> None:
        self._root = _Directory()

    def apply(self, call: Call) -> None:
        """Does what the call did."""
        parent, name = self._find_parent(call.path)
        if call.name == "fsync":
            self._find(call.path).flush()
        elif call.name in ("create", "mkdir"):
            parent.change({name: _Directory() if call.name == "mkdir" else _File()})
        elif call.name == "remove":
            parent.change({name: None})
        elif call.name == "rename":
            new_parent, new_name = self._find_parent(call.other)
            node = parent.names[name]
            if new_parent is parent:
                parent.change({name: None, new_name: node})
            else:
                parent.change({name: None})
                new_parent.change({new_name: node})
        elif name in parent.names:  # a file that was removed while open has no name
            file = parent.names[name]
            assert isinstance(file, _File), call.path
            file.change(_write(file.data, call))

    def make_state(self, kind: str, generator: random.Random) -> State:
        """What a power cut now leaves.

        Args:
          kind: "flushed": only what was flushed. "names": all names, of the bytes only
            those flushed. "zeros": also all sizes, with zeros. "mixed": any of these
            for each part by itself.
          generator: chooses the parts of "mixed".
        """
        return _make_directory(self._root, kind, generator)

    def _find(self, path: str) -> _File | _Directory:
        node: _File | _Directory = self._root
        for part in path.split("/") if path else []:
            assert isinstance(node, _Directory), path
            node = node.names[part]
        return node

    def _find_parent(self, path: str) -> tuple[_Directory, str]:
        directory, name = os.path.split(path)
        parent = self._find(directory)
        assert isinstance(parent, _Directory), path
        return parent, name


def _write(data: bytes, call: Call) -> bytes:
    if call.name == "truncate":
        return data[: call.offset].ljust(call.offset, b"\0")
    offset = len(data) if call.name == "append" else call.offset
    end = offset + len(call.data)
    return data[:offset].ljust(offset, b"\0") + call.data + data[end:]


def _make_directory(node: _Directory, kind: str, generator: random.Random) -> State:
    names = dict(node.durable)
    for change in node.later:
        if kind != "flushed" and (kind != "mixed" or generator.random() < 0.5):
            _apply(names, change)
    return {
        name: _make_directory(child, kind, generator)
        if isinstance(child, _Directory)
        else _make_file(child, kind, generator)
        for name, child in sorted(names.items())
    }


def _make_file(node: _File, kind: str, generator: random.Random) -> bytes:
    if kind == "mixed":
        kind = generator.choice(("flushed", "zeros", "prefix"))
    if not node.later or kind in ("flushed", "names"):
        return node.durable
    if kind == "zeros":
        return node.durable.ljust(len(node.data), b"\0")
    return generator.choice([node.durable, *node.later])


KINDS = ("flushed", "names", "zeros", "mixed", "mixed", "mixed")


def make_states(calls: list[Call], seed: int) -> Iterator[tuple[str, State]]:
    """The different states after a power cut before or after any of the calls.

    Yields a name, such as "after call 17, zeros", and the state; equal states once.
    """
    disk, seen = Disk(), set()
    for number in range(len(calls) + 1):
        for row, kind in enumerate(KINDS):
            generator = random.Random(f"{seed} {number} {row}")
            state = disk.make_state(kind, generator)
            digest = hashlib.sha256(repr(state).encode()).digest()
            if digest not in seen:
                seen.add(digest)
                yield f"after call {number}, {kind}", state
        if number < len(calls):
            disk.apply(calls[number])


def make_last_states(calls: list[Call], seed: int) -> Iterator[tuple[str, State]]:
    """The states after a power cut at the end, by the number of their kind."""
    disk = Disk()
    for call in calls:
        disk.apply(call)
    for row, kind in enumerate(KINDS):
        yield f"{kind} {row}", disk.make_state(kind, random.Random(f"{seed} {row}"))


def write_state(state: State, directory: str) -> None:
    """Writes a state into an existing directory."""
    for name, content in state.items():
        path = os.path.join(directory, name)
        if isinstance(content, bytes):
            pathlib.Path(path).write_bytes(content)
        else:
            os.mkdir(path)
            write_state(content, path)
