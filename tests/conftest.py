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
# The module through which the others get Keras.
_WRAPPER = "alexnet_tf.stack"
# Whole runs, and comparisons with independent programs. What lies between them and the
# modules that call TensorFlow is the same code on both stacks.
_WHOLE_RUNS = (
    "tests/alexnet_tf/commands/evaluate_test.py",
    "tests/alexnet_tf/commands/export_test.py",
    "tests/alexnet_tf/commands/predict_test.py",
    "tests/alexnet_tf/network/independent_network_test.py",
    "tests/alexnet_tf/network/networks_test.py",
    "tests/alexnet_tf/optimization/keras_optimizers_runs_test.py",
    "tests/alexnet_tf/stack_test.py",
    "tests/alexnet_tf/training/steps_placement_test.py",
    "tests/alexnet_tf/training/train_rates_test.py",
    "tests/alexnet_tf/training/train_test.py",
    "tests/golden_test.py",
    "tests/whole_path_test.py",
)
# Trainings that take minutes.
_ONE_STACK = ("tests/alexnet_tf/reproduce", "tests/tfrecords", "tests/tools")
_STACK_TESTS = pytest.StashKey[set[pathlib.Path]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--stack-only",
        action="store_true",
        help="only the tests of modules that call TensorFlow or Keras, and whole runs: "
        "on a second stack the others would repeat what the first has shown",
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
        callers = {
            name
            for name, module in modules.items()
            if module.third_party & _STACK or _WRAPPER in module.imports
        }
        tested = {
            CHECKOUT / "tests" / modules[name].folder / f"{modules[name].stem}_test.py"
            for name in callers
        }
        config.stash[_STACK_TESTS] = tested | {CHECKOUT / path for path in _WHOLE_RUNS}


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
