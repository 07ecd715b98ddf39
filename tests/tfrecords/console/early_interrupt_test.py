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


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
