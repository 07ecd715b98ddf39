"""Compiles the shim for file-system calls, and runs programs with it.

The shim (`shim.c`) counts the calls that change files below a directory, in all
processes of a program: opening for writing, writes, flushes, renames, removals. At the
k-th it kills the program or lets the call fail.
"""

from __future__ import annotations

import atexit
import dataclasses
import functools
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile

SOURCE = pathlib.Path(__file__).with_name("shim.c")
_COUNTER = struct.Struct("<Q")


def find_problem() -> str | None:
    """Why the shim cannot be used here, or None."""
    if shutil.which("cc") is None:
        return "there is no C compiler (cc)"
    return None


@functools.cache
def compile_shim() -> str:
    """The path of the compiled library, made once per process.

    Raises:
      RuntimeError: with the compiler's messages.
    """
    directory = tempfile.mkdtemp(prefix="alexnet-shim-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    path = os.path.join(directory, "shim.so")
    command = ["cc", "-shared", "-fPIC", "-O1", "-Wall", "-o", path, SOURCE, "-ldl"]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(result.stderr)
    return path


@dataclasses.dataclass(frozen=True)
class Fault:
    """What happens at a call.

    Attributes:
      at: the call's number, from 1; 0 for none.
      action: "kill", "fail", "exhaust", "short" or "signal"; see `shim.c`.
      errno: of a call that fails; 0 for EIO. The number of a signal.
    """

    at: int = 0
    action: str = ""
    errno: int = 0


class CallCounter:
    """The shared count of calls, and the environment that a program needs.

    Args:
      root: only paths below this directory count.
      fault: what happens.
      trace: the file that receives every call, or None.
    """

    def __init__(
        self, root: os.PathLike[str], fault: Fault | None = None, trace: str = ""
    ) -> None:
        fault = fault or Fault()
        handle, self._path = tempfile.mkstemp(prefix="alexnet-calls-")
        with os.fdopen(handle, "wb") as file:
            file.write(_COUNTER.pack(0))
        self.environment = {
            "LD_PRELOAD": compile_shim(),
            "FAULT_ROOT": os.path.realpath(root),
            "FAULT_COUNTER": self._path,
            "FAULT_AT": str(fault.at or ""),
            "FAULT_ACTION": fault.action,
            "FAULT_ERRNO": str(fault.errno or ""),
            "FAULT_TRACE": trace,
        }

    def close(self) -> int:
        """Removes the counter; returns the number of calls."""
        data = pathlib.Path(self._path).read_bytes()
        os.unlink(self._path)
        (number,) = _COUNTER.unpack(data)
        return int(number)
