"""Runs commands, scripts and code one after another, in one process.

TensorFlow is imported once for all of them. A line of JSON on standard input asks for
one, a line of JSON on standard output answers:

  {"kind": "module", "file" or "code", "target": which, "arguments": its flags,
   "folder": where it runs, "only_flags": whether to stop once the flags are read,
   "tiny": settings over those of the tests' tiny network, or null for no settings}
  {"code": the exit code, "stdout", "stderr", "flags": the flags it defines}
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import runpy
import sys
import traceback
from typing import Any

from absl import flags

from tests import training_runs
from tfrecords.console import command_line

_CALL = command_line._call


def main() -> None:
    """Answers every line."""
    command_line.quiet_tensorflow()
    # What others print to the file descriptor must not end up between our answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(_run(**json.loads(line))), file=answers, flush=True)


def _run(
    kind: str,
    target: str,
    arguments: list[str],
    folder: str,
    only_flags: bool,
    tiny: dict[str, Any] | None,
) -> dict[str, Any]:
    if tiny is not None:
        arguments = arguments + training_runs.make_flags(tiny)
    os.chdir(folder)
    sys.argv = [target, *arguments]
    command_line._call = (lambda main: 0) if only_flags else _CALL
    known = set(flags.FLAGS)
    output, messages = _make_stream(), _make_stream()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(messages):
        try:
            if kind == "module":
                runpy.run_module(target, run_name="__main__", alter_sys=True)
            elif kind == "file":
                runpy.run_path(target, run_name="__main__")
            else:
                exec(compile(target, "<documentation>", "exec"), {})
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        except BaseException:
            traceback.print_exc()
            code = 1
    defined = []
    for name in set(flags.FLAGS) - known:
        # Each command defines its flags anew; what libraries define stays.
        module = flags.FLAGS.find_module_defining_flag(name)
        if module.endswith(".py") or module.startswith(("alexnet_tf", "tfrecords")):
            defined.append(name)
            delattr(flags.FLAGS, name)
            _forget_module(module)
    return {
        "code": code,
        "stdout": output.buffer.getvalue().decode("utf-8", "surrogateescape"),
        "stderr": messages.buffer.getvalue().decode("utf-8", "surrogateescape"),
        "flags": sorted(defined),
    }


def _forget_module(name: str) -> None:
    """Imported again by the next request, it defines its flags again."""
    package, _, stem = name.rpartition(".")
    if sys.modules.pop(name, None) and hasattr(sys.modules.get(package), stem):
        delattr(sys.modules[package], stem)


def _make_stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BytesIO(), encoding="utf-8", errors="surrogateescape", write_through=True
    )


if __name__ == "__main__":
    main()
