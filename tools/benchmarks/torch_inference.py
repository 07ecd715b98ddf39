"""PyTorch as a contestant that is asked for images, with Pillow to read them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from tools.benchmarks import torch_peer
from tools.benchmarks.inference_contestants import (
    Call,
    make_asking,
    make_pixels,
    read_files,
)

_STORED_SIZE = 256


def network(
    paths: list[str],
    batch_size: int,
    precision: str,
    how: str,
    channels_last: bool,
    num_classes: int = 1000,
) -> Call:
    """The same network; the call is that of `inference_contestants.exported`.

    Args:
      paths: paths of JPEG files.
      batch_size: of the batch.
      precision: "float32" or "mixed_bfloat16".
      how: "eager", "jit" (traced, frozen) or "compiled".
      channels_last: the layout of the maps.
      num_classes: the width of fc8.
    """
    import torch

    size = 224
    encoded = read_files(paths)
    pixels = make_pixels(encoded, size)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    mean = torch.tensor([123.0, 117.0, 104.0]).reshape(1, 3, 1, 1)
    # The weights are cast once: autocast would cast them at every question.
    dtype = torch.bfloat16 if precision == "mixed_bfloat16" else torch.float32
    module = torch_peer.build_network(num_classes).eval().to(dtype)
    module.norm = _make_wide(module.norm)
    with torch.inference_mode():
        forward = _prepare(module, how, layout, dtype)

    def ask_pixels(images: np.ndarray) -> None:
        with torch.inference_mode():
            x = (torch.from_numpy(images).permute(0, 3, 1, 2) - mean).to(dtype)
            logits = forward(x.contiguous(memory_format=layout))
            torch.softmax(logits.float(), 1).numpy()

    def ask_bytes(number: int) -> None:
        ask_pixels(read_view(encoded[number], size))

    return make_asking(ask_bytes, ask_pixels, pixels, batch_size)


def _make_wide(norm: Any) -> Any:
    """The normalization in float32: PyTorch's knows no bfloat16 on processors."""
    from torch import nn

    class Wide(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = norm

        def forward(self, x: Any) -> Any:
            return self.norm(x.float()).to(x.dtype)

    return Wide()


def _prepare(module: Any, how: str, layout: Any, dtype: Any) -> Any:
    import torch

    module = module.to(memory_format=layout)
    if how == "compiled":
        # For each size of batch its own kernels.
        return torch.compile(module, dynamic=False)
    if how == "jit":
        example = torch.zeros(1, 3, 224, 224, dtype=dtype)
        traced = torch.jit.trace(module, example.contiguous(memory_format=layout))
        return torch.jit.freeze(traced)
    return module


def read_view(data: bytes, size: int) -> np.ndarray:
    """A JPEG's centre view by one resize of Pillow's: float32 [1, size, size, 3]."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    side = min(image.size) * size / _STORED_SIZE
    left, top = ((length - side) / 2 for length in image.size)
    image = image.resize(
        (size, size), Image.Resampling.BICUBIC, (left, top, left + side, top + side)
    )
    return np.asarray(image, np.float32)[np.newaxis]
