"""Docstrings, which are plain text, as Markdown.

Formulas and tables stand in indented blocks, and packages list their names in columns.
Markdown would run their lines together.
"""

from __future__ import annotations

import re

# The sections that mkdocstrings reads itself (Google style).
_SECTION = re.compile(r"(Args|Attributes|Raises|Returns|Yields|Examples?):$")
_ITEM = re.compile(r"(-|\d+\.) ")
_NAME_IN_COLUMN = re.compile(r"(\w+) {2,}(\S.*)")


def make_markdown(docstring: str) -> str:
    """The docstring, without common indentation, as Markdown.

    Indented blocks outside of lists and sections become code, and a column of names
    with what they are a list. Elsewhere the characters that Markdown or HTML would
    swallow are escaped.
    """
    blocks: list[str] = []
    is_section = False
    for block in re.split(r"\n(?:[ \t]*\n)+", docstring.strip("\n")):
        lines = block.splitlines()
        indented = lines[0].startswith(" ")
        if not (is_section and indented):
            is_section = _SECTION.match(lines[0]) is not None
        if is_section:
            # The items of a section, `**names: ...` among them, stay as they are.
            blocks.append(_escape(block))
        elif _NAME_IN_COLUMN.match(lines[0]):
            blocks.append(_make_list(lines))
        else:
            blocks += _split(lines)
    return "\n\n".join(blocks)


def _make_list(lines: list[str]) -> str:
    items = []
    for line in lines:
        if match := _NAME_IN_COLUMN.match(line):
            items.append(f"- `{match[1]}`: {_escape(match[2])}")
        else:
            items[-1] += f" {_escape(line.strip())}"
    return "\n".join(items)


def _split(lines: list[str]) -> list[str]:
    """Text, lists and indented runs of lines, in their order."""
    parts: list[tuple[str, list[str]]] = []
    for line in lines:
        last = parts[-1][0] if parts else ""
        if _ITEM.match(line):
            kind = "list"
        elif line.startswith(" "):
            # Below an item, an indented line belongs to it.
            kind = "list" if last == "list" else "code"
        else:
            kind = "text"
        if kind == last:
            parts[-1][1].append(line)
        else:
            parts.append((kind, [line]))
    return [
        _make_code(part) if kind == "code" else _escape("\n".join(part))
        for kind, part in parts
    ]


def _make_code(lines: list[str]) -> str:
    margin = min(len(line) - len(line.lstrip()) for line in lines)
    return "\n".join(["```text", *(line[margin:] for line in lines), "```"])


def _escape(text: str) -> str:
    """Outside of code: `*`, `<` and what would be a link.

    The stars of an argument, which begin its line, stay.
    """

    def replace(match: re.Match[str]) -> str:
        return match[0] if match[1] is None else f"\\{match[1]}"

    pattern = r"`[^`]*`|^ +\*+\w+:|([*<]|\](?=[\[(]))"
    return re.sub(pattern, replace, text, flags=re.MULTILINE)
