"""Strips metadata from images, so that it cannot make a decoder fail.

Comments, colour profiles, dates and camera data may be damaged, or inflate to
gigabytes, although every pixel is sound. Decoders react differently: Pillow refuses
images that TensorFlow and browsers show. So only what the pixels need is passed on. It
is checked as libpng, giflib and libwebp (which TensorFlow uses) check it, so that both
accept the same files.

For JPEGs see `headers.strip_jpeg`; a BMP's profile disturbs no decoder used here.

Sources: W3C PNG (third edition) 5 and 11, GIF89a, RFC 9649 (WebP).
"""

from __future__ import annotations

import struct
import zlib

from tfrecords.images import headers

ImageError = headers.ImageError

_PNG_HEADER_BYTES = 8
# Without tRNS: alpha is dropped.
_PNG_KEPT_CHUNKS = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_GIF_CONTROL = b"\x21\xf9\x04"
_GIF_CONTROL_BYTES = 8
_WEBP_HEADER_BYTES = 12
_WEBP_IMAGES = (b"VP8 ", b"VP8L")
_WEBP_KEPT_CHUNKS = (b"VP8X", b"ANIM", b"ANMF", b"ALPH", *_WEBP_IMAGES)
# VP8X announces what follows; of that, alpha and an animation stay.
_WEBP_KEPT_FLAGS = 0x10 | 0x02


def strip_png(data: bytes) -> tuple[bytes, bytes]:
    """The same PNG without ancillary chunks, and its Exif data.

    The header, the palette and the image data are kept. The data is the TIFF structure
    of the Exif chunk (empty if there is none, or its checksum is wrong). Raises
    `ImageError` if a chunk that is kept is damaged, the PNG ends before its last chunk,
    or it needs an unknown chunk.
    """
    view = memoryview(data)
    parts = [view[:_PNG_HEADER_BYTES]]
    exif = b""
    last_kind = b""
    has_pixels = False
    position = _PNG_HEADER_BYTES
    while last_kind != b"IEND":
        # Four bytes of length, four of type, the payload, four of checksum.
        end = position + 12 + int.from_bytes(view[position : position + 4], "big")
        if end > len(data):
            raise ImageError("the PNG is cut short")
        kind = bytes(view[position + 4 : position + 8])
        checksum = int.from_bytes(view[end - 4 : end], "big")
        is_sound = zlib.crc32(view[position + 4 : end - 4]) == checksum
        if kind in _PNG_KEPT_CHUNKS:
            if not is_sound:
                raise ImageError(
                    f"the PNG is damaged (its {kind.decode()} has a wrong checksum)"
                )
            if kind == b"IHDR" and position > _PNG_HEADER_BYTES:
                raise ImageError("the PNG has two headers")
            # Image data are contiguous; libpng ignores what comes later.
            is_late = kind == b"IDAT" and has_pixels and last_kind != b"IDAT"
            has_pixels = has_pixels or kind == b"IDAT"
            if not is_late:
                parts.append(view[position:end])
        elif not kind.isalpha():
            raise ImageError("the PNG is damaged (no chunk where one must begin)")
        elif kind[:1].isupper():
            raise ImageError(f"the PNG needs an unknown chunk, {kind.decode()}")
        elif kind == b"eXIf" and is_sound and not exif:
            exif = bytes(view[position + 8 : end - 4])
        position, last_kind = end, kind
    return b"".join(parts), exif


def strip_gif(data: bytes) -> bytes:
    """The first frame of a GIF, without comments and the like.

    `headers.read_dimensions` has checked the GIF.
    """
    screen_end = headers.find_gif_screen_end(data)
    frame = headers.find_gif_frame(data)
    # The control says which colour fills the screen around a smaller frame.
    controls = data[screen_end:frame]
    start = controls.rfind(_GIF_CONTROL)
    control = controls[start : start + _GIF_CONTROL_BYTES] if start >= 0 else b""
    if len(control) < _GIF_CONTROL_BYTES or control[-1]:
        control = b""
    flags = data[frame + 9]
    position = frame + 10
    if flags & 0x80:  # a palette of 2^(n + 1) colours
        position += 3 << (flags & 7) + 1
    position += 1  # the smallest code's bits
    while position < len(data) and data[position]:
        position += 1 + data[position]
    pixels = data[frame : position + 1]
    return b"".join([data[:screen_end], control, pixels, b";"])


def strip_webp(data: bytes) -> tuple[bytes, bytes]:
    """The same WebP without profile, Exif, XMP and unknown chunks, and its Exif data.

    The data is the payload of the Exif chunk, empty if there is none. Raises
    `ImageError` if the file is shorter than it says, or lacks image data.
    """
    (num_bytes,) = struct.unpack_from("<I", data, 4)
    riff_end = 8 + num_bytes
    if riff_end > len(data):
        raise ImageError("the WEBP is cut short")
    view = memoryview(data)
    parts: list[bytes | memoryview] = []
    exif = b""
    position = _WEBP_HEADER_BYTES
    while position + 8 <= riff_end:
        kind = bytes(view[position : position + 4])
        (size,) = struct.unpack_from("<I", data, position + 4)
        end = position + 8 + size
        if kind in _WEBP_KEPT_CHUNKS:
            if end > riff_end:
                raise ImageError("the WEBP is cut short")
            chunk = view[position:end]
            if kind == b"VP8X":
                flags = bytes([chunk[8] & _WEBP_KEPT_FLAGS]) if size else b""
                chunk = memoryview(b"".join([chunk[:8], flags, chunk[9:]]))
            parts += [chunk, bytes(size % 2)]
            if not exif and position == _WEBP_HEADER_BYTES and kind in _WEBP_IMAGES:
                break  # the simple format: nothing else belongs to the image
        elif kind == b"EXIF" and end <= riff_end and not exif:
            exif = bytes(view[position + 8 : end])
        position = end + size % 2
    body = b"".join(parts)
    if not body:
        raise ImageError("the WEBP is cut short")
    size_field = struct.pack("<I", 4 + len(body))
    return b"".join([b"RIFF", size_field, b"WEBP", body]), exif
