"""A command's memory is that of all its processes."""

from __future__ import annotations

import sys

import pytest

from tfrecords import errors

pytest.importorskip("psutil", reason="psutil is not installed")

from tools.benchmarks import processes

# A parent of little, and a child that holds 100 MB for a second.
CODE = """
import subprocess, sys
held = "import time; data = b'x' * 100_000_000; time.sleep(1)"
subprocess.run([sys.executable, '-c', held], check=True)
"""


def test_memory_is_that_of_all_its_processes():
    looks = []
    usage = processes.watch([sys.executable, "-c", CODE], looks.append)
    assert usage.seconds > 1
    assert usage.peak_bytes == max(looks)
    assert 100e6 < usage.largest_bytes < usage.peak_bytes < 200e6


def test_a_command_that_fails_says_why():
    with pytest.raises(errors.UserError, match="no such luck"):
        processes.watch([sys.executable, "-c", "raise SystemExit('no such luck')"])


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
