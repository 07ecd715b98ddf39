"""The page: well-formed, whole in itself, and safe with names of strangers."""

from __future__ import annotations

import dataclasses
import html.parser
import re
import sys

import numpy as np
import pytest

from alexnet_tf.inference.explain import layer_section, markup, page
from alexnet_tf.inference.explain.explanation import (
    Answer,
    Explanation,
    ImageExplanation,
    KernelPatches,
    Layer,
    Map,
    TowerMaps,
    TrainingPatch,
)
from alexnet_tf.inference.explain.kernels import Kernel
from alexnet_tf.inference.explain.occlusion import Occlusion
from alexnet_tf.inference.explain.receptive_field import Field
from tfrecords import errors

HOSTILE = "<script>alert(1)</script>"
# In a file's name; with a byte that is not UTF-8 and an end of line.
HOSTILE_NAME = "a\"'><img src=x onerror=alert(2)>\udce9\n.jpg"
# Sizes of AlexNet's maps and fields.
LAYERS = {
    "conv1": (55, Field(11, 4, 0)),
    "conv2": (27, Field(51, 8, -16)),
    "conv3": (13, Field(99, 16, -32)),
    "conv4": (13, Field(131, 16, -48)),
    "conv5": (13, Field(163, 16, -64)),
}
VOID = {"meta", "img", "br", "rect"}


def make_noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def make_layer(name, num_maps=2, num_kernels=1, num_patches=2, class_name="ring"):
    side, field = LAYERS[name]
    values = np.random.default_rng(1).uniform(0, 9, (side, side)).astype(np.float32)
    patch = make_noise(field.size, field.size, 3)
    weights = None if name != "conv1" else patch.astype(np.float32) - 100
    training = tuple(
        TrainingPatch(9.5 - number, class_name, patch) for number in range(num_patches)
    )
    towers = [f"{name}{suffix}" for suffix in "ab"]
    return Layer(
        name,
        field,
        False,
        0.0,
        9.0,
        tuple(
            TowerMaps(
                tower,
                48,
                31,
                tuple(Map(number, 9.0, values) for number in range(num_maps)),
            )
            for tower in towers
        ),
        tuple(
            KernelPatches(Kernel(tower, number), 4.25, patch, weights, training)
            for tower in towers
            for number in range(num_kernels)
        ),
    )


def make_image(path="images/cat.jpg", class_name="cat", layers=None, crop_size=224):
    answers = tuple(
        Answer(f"{class_name} (n{label})", class_name, probability, label == 1)
        for label, probability in enumerate((0.75, 0.2496, 0.0004))
    )
    values = np.linspace(0.031, 0.912, 9, dtype=np.float32).reshape(3, 3)
    covered = Occlusion(32, np.array([0, 96, 192]), values, np.ones((3, 3), int))
    return ImageExplanation(
        path,
        make_noise(crop_size, crop_size, 3),
        answers,
        covered,
        ((class_name, 4), ("dog", 2), ("kite", 1), ("owl", 1)),
        np.random.default_rng(2).uniform(0, 1, (crop_size, crop_size)),
        tuple(layers or map(make_layer, ("conv1", "conv5"))),
    )


def make_explanation(*images, **changes):
    made = Explanation({"run": "runs/one"}, "", images or (make_image(),), 512, "")
    return dataclasses.replace(made, **changes)


class Parser(html.parser.HTMLParser):
    """Notes tags, attributes and text, and faults: what loads, runs or is not closed.

    Attributes:
      faults: what must not be on the page.
      text: all text of the body.
      sources: of images.
    """

    def __init__(self, text):
        super().__init__()
        self.faults, self.sources, self.text = [], [], ""
        self._open = []
        self.feed(text)
        self.close()
        self.faults += [f"<{tag}> is open" for tag in self._open]

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self._open.append(tag)
        if tag in ("script", "link", "iframe", "object", "form", "base"):
            self.faults.append(f"<{tag}>")
        for name, value in attributes:
            value = value or ""
            if name == "src":
                self.sources.append(value)
            if name.startswith("on"):
                self.faults.append(name)
            is_kept = re.match(r"data:image/(png|jpeg);base64,", value)
            if name in ("src", "srcset") and not is_kept:
                self.faults.append(f"{name}={value:.40}")
            if name == "href" and not value.startswith("#"):
                self.faults.append(f"{name}={value:.40}")
            if name == "style" and "url(" in value:
                self.faults.append(value)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag):
        if not self._open or self._open.pop() != tag:
            self.faults.append(f"</{tag}> closes nothing")

    def handle_data(self, data):
        if "style" in self._open and re.search(r"url\(|@import|//", data):
            self.faults.append("the style loads something")
        self.text += data


def test_it_is_well_formed_and_loads_nothing():
    text = page.make(make_explanation(make_image(), make_image("dog.png")))
    parser = Parser(text)
    assert parser.faults == []
    assert text.startswith("<!doctype html>\n")
    assert not re.search(r"https?:", text)
    # Per image: the crop, three of the evidence; per layer: four maps, two cards of a
    # part and a sheet; conv1's weights.
    assert len(parser.sources) == 2 * (4 + 2 * (4 + 2 * 2) + 2)
    assert "default-src 'none'" in text
    assert 'name="viewport"' in text


