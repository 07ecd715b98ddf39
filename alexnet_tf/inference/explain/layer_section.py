"""The page's section of a convolutional layer: maps, and what excites its kernels."""

from __future__ import annotations

import collections

from alexnet_tf.figures import matplotlib_defaults
from alexnet_tf.inference.explain import drawing, markup
from alexnet_tf.inference.explain.explanation import KernelPatches, Layer, TowerMaps
from tfrecords.plurals import counted


def make_section(layer: Layer, crop_size: int) -> str:
    """A layer's HTML; the crop's side is in pixels."""
    kernels = sum(tower.num_kernels for tower in layer.towers)
    height, width = layer.towers[0].maps[0].values.shape
    size, jump = layer.field.size, counted(layer.field.jump, "pixel")
    text = (
        f"{counted(kernels, 'kernel')}, maps of {height} x {width}. A unit sees {size} "
        f"x {size} pixels; the next unit&#x27;s are {jump} further."
    )
    if layer.is_local:
        text += (
            " Each position has kernels of its own, so that patches from other "
            "positions show what a neighbour looks for."
        )
    ends = markup.format_response(layer.low), markup.format_response(layer.high)
    scale = markup.make_scale(ends, drawing.RESPONSE)
    towers = "".join(_make_tower(tower, layer) for tower in layer.towers)
    cards = "".join(_make_card(shown) for shown in layer.kernels)
    if cards:
        cards = f'<h4>What excites them</h4>\n<div class="cards">{cards}</div>\n'
    return (
        f'<section>\n<div class="layer">{_draw_field(size, crop_size)}<div><h3>'
        f'{markup.escape(layer.name)}</h3><p class="quiet">{text}</p>{scale}</div>'
        f"</div>\n{towers}{cards}</section>\n"
    )


def _draw_field(size: int, crop_size: int) -> str:
    """A unit's field, orange, over the crop, grey."""
    side = max(size, crop_size)
    squares = "".join(
        f'<rect x="{(side - inner) / 2:g}" y="{(side - inner) / 2:g}" width="{inner}" '
        f'height="{inner}" fill="{colour}" fill-opacity=".8"/>'
        for inner, colour in (
            (crop_size, "#ccc"),
            (size, matplotlib_defaults.ORANGE),
        )
    )
    return (
        f'<svg viewBox="0 0 {side} {side}" role="img" aria-label="a unit sees {size} '
        f'of {crop_size} pixels a side">{squares}</svg>'
    )


def _make_tower(tower: TowerMaps, layer: Layer) -> str:
    figures = "".join(
        markup.make_figure(
            markup.make_image(
                drawing.make_map_uri(shown.values, layer.low, layer.high),
                f"map {shown.number} of {tower.name}",
                is_sharp=True,
            ),
            f"<b>{shown.number}</b> · {markup.format_response(shown.response)}",
        )
        for shown in tower.maps
    )
    return (
        f'<h4>{markup.escape(tower.name)} <span class="quiet">'
        f"{tower.num_active} of {counted(tower.num_kernels, 'kernel')} respond</span>"
        f'</h4>\n<div class="maps">{figures}</div>\n'
    )


def _make_card(shown: KernelPatches) -> str:
    return (
        f'<div class="card"><h5>{markup.escape(str(shown.kernel))}</h5><div '
        f'class="halves"><div>{_show_here(shown)}</div><div>{_show_training(shown)}'
        "</div></div></div>\n"
    )


def _show_here(shown: KernelPatches) -> str:
    """This image's part, and the weights of a kernel of the first layer."""
    is_sharp = markup.is_small(len(shown.patch))
    text = '<p class="quiet">silent in this image</p>'
    if shown.response > 0:
        uri = drawing.make_uri(drawing.shrink(shown.patch))
        text = markup.make_figure(
            markup.make_image(uri, "the part of this image", is_sharp),
            f"here: {markup.format_response(shown.response)}",
        )
    if shown.weights is not None:
        uri = drawing.make_uri(drawing.scale_kernel(shown.weights))
        text += markup.make_figure(
            markup.make_image(uri, "the kernel's weights", is_sharp=True), "its weights"
        )
    return text


def _show_training(shown: KernelPatches) -> str:
    """The training images' parts on one sheet, with responses and classes."""
    if shown.training is None:
        return ""
    if not shown.training:
        return '<p class="quiet">no training image excites it</p>'
    first, last = (
        markup.format_response(patch.response)
        for patch in (shown.training[0], shown.training[-1])
    )
    names = collections.Counter(patch.class_name for patch in shown.training)
    classes = ", ".join(
        name if count == 1 else f"{name} ({count})"
        for name, count in names.most_common()
    )
    sheet = drawing.make_sheet([patch.pixels for patch in shown.training])
    return markup.make_figure(
        markup.make_image(
            drawing.make_uri(sheet),
            "parts of training images",
            markup.is_small(len(shown.patch)),
        ),
        f"training images: {first} to {last}<br>{markup.escape(classes)}",
    )
