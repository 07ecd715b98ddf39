"""What every command and tool does: `--version`, and silence about TensorFlow."""

from __future__ import annotations

import dataclasses
import pathlib
import sys

import pytest

import tfrecords
from tests import processes
from tools import checkout_modules

pytestmark = pytest.mark.whole_run

CHECKOUT = pathlib.Path(__file__).parents[1]
MODULES = checkout_modules.read_modules(CHECKOUT)
# A bare script, which the benchmarks compare with alexnet-train.
PROGRAMS = sorted(
    name
    for name, module in MODULES.items()
    if module.rule == "py_binary"
    and not name.startswith("tests.")
    and name != "tools.benchmarks.bare_start"
)
# Each runs a command of the same name, which is among the programs.
WRAPPERS = {"tools.export_weights", "tools.import_weights"}
# They import TensorFlow in functions that are called only after it was loaded.
NOT_FIRST = {
    "alexnet_tf.runs.environment",
    "tfrecords.console.command_line",
    "tfrecords.images.resize",
    "tfrecords.shards.schema",
}

# Runs each module with --version and prints its exit code and output.
VERSIONS = """
import contextlib, io, runpy, sys
from absl import flags
empty = set(flags.FLAGS)
for name in sys.argv[1:]:
    sys.argv = [name.rpartition(".")[2], "--wrong=flag", "--version"]
    output, code = io.StringIO(), None
    with contextlib.redirect_stdout(output):
        try:
            runpy.run_module(name, run_name="__main__", alter_sys=True)
        except SystemExit as error:
            code = error.code
    print(code, output.getvalue().strip())
    for flag in set(flags.FLAGS) - empty:
        delattr(flags.FLAGS, flag)
assert "tensorflow" not in sys.modules
"""

QUIET = """
import sys
from tfrecords.console import command_line
command_line.quiet_tensorflow()
assert "tensorflow" in sys.modules
"""


def test_every_program_prints_its_version():
    # A wrapper imports its command, which is loaded once.
    names = [name for name in PROGRAMS if name not in WRAPPERS]
    done = processes.run_python("-c", VERSIONS, *names, cwd=CHECKOUT)
    assert done.returncode == 0, done.stderr
    expected = []
    for name in names:
        # runpy gives a module its path as the program's name.
        expected.append(f"0 {name.rpartition('.')[2]}.py {tfrecords.__version__}")
    assert done.stdout.splitlines() == expected


def test_a_wrapper_prints_the_version():
    done = processes.run_python(CHECKOUT / "tools" / "export_weights.py", "--version")
    assert done.stdout == f"export_weights.py {tfrecords.__version__}\n", done.stderr


def test_programs_that_load_tensorflow_silence_it():
    modules = {
        name: dataclasses.replace(module, imports=frozenset(), third_party=frozenset())
        if name in NOT_FIRST
        else module
        for name, module in MODULES.items()
    }
    users = checkout_modules.find_users(modules, {"tensorflow", "keras"})
    loading = [name for name in PROGRAMS if name in users and name not in WRAPPERS]
    assert {"tools.plot_kernels", "alexnet_tf.commands.train"} <= {*loading}
    for name in loading:
        path = CHECKOUT / MODULES[name].folder / f"{MODULES[name].stem}.py"
        assert "command_line.quiet_tensorflow()" in path.read_text("utf-8"), name


@pytest.mark.parametrize("level", [None, "2", "3"])
def test_tensorflow_is_quiet(level):
    changes = {"TF_CPP_MIN_LOG_LEVEL": level} if level else {}
    done = processes.run_python("-c", QUIET, **changes)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_messages_are_shown_where_they_are_asked_for():
    program = "import tensorflow as tf; tf.config.list_physical_devices()"
    bare = processes.run_python("-c", program, TF_CPP_MIN_LOG_LEVEL="0")
    if not bare.stderr:
        pytest.skip("TensorFlow has nothing to say on this machine")
    assert processes.run_python("-c", QUIET, TF_CPP_MIN_LOG_LEVEL="0").stderr


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
