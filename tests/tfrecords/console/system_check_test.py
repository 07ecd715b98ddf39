"""Systems without POSIX locks: every command says so and exits with 2."""

from __future__ import annotations

import sys

import pytest

from tests import processes

# As on Windows: these modules and this function are not there.
PROGRAM = """\
import os, runpy, sys
for name in sys.argv[2].split(","):
    sys.modules[name] = None
del os.sysconf
sys.argv = sys.argv[:1] + ["--help"]
runpy.run_module(MODULE, run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("hidden", ["fcntl", "resource", "fcntl,resource"])
@pytest.mark.parametrize(
    "module", ["tfrecords.commands.convert", "alexnet_tf.commands.train"]
)
def test_a_command_says_what_is_missing(module, hidden):
    program = PROGRAM.replace("MODULE", repr(module))
    result = processes.run_python("-c", program, "-", hidden)
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr and result.stdout == ""
    assert f"{hidden.split(',')[0]!r}" in result.stderr
    assert sys.platform in result.stderr and "Linux" in result.stderr


def test_a_system_that_has_them_is_taken():
    program = PROGRAM.replace("MODULE", "'tfrecords.commands.verify'")
    result = processes.run_python("-c", program, "-", "nothing_of_this_name")
    assert result.returncode == 0, result.stderr
    assert "alexnet-verify" in result.stdout


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
