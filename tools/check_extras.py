"""Tries whether pip can install every pair of extras together."""

from __future__ import annotations

import itertools
import pathlib
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from absl import flags

# A script of the checkout finds the checkout's packages, wherever it is called.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tfrecords import errors
from tfrecords.console import command_line
from tools import setup_values

ROOT = pathlib.Path(__file__).resolve().parents[1]

SYNOPSIS = """\
python tools/check_extras.py [--part=1/4] [--timeout=600] [--list=docs]

Runs `pip install --dry-run .[A,B]` for every pair of extras. A pair that setup.py calls
exclusive must be refused within two minutes. Run it with Python 3.10 or 3.11, which
the extra addons needs. It needs a network, and installs nothing. --list prints what an
extra requires, a line each, and tries nothing: for pip install --requirement."""

_PART = flags.DEFINE_string(
    "part", "1/1", "I/N: every Nth pair, beginning with the Ith"
)
_TIMEOUT = flags.DEFINE_integer("timeout", 600, "seconds for a pair", lower_bound=1)
_LIST = flags.DEFINE_string("list", None, "the extra whose requirements to print")

# What pip may take to refuse an exclusive pair, seconds.
_REFUSAL_SECONDS = 120


def list_pairs(extras: Mapping[str, Any]) -> list[tuple[str, str]]:
    """All pairs of extras, in alphabetical order."""
    return list(itertools.combinations(sorted(extras), 2))


def check_pair(
    root: pathlib.Path, pair: tuple[str, str], reason: str | None, timeout: int
) -> str:
    """Says what is wrong with a pair, or "". `reason` is why it is exclusive, or None.

    pip gets `timeout` seconds.
    """
    target = f"{root}[{','.join(pair)}]"
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet"]
    # As in a new environment: what is installed here may be of another pair.
    command += ["--ignore-installed", "--disable-pip-version-check", target]
    limit = _REFUSAL_SECONDS if reason else timeout
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return f"pip did not answer in {limit} s"
    if reason and not done.returncode:
        return f"setup.py calls the pair exclusive ({reason}), but pip installs it"
    if done.returncode and not reason:
        return done.stderr.strip()[-2000:] or f"pip ended with {done.returncode}"
    return ""


def main() -> None:
    """Reads the flags, tries the pairs, prints what is wrong."""
    if _LIST.value is not None:
        extras = setup_values.read(ROOT)["arguments"]["extras_require"]
        if _LIST.value not in extras:
            raise errors.UserError(
                f"--list={_LIST.value} is none of the extras: {', '.join(extras)}."
            )
        print("\n".join(extras[_LIST.value]))
        return
    first, _, step = _PART.value.partition("/")
    if not (first.isdecimal() and step.isdecimal() and 1 <= int(first) <= int(step)):
        raise errors.UserError(f"--part={_PART.value} is not I/N, such as 1/4.")
    setup = setup_values.read(ROOT)
    exclusive = setup["EXCLUSIVE_EXTRAS"]
    pairs = list_pairs(setup["arguments"]["extras_require"])
    failed = []
    for pair in pairs[int(first) - 1 :: int(step)]:
        start = time.monotonic()
        problem = check_pair(ROOT, pair, exclusive.get(pair), _TIMEOUT.value)
        seconds = time.monotonic() - start
        print(f"{','.join(pair)}: {problem or 'as expected'} ({seconds:.0f} s)")
        if problem:
            failed.append(",".join(pair))
    if failed:
        raise errors.UserError(
            f"these pairs of extras are not as setup.py says: {' '.join(failed)}. "
            "Correct their requirements, or add them to EXCLUSIVE_EXTRAS."
        )


if __name__ == "__main__":
    command_line.run(main, __name__, SYNOPSIS, prints_result=lambda: True)
