"""Links between the checkout's pages, as the site has them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

# A link or an image, whose label may hold code; code elsewhere is left alone.
_LINK = re.compile(r"(!?)\[((?:[^\[\]`]|`[^`]*`)*)\]\(([^)\s]+)\)|`[^`]+`")
_FENCE = re.compile(r"^ *```", re.MULTILINE)


def rewrite(text: str, source: str, pages: Mapping[str, str], url: str | None) -> str:
    """A page's Markdown with the links that it needs in the site.

    A link to a page or file of the site leads to it there. Any other relative link
    leads to the repository; if its address is not known, the link's text stays.

    Args:
      text: the page as it is in the checkout.
      source: where it lies, relative to the checkout ("docs/data.md").
      pages: where the site has what lies in the checkout, both relative to their roots
        ("README.md": "index.md"); it must have `source`.
      url: the repository's address, without a slash at its end, or None.
    """
    # Odd parts lie between fences.
    parts = re.split(r"(^ *```.*?^ *```)", text, flags=re.MULTILINE | re.DOTALL)

    def replace(match: re.Match[str]) -> str:
        mark, label, target = match[1], match[2], match[3]
        if target is None or re.match(r"[a-z]+:|#", target):
            return match[0]
        path, _, anchor = target.partition("#")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        anchor = anchor and f"#{anchor}"
        if path in pages:
            folder = posixpath.dirname(pages[source]) or "."
            place = posixpath.relpath(pages[path], folder)
        elif url is not None:
            place = f"{url}/{'raw' if mark else 'blob'}/main/{path}"
        else:
            return label
        return f"{mark}[{label}]({place}{anchor})"

    return "".join(
        part if _FENCE.match(part) else _LINK.sub(replace, part) for part in parts
    )
