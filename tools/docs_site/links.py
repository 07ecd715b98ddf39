"""Links between the checkout's pages, as the site has them."""

from __future__ import annotations

import pathlib
import posixpath
import re
from collections.abc import Mapping

# A link or an image, whose label may hold code; code elsewhere, which is left alone;
# and the end of a bracket before another, "a] [b]".
_LINK = re.compile(
    r"(!?)\[((?:[^\[\]`]|`[^`]*`)*)\]\(([^)\s]+)\)"
    r"|`[^`]+`"
    r"|\](?= ?\[([^\[\]^][^\[\]]*)\])"
)
_DEFINITION = re.compile(r"^\[([^\]]+)\]: ", re.MULTILINE)
_FENCE = re.compile(r"^ *```", re.MULTILINE)


def rewrite(
    text: str,
    source: str,
    pages: Mapping[str, str],
    root: pathlib.Path,
    url: str | None,
) -> str:
    """A page's Markdown with the links that it needs in the site.

    A link to a page or file of the site leads to it there. A link to another file of
    the checkout leads to the repository; if its address is not known, the link's text
    stays. A link to no file stays as it is, and MkDocs refuses it. "[a] [b]" is a link
    only where the page defines b, as on GitHub; mkdocstrings would look for a name b.

    Args:
      text: the page as it is in the checkout.
      source: where it lies, relative to the checkout ("docs/data.md").
      pages: where the site has what lies in the checkout, both relative to their roots
        ("README.md": "index.md"); it must have `source`.
      root: the checkout.
      url: the repository's address, without a slash at its end, or None.
    """
    defined = set(_DEFINITION.findall(text))
    # Text and fenced blocks in turn.
    parts = re.split(r"(^ *```.*?^ *```)", text, flags=re.MULTILINE | re.DOTALL)

    def replace(match: re.Match[str]) -> str:
        mark, label, target, name = match[1], match[2], match[3], match[4]
        if name is not None:
            return match[0] if name in defined else "\\]"
        if target is None or re.match(r"[a-z]+:|#", target):
            return match[0]
        path, _, anchor = target.partition("#")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        anchor = anchor and f"#{anchor}"
        if path in pages:
            folder = posixpath.dirname(pages[source]) or "."
            place = posixpath.relpath(pages[path], folder)
        elif not (root / path).exists():
            return match[0]
        elif url is not None:
            place = f"{url}/{'raw' if mark else 'blob'}/main/{path}"
        else:
            return label
        return f"{mark}[{label}]({place}{anchor})"

    return "".join(
        part if _FENCE.match(part) else _LINK.sub(replace, part) for part in parts
    )
