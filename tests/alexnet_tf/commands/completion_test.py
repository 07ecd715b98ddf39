"""alexnet-completion: what bash and zsh offer for what has been typed."""

from __future__ import annotations

import os
import pathlib
import pty
import re
import select
import shlex
import shutil
import subprocess
import sys
import time

import pytest

from alexnet_tf import experiments
from alexnet_tf.config import overrides
from alexnet_tf.config.schema import Config
from tests import processes
from tools import checkout_modules

CHECKOUT = pathlib.Path(__file__).parents[3]
SOURCES = (
    "auto",
    "ilsvrc2012",
    "ilsvrc2010",
    "imagenet_fall2011",
    "imagenet_fall2009",
    "tiny_imagenet",
    "cifar10",
    "folder",
    "archive",
    "imagefolder",
    "parquet",
    "tfds",
    "webdataset",
    "sample",
)
COMPLETION = "alexnet_tf.commands.completion"

# Shows in place of readline what the function tells it beside its words.
BASH_STUB = 'compopt() { echo "compopt $*"; }\n'

# Likewise in place of zsh's completion system.
ZSH_STUBS = """\
compdef() { registered=($@) }
compset() { PREFIX=${PREFIX#*=} }
compadd() { print -r -- compadd "$@" }
_files() { print -r -- _files "$@" }
"""


def _make_script(shell: str) -> str:
    done = processes.run_python("-m", COMPLETION, shell)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def bash_script():
    return _make_script("bash")


@pytest.fixture(scope="module")
def zsh_script():
    return _make_script("zsh")


def _complete_in_bash(script: str, *words: str) -> list[str]:
    """The lines: what `compopt` was told, then the words offered for the last one."""
    calls = [
        BASH_STUB + script,
        f"COMP_WORDS=({' '.join(map(shlex.quote, words))})",
        f"COMP_CWORD={len(words) - 1}",
        f"_alexnet_complete {shlex.quote(words[0])}",
        "printf '%s\\n' \"${COMPREPLY[@]}\"",
    ]
    done = subprocess.run(
        ["bash", "--norc", "-c", "\n".join(calls)], capture_output=True, text=True
    )
    assert done.returncode == 0 and not done.stderr, done
    return [line for line in done.stdout.splitlines() if line]


def test_flags_begin_as_typed(bash_script):
    offered = _complete_in_bash(bash_script, "alexnet-convert", "--source")
    # A value follows each: no space yet.
    assert offered == ["compopt -o nospace"] * 2 + ["--source=", "--source_dir="]
    offered = _complete_in_bash(bash_script, "alexnet-convert", "--no")
    assert offered == ["--nostrict", "--nocheck_md5", "--nodry_run"]


@pytest.mark.parametrize(
    "words",
    [
        # As bash splits --source=..., then with an "=" taken out of COMP_WORDBREAKS,
        # then with a space, then after a flag that has its value.
        ("--source", "="),
        "--source=",
        ("--source", ""),
        ("--data_dir", "=", "data", "--source", "="),
    ],
)
def test_values_of_an_enum(bash_script, words):
    words = (words,) if isinstance(words, str) else words
    given = "--source=" if words == ("--source=",) else ""
    assert _complete_in_bash(bash_script, "/venv/bin/alexnet-convert", *words) == [
        f"{given}{value}" for value in SOURCES
    ]


def test_values_begin_as_typed(bash_script):
    for words in (("--source", "=", "s"), ("--source", "s")):
        assert _complete_in_bash(bash_script, "alexnet-convert", *words) == ["sample"]
    offered = _complete_in_bash(bash_script, "alexnet-convert", "--source=s")
    assert offered == ["--source=sample"]


@pytest.mark.parametrize("command", ["alexnet-train", "alexnet-tune"])
def test_experiments_and_settings(bash_script, command):
    def complete(*words):
        return _complete_in_bash(bash_script, command, *words)

    assert complete("--experiment", "=") == list(experiments.EXPERIMENTS)
    assert complete("--config.data.mirror", "=") == ["true", "false"]
    assert complete("--config.batch_size", "=") == ["compopt +o default"]
    for setting in overrides.list_settings(Config()):
        if setting.choices:
            assert complete(f"--config.{setting.name}=")[0] == (
                f"--config.{setting.name}={setting.choices[0]}"
            )


