"""Checks the links of a folder of HTML pages, without a network.

LinkChecker and its like load every page through a client of their own, which takes a
minute for this site, and do not ask where fonts and scripts come from.
"""

from __future__ import annotations

import html.parser
import pathlib
import re
import urllib.parse

# Elements whose address a browser loads by itself, and the attribute.
_LOADED = {"img": "src", "script": "src", "iframe": "src", "source": "src"}
_LOADED |= {"video": "src", "audio": "src", "embed": "src", "object": "data"}
_LOADED_BY_STYLE = re.compile(r"(?:url\(|@import )[\"']?((?:https?:)?//[^\"')]+)")
# A server gives this page for any address, so only it has absolute paths.
_ANYWHERE = "404.html"


class _Page(html.parser.HTMLParser):
    """The anchors and links of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.anchors = {"", "top"}
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.images_without_text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[x] for x in ("id", "name") if x in values}
        if tag == "img" and not values.get("alt"):
            self.images_without_text.append(values.get("src", ""))
        if tag in _LOADED and _LOADED[tag] in values:
            self.loaded.append(values[_LOADED[tag]])
        elif tag == "link" and values.get("rel") not in ("canonical", "next", "prev"):
            self.loaded.append(values.get("href", ""))
        elif "href" in values:
            self.links.append(values["href"])


def find_problems(folder: pathlib.Path) -> list[str]:
    """What is wrong with the site in `folder`, a sentence for each problem.

    Relative links must lead to a file of the folder, and their anchors to an element
    there. Nothing may be loaded from other servers, by pages or style sheets, and every
    image needs a text.
    """
    pages = {
        path.resolve(): _Page(path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob("*.html"))
    }
    problems = []
    for path, page in pages.items():
        name = path.relative_to(folder.resolve()).as_posix()
        problems += [f"{name}: {x} has no alt text" for x in page.images_without_text]
        for address in page.loaded:
            if _is_external(address):
                problems.append(f"{name}: {address} is loaded from another server")
        for address in sorted({*page.links, *page.loaded}):
            if not _is_external(address):
                problem = _check(address, path, folder.resolve(), pages)
                problems += [f"{name}: {address} {problem}"] if problem else []
    for path in sorted(folder.rglob("*.css")):
        name = path.relative_to(folder).as_posix()
        text = path.read_text(encoding="utf-8")
        for address in re.findall(
            r"(?:url\(|@import )[\"']?((?:https?:)?//[^\"')]+)", text
        ):
            problems.append(f"{name}: {address} is loaded from another server")
    return problems


def _is_external(address: str) -> bool:
    parts = urllib.parse.urlsplit(address)
    return bool(parts.netloc) or parts.scheme in ("http", "https")


def _check(
    address: str,
    path: pathlib.Path,
    root: pathlib.Path,
    pages: dict[pathlib.Path, _Page],
) -> str:
    """What is wrong with an address in the page `path`, or ""."""
    parts = urllib.parse.urlsplit(address)
    if parts.scheme:
        return ""
    target = path
    if parts.path.startswith("/"):
        if path.name != _ANYWHERE:
            return "begins at the server's root, which need not be the site's"
        target = root / urllib.parse.unquote(parts.path).lstrip("/")
    elif parts.path:
        target = (path.parent / urllib.parse.unquote(parts.path)).resolve()
    if target.is_dir():
        target = target / "index.html"
    if not target.is_relative_to(root) or not target.is_file():
        return "leads to no file of the site"
    anchor = urllib.parse.unquote(parts.fragment)
    if target in pages and anchor not in pages[target].anchors:
        return f"leads to no element of {target.relative_to(root).as_posix()}"
    return ""
