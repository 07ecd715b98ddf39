"""Tests of `tools.docs_site.griffe_extension`, on a module in a folder."""

from __future__ import annotations

import sys

import pytest

from tests import optional

griffe = optional.require(__name__, "griffe", "the extra docs is not installed")

SOURCE = '''\
"""A rule.

  w <- w + v

w are weights.
"""

import dataclasses

from elsewhere import setting


@dataclasses.dataclass
class Config:
    """Settings."""

    size: int = setting(224, "side of the crops, "
        "pixels", minimum=1)
    mean: object  # float32 [N]
    plain: int = 3
'''


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    (folder / "rules.py").write_text(SOURCE)
    extensions = griffe.load_extensions("tools.docs_site.griffe_extension")
    return griffe.load("rules", search_paths=[folder], extensions=extensions)


def test_a_docstring_is_markdown(module):
    assert module.docstring.value == (
        "A rule.\n\n```text\nw <- w + v\n```\n\nw are weights."
    )


def test_a_setting_has_its_text_and_its_default(module):
    size = module["Config.size"]
    assert size.docstring.value == "side of the crops, pixels"
    assert str(size.value) == "224"
    # In the signature, too.
    assert str(module["Config"].parameters["size"].default) == "224"


def test_a_field_has_its_comment(module):
    assert module["Config.mean"].docstring.value == "float32 [N]"
    assert module["Config.plain"].docstring is None


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
