"""Tests of `tools.docs_site.api_pages`: against the packages themselves."""

from __future__ import annotations

import sys

import pytest

from tests import documentation
from tools.docs_site import api_pages

PACKAGES = api_pages.list_packages(documentation.CHECKOUT)


def test_names_are_found_by_module(tmp_path):
    files = {
        "alexnet_tf/__init__.py": "",
        "alexnet_tf/network/__init__.py": "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from alexnet_tf.network.build import build, name\n"
        "    from alexnet_tf.network.other import hidden\n"
        "OWN = 1\n__all__ = ['OWN', 'build', 'name']\n",
        "alexnet_tf/config/__init__.py": "from alexnet_tf.config.schema import Part\n"
        "__all__ = ['Part']\n",
        "alexnet_tf/config/schema.py": "from somewhere import Part\n"
        "class Config: pass\ndef _private(): pass\n",
        "tfrecords/errors.py": "class UserError(Exception): pass\nX = 1\n",
        "tfrecords/sources/__init__.py": "class Source: pass\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert api_pages.list_packages(tmp_path) == {
        "alexnet_tf.config": {"alexnet_tf.config.schema": ["Config", "Part"]},
        "alexnet_tf.network": {
            "alexnet_tf.network": ["OWN"],
            "alexnet_tf.network.build": ["build", "name"],
        },
        "tfrecords.errors": {"tfrecords.errors": ["UserError"]},
        "tfrecords.sources": {"tfrecords.sources": ["Source"]},
    }


def test_every_export_of_the_packages_is_shown():
    """Every `__all__`, as the files' text has it."""
    for path in documentation.CHECKOUT.glob("[at][lf]*/**/__init__.py"):
        folder = path.parent.relative_to(documentation.CHECKOUT)
        if "__all__" in path.read_text(encoding="utf-8"):
            assert ".".join(folder.parts) in PACKAGES
    assert PACKAGES["alexnet_tf.network"] == {
        "alexnet_tf.network.build": ["build_model", "get_layer_name"]
    }
    assert {"Config", "ModelConfig"} <= {
        *PACKAGES["alexnet_tf.config"]["alexnet_tf.config.schema"]
    }


def test_a_page_names_the_package_its_modules_and_their_names():
    page = api_pages.make_page("a.b", {"a.b.c": ["D", "e"], "a.b": ["f"]})
    assert page.startswith("# a.b\n\n::: a.b.c\n")
    assert "      members:\n        - D\n        - e\n" in page
    # The package's own docstring, also where it defines no name.
    assert "::: a.b\n" in page
    assert "::: a.b\n" in api_pages.make_page("a.b", {"a.b.c": ["D"]})


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
