"""Sets up TensorFlow as in the commands, before any test file is imported."""

from __future__ import annotations

import pathlib

import pytest

# TensorFlow decides on import whether to use oneDNN, which affects the last bits that
# tests compare between this process and others.
import alexnet_tf  # noqa: F401
from tools import checkout_modules

CHECKOUT = pathlib.Path(__file__).parents[1]
_STACK = {"keras", "tensorflow", "tensorflow_addons"}
_STACK_TESTS = pytest.StashKey[set[pathlib.Path]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--stack-only",
        action="store_true",
        help="only test files whose imports reach TensorFlow or Keras: on a second "
        "stack the others would repeat what the first has shown",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--stack-only"):
        modules = checkout_modules.read_modules(CHECKOUT)
        config.stash[_STACK_TESTS] = {
            CHECKOUT / modules[name].folder / f"{modules[name].stem}.py"
            for name in checkout_modules.find_users(modules, _STACK)
        }


def pytest_ignore_collect(
    collection_path: pathlib.Path, config: pytest.Config
) -> bool | None:
    if _STACK_TESTS not in config.stash or collection_path.suffix != ".py":
        return None
    return True if collection_path not in config.stash[_STACK_TESTS] else None
