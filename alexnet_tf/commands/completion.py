"""alexnet-completion: shell completion of the commands' flags and values."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from types import ModuleType

from absl import flags

import alexnet_tf.commands
import tfrecords.commands
from alexnet_tf.commands import completion_scripts
from tfrecords import errors
from tfrecords.console import command_line, help_text

SYNOPSIS = """\
alexnet-completion bash|zsh

Prints a script that completes the commands' flags, their values and file names. It
knows the flags of the installed commands: run it again after an update.

  alexnet-completion bash > ~/.alexnet-completion.bash
  echo 'source ~/.alexnet-completion.bash' >> ~/.bashrc

  alexnet-completion zsh > ~/.alexnet-completion.zsh
  echo 'source ~/.alexnet-completion.zsh' >> ~/.zshrc"""

_SHELL = flags.DEFINE_enum(
    "shell",
    None,
    list(completion_scripts.SCRIPTS),
    "the shell; the flag's name may be left out",
)


def main() -> None:
    """Prints the script."""
    if not _SHELL.value:
        raise errors.UserError(
            "no shell was given. Write alexnet-completion bash, or zsh."
        )
    print(completion_scripts.make_script(_SHELL.value, _take_commands()))


def _take_commands() -> dict[str, list[flags.Flag]]:
    """Every command's own flags, by the command's name.

    The flags leave absl's table, where two commands may not have one of the same name:
    nothing but the script can be made in this process.
    """
    # Under python -m this module is another than the one to be imported.
    sys.modules.setdefault("alexnet_tf.commands.completion", sys.modules[__name__])
    commands = {}
    for package in (tfrecords.commands, alexnet_tf.commands):
        for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(info.name)
            if hasattr(module, "SYNOPSIS"):
                name = info.name.rpartition(".")[2].replace("_", "-")
                commands[f"alexnet-{name}"] = _take_flags(module)
    return commands


def _take_flags(module: ModuleType) -> list[flags.Flag]:
    own = help_text.get_own_flags(module.__name__)
    for flag in own:
        delattr(flags.FLAGS, flag.name)
    return own


def run() -> None:
    """The console script."""
    command_line.run(
        main, __name__, SYNOPSIS, positional="shell", prints_result=lambda: True
    )


if __name__ == "__main__":
    run()
