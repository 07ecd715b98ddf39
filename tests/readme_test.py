"""README.md: its commands, settings, code and links exist."""

from __future__ import annotations

import pathlib
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest

from alexnet_tf.config import overrides, schema
from alexnet_tf.export import saved_model
from alexnet_tf.runs import trained_network
from tests import data_directories, processes, training_runs
from tools import checkout_modules

CHECKOUT = pathlib.Path(__file__).parents[1]
TEXT = (CHECKOUT / "README.md").read_text(encoding="utf-8")

# Programs of others that the README calls.
OTHERS = {"docker", "pip", "source", "tensorboard"}

# Runs a command up to the point where its flags have been read.
PARSE_ONLY = """\
import importlib, sys
from tfrecords.console import command_line
command_line._call = lambda main: 0
module, sys.argv = sys.argv[1], sys.argv[2:]
importlib.import_module(module).run()
"""


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def _commands() -> list[list[str]]:
    lines = "".join(_blocks("bash")).replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := _split(line))]


def _split(line: str) -> list[str]:
    """The words of a command, without the shell's own: variables, &, > file."""
    words = [word for word in shlex.split(line, comments=True) if word != "&"]
    while words and (words[0] == "export" or re.match(r"[A-Z0-9_]+=", words[0])):
        del words[0]
    return words[: words.index(">")] if ">" in words else words


def _modules_by_script() -> dict[str, str]:
    return {
        f"alexnet-{module.stem}": module.name
        for module in checkout_modules.read_modules(CHECKOUT).values()
        if module.folder.endswith("/commands") and module.rule == "py_binary"
    }


def _parse(words: list[str]) -> subprocess.CompletedProcess:
    module = _modules_by_script()[words[0]]
    return subprocess.run(
        [sys.executable, "-c", PARSE_ONLY, module, *words],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("words", _commands(), ids=" ".join)
def test_command_takes_its_flags(words):
    program = words[0]
    if program.startswith("alexnet-"):
        done = _parse(words)
        assert done.returncode == 0, done.stderr
    elif program == "make":
        done = subprocess.run(
            ["make", "--dry-run", *words[1:]],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    elif program == "python":
        assert (CHECKOUT / words[1]).is_file()
    else:
        assert program in OTHERS, f"nothing checks {program!r}"


def test_a_wrong_flag_would_be_found():
    words = next(words for words in _commands() if words[0] == "alexnet-train")
    done = _parse([*words, "--config.batch_sise=64"])
    assert done.returncode == 2
    assert "batch_size" in done.stderr


def test_settings_exist_and_take_their_values():
    named = re.findall(r"--config\.([a-z0-9_.]+)(?:=([^\s`]+))?", TEXT)
    assert named
    known = {setting.name for setting in overrides.list_settings(schema.Config())}
    for name, value in named:
        assert name in known
        if value:
            overrides.override(schema.Config(), {name: value})


def test_python_runs(tmp_path):
    """Where an export and an image lie under the names that the text gives them."""
    data_directories.write_data_directory(tmp_path / "data", num_classes=3)
    training_runs.run(tmp_path / "data", tmp_path / "run", {"num_epochs": 1})
    network = trained_network.load(str(tmp_path / "run"))
    saved_model.export(network, str(tmp_path / "exports" / "mine"))
    image = data_directories.draw_image(0, 3, np.random.default_rng(0))
    (tmp_path / "a.jpg").write_bytes(data_directories.encode_jpeg(image))
    printed = ""
    for code in _blocks("python"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env=processes.make_environment(),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        printed += done.stdout
    assert "60,965,224 parameters" in printed
    assert "b'class 0'" in printed and "b'class 2'" in printed


def test_files_it_names_exist():
    links = re.findall(r"\]\(([^)#\s]+)", TEXT)
    for link in links:
        assert link.startswith("https://") or (CHECKOUT / link).exists(), link
    for top in re.findall(r"`([a-z_]+/)`", TEXT):
        if top != "ILSVRC/":
            assert (CHECKOUT / top).is_dir(), top


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
