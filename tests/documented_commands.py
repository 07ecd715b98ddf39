"""The commands in a page's text: whether they exist, with their flags and values.

Nothing is imported that loads TensorFlow. `readme_test` checks those of the bash blocks
again, in the commands themselves.
"""

from __future__ import annotations

import ast
import functools
import pathlib
import re

from alexnet_tf.config import overrides, schema
from alexnet_tf.experiments import EXPERIMENTS
from alexnet_tf.experiments.claims import CLAIMS
from tests import documentation
from tfrecords import errors

CHECKOUT = documentation.CHECKOUT

# The module of each console script.
SCRIPTS = dict(
    re.findall(
        r'"(alexnet-[\w-]+) = ([\w.]+):run"',
        (CHECKOUT / "setup.py").read_text(encoding="utf-8"),
    )
)


def list_commands(text: str) -> list[str]:
    """The commands of the bash blocks and those within the text."""
    lines = "".join(documentation.list_blocks(text, "bash")).replace("\\\n", " ")
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`((?:alexnet-|python )[^`]+)`", prose)
    return [*filter(documentation.split, lines.splitlines()), *spans]


def find_program(words: list[str]) -> pathlib.Path | None:
    """The file of a console script, a tool or a test; None if there is none."""
    if words[0] in SCRIPTS:
        return CHECKOUT / f"{SCRIPTS[words[0]].replace('.', '/')}.py"
    path = words[3] if words[:3] == ["python", "-m", "pytest"] else words[1]
    is_file = words[0] == "python" and (CHECKOUT / path).is_file()
    return CHECKOUT / path if is_file else None


@functools.cache
def list_flags(path: pathlib.Path) -> set[str]:
    """The flags that a command's file defines, or has defined by `shared_flags`."""
    shared = ast.parse(
        (CHECKOUT / "alexnet_tf/commands/shared_flags.py").read_text(encoding="utf-8")
    )
    functions = {n.name: n for n in shared.body if isinstance(n, ast.FunctionDef)}
    flags: set[str] = {"help", "helpfull", "version"}

    def collect(tree: ast.AST) -> None:
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call):
                continue
            function = ast.unparse(call.func)
            owner, _, name = function.rpartition(".")
            if function == "setting_flags.define":
                settings = overrides.list_settings(schema.Config())
                flags.update(f"config.{setting.name}" for setting in settings)
            elif owner == "shared_flags" and name in functions:
                collect(functions[name])
            if name.lower().startswith("define"):
                texts = [a.value for a in call.args if isinstance(a, ast.Constant)]
                words = [t for t in texts[:1] if re.fullmatch(r"[a-z][\w]*", str(t))]
                flags.update(map(str, words))

    collect(ast.parse(path.read_text(encoding="utf-8")))
    return flags


def find_wrong_commands(text: str) -> list[str]:
    """The commands that do not exist, or lack a flag, experiment, value or claim."""
    wrong = []
    for command in list_commands(text):
        words = documentation.split(command)
        program = find_program(words)
        if program is None:
            wrong.append(command)
            continue
        known = list_flags(program)
        for word in words[1:]:
            name, _, value = word.removeprefix("--").partition("=")
            if word.startswith("--") and name not in known:
                wrong.append(f"{command}: {word}")
            # A file's settings are an experiment, too.
            is_named = name == "experiment" and not value.endswith(".json")
            if is_named and value not in EXPERIMENTS:
                wrong.append(f"{command}: {word}")
            if name.startswith("config.") and name in known and "=" in word:
                try:
                    setting = name.removeprefix("config.")
                    overrides.override(schema.Config(), {setting: value})
                except errors.UserError:
                    wrong.append(f"{command}: {word}")
        if words[:2] == ["alexnet-reproduce", "run"]:
            claims = [word for word in words[2:] if not word.startswith("--")]
            wrong += [f"{command}: {claim}" for claim in claims if claim not in CLAIMS]
    return wrong
