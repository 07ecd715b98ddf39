"""Reads an image file's format, size and orientation from its headers.

Nothing is decoded, so an image that claims too many pixels is refused before a decoder
sees it. The content decides the format, never the file's name: ImageNet has a PNG and
two dozen CMYK JPEGs among its `.JPEG` files.

Sources: ITU-T T.81 annex B (JPEG), W3C PNG 5, GIF89a 18, Microsoft's BITMAPINFOHEADER,
RFC 9649 (WebP), Exif 2.32 section 4.6 (orientation).
"""

from __future__ import annotations

import dataclasses
import re
import struct

from tfrecords import errors

# Markers without a length or a payload: TEM and the restart markers.
_JPEG_BARE_MARKERS = {0x01, *range(0xD0, 0xD8)}
# C4, C8 and CC share the frame headers' range but are tables and a reserved code.
_JPEG_FRAME_MARKERS = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BASELINE_MARKER = 0xC0
# Bits per value, height, width, channels.
_JPEG_FRAME = struct.Struct(">BHHB")
_JPEG_APP0, _JPEG_APP1, _JPEG_APP14 = 0xE0, 0xE1, 0xEE
# Needed by a decoder: frame headers, Huffman and arithmetic tables (C4, CC),
# quantization tables (DB), restart interval (DD).
_JPEG_KEPT_MARKERS = _JPEG_FRAME_MARKERS | {0xC4, 0xCC, 0xDB, 0xDD}
# JFIF's and Adobe's segments say what the channels mean. Shorter ones are ignored, as
# in libjpeg (jdmarker.c, APP0_DATA_LEN and APP14_DATA_LEN).
_JPEG_COLOR_SEGMENTS = {_JPEG_APP0: (b"JFIF\0", 14), _JPEG_APP14: (b"Adobe", 12)}
_EXIF_ORIENTATION_TAG = 0x0112
_EXIF_SHORT = 3


class ImageError(errors.DataError):
    """Why an image is rejected: a short phrase such as "the JPEG is cut short"."""


@dataclasses.dataclass(frozen=True)
class JpegHeader:
    """A JPEG's segments up to its first scan."""

    width: int  # pixels, from the frame header
    height: int
    is_baseline: bool  # whether the frame is baseline (SOF0), eight bits per value
    num_channels: int  # as stored: 1 gray, 3 colours, 4 CMYK
    has_adobe_marker: bool  # APP14: four-channel images are stored inverted
    exif: bytes  # the first Exif segment's TIFF structure; empty if there is none
    # What a decoder needs, in order: frame header, tables, JFIF's and Adobe's segments.
    kept_segments: list[bytes]
    scan_offset: int  # of the first scan's marker, in bytes


def read_dimensions(data: bytes) -> tuple[str, int, int]:
    """Reads an image's format, width and height without decoding it.

    The format is "JPEG", "PNG", "GIF", "BMP" or "WEBP"; the pixels, at least 1, are as
    stored (orientation not applied). Raises `ImageError` if it is none of these or its
    header is damaged or cut short.
    """
    if not data:
        raise ImageError("the file is empty")
    found = [(name, read) for name, start, read in _FORMATS if start.match(data)]
    if not found:
        raise ImageError(
            f"it is not a JPEG, PNG, GIF, BMP or WebP (it starts with {data[:8]!r})"
        )
    ((image_format, read),) = found
    try:
        width, height = read(data)
    except (struct.error, IndexError):
        raise ImageError(f"the {image_format}'s header is cut short") from None
    if width < 1 or height < 1:
        raise ImageError(f"the {image_format}'s header says {width}x{height}")
    return image_format, width, height


