"""Sets up TensorFlow as in the commands, before any test file is imported."""

from __future__ import annotations

import collections
import pathlib
from collections.abc import Iterator

import pytest

# TensorFlow decides on import whether to use oneDNN, which affects the last bits that
# tests compare between this process and others.
import alexnet_tf  # noqa: F401
from tests import command_worker, long_files
from tools import checkout_modules

CHECKOUT = pathlib.Path(__file__).parents[1]
_STACK = {"keras", "tensorflow", "tensorflow_addons"}
# They check texts and flags, or drive the converter, the tools and whole trainings: the
# first stack's results hold for the second, on which their parts are tested.
_ONE_STACK = (
    "tests/alexnet_tf/commands/completion_test.py",
    "tests/alexnet_tf/commands/reproduce_test.py",
    "tests/alexnet_tf/commands/setting_flags_test.py",
    "tests/alexnet_tf/experiments",
    "tests/alexnet_tf/experiments_test.py",
    "tests/alexnet_tf/reproduce",
    "tests/architecture_test.py",
    "tests/command_flags_test.py",
    "tests/dangerous_calls_test.py",
    "tests/dockerfile_test.py",
    "tests/readme_test.py",
    "tests/tfrecords",
    "tests/tools",
)
_STACK_TESTS = pytest.StashKey[set[pathlib.Path]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--stack-only",
        action="store_true",
        help="only test files that depend on the versions of TensorFlow and Keras: on "
        "a second stack the others would repeat what the first has shown",
    )
    parser.addoption(
        "--file-times",
        type=int,
        default=0,
        metavar="N",
        help="list the N test files that took longest, for tests/long_files.py",
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
    is_skipped = collection_path not in config.stash[_STACK_TESTS] or any(
        collection_path.is_relative_to(CHECKOUT / path) for path in _ONE_STACK
    )
    return True if is_skipped else None


@pytest.fixture(scope="session")
def commands() -> Iterator[command_worker.CommandWorker]:
    """Runs commands and scripts in one process; see `command_worker`."""
    worker = command_worker.CommandWorker()
    yield worker
    worker.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ranks = {CHECKOUT / path: row for row, path in enumerate(long_files.LONG_FILES)}
    # All others stay in their order.
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    times: collections.Counter[str] = collections.Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                times[report.nodeid.partition("::")[0]] += report.duration
    if num_shown := config.getoption("--file-times"):
        total = sum(times.values())
        terminalreporter.section(f"{total:.0f} s in {len(times)} test files")
        for path, seconds in times.most_common(num_shown):
            terminalreporter.write_line(f"{seconds:6.0f} s  {path}")
