"""A command's imports: interrupted, or on a system without POSIX locks."""

import signal
import sys

import pytest

from tests import processes

# The interrupt comes with the command's first import after the packages themselves.
PROGRAM = """
import importlib, os, signal, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
importlib.import_module(sys.argv[1])
"""

# As on Windows: these modules and this function are not there.
WINDOWS_PROGRAM = """\
import os, runpy, sys
for name in sys.argv[2].split(","):
    sys.modules[name] = None
del os.sysconf
sys.argv = sys.argv[:1] + ["--help"]
runpy.run_module(MODULE, run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    "module", ["tfrecords.commands.verify", "alexnet_tf.commands.train"]
)
def test_an_interrupt_during_the_imports_shows_no_traceback(module):
    result = processes.run_python("-c", PROGRAM, module)
    assert result.returncode == -signal.SIGINT
    assert (result.stdout, result.stderr) == ("", "")


def test_other_errors_are_shown():
    program = "import tfrecords.commands\nraise ValueError('something else')"
    result = processes.run_python("-c", program)
    assert result.returncode == 1
    assert "ValueError: something else" in result.stderr


@pytest.mark.parametrize("hidden", ["fcntl", "resource", "fcntl,resource"])
@pytest.mark.parametrize(
    "module", ["tfrecords.commands.convert", "alexnet_tf.commands.train"]
)
def test_a_command_says_what_is_missing(module, hidden):
    program = WINDOWS_PROGRAM.replace("MODULE", repr(module))
    result = processes.run_python("-c", program, "-", hidden)
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr and result.stdout == ""
    assert f"{hidden.split(',')[0]!r}" in result.stderr
    assert sys.platform in result.stderr and "Linux" in result.stderr


def test_a_system_that_has_them_is_taken():
    program = WINDOWS_PROGRAM.replace("MODULE", "'tfrecords.commands.verify'")
    result = processes.run_python("-c", program, "-", "nothing_of_this_name")
    assert result.returncode == 0, result.stderr
    assert "alexnet-verify" in result.stdout


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
