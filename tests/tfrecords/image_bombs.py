"""Small files that claim, or inflate to, gigabytes."""

import struct
import zlib

from tests.tfrecords.encoded_images import IMAGE, MINIMAL, chunk, make_png, patch_size


def make_bombs():
    """Files by name; "png z..." and "png i..." are sound images with huge metadata."""
    zeros = zlib.compressobj(9)
    pixels = b"".join(zeros.compress(bytes(2876 * 1000)) for _ in range(23))
    pixels += zeros.flush()
    header = struct.pack(">IIBBBBB", 23000, 23000, 1, 0, 0, 0, 0)
    inflated = zlib.compress(bytes(60_000_000))
    text = chunk(b"zTXt", b"Comment\0\0" + inflated)
    profile = chunk(b"iCCP", b"sRGB\0\0" + inflated)
    frame = b"GIF89a\x08\0\x08\0\0\0\0,\0\0\0\0" + struct.pack("<HH", 24000, 24000)
    frame += b"\0\x02\x02D\x01\0;"
    return {
        "jpeg 13000": patch_size(MINIMAL, 13000, 13000),
        "jpeg 65500": patch_size(MINIMAL, 65500, 65500),
        "png": b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", pixels)
        + chunk(b"IEND", b""),
        "gif": b"GIF89a" + struct.pack("<HHBBB", 24000, 24000, 0, 0, 0) + frame[13:],
        "gif frame": frame,
        "bmp": b"BM" + bytes(12) + struct.pack("<Iii", 40, 30000, -30000) + bytes(28),
        "webp": b"RIFF\x30\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\x10\x27\0" * 2,
        "png zTXt": make_png(IMAGE, 8, 2, before=text),
        "png zTXt behind": make_png(IMAGE, 8, 2, after=text),
        "png iCCP": make_png(IMAGE, 8, 2, before=profile),
    }
