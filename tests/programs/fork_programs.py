"""Forks a process for each program that it is asked to run, with TensorFlow imported.

The import takes longer than most programs under test. TensorFlow's devices and threads
start with its first operation, so none of them exists before the fork.

Standard input is a socket that keeps messages apart. Each request is one JSON message
with two file descriptors, the program's standard output and error:

  {"arguments": what follows `python`, "folder": where it runs, "environment": its own,
   "leads_group": whether it leads a process group of its own}

The answer is {"pid"}, and {"pid", "status": as of os.waitpid} once the program has
ended.
"""

from __future__ import annotations

import gc
import json
import os
import pathlib
import runpy
import select
import socket
import sys
import warnings
from collections.abc import Mapping, Sequence

from tfrecords.console import command_line

command_line.quiet_tensorflow()
# They define no flags of ours, which a program defines itself.
from alexnet_tf.evaluation import evaluate  # noqa: E402, F401
from alexnet_tf.export import saved_model  # noqa: E402, F401
from alexnet_tf.training import train  # noqa: E402, F401


def main() -> None:
    """Serves until the other end of the socket closes; runs a program in each fork."""
    # Threads that imports have started, such as NumPy's, hold no lock while idle.
    warnings.filterwarnings("ignore", "This process .* is multi-threaded")
    # A collection in a fork would touch, and so copy, every page of these modules.
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=os.dup(0)) as channel:
        running: dict[int, int] = {}
        while True:
            ready, _, _ = select.select([channel, *running], [], [])
            for ended in set(running).intersection(ready):
                pid = running.pop(ended)
                os.close(ended)
                _answer(channel, pid=pid, status=os.waitpid(pid, 0)[1])
            if channel not in ready:
                continue
            try:
                message, descriptors, _, _ = socket.recv_fds(channel, 1 << 20, 2)
            except ConnectionResetError:  # it closed with answers unread
                return
            if not message:
                return
            pid = os.fork()
            if not pid:
                break
            for descriptor in descriptors:
                os.close(descriptor)
            running[os.pidfd_open(pid)] = pid
            _answer(channel, pid=pid)
    for number, descriptor in enumerate(descriptors, start=1):
        os.dup2(descriptor, number)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    for descriptor in [*descriptors, *running]:
        os.close(descriptor)
    _run(**json.loads(message))


def _answer(channel: socket.socket, **values: int) -> None:
    channel.send(json.dumps(values).encode())


def _run(
    arguments: Sequence[str],
    folder: str,
    environment: Mapping[str, str],
    leads_group: bool,
) -> None:
    """Does what `python *arguments` would."""
    if leads_group:
        os.setpgid(0, 0)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    kind, *rest = arguments
    if kind == "-c":
        sys.path[0] = ""
        program, *rest = rest
        sys.argv = ["-c", *rest]
        exec(compile(program, "<string>", "exec"), vars(sys.modules["__main__"]))
    elif kind == "-m":
        sys.path[0] = folder
        module, *rest = rest
        sys.argv = [module, *rest]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = str(pathlib.Path(kind).parent)
        sys.argv = [kind, *rest]
        runpy.run_path(kind, run_name="__main__")


if __name__ == "__main__":
    main()