def test_file_names_elsewhere(bash_script):
    """An empty answer leaves it to `complete -o default`: files."""

    def complete(*words):
        return _complete_in_bash(bash_script, *words)

    directories = ["compopt +o default -o dirnames"]
    assert complete("alexnet-train", "--workdir", "=", "ru") == directories
    assert complete("alexnet-train", "--workdir", "ru") == directories
    assert complete("alexnet-evaluate", "--output", "=", "re") == []
    assert complete("alexnet-predict", "--images", "=", "re") == []
    assert complete("alexnet-predict", "cat") == []
    # The image after a flag without a value is no value of the flag.
    assert complete("alexnet-predict", "--apply_orientation", "cat") == []
    assert complete("alexnet-verify", "") == []


def test_every_flag_of_every_command_is_offered(bash_script):
    modules = [
        module
        for module in checkout_modules.read_modules(CHECKOUT).values()
        if module.folder.endswith("/commands") and module.rule == "py_binary"
    ]
    assert len(modules) > 8
    for module in modules:
        command = f"alexnet-{module.stem.replace('_', '-')}"
        shown = processes.run_python("-m", module.name, "--helpfull").stdout
        named = re.findall(r"^  --(\S+?)(?: \(default .*)?$", shown, re.MULTILINE)
        offered = {
            word.rstrip("=") for word in _complete_in_bash(bash_script, command, "--")
        }
        assert named and {f"--{name}" for name in named} <= offered, command
        registered = bash_script.splitlines()[-1].split()
        assert command in registered


def _type_in_bash(folder, script: str, typed: str, expected: str) -> str:
    """What a terminal shows after `typed`, when `expected` has appeared or not."""
    (folder / "script").write_text(f"PS1='> '\n{script}")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["bash", "--noprofile", "--rcfile", folder / "script", "-i"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=folder,
        env={**os.environ, "TERM": "dumb", "INPUTRC": os.devnull},
        start_new_session=True,
    )
    os.close(theirs)
    try:
        os.write(ours, typed.encode())
        shown, end = "", time.monotonic() + 30
        while expected not in shown and time.monotonic() < end:
            if select.select([ours], [], [], 0.2)[0]:
                shown += os.read(ours, 4096).decode(errors="replace")
        return shown
    finally:
        process.kill()
        process.wait()
        os.close(ours)


@pytest.mark.parametrize(
    "typed, expected",
    [
        ("alexnet-convert --source=ci\t!", "--source=cifar10 !"),
        ("alexnet-convert --source_\t!", "--source_dir=!"),
        ("alexnet-train --experiment=fine\t!", "--experiment=finetune !"),
        ("alexnet-train --workdir=the_r\t!", "--workdir=the_runs/!"),
        ("alexnet-evaluate --output=the_f\t!", "--output=the_file.json !"),
        ("alexnet-train --experiment=the_f\t!", "--experiment=the_file.json !"),
    ],
)
def test_a_person_types_in_bash(bash_script, tmp_path, typed, expected):
    (tmp_path / "the_runs").mkdir()
    (tmp_path / "the_file.json").write_text("{}")
    assert expected in _type_in_bash(tmp_path, bash_script, typed, expected)


@pytest.mark.parametrize(
    "words, expected",
    [
        (["alexnet-convert", "--no"], "compadd -- --help --"),
        (["alexnet-convert", "--source=s"], "compadd -- auto ilsvrc2012 ilsvrc2010"),
        (["alexnet-convert", "--source", "s"], "compadd -- auto ilsvrc2012"),
        (["alexnet-train", "--workdir=ru"], "_files -/"),
        (["alexnet-evaluate", "--output=re"], "_files"),
        (["alexnet-predict", "cat"], "_files"),
        (["alexnet-train", "--config.batch_size=6"], ""),
    ],
)
def test_zsh(zsh_script, words, expected):
    if shutil.which("zsh") is None:
        pytest.skip("zsh is not installed")
    calls = [
        ZSH_STUBS + zsh_script,
        f"words=({' '.join(map(shlex.quote, words))})",
        f"CURRENT={len(words)} PREFIX={shlex.quote(words[-1])}",
        "_alexnet_complete",
    ]
    done = subprocess.run(
        ["zsh", "-f", "-c", "\n".join(calls)], capture_output=True, text=True
    )
    assert not done.stderr
    lines = done.stdout.splitlines() or [""]
    assert lines[-1].startswith(expected) if expected else lines == [""]


def test_a_shell_must_be_named():
    for arguments in ([], ["fish"]):
        done = processes.run_python("-m", COMPLETION, *arguments)
        assert done.returncode == 2 and not done.stdout
        assert "bash" in done.stderr and "zsh" in done.stderr


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