def parse_jpeg(data: bytes) -> JpegHeader:
    """Reads a JPEG's segments up to its first scan, as leniently as libjpeg.

    Raises `ImageError` if the segments end before a frame header and a scan, or there
    are two frame headers.
    """
    frame = None
    is_baseline = has_adobe_marker = False
    exif = b""
    kept_segments = []
    position = 2
    while True:
        position = data.find(b"\xff", position)
        if position < 0 or position + 1 >= len(data):
            raise ImageError("the JPEG's header is cut short")
        marker = data[position + 1]
        if marker == 0xFF:  # fill bytes may precede a marker
            position += 1
            continue
        if marker == 0x00 or marker in _JPEG_BARE_MARKERS:
            position += 2
            continue
        if marker == 0xD9:
            raise ImageError("the JPEG ends before its image")
        if marker == 0xDA:
            break
        payload = position + 4
        end = position + 2 + int.from_bytes(data[position + 2 : payload], "big")
        if max(payload, end) > len(data):
            raise ImageError("the JPEG's header is cut short")
        if end < payload:
            raise ImageError("the JPEG's header is damaged")
        if marker in _JPEG_FRAME_MARKERS:
            if frame:
                raise ImageError("the JPEG has two frame headers")
            if end < payload + _JPEG_FRAME.size:
                raise ImageError("the JPEG's header is cut short")
            frame = _JPEG_FRAME.unpack_from(data, payload)
            is_baseline = marker == _JPEG_BASELINE_MARKER and frame[0] == 8
        name, min_bytes = _JPEG_COLOR_SEGMENTS.get(marker, (b"", 0))
        if name and end - payload >= min_bytes and data.startswith(name, payload, end):
            has_adobe_marker = has_adobe_marker or marker == _JPEG_APP14
            kept_segments.append(data[position:end])
        if marker == _JPEG_APP1 and data.startswith(b"Exif\0\0", payload, end):
            exif = exif or data[payload + 6 : end]
        if marker in _JPEG_KEPT_MARKERS:
            kept_segments.append(data[position:end])
        position = end
    if frame is None:
        raise ImageError("the JPEG has no frame header")
    _, height, width, num_channels = frame
    return JpegHeader(
        width,
        height,
        is_baseline,
        num_channels,
        has_adobe_marker,
        exif,
        kept_segments,
        position,
    )


def strip_jpeg(data: bytes, header: JpegHeader) -> bytes:
    """The same JPEG without its metadata; `header` is `parse_jpeg(data)`.

    Camera data, thumbnails and colour profiles may be damaged or huge although the
    image is sound; a decoder that never sees them cannot fail on them.
    """
    return b"".join(
        [b"\xff\xd8", *header.kept_segments, memoryview(data)[header.scan_offset :]]
    )


def find_gif_screen_end(data: bytes) -> int:
    """The offset after a GIF's screen descriptor and palette."""
    (flags,) = struct.unpack_from("B", data, 10)
    # A palette of 2^(n + 1) colours.
    return 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)


def find_gif_frame(data: bytes) -> int:
    """The offset of the descriptor of a GIF's first frame.

    Raises:
      ImageError: if the GIF has no frame.
      IndexError: if it is cut short.
    """
    position = find_gif_screen_end(data)
    while data[position] != 0x2C:
        if data[position] == 0x3B:
            raise ImageError("the GIF ends before its image")
        if data[position] == 0x21:  # an extension: kind, blocks, an empty block
            position += 2
            while data[position]:
                position += 1 + data[position]
        position += 1
    return position


def read_orientation(exif: bytes) -> int:
    """The orientation, 1..8 as Exif numbers them; 1, upright, if none is valid.

    `exif` is a TIFF structure, which may be damaged, with or without "Exif" and two
    zero bytes before it.
    """
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(order + "I", exif, 4)
        (num_entries,) = struct.unpack_from(order + "H", exif, directory)
        for entry in range(num_entries):
            tag, kind, count, value = struct.unpack_from(
                order + "HHIH", exif, directory + 2 + 12 * entry
            )
            if tag == _EXIF_ORIENTATION_TAG and kind == _EXIF_SHORT and count == 1:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass  # damaged metadata does not make the pixels wrong
    return 1


def _read_jpeg(data: bytes) -> tuple[int, int]:
    header = parse_jpeg(data)
    return header.width, header.height


def _read_png(data: bytes) -> tuple[int, int]:
    if data[12:16] != b"IHDR":
        raise ImageError("the PNG's header is damaged")
    return struct.unpack_from(">II", data, 16)


def _read_gif(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<HH", data, 6)
    position = find_gif_frame(data)
    # The frame's flags, too: `metadata.strip_gif` needs them.
    left, top, frame_width, frame_height, _ = struct.unpack_from(
        "<HHHHB", data, position + 1
    )
    # A frame that extends beyond the screen makes the image larger.
    return max(width, left + frame_width), max(height, top + frame_height)


def _read_bmp(data: bytes) -> tuple[int, int]:
    (header_size,) = struct.unpack_from("<I", data, 14)
    if header_size == 12:  # OS/2 1.x
        return struct.unpack_from("<HH", data, 18)
    width, height = struct.unpack_from("<ii", data, 18)
    return width, abs(height)  # a negative height means: top row first


def _read_webp(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        width, height_low = struct.unpack_from("<IH", data, 23)
        return (width >> 8) + 1, (height_low | data[29] << 16) + 1
    raise ImageError("the WebP's header is damaged")


_FORMATS = (
    ("JPEG", re.compile(rb"\xff\xd8"), _read_jpeg),
    ("PNG", re.compile(rb"\x89PNG\r\n\x1a\n"), _read_png),
    ("GIF", re.compile(rb"GIF8[79]a"), _read_gif),
    ("BMP", re.compile(rb"BM"), _read_bmp),
    ("WEBP", re.compile(rb"RIFF.{4}WEBP", re.DOTALL), _read_webp),
)
