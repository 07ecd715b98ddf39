"""The text of `--help` and `--helpfull`, made from a command's flags."""

from __future__ import annotations

import dataclasses
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from absl import flags

_WIDTH = 88
_EXIT_CODES = (
    "Exit codes: 0 success, 2 wrong usage or bad input, 4 storage error, 5 directory "
    "in use; 129, 130 and 143 stopped by SIGHUP, SIGINT and SIGTERM."
)
_VERSION = "Also: --version."
_FEW_OF_ABSL = "From absl: --verbosity, --log_dir and others, listed by --helpfull."
_SETTING = "config."


@dataclasses.dataclass(frozen=True)
class Settings:
    """How the help presents the flags `config.*`."""

    # The topics in their order, each with its title: "model" is the topic of
    # config.model.width, "" that of config.seed.
    titles: Mapping[str, str] = dataclasses.field(default_factory=dict)
    # The settings that `--help` describes; it only names the others.
    first: tuple[str, ...] = ()

    def group(self, own: Iterable[flags.Flag[Any]]) -> dict[str, list[flags.Flag[Any]]]:
        """The settings among `own` by topic, in the order of `titles`."""
        groups: dict[str, list[flags.Flag[Any]]] = {topic: [] for topic in self.titles}
        for flag in own:
            topic = flag.name.removeprefix(_SETTING).rpartition(".")[0]
            groups.setdefault(topic, []).append(flag)
        return {topic: group for topic, group in groups.items() if group}


def get_own_flags(module_name: str) -> list[flags.Flag[Any]]:
    """The flags that a command's module has defined, in that order.

    Aliases (earlier names of flags) are left out: they still work, but help and
    completion do not show them.
    """
    # absl lists the flags of a script, or of python -m, under the program's name.
    keys = [sys.argv[0], module_name] if module_name == "__main__" else [module_name]
    by_module = flags.FLAGS.flags_by_module_dict()
    return [
        flag for key in keys for flag in by_module.get(key, []) if not _is_alias(flag)
    ]


def _is_alias(flag: flags.Flag[Any]) -> bool:
    # DEFINE_alias makes a class for each alias; they share only this help text.
    return flag.help.startswith("Alias for --")


def make_help(
    module_name: str,
    synopsis: str,
    settings: Settings | None = None,
    is_full: bool = False,
) -> str:
    """The help text: `synopsis`, exit codes, the command's own flags, then absl's.

    Without `settings`, and if it `is_full` (for `--helpfull`), all flags `config.*` are
    described, not only `settings.first`. The full text lists all flags of absl.
    """
    own = get_own_flags(module_name)
    lines = [synopsis.strip()]
    # A synopsis may list the exit codes itself.
    if "Exit codes:" not in synopsis:
        lines += ["", textwrap.fill(_EXIT_CODES, _WIDTH)]
    lines += ["", "Flags:"]
    lines += [_describe(f) for f in own if not f.name.startswith(_SETTING)]
    config = [f for f in own if f.name.startswith(_SETTING)]
    if config:
        if is_full or settings is None:
            lines += _describe_settings(config, settings or Settings())
        else:
            lines += _summarize_settings(config, settings)
    if is_full:
        lines += ["", _list_absl_flags(own), _VERSION]
    else:
        lines += ["", f"{_FEW_OF_ABSL} {_VERSION}"]
    return "\n".join(lines)


def _list_absl_flags(own: Iterable[flags.Flag[Any]]) -> str:
    names = sorted(
        f"--{name}"
        for name in set(flags.FLAGS) - {flag.name for flag in own}
        if not _is_alias(flags.FLAGS[name])
    )
    listed = "From absl: " + ", ".join(names)
    return textwrap.fill(listed, _WIDTH, subsequent_indent="  ")


def _describe_settings(
    config: list[flags.Flag[Any]], settings: Settings
) -> Iterator[str]:
    yield "\nSettings, which override the experiment's values."
    for topic, group in settings.group(config).items():
        yield f"\n{settings.titles.get(topic, topic or 'Settings')}:"
        yield from map(_describe, group)


def _summarize_settings(
    config: list[flags.Flag[Any]], settings: Settings
) -> Iterator[str]:
    by_name = {flag.name: flag for flag in config}
    first = [by_name[_SETTING + name] for name in settings.first]
    if first:
        yield "\nThe most important settings, which override the experiment's values:"
        yield from map(_describe, first)
    more = "More settings" if first else "Settings"
    yield f"\n{more}, described by --helpfull:"
    others = [flag for flag in config if flag not in first]
    for topic, group in settings.group(others).items():
        prefix = f"{_SETTING}{topic}." if topic else _SETTING
        names = " ".join(flag.name.removeprefix(prefix) for flag in group)
        yield textwrap.fill(
            f"--{prefix}  {names}",
            _WIDTH,
            initial_indent="  ",
            subsequent_indent="    ",
            break_on_hyphens=False,
        )


def _describe(flag: flags.Flag[Any]) -> str:
    default = ""
    # absl writes every default in quotes.
    if flag.default is not None and flag.default_as_str not in (None, "''", '""'):
        default = f" (default {flag.default_as_str[1:-1]})"
    indent = " " * 6
    # absl adds a line of its own, indented, to the help of a flag that may be repeated.
    text = textwrap.fill(
        " ".join(flag.help.split()),
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
    )
    return f"  --{flag.name}{default}\n{text}"
