"""Pieces of the page's HTML. All text of others goes through `escape`."""

from __future__ import annotations

import html

from alexnet_tf.inference.explain import drawing
from tfrecords.console import printing

# Sides of images that are shown several times as large, in pixels.
_SMALL = 40


def escape(text: str) -> str:
    """Text for the page: names of files and classes are the user's, or a stranger's."""
    return html.escape(printing.escape(text))


def make_image(uri: str, alternative: str, is_sharp: bool) -> str:
    """An image of `drawing`'s; `is_sharp` keeps its pixels visible when enlarged."""
    kind = ' class="sharp"' if is_sharp else ""
    return f'<img{kind} src="{uri}" alt="{escape(alternative)}">'


def is_small(side: int) -> bool:
    """Whether an image of this side, in pixels, is shown with visible pixels."""
    return side < _SMALL


def make_figure(image: str, caption: str, scale: str = "") -> str:
    """An image with a caption; `caption` and `scale` are HTML."""
    return f"<figure>{image}{scale}<figcaption>{caption}</figcaption></figure>\n"


def make_scale(ends: tuple[str, str], colours: str) -> str:
    """The legend of a colour map, with the texts of its low and its high end."""
    low, high = map(escape, ends)
    gradient = drawing.make_gradient(colours)
    return f'<div class="scale">{low}<i style="background:{gradient}"></i>{high}</div>'


def format_percent(probability: float) -> str:
    """Text such as "99.6%", or "<0.1%" where it would be rounded to nothing."""
    return "<0.1%" if probability < 0.0005 else f"{probability:.1%}"


def format_response(response: float) -> str:
    """Three digits, and no exponent for large numbers: "0.12", "51.3", "1,104"."""
    return f"{response:,.0f}" if abs(response) >= 100 else f"{response:.3g}"
