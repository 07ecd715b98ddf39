"""Weights files that were made to run code, to take all memory, or to be mistaken.

`CASES` has a function for each file by name; it writes the file into a folder and
returns the path. `CANARY` is the name that a file's code would create in that folder.
"""

from __future__ import annotations

import io
import json
import os
import pathlib
import pickle
import struct
import subprocess
import zipfile
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

CANARY = "canary"
KERNEL = np.arange(6, dtype=np.float32).reshape(2, 3)
BIAS = np.ones(2, np.float32)

Make = Callable[[pathlib.Path], pathlib.Path]
CASES: dict[str, Make] = {}


def _add(name: str, file_name: str, make: Callable[[pathlib.Path], Any]) -> None:
    """A case whose `make` returns the bytes, or writes the path that it is given."""

    def write(folder: pathlib.Path) -> pathlib.Path:
        path = folder / file_name
        data = make(path)
        if isinstance(data, bytes):
            path.write_bytes(data)
        return path

    CASES[name] = write


class _Call:
    """Calls a function where it is unpickled."""

    def __init__(self, function: Callable[..., Any], *arguments: Any):
        self._call = function, arguments

    def __reduce__(self) -> Any:
        return self._call


def _list_calls(path: pathlib.Path) -> dict[str, _Call]:
    canary = str(path.with_name(CANARY))
    return {
        "os.system": _Call(os.system, f"touch {canary}"),
        "os.mkdir": _Call(os.mkdir, canary),
        "eval": _Call(eval, f"open({canary!r}, 'w')"),
        "exec": _Call(exec, f"open({canary!r}, 'w')"),
        "open": _Call(open, canary, "w"),
        "numpy.save": _Call(np.save, canary, 1),
        "subprocess": _Call(subprocess.call, ["touch", canary]),
    }


def _wrap(content: Any, protocol: int | None = None) -> bytes:
    """What `numpy.save` writes of an object, or of a finished pickle."""
    stream = io.BytesIO()
    header = {"descr": "|O", "fortran_order": False, "shape": ()}
    np.lib.format.write_array_header_1_0(stream, header)
    if not isinstance(content, bytes):
        content = pickle.dumps(np.array(content, dtype=object), protocol)
    return stream.getvalue() + content


def _make_call(name: str, protocol: int) -> Callable[[pathlib.Path], bytes]:
    def make(path: pathlib.Path) -> bytes:
        content = {"conv1": [KERNEL, BIAS], "fc8": _list_calls(path)[name]}
        return _wrap(content, protocol)

    return make


for _name in _list_calls(pathlib.Path("x")):
    for _protocol in (0, 2, 4):
        _add(
            f"npy calls {_name}, protocol {_protocol}",
            "w.npy",
            _make_call(_name, _protocol),
        )

for _name, _pickle in {
    "a memo of 1 GiB": b"\x80\x02K\x01r\0\0\0\x04.",
    "a memo of 32 GiB": b"\x80\x02K\x01r\xff\xff\xff\x7f.",
    "huge bytes": b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7fab.",
    "an array of a terabyte": b"\x80\x02cnumpy\nndarray\n(I1000000000000\nI1\ntR.",
    "a changed callable": b"\x80\x02cnumpy\nndarray\n}U\x01xK\x01sb.",
    "a dotted name": b"\x80\x04\x8c\x05numpy\x8c\x09f2py.exec\x93.",
    "deep nesting": b"\x80\x02" + b"(" * 200_000 + b"l" * 200_000 + b".",
    "deep tuples": b"\x80\x02)" + b"\x85" * 500_000 + b".",
}.items():
    _add(f"npy with {_name}", "w.npy", lambda path, data=_pickle: _wrap(data))

for _name, _content in {
    "nan": {"conv1": [KERNEL, BIAS * np.float32(np.nan)]},
    "infinity": {"conv1": [KERNEL, np.full(2, np.inf, np.float32)]},
    "integers": {"conv1": [KERNEL.astype(np.int32), BIAS]},
    "complex numbers": {"conv1": [KERNEL.astype("c8"), BIAS]},
    "no dictionary": ["conv1", "conv2"],
    "text": {"conv1": "weights"},
}.items():
    _add(f"npy with {_name}", "w.npy", lambda path, c=_content: _wrap(c, 2))


def _make_npz(name: str, header: bytes, data: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(name, header + data)
    return stream.getvalue()


def _make_header(text: str, version: int = 1) -> bytes:
    packed = struct.pack("<H" if version == 1 else "<I", len(text) + 1)
    return b"\x93NUMPY" + bytes([version, 0]) + packed + text.encode() + b"\n"


def _describe(shape: str, descr: str = "'<f4'") -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}"


