"""A contestant's process: makes a callable, then times a call for every line it reads.

    python -m tools.benchmarks.worker MODULE:FUNCTION ARGUMENTS_AS_JSON

It writes a line when it is ready and an answer to each call: what the call returned, as
JSON, or its seconds where that is None. Nothing else: what libraries print goes to the
standard error.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time


def main(factory: str, arguments: str) -> None:
    """Serves until the standard input ends."""
    # Whatever a library prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    module, _, function = factory.partition(":")
    make = getattr(importlib.import_module(f"tools.benchmarks.{module}"), function)
    call = make(**json.loads(arguments))
    print("ready", file=answers, flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        answer = call()
        seconds = time.perf_counter() - start
        text = json.dumps(seconds if answer is None else answer)
        print(text, file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
