"""README.md, CONTRIBUTING.md and docs/: their commands, code blocks and links."""

from __future__ import annotations

import pathlib
import re
import shlex

CHECKOUT = pathlib.Path(__file__).parents[1]
PAGES = (
    CHECKOUT / "README.md",
    CHECKOUT / "CONTRIBUTING.md",
    CHECKOUT / "SECURITY.md",
    *sorted((CHECKOUT / "docs").glob("*.md")),
)
TEXTS = {
    page.relative_to(CHECKOUT).as_posix(): page.read_text(encoding="utf-8")
    for page in PAGES
}


def list_blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a page in `language`."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def list_commands() -> list[str]:
    """Every command of every page's bash blocks, on one line; each once."""
    commands = []
    for text in TEXTS.values():
        for block in list_blocks(text, "bash"):
            for line in block.replace("\\\n", " ").splitlines():
                commands += [" ".join(part.split()) for part in line.split(" && ")]
    return list(dict.fromkeys(filter(split, commands)))


def split(line: str) -> list[str]:
    """The words of a command, without the shell's own: variables, &, > file."""
    words = [word for word in shlex.split(line, comments=True) if word != "&"]
    while words and (words[0] == "export" or re.match(r"[A-Z0-9_]+=", words[0])):
        del words[0]
    return words[: words.index(">")] if ">" in words else words


def list_anchors(text: str) -> set[str]:
    """The names by which GitHub links to a page's headings."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }
