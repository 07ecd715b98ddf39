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
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix != ".md":
            target.write_bytes(path.read_bytes())
            continue
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            text, images = notebook.make_page(text, path.stem)
            for image, content in images.items():
                (folder / image).parent.mkdir(exist_ok=True)
                (folder / image).write_bytes(content)
            # Its links are its own; the images just written are no files of docs/.
        else:
            text = links.rewrite(text, source, places, url)
        target.write_text(text, encoding="utf-8")
    for name, names in api_pages.list_packages(root).items():
        target = folder / "api" / f"{name}.md"
        target.parent.mkdir(exist_ok=True)
        target.write_text(api_pages.make_page(name, names), encoding="utf-8")