def test_all_facts_are_there():
    text = Parser(page.make(make_explanation())).text
    for fact in (
        *("runs/one", "cat.jpg", "75.0%", "25.0%", "<0.1%", "cat (n1) (the folder's"),
        *("3.1%", "91.2%", "32 x 32", "At 8 of 9 positions", "dog (2), kite (1), ..."),
        *("conv1a", "31 of 48 kernels respond", "maps of 55 x 55", "96 kernels"),
        *("163 x 163 pixels", "16 pixels further", "conv5b:0", "here: 4.25"),
        *("training images: 9.5 to 8.5", "ring (2)", "512 training images"),
        *("Krizhevsky", "Zeiler", "Simonyan"),
    ):
        assert fact in text, fact


def make_hostile_page():
    layers = [make_layer("conv1", class_name=HOSTILE)]
    image = make_image(HOSTILE_NAME, HOSTILE, layers)
    facts = {"run": HOSTILE, HOSTILE: "x"}
    return page.make(
        make_explanation(
            image,
            make_image(HOSTILE),
            facts=facts,
            warning=HOSTILE,
        )
    )


def test_names_of_strangers_are_text():
    text = make_hostile_page()
    parser = Parser(text)
    assert parser.faults == []
    # As text, in the title, the facts, the answers, the captions and the patches.
    assert parser.text.count(HOSTILE) >= 10
    assert "<img src=x onerror=alert(2)>" in parser.text
    assert "\\udce9\\n.jpg" in parser.text
    text.encode("utf-8")


def test_the_check_would_find_what_is_not_escaped(monkeypatch):
    """The control of the test above."""
    monkeypatch.setattr(markup, "escape", lambda text: text)
    assert {"<script>", "onerror"} <= set(Parser(make_hostile_page()).faults)


@pytest.mark.parametrize(
    "text",
    [
        '<img src="https://example.org/a.png">',
        '<a href="https://example.org">a</a>',
        "<p>a",
        "<div></p></div>",
        "<style>p { background: url(a.png) }</style>",
        '<p style="background: url(a.png)">a</p>',
        '<p onclick="a()">a</p>',
        "<script>a()</script>",
        '<link rel="stylesheet" href="#a">',
    ],
)
def test_faults_would_be_found(text):
    assert Parser(text).faults


@pytest.mark.parametrize(
    "response, text",
    [(0.0, "0"), (0.01234, "0.0123"), (99.94, "99.9"), (1104.4, "1,104"), (-5.0, "-5")],
)
def test_responses_have_no_exponent(response, text):
    assert markup.format_response(response) == text


def test_without_training_images_the_page_says_why():
    layer = make_layer("conv5")
    cards = tuple(dataclasses.replace(card, training=None) for card in layer.kernels)
    image = make_image(layers=[dataclasses.replace(layer, kernels=cards)])
    why = f"they are gone {HOSTILE}."
    made = make_explanation(image, num_training_images=0, why_no_patches=why)
    parser = Parser(page.make(made))
    assert parser.faults == [] and why in parser.text
    assert "no training image" not in parser.text and "here: 4.25" in parser.text


def test_silent_kernels_say_so():
    shown = dataclasses.replace(make_layer("conv5").kernels[0], response=0.0)
    layer = dataclasses.replace(make_layer("conv5"), kernels=(shown,))
    assert "silent in this image" in layer_section.make_section(layer, 224)
    shown = dataclasses.replace(shown, training=())
    layer = dataclasses.replace(layer, kernels=(shown,))
    assert "no training image excites it" in layer_section.make_section(layer, 224)


def test_layers_without_cards_and_kernels_by_position():
    bare = dataclasses.replace(make_layer("conv5"), kernels=())
    text = Parser(page.make(make_explanation(make_image(layers=[bare])))).text
    assert "What excites them" not in text and "a card shows" not in text
    local = dataclasses.replace(make_layer("conv5"), is_local=True)
    assert "kernels of its own" in layer_section.make_section(local, 24)


def test_small_crops_keep_their_pixels():
    for crop_size, expected in ((32, 4), (224, 0)):
        image = make_image(crop_size=crop_size, layers=[make_layer("conv5")])
        head = page.make(make_explanation(image)).partition("Layer by layer")[0]
        assert head.count('<img class="sharp"') == expected


def test_the_greatest_page_is_within_its_bound(tmp_path):
    """Of noise, which compresses least, with the greatest numbers of the command."""
    layers = [make_layer(name, 16, 4, 16) for name in LAYERS]
    path = tmp_path / "page.html"
    size = page.write(make_explanation(make_image(layers=layers)), str(path))
    assert size == path.stat().st_size < 4_000_000
    assert Parser(path.read_text("utf-8")).faults == []


def test_a_missing_directory_leaves_nothing(tmp_path):
    with pytest.raises(errors.UserError, match="no directory"):
        page.write(make_explanation(), str(tmp_path / "none" / "page.html"))
    assert list(tmp_path.iterdir()) == []


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
