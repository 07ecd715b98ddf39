"""Writes the page: one HTML file that holds its images and loads nothing."""

from __future__ import annotations

import os

import numpy as np

from alexnet_tf.inference.explain import drawing, layer_section, markup
from alexnet_tf.inference.explain.explanation import (
    Answer,
    Explanation,
    ImageExplanation,
)
from alexnet_tf.inference.explain.page_style import STYLE
from tfrecords.durable import files
from tfrecords.plurals import counted

# The browser keeps to it, too: no scripts, and nothing from elsewhere.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
# Percent; the brighter pixels of the saliency map have the same colour.
_BRIGHTEST = 99.5
# Of the occlusion map's colours, over the image.
_SHARE = 0.6

_MAPS = (
    "<h3>Layer by layer</h3>\n<p>A convolutional layer has a map for each kernel: how "
    "strongly the kernel responds at each place. Here are the strongest maps, after "
    "the activation, each with its kernel&#x27;s number and its greatest response. All "
    "maps of a layer share one scale, so that they can be compared. Other layers have "
    "other scales.</p>\n"
)
_FOOTER = (
    '<footer class="quiet">\n<p>The network: A. Krizhevsky, I. Sutskever, G. Hinton, '
    "<cite>ImageNet classification with deep convolutional neural networks</cite>, "
    "2012. Patches and occlusion: M. Zeiler, R. Fergus, <cite>Visualizing and "
    "understanding convolutional networks</cite>, 2014. Saliency: K. Simonyan, A. "
    "Vedaldi, A. Zisserman, <cite>Deep inside convolutional networks</cite>, 2013."
    "</p>\n</footer>\n"
)


def write(explanation: Explanation, path: str) -> int:
    """Writes the page atomically and returns its size in bytes; raises `StorageError`.

    With the greatest numbers that `alexnet-explain` takes, AlexNet's page has less than
    4 MB per image.
    """
    data = make(explanation).encode()
    files.write_bytes(path, data)
    return len(data)


def make(explanation: Explanation) -> str:
    """The page's HTML."""
    names = [os.path.basename(image.path) for image in explanation.images]
    title = markup.escape(f"Inside the network: {', '.join(names)}")
    facts = "".join(
        f"<dt>{markup.escape(term)}</dt><dd>{markup.escape(value)}</dd>"
        for term, value in explanation.facts.items()
    )
    warning = links = ""
    if explanation.warning:
        warning = f'<p class="warning">{markup.escape(explanation.warning)}</p>\n'
    if len(names) > 1:
        links = " · ".join(
            f'<a href="#image-{number}">{markup.escape(name)}</a>'
            for number, name in enumerate(names, 1)
        )
        links = f"<nav>{links}</nav>\n"
    articles = "".join(
        _make_article(image, number, explanation)
        for number, image in enumerate(explanation.images, 1)
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<header>\n"
        f"<h1>Inside the network</h1>\n<dl>{facts}</dl>\n{warning}{links}</header>\n"
        f"<main>\n{articles}</main>\n{_FOOTER}</body>\n</html>\n"
    )


def _make_article(
    image: ImageExplanation, number: int, explanation: Explanation
) -> str:
    crop_size = len(image.crop)
    layers = (layer_section.make_section(layer, crop_size) for layer in image.layers)
    return "".join(
        [
            f'<article id="image-{number}">\n',
            _show_answers(image),
            _show_evidence(image),
            _MAPS,
            _introduce_cards(image, explanation),
            *layers,
            "</article>\n",
        ]
    )


def _show_answers(image: ImageExplanation) -> str:
    name = os.path.basename(image.path)
    crop = _make_image(image.crop, f"the central crop of {name}")
    caption = f"What the network sees of {markup.escape(image.path)}: the central crop."
    bars = "".join(map(_make_bar, image.answers))
    return (
        f'<h2>{markup.escape(name)}</h2>\n<div class="answer">\n'
        f"{markup.make_figure(crop, caption)}"
        f'<ol class="bars">{bars}</ol>\n</div>\n'
    )


