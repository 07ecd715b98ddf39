"""GIFs with more frames than one."""

from __future__ import annotations

import io
import struct

from PIL import Image


def append_frame(gif: bytes, width: int, height: int) -> bytes:
    """`gif` with another frame of one colour, sound, which may exceed the screen."""
    stream = io.BytesIO()
    Image.new("L", (width, height)).save(stream, "GIF")
    other = stream.getvalue()
    start = other.index(b"\x2c" + struct.pack("<HHHH", 0, 0, width, height))
    return gif[:-1] + other[start:]
