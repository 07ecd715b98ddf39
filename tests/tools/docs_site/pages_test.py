"""Tests of `tools.docs_site.pages`, and of the navigation in mkdocs.yml."""

from __future__ import annotations

import re
import sys

import pytest

from tests import documentation
from tools.docs_site import pages

CHECKOUT = documentation.CHECKOUT
URL = "https://host/us"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    pages.write(CHECKOUT, folder, URL)
    return folder


def _read_navigation() -> list[str]:
    """The pages that mkdocs.yml names."""
    text = (CHECKOUT / "mkdocs.yml").read_text(encoding="utf-8")
    (navigation,) = re.findall(r"^nav:\n((?: .*\n|\n)+)", text, re.MULTILINE)
    return re.findall(r"(\S+\.md)$", navigation, re.MULTILINE)


def test_every_page_is_in_the_navigation_once(folder):
    written = [p.relative_to(folder).as_posix() for p in folder.rglob("*.md")]
    assert sorted(_read_navigation()) == sorted(written)
    assert {f"{p.stem}.md" for p in (CHECKOUT / "docs").glob("*.md")} <= set(written)


def test_links_lead_to_what_was_written_or_to_the_repository(folder):
    for path in folder.rglob("*.md"):
        text = re.sub(r"```.*?```|`[^`]*`", "", path.read_text(), flags=re.DOTALL)
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            target = link.partition("#")[0]
            assert re.match("https?:|$", target) or (path.parent / target).is_file()
            if target.startswith(URL):
                place = target.removeprefix(f"{URL}/blob/main/")
                assert (CHECKOUT / place).exists(), link


def test_records_and_the_page_with_files_beside_it_stay_out(folder):
    names = {p.name for p in folder.iterdir()}
    assert {p for p in names if not p.endswith(".md")} == {"api", "images"}
    assert not list(folder.rglob("*.jsonl")) and not list(folder.rglob("*.html"))


def test_the_notebook_is_a_page_with_its_images(folder):
    text = (folder / "tour.md").read_text(encoding="utf-8")
    images = re.findall(r"!\[[^\]]+\]\((images/tour-\d+\.png)\)", text)
    assert len(images) >= 4
    for image in images:
        assert (folder / image).read_bytes().startswith(b"\x89PNG")


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
