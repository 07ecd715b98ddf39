"""The folder of pages that MkDocs turns into the site."""

from __future__ import annotations

import pathlib

from tools.docs_site import api_pages, links, notebook

# Pages beside docs/, and where the site has them.
OTHER_PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
}


def list_pages(root: pathlib.Path) -> dict[str, str]:
    """Where the site has the checkout's pages and images.

    The records of runs and the page in docs/browser/, which needs files beside it, are
    not in the site.
    """
    places = dict(OTHER_PAGES)
    docs = root / "docs"
    for pattern in ("*.md", "*.ipynb", "images/*"):
        for path in sorted(docs.glob(pattern)):
            place = path.relative_to(docs)
            if path.suffix == ".ipynb":
                place = place.with_suffix(".md")
            places[path.relative_to(root).as_posix()] = place.as_posix()
    return places


def write(root: pathlib.Path, folder: pathlib.Path, url: str | None) -> None:
    """Writes the site's pages and images to `folder`.

    Args:
      root: the checkout.
      folder: an empty one.
      url: the repository's address, for links to what is not in the site, or None.
    """
    places = list_pages(root)
    for source, place in places.items():
        path = root / source
        if not place.endswith(".md"):
            _write(folder / place, path.read_bytes())
            continue
        text = path.read_text(encoding="utf-8")
        drawn: dict[str, bytes] = {}
        if path.suffix == ".ipynb":
            text, drawn = notebook.make_page(text, path.stem)
        for image, content in drawn.items():
            _write(folder / image, content)
        known = places | {f"docs/{image}": image for image in drawn}
        text = links.rewrite(text, source, known, root, url)
        _write(folder / place, text.encode())
    for package, modules in api_pages.list_packages(root).items():
        text = api_pages.make_page(package, modules)
        _write(folder / "api" / f"{package}.md", text.encode())


def _write(path: pathlib.Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