_SOUND = _make_header(_describe("(2, 3)"))
_CODE = "__import__('os').mkdir('canary')"
for _name, _member, _header, _data in (
    ("a bomb", "a.npy", _make_header(_describe("(180000000,)")), bytes(720_000_000)),
    ("a promised terabyte", "a.npy", _make_header(_describe("(1048576,) * 2")), b""),
    ("a huge shape", "a.npy", _make_header(_describe("(1048576, 1048576)")), b""),
    ("a negative shape", "a.npy", _make_header(_describe("(-1, 3)")), bytes(24)),
    ("a shape of floats", "a.npy", _make_header(_describe("(2.0, 3)")), bytes(24)),
    ("code as a shape", "a.npy", _make_header(_describe(_CODE)), bytes(24)),
    ("code as a type", "a.npy", _make_header(_describe("(1,)", _CODE)), bytes(24)),
    ("a pickled member", "a.npy", _make_header(_describe("(1,)", "'|O'")), b"N."),
    ("text", "a.npy", _make_header(_describe("(1,)", "'<U6'")), bytes(24)),
    ("nested types", "a.npy", _make_header(_describe("(1,)", "[('a','O')]")), b""),
    ("too few bytes", "a.npy", _SOUND, bytes(23)),
    ("too many bytes", "a.npy", _SOUND, bytes(25)),
    ("a header of 4 GiB", "a.npy", b"\x93NUMPY\2\0\xff\xff\xff\xff{", b""),
    ("a header of spaces", "a.npy", _make_header(" " * 60_000), b""),
    ("deep brackets", "a.npy", _make_header("(" * 60_000), b""),
    ("version 9", "a.npy", b"\x93NUMPY\x09\0\x01\0{", b""),
    ("a way out", "../../canary.npy", _SOUND, KERNEL.tobytes()),
    ("an absolute path", "/tmp/canary.npy", _SOUND, KERNEL.tobytes()),
    ("a drive", "C:\\canary.npy", _SOUND, KERNEL.tobytes()),
    ("nan", "a.npy", _SOUND, np.full(6, np.nan, np.float32).tobytes()),
):
    _add(
        f"npz with {_name}",
        "w.npz",
        lambda path, parts=(_member, _header, _data): _make_npz(*parts),
    )


def _make_h5(fill: Callable[[h5py.File], None]) -> Callable[[pathlib.Path], None]:
    def make(path: pathlib.Path) -> None:
        with h5py.File(path, "w") as file:
            fill(file)

    return make


def _link_outside(file: h5py.File) -> None:
    file["conv1/kernel:0"] = h5py.ExternalLink("/etc/passwd", "/secret")


def _store_outside(file: h5py.File) -> None:
    outside = [("/etc/passwd", 0, 24)]
    file.create_dataset("conv1/kernel:0", (2, 3), "f4", external=outside)


def _look_outside(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((2, 3), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "secret", (2, 3))
    file.create_virtual_dataset("conv1/kernel:0", layout)


def _promise(file: h5py.File) -> None:
    file.create_dataset("conv1/kernel:0", (1 << 19, 1 << 19), "f4", chunks=(9, 9))


def _pack(file: h5py.File) -> None:
    file.create_dataset(
        "conv1/kernel:0", (180_000_000,), "f4", chunks=(1 << 20,), compression="gzip"
    )


def _contain_itself(file: h5py.File) -> None:
    group = file.create_group("conv1")
    group["one"] = group["two"] = group


def _store_nan(file: h5py.File) -> None:
    file["conv1/kernel:0"] = np.full((2, 3), np.nan, np.float32)


for _fill in (
    _link_outside,
    _store_outside,
    _look_outside,
    _promise,
    _pack,
    _contain_itself,
    _store_nan,
):
    _add(f"h5 that would{_fill.__name__.replace('_', ' ')}", "w.h5", _make_h5(_fill))


def _make_keras(path: pathlib.Path) -> None:
    """A Lambda layer whose code makes the canary, and no weights."""
    code = f"__import__('os').mkdir({str(path.with_name(CANARY))!r})"
    config = {"class_name": "Lambda", "config": {"function": code}}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("../model.weights.h5", b"")


_add("keras with code and a way out", "w.keras", _make_keras)

for _name, _data in {
    "a header of exabytes": struct.pack("<Q", 1 << 62) + b"{}",
    "a promised terabyte": struct.pack("<Q", 60)
    + b'{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,8]}}'[:60],
    "no header": b"",
    "no JSON": struct.pack("<Q", 4) + b"\xff\xfe{}",
}.items():
    _add(f"safetensors with {_name}", "w.safetensors", lambda path, d=_data: d)


def _make_pipe(path: pathlib.Path) -> None:
    os.mkfifo(path)


def _make_endless(path: pathlib.Path) -> None:
    path.symlink_to("/dev/zero")


def _make_sparse(path: pathlib.Path) -> None:
    path.touch()
    os.truncate(path, 1 << 40)


for _suffix in ("npy", "npz", "h5", "keras", "safetensors"):
    _add(f"{_suffix} that is empty", f"w.{_suffix}", lambda path: b"")
    _add(f"{_suffix} that is a pipe", f"w.{_suffix}", _make_pipe)
    _add(f"{_suffix} that is /dev/zero", f"w.{_suffix}", _make_endless)
    _add(f"{_suffix} of a terabyte of zeros", f"w.{_suffix}", _make_sparse)
