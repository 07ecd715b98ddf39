"""Handles inputs that crash, hang, or fill the memory, watched.

python -m tests.programs.misbehave PLACE WORD...
"""

from __future__ import annotations

import os
import signal
import sys

from tests.faults import watched

_MIB = 1 << 20


def main(place: str, *words: str) -> None:
    """Does what each word says."""
    watched.MAX_SECONDS = 0.2
    watch = watched.Watch(place)
    if words[0] == "grow-before":
        _grow()
        words = words[1:]
    watch.start()
    for word in words:
        with watch.input(word):
            _obey(word)
            watch.count(word)
    watch.report()


def _obey(word: str) -> None:
    if word == "raise":
        raise ValueError("unexpected")
    if word == "grow":
        _grow()
    if word == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if word == "exit":
        sys.exit("the end")
    while word == "hang":
        pass


def _grow() -> int:
    return len(b"x" * ((watched.MAX_GROWTH_MIB + 50) * _MIB))


if __name__ == "__main__":
    main(*sys.argv[1:])