def _make_image(pixels: np.ndarray, alternative: str) -> str:
    is_sharp = markup.is_small(len(pixels))
    return markup.make_image(drawing.make_uri(pixels), alternative, is_sharp)


def _make_bar(answer: Answer) -> str:
    kind = ' class="truth"' if answer.is_truth else ""
    mark = " (the folder's name)" if answer.is_truth else ""
    return (
        f'<li{kind}><div class="name"><span>{markup.escape(answer.name + mark)}</span>'
        f"<span>{markup.escape(markup.format_percent(answer.probability))}</span></div>"
        f'<div class="track"><div class="bar" style="width:{answer.probability:.1%}">'
        "</div></div></li>\n"
    )


def _show_evidence(image: ImageExplanation) -> str:
    """The occlusion map, the worst place for the square, and the saliency map."""
    covered, crop_size = image.occlusion, len(image.crop)
    name = markup.escape(image.answers[0].short)
    low, high = float(covered.probabilities.min()), float(covered.probabilities.max())
    heat = (covered.interpolate(crop_size) - low) / (high - low or 1.0)
    colours = drawing.color(heat, drawing.HEAT)
    square = drawing.draw_square(image.crop, *covered.find_lowest(), covered.side)
    greatest = np.percentile(image.saliency, _BRIGHTEST) or 1.0
    saliency = drawing.color(image.saliency / greatest, drawing.RESPONSE)
    ends = markup.format_percent(low), markup.format_percent(high)
    least, alone = (
        markup.escape(markup.format_percent(probability))
        for probability in (low, image.answers[0].probability)
    )
    figures = [
        markup.make_figure(
            _make_image(
                drawing.blend(image.crop, colours, _SHARE), "the occlusion map"
            ),
            f"<b>Occlusion.</b> The probability of {name} with a grey square of "
            f"{covered.side} x {covered.side} pixels centred at each place. Without "
            f"the square it is {alone}. It depends most on what is at dark places.",
            markup.make_scale(ends, drawing.HEAT),
        ),
        markup.make_figure(
            _make_image(square, "the image with the grey square"),
            f"<b>The worst place for the square.</b> There, the probability of {name} "
            f"is {least}. {_count_other_answers(image)}",
        ),
        markup.make_figure(
            _make_image(saliency, "the saliency map"),
            f"<b>Saliency.</b> How fast the score of {name} changes with each pixel: "
            "the absolute gradient, the greatest of the three colours. The brightest "
            "half percent of the pixels has one colour.",
        ),
    ]
    return (
        '<h3>What the answer depends on</h3>\n<div class="three">\n'
        f"{''.join(figures)}</div>\n"
    )


def _count_other_answers(image: ImageExplanation) -> str:
    if not image.other_answers:
        return "The answer is the same at every position."
    listed = [f"{name} ({count})" for name, count in image.other_answers]
    more = ", ..." if len(listed) > 3 else ""
    total = sum(count for _, count in image.other_answers)
    positions = counted(image.occlusion.answers.size, "position")
    return markup.escape(
        f"At {total:,} of {positions} the answer is another: "
        f"{', '.join(listed[:3])}{more}."
    )


def _introduce_cards(image: ImageExplanation, explanation: Explanation) -> str:
    if not any(layer.kernels for layer in image.layers):
        return ""
    here = (
        "<p>For some kernels a card shows what they look for: {} the part of this "
        "image where the kernel responds most{}. A part is all that one unit sees: its "
        "receptive field. Grey lies outside the crop.</p>\n"
    )
    if explanation.why_no_patches:
        return here.format("", "") + (
            "<p>The parts of training images are left out: "
            f"{markup.escape(explanation.why_no_patches)}</p>\n"
        )
    images = counted(explanation.num_training_images, "training image")
    return here.format(
        "at the left",
        f", at the right the parts of {images} that excite it most, strongest first, "
        "one of each image",
    )
