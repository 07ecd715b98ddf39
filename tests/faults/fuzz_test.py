"""Tests of `fuzz`: a short run, and what it says without atheris."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from tests import processes

HIDE = """
import importlib.util as util
find = util.find_spec
util.find_spec = lambda name, *rest: None if name == "atheris" else find(name, *rest)
"""


def run(*arguments, **changes):
    return processes.run_python("-m", "tests.faults.fuzz", *arguments, **changes)


def test_without_atheris_pip_is_named(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(HIDE)
    ended = run(PYTHONPATH=":".join([str(tmp_path), *sys.path]))
    assert ended.returncode == 2 and "Traceback" not in ended.stderr
    assert "pip install atheris" in ended.stderr


def test_an_unknown_parser_is_named():
    ended = run("--parsers=tar,pdf")
    assert ended.returncode == 2 and "'pdf'" in ended.stderr and "npz" in ended.stderr


@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris is not installed"
)
def test_a_short_run(tmp_path):
    ended = run("--parsers=orientation", "--seconds=1", f"--output_dir={tmp_path}")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("orientation: Done")
    assert list((tmp_path / "orientation").iterdir())


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
