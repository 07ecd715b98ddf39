"""The scripts that complete the commands' flags, for bash and zsh.

Both begin with the same two functions of plain shell: the flags of a command, and what
completes a flag's value. What follows asks them and speaks with the shell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from absl import flags

# What a value is completed with, where it is not by words.
_FILES, _DIRECTORIES, _NOTHING = ":files", ":directories", ":nothing"

_BASH = r"""
_alexnet_complete() {
  local command=${1##*/} current=${COMP_WORDS[COMP_CWORD]} flag='' given='' kind word
  COMPREPLY=()
  # bash takes --flag=value for three words, unless COMP_WORDBREAKS lacks the "=".
  if [[ $current == '=' ]]; then
    flag=${COMP_WORDS[COMP_CWORD-1]} current=''
  elif ((COMP_CWORD > 2)) && [[ ${COMP_WORDS[COMP_CWORD-1]} == '=' ]]; then
    flag=${COMP_WORDS[COMP_CWORD-2]}
  elif [[ $current == --*=* ]]; then
    flag=${current%%=*} given=${current%%=*}= current=${current#*=}
  elif [[ $current == -* ]]; then
    while read -r word; do
      [[ $word == "$current"* ]] || continue
      COMPREPLY+=("$word")
      [[ $word != *= ]] || compopt -o nospace 2>/dev/null
    done < <(_alexnet_flags "$command")
    return
  elif _alexnet_flags "$command" | grep -qxFe "${COMP_WORDS[COMP_CWORD-1]}="; then
    flag=${COMP_WORDS[COMP_CWORD-1]}
  fi
  kind=$(_alexnet_values "$command" "$flag")
  case $kind in
    :files) ;;
    :directories) compopt +o default -o dirnames 2>/dev/null ;;
    :nothing) compopt +o default 2>/dev/null ;;
    *)
      # Where no word fits, a file may: --experiment=runs/tune/best.json.
      for word in $kind; do
        [[ $word != "$current"* ]] || COMPREPLY+=("$given$word")
      done
      ;;
  esac
}
"""

_ZSH = r"""
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }

_alexnet_complete() {
  local command=${words[1]:t} flag='' kind
  if [[ $PREFIX == --*=* ]]; then
    flag=${PREFIX%%=*}
    compset -P '*='
  elif [[ $PREFIX == -* ]]; then
    local -a names=(${(f)"$(_alexnet_flags $command)"})
    compadd -S '' -- ${(M)names:#*=}
    compadd -- ${names:#*=}
    return
  elif _alexnet_flags $command | grep -qxFe "${words[CURRENT-1]}="; then
    flag=${words[CURRENT-1]}
  fi
  kind=$(_alexnet_values $command $flag)
  case $kind in
    :files) _files ;;
    :directories) _files -/ ;;
    :nothing) ;;
    *) compadd -- ${=kind} || _files ;;
  esac
}
"""

SCRIPTS = {
    "bash": (_BASH, "complete -o default -F _alexnet_complete"),
    "zsh": (_ZSH, "compdef _alexnet_complete"),
}


def make_script(shell: str, commands: Mapping[str, Sequence[flags.Flag]]) -> str:
    """The script to be sourced, from every command's flags by its name.

    Raises `ValueError` for a word that a shell would not leave as it is.
    """
    functions, register = SCRIPTS[shell]
    names, values = [], []
    for command, own in commands.items():
        words = [
            "--help",
            "--version",
            *(word for flag in own for word in _list_names(flag)),
        ]
        names.append(f"    {command}) printf '%s\\n' {_join(words)} ;;")
        for flag in own:
            kind = _find_kind(flag)
            if kind != _FILES:
                values.append(f"    {command}:--{flag.name}) echo {kind} ;;")
    lines = [
        f"# What completes the alexnet commands, made by: alexnet-completion {shell}",
        "_alexnet_flags() {",
        "  case $1 in",
        *names,
        "  esac",
        "}",
        "",
        "_alexnet_values() {",
        "  case $1:$2 in",
        *values,
        f"    *) echo {_FILES} ;;",
        "  esac",
        "}",
        functions,
        f"{register} {' '.join(commands)}",
    ]
    return "\n".join(lines)


def _list_names(flag: flags.Flag) -> Iterator[str]:
    """A flag as it is typed; where a value must follow, with its "="."""
    if flag.boolean:
        yield f"--{flag.name}"
        yield f"--no{flag.name}"
    else:
        yield f"--{flag.name}="


def _find_kind(flag: flags.Flag) -> str:
    """Words for the value, or what stands for files, directories or nothing."""
    words = getattr(flag.parser, "enum_values", None)
    words = words or getattr(flag.parser, "suggestions", None)
    if flag.boolean:
        words = ("true", "false")
    if words:
        return _join(words)
    # Named so throughout: data_dir, workdir, export_dir.
    if flag.name.endswith("dir"):
        return _DIRECTORIES
    return _FILES if flag.flag_type() in ("string", "multi string") else _NOTHING


def _join(words: Sequence[str]) -> str:
    for word in words:
        if not re.fullmatch(r"[\w.=-]+", word):
            raise ValueError(f"{word!r} would have to be quoted in a shell")
    return " ".join(words)
