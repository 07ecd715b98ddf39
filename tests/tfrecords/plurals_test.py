"""Tests of `tfrecords.plurals`, and of messages that would say "1 images"."""

from __future__ import annotations

import pathlib
import re
import sys

import pytest

from tfrecords import plurals
from tools import checkout_modules

CHECKOUT = pathlib.Path(__file__).parents[2]
NOUNS = "images|classes|records|shards|epochs|steps|trials|runs|towers|arrays"


@pytest.mark.parametrize(
    "number, noun, text",
    [
        (0, "image", "0 images"),
        (1, "image", "1 image"),
        (2, "image", "2 images"),
        (1, "class", "1 class"),
        (1000, "class", "1,000 classes"),
        (3, "batch", "3 batches"),
        (3, "epoch", "3 epochs"),
    ],
)
def test_one_is_singular(number, noun, text):
    assert plurals.counted(number, noun) == text


def test_messages_use_it():
    found = []
    for name, module in checkout_modules.read_modules(CHECKOUT).items():
        if name.startswith(("alexnet_tf.commands", "tfrecords.commands")):
            path = CHECKOUT / module.folder / f"{module.stem}.py"
            text = path.read_text(encoding="utf-8")
            for match in re.finditer(rf"(of )?\{{([^{{}}]+)\}} ({NOUNS})\b", text):
                if not match[1] and "rate" not in match[2]:
                    found.append(f"{name}: {match[0]}")
    assert found == []


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
