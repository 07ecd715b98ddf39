"""Tests of `alexnet_tf.retrieval.results_page`."""

import dataclasses
import html.parser
import re
import sys

import numpy as np
import pytest

from alexnet_tf.retrieval import neighbours, results_page
from tests.alexnet_tf.retrieval import made_features
from tfrecords.shards import manifest

IMAGE = np.zeros((16, 16, 3), np.uint8)
EVIL = "<script>alert(1)</script>"


class Parser(html.parser.HTMLParser):
    """Collects the tags with their attributes."""

    def __init__(self):
        super().__init__()
        self.tags = []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))


@pytest.fixture
def page(tmp_path):
    features = made_features.write(tmp_path, np.ones((12, 3), np.float32))
    classes = (manifest.ClassInfo(EVIL, EVIL), *features.source.classes[1:])
    source = dataclasses.replace(features.source, classes=classes)
    features = dataclasses.replace(features, source=source)
    found = tuple(neighbours.Neighbour(k, k / 2, k % 2) for k in range(3))
    results = [
        neighbours.Result(neighbours.Query('a"><b>.png', "", IMAGE, 0), found),
        neighbours.Result(neighbours.Query("bad.png", f"it is {EVIL}", IMAGE), ()),
    ]
    return results_page.make_page(results, [[IMAGE] * 3, []], features)


def test_images_stand_in_the_page_and_nothing_is_loaded(page):
    parser = Parser()
    parser.feed(page)
    images = [attributes for tag, attributes in parser.tags if tag == "img"]
    assert len(images) == 4
    assert all(each["src"].startswith("data:image/jpeg;base64,") for each in images)
    assert not re.search(r"https?://|url\(", page)
    kinds = [
        attributes.get("class") for tag, attributes in parser.tags if tag == "figure"
    ]
    # The query's class is 0, as that of the first and third.
    assert kinds == ["query", "same", "other", "same"]


def test_names_are_escaped(page):
    parser = Parser()
    parser.feed(page)
    assert "script" not in {tag for tag, _ in parser.tags}
    assert "b" not in {tag for tag, _ in parser.tags}
    assert page.count("&lt;script&gt;") >= 3


def test_a_thumbnail_is_small():
    uri = results_page.encode_image(np.zeros((500, 400, 3), np.uint8))
    assert len(uri) < 4000


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
