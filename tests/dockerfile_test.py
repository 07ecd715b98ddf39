"""Checks of Dockerfile and .dockerignore that work without Docker."""

from __future__ import annotations

import json
import pathlib
import re
import runpy
import shutil
import subprocess
import sys

import pytest
import setuptools

from tests import processes

CHECKOUT = pathlib.Path(__file__).parents[1]
TEXT = (CHECKOUT / "Dockerfile").read_text(encoding="utf-8")


def _read_instructions() -> list[tuple[str, str]]:
    """(COPY, its arguments) and so on, in order; continued lines are joined."""
    lines = [line for line in TEXT.splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def _read_stages() -> dict[str, list[tuple[str, str]]]:
    stages: dict[str, list[tuple[str, str]]] = {}
    for name, arguments in _read_instructions():
        if name == "FROM":
            stages[arguments.split()[-1]] = []
        elif stages:
            stages[list(stages)[-1]].append((name, arguments))
    return stages


def _list_copied() -> list[str]:
    return [
        source
        for name, arguments in _read_instructions()
        if name == "COPY"
        for source in arguments.split()[:-1]
    ]


@pytest.fixture(scope="module")
def setup_arguments():
    """What setup.py tells setuptools."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        arguments: dict = {}
        monkeypatch.setattr(
            setuptools, "setup", lambda **given: arguments.update(given)
        )
        runpy.run_path(str(CHECKOUT / "setup.py"))
    return arguments


def test_what_is_copied_exists_and_is_not_ignored():
    copied = _list_copied()
    ignored = (CHECKOUT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    assert {line[1:] for line in ignored if line.startswith("!")} == set(copied)
    for source in copied:
        assert (CHECKOUT / source).exists(), source


def test_two_targets_install_extras_that_exist(setup_arguments):
    stages = _read_stages()
    assert list(stages) == ["base", "gpu", "cpu"]
    for name in ("gpu", "cpu"):
        (command,) = (a for kind, a in stages[name] if kind == "RUN")
        (extras,) = re.fullmatch(r"pip install '\.\[([a-z,]+)\]'", command).groups()
        assert set(extras.split(",")) <= set(setup_arguments["extras_require"])
        assert ("gpu" in extras.split(",")) == (name == "gpu")


def test_nobody_is_root_and_a_command_is_run(setup_arguments):
    scripts = setup_arguments["entry_points"]["console_scripts"]
    commands = {script.split(" = ")[0] for script in scripts}
    for name in ("gpu", "cpu"):
        instructions = dict(_read_stages()[name])
        assert instructions["USER"] == "alexnet"
        assert instructions["WORKDIR"] == "/workspace"
        assert json.loads(instructions["CMD"])[0] in commands


def test_the_python_is_one_that_setup_allows(setup_arguments):
    (version,) = re.findall(r"^ARG PYTHON_VERSION=(.+)$", TEXT, re.MULTILINE)
    assert (
        f"Programming Language :: Python :: {version}"
        in (setup_arguments["classifiers"])
    )


def test_what_is_copied_is_enough_for_pip(tmp_path):
    """RUN pip install, without what it would download."""
    source = tmp_path / "source"
    source.mkdir()
    for name in _list_copied():
        path = CHECKOUT / name
        if path.is_dir():
            unwanted = shutil.ignore_patterns("__pycache__", "BUILD")
            shutil.copytree(path, source / name, ignore=unwanted)
        else:
            shutil.copy(path, source)
    target = tmp_path / "target"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--target", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    done = processes.run_python(
        "-I",
        "-c",
        f"import sys; sys.path[:0] = [{str(target)!r}, *{sys.path!r}]\n"
        "sys.argv = ['alexnet-verify', '--help']\n"
        "import tfrecords, tfrecords.commands.verify as command\n"
        f"assert tfrecords.__file__.startswith({str(target)!r})\n"
        "command.run()",
    )
    assert done.returncode == 0 and "alexnet-verify DATA_DIR" in done.stdout


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
