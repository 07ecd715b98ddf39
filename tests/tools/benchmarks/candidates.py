"""Candidates for the tests of the harness, which imports them in other processes."""

from __future__ import annotations

import importlib
import os
from multiprocessing import spawn
from typing import NoReturn


def answer(value: object) -> object:
    """Each call returns `value`."""
    return lambda: value


def fail() -> NoReturn:
    raise ValueError("no such kernel\nand a long explanation")


def lack() -> NoReturn:
    importlib.import_module("a_package.that_is_not_there")
    raise AssertionError


def die() -> object:
    """The second call ends the process."""
    left = [None]
    return lambda: left.pop() if left else os._exit(1)


def name_main_program() -> str | None:
    """The file that a process spawned from here would import first."""
    return spawn.get_preparation_data("x").get("init_main_from_path")
