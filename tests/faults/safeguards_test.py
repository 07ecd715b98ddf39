"""Tests of `safeguards`: what is switched off exists, and comes back."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests import processes
from tests.faults import catalogue, safeguards
from tfrecords.durable import files


@pytest.mark.parametrize("name", safeguards.SAFEGUARDS)
def test_a_safeguard_can_be_switched_off_and_is_on_again_after(name):
    safeguard = safeguards.SAFEGUARDS[name]
    owner, attribute = safeguards._find(safeguard)
    original = getattr(owner, attribute)
    with safeguards.switched_off(safeguard):
        assert getattr(owner, attribute) is not original
        assert os.environ[safeguards.VARIABLE] == name
    assert getattr(owner, attribute) is original
    assert safeguards.VARIABLE not in os.environ
    assert safeguard.fault in catalogue.FAULTS


def test_a_new_process_starts_without_the_safeguard(tmp_path):
    def write():
        program = (
            "from tfrecords.durable import files\n"
            "print(files.make_temporary_name('a'))\n"
        )
        path = os.pathsep.join([safeguards.SITE, *sys.path])
        environment = {**processes.make_environment(), "PYTHONPATH": path}
        return subprocess.run(
            [sys.executable, "-c", program],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    assert files.TEMPORARY_MARK in write()
    with safeguards.switched_off(safeguards.SAFEGUARDS["temporary_names"]):
        assert write() == str(tmp_path / "a")


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
