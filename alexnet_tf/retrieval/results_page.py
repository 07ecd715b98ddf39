"""Queries and the images most like them: a self-contained HTML page, and a figure."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from alexnet_tf.data.directory import DataDirectory
from alexnet_tf.figures import neighbour_grid
from alexnet_tf.inference import predict
from alexnet_tf.retrieval import build
from alexnet_tf.retrieval.feature_files import Features
from alexnet_tf.retrieval.neighbours import Result
from tfrecords.console import printing
from tfrecords.durable import files

# Bounds the page: a query with six neighbours takes about 40 kB.
MAX_QUERIES = 200
# Of the figure; the paper's has five.
MAX_ROWS = 20
_THUMBNAIL = 128

_STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 1rem auto; max-width: 1100px;
       padding: 0 1rem; color: #111; background: #fff; }
h1 { font-size: 1.3rem; } p { color: #444; }
section { display: flex; flex-wrap: wrap; gap: .6rem; padding: .8rem 0;
          border-top: 1px solid #ccc; }
figure { margin: 0; width: 128px; } img { display: block; width: 128px; height: 128px; }
figcaption { font-size: .8rem; overflow-wrap: anywhere; }
.query { padding-right: .6rem; border-right: 3px solid #0072B2; }
.same figcaption { color: #0072B2; font-weight: 600; }
.error { color: #D55E00; }
"""


def write_page(
    results: Sequence[Result], features: Features, data: DataDirectory, path: str
) -> int:
    """Writes the page of the first `MAX_QUERIES` results; returns how many it shows.

    `data` are the features' images. Raises `StorageError` if it cannot be written.
    """
    shown = results[:MAX_QUERIES]
    page = make_page(shown, [_read(each, features, data) for each in shown], features)
    files.write_bytes(path, page.encode(errors="replace"))
    return len(shown)


def write_figure(
    results: Sequence[Result], features: Features, data: DataDirectory, path: str
) -> int:
    """Draws the first `MAX_ROWS` results, see `neighbour_grid`; raises as that does.

    Returns how many rows there are; of none nothing is written.
    """
    shown = [result for result in results if not result.query.error][:MAX_ROWS]
    if shown:
        neighbour_grid.draw_neighbours(
            [result.query.image for result in shown],
            [_read(result, features, data) for result in shown],
            path,
        )
    return len(shown)


def _read(result: Result, features: Features, data: DataDirectory) -> list[np.ndarray]:
    split = features.source.split
    return [build.read_image(data, split, each.row)[0] for each in result.neighbours]


def make_page(
    results: Sequence[Result],
    neighbour_images: Sequence[Sequence[np.ndarray]],
    features: Features,
) -> str:
    """Makes the page; `neighbour_images` are uint8 [size, size, 3], by result.

    Neighbours of the query's class are marked by colour and weight. All text of files
    and classes is escaped; nothing is loaded from elsewhere.
    """
    source = features.source
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        '<meta name=viewport content="width=device-width, initial-scale=1">',
        "<title>Nearest images</title>",
        f"<style>{_STYLE}</style><h1>Nearest images</h1>",
        f"<p>Euclidean distance between features of {html.escape(source.layer)}, "
        f"{source.num_features:,} numbers, among {source.num_images:,} images of the "
        f"split {html.escape(source.split)}. The query is on the left; images of its "
        "class are in bold blue.</p>",
    ]
    for result, images in zip(results, neighbour_images, strict=True):
        parts.append("<section>")
        parts.append(_describe_query(result, features))
        for rank, (found, image) in enumerate(
            zip(result.neighbours, images, strict=True), 1
        ):
            is_same = found.label >= 0 and found.label == result.query.label
            caption = f"{rank}. {_name(found.label, features)} {found.distance:.4g}"
            parts.append(_draw(image, caption, "same" if is_same else "other"))
        parts.append("</section>")
    return "\n".join([*parts, "</html>\n"])


def _describe_query(result: Result, features: Features) -> str:
    query = result.query
    if query.error:
        text = f"{printing.escape(query.name)}: {query.error}"
        return f"<p class=error>{html.escape(text)}</p>"
    caption = f"{printing.escape(query.name)} {_name(query.label, features)}"
    return _draw(query.image, caption.strip(), "query")


def _name(label: int, features: Features) -> str:
    return predict.format_class(features.source.classes[label]) if label >= 0 else ""


def _draw(image: np.ndarray, caption: str, kind: str) -> str:
    text = html.escape(caption)
    return (
        f"<figure class={kind}><img alt={_quote(caption)} src={encode_image(image)}>"
        f"<figcaption>{text}</figcaption></figure>"
    )


def _quote(text: str) -> str:
    return f'"{html.escape(text, quote=True)}"'


def encode_image(image: np.ndarray, size: int = _THUMBNAIL) -> str:
    """An image, uint8 [height, width, 3], as a JPEG thumbnail in a data URI."""
    stream = io.BytesIO()
    small = Image.fromarray(image).resize((size, size), Image.Resampling.LANCZOS)
    small.save(stream, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()
