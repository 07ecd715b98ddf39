"""A command's imports: interrupted, without POSIX locks, or of another package."""

import pathlib
import shutil
import signal
import sys

import pytest

from tests import processes

CHECKOUT = pathlib.Path(__file__).parents[3]

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


def make_overwritten(folder):
    """Our packages, and over them files of another package `tfrecords`."""
    for name in ("alexnet_tf", "tfrecords"):
        shutil.copytree(
            CHECKOUT / name,
            folder / name,
            ignore=shutil.ignore_patterns("__pycache__", "BUILD"),
        )
    other = "from . import other as errors\n__version__ = '0.3.1'\n"
    (folder / "tfrecords" / "__init__.py").write_text(other)
    (folder / "tfrecords" / "other.py").write_text("class NotFoundError: ...\n")


def make_shadowed(folder):
    """Another package `tfrecords` that is found before ours."""
    shutil.copytree(CHECKOUT / "alexnet_tf", folder / "alexnet_tf")
    (folder / "tfrecords").mkdir()
    (folder / "tfrecords" / "__init__.py").write_text("class Reader: ...\n")


@pytest.mark.parametrize(
    "make, module",
    [
        (make_overwritten, "tfrecords.commands.convert"),
        (make_overwritten, "alexnet_tf.commands.train"),
        (make_shadowed, "alexnet_tf.commands.train"),
    ],
)
def test_another_package_of_our_name_is_a_sentence(make, module, tmp_path):
    make(tmp_path)
    script = tmp_path / "alexnet-script"
    script.write_text(f"import {module} as command\ncommand.run()\n")
    environment = {"PYTHONPATH": str(tmp_path)}
    for arguments in ([script], ["-m", module]):
        done = processes.run_python(*arguments, "--help", cwd=tmp_path, **environment)
        assert done.returncode == 2 and "Traceback" not in done.stderr
        for fact in (str(tmp_path / "tfrecords"), "pip uninstall -y tfrecords"):
            assert fact in done.stderr


@pytest.mark.parametrize("make", [make_overwritten, make_shadowed])
def test_another_package_of_our_name_is_an_import_error(make, tmp_path):
    make(tmp_path)
    program = "try:\n  import alexnet_tf.config\nexcept ImportError as e:\n  print(e)"
    done = processes.run_python("-c", program, cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "pip uninstall -y tfrecords" in done.stdout


def test_a_system_that_has_them_is_taken():
    program = WINDOWS_PROGRAM.replace("MODULE", "'tfrecords.commands.verify'")
    result = processes.run_python("-c", program, "-", "nothing_of_this_name")
    assert result.returncode == 0, result.stderr
    assert "alexnet-verify" in result.stdout


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
