"""What Python-Markdown is told of our pages, which are written for GitHub."""

from __future__ import annotations

from xml.etree import ElementTree

from markdown import Markdown, blockprocessors
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor

_LIST_PARTS = (blockprocessors.ListIndentProcessor, blockprocessors.OListProcessor)


class LazyImages(Treeprocessor):
    """Images are loaded when they come into view."""

    def run(self, root: ElementTree.Element) -> None:
        """Sets the attribute `loading` of every image below `root`."""
        for image in root.iter("img"):
            image.set("loading", "lazy")


class GitHubPages(Extension):
    """Lists whose items go on after two spaces, and lazy images.

    It comes after the extensions that change lists.
    """

    def extendMarkdown(self, md: Markdown) -> None:
        """Changes the parts of the parser that read lists, and adds `LazyImages`."""
        # Python-Markdown asks for four. Its parts read the length when they are made.
        md.tab_length = 2
        for part in md.parser.blockprocessors:
            part.tab_length = 2
            if isinstance(part, _LIST_PARTS):
                type(part).__init__(part, md.parser)
        # After the inline patterns, which make the images.
        md.treeprocessors.register(LazyImages(md), "lazy_images", 15)


def makeExtension(**options: object) -> GitHubPages:
    """What Python-Markdown calls to make the extension that this module names."""
    return GitHubPages(**options)
