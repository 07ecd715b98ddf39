"""One small image in files whose metadata is large, damaged, or in an odd place.

`SOUND`: files that every decoder reads, each with the plain file of the same pixels.
`DAMAGED`: files that every decoder refuses. `CONVERTER_ALONE`: files that Pillow reads
and TensorFlow does not, by name, with the plain file.
"""

import io
import struct
import zlib

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 24, 40
_Y, _X = np.mgrid[:HEIGHT, :WIDTH]
PIXELS = np.stack([_X * 6, _Y * 10, (_X + _Y) * 3], -1).astype(np.uint8)
GRAY = PIXELS[..., 0]
ALPHA = (_X * _Y % 256).astype(np.uint8)


def save(image, file_format: str, **settings) -> bytes:
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    stream = io.BytesIO()
    image.save(stream, file_format, **settings)
    return stream.getvalue()


def make_chunk(kind: bytes, payload: bytes, crc: int | None = None) -> bytes:
    """A chunk of a PNG, with its own checksum or another."""
    crc = zlib.crc32(kind + payload) if crc is None else crc
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", crc)


PNG = save(PIXELS, "PNG")
GRAY_PNG = save(GRAY, "PNG")
PALETTE_PNG = save(Image.fromarray(PIXELS).quantize(16), "PNG")
GIF = save(Image.fromarray(PIXELS).quantize(16), "GIF")
BMP = save(PIXELS, "BMP")
PALETTE_BMP = save(Image.fromarray(PIXELS).quantize(16), "BMP")
WEBP = save(PIXELS, "WEBP", lossless=True)
ALPHA_WEBP = save(np.dstack([PIXELS, ALPHA]), "WEBP", lossless=True, exact=True)
JPEG = save(PIXELS, "JPEG")
_LARGE = zlib.compress(bytes(3 << 20))
_IEND = PNG[-12:]
_IDAT = PNG.index(b"IDAT") - 4


def insert_chunks(*chunks: bytes, png: bytes = PNG) -> bytes:
    """The PNG with these chunks behind its header."""
    return png[:33] + b"".join(chunks) + png[33:]


def _insert_late(*chunks):
    return PNG[:-12] + b"".join(chunks) + _IEND


def _insert_before_data(png, chunk):
    place = png.index(b"IDAT") - 4
    return png[:place] + chunk + png[place:]


def insert_gif(*extensions: bytes) -> bytes:
    """The GIF with these extensions before its frame."""
    place = 13 + (3 << (GIF[10] & 7) + 1)
    return GIF[:place] + b"".join(extensions) + GIF[place:]


def make_webp(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(payload)) + payload + bytes(len(payload) % 2)
        for kind, payload in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _make_vp8x(flags):
    sides = [struct.pack("<I", side - 1)[:3] for side in (WIDTH, HEIGHT)]
    return b"VP8X", bytes([flags, 0, 0, 0]) + b"".join(sides)


_VP8L = WEBP[12:16], WEBP[20 : 20 + struct.unpack_from("<I", WEBP, 16)[0]]
_EXIF_WEBP = make_webp(_make_vp8x(8), _VP8L, (b"EXIF", b"junk"))


def _make_bmp_with_profile(offset, size):
    rows = PIXELS[::-1, :, ::-1].tobytes()
    header = struct.pack(
        "<IiiHHIIiiII", 124, WIDTH, HEIGHT, 1, 24, 0, len(rows), 0, 0, 0, 0
    )
    header += bytes(16) + b"DEBM" + bytes(48) + struct.pack("<IIII", 4, offset, size, 0)
    file_header = b"BM" + struct.pack("<IHHI", 145 + len(rows), 0, 0, 138)
    return file_header + header + rows + b"profile"


def _insert_segment(marker, payload, jpeg=JPEG):
    length = struct.pack(">H", len(payload) + 2)
    return jpeg[:2] + bytes([0xFF, marker]) + length + payload + jpeg[2:]


_BARE_JPEG = JPEG[:2] + JPEG[4 + struct.unpack_from(">H", JPEG, 4)[0] :]

SOUND = {
    "png large zTXt": (insert_chunks(make_chunk(b"zTXt", b"XML\0\0" + _LARGE)), PNG),
    "png large iTXt": (
        insert_chunks(make_chunk(b"iTXt", b"XML\0\1\0\0\0" + _LARGE)),
        PNG,
    ),
    "png huge iTXt": (
        insert_chunks(make_chunk(b"iTXt", b"XML\0\0\0\0\0" + bytes(70 << 20))),
        PNG,
    ),
    "png large iCCP": (insert_chunks(make_chunk(b"iCCP", b"icc\0\0" + _LARGE)), PNG),
    "png damaged iCCP": (insert_chunks(make_chunk(b"iCCP", b"icc\0\0no zlib")), PNG),
    "png wrong checksum": (insert_chunks(make_chunk(b"tEXt", b"a\0b", crc=1)), PNG),
    "png wrong checksum late": (_insert_late(make_chunk(b"tEXt", b"a\0b", crc=1)), PNG),
    **{
        f"png short {kind.decode()}": (insert_chunks(make_chunk(kind, payload)), PNG)
        for kind, payload in (
            (b"gAMA", b"\0"),
            (b"pHYs", b"\0"),
            (b"cHRM", bytes(7)),
            (b"sRGB", b""),
            (b"tRNS", b"\0"),
            (b"tIME", b"\0"),
            (b"hIST", b"\0"),
            (b"sPLT", b"\0"),
            (b"bKGD", b""),
            (b"cICP", b"\x09"),
            (b"tEXt", b""),
            (b"eXIf", b"MM\0*\0\0\0\xff"),
            (b"acTL", b"\0"),
            (b"fcTL", b"\0"),
            (b"prVt", bytes(100)),
        )
    },
    "png late tRNS": (_insert_late(make_chunk(b"tRNS", bytes(6))), PNG),
    "png late fdAT": (_insert_late(make_chunk(b"fdAT", b"\0")), PNG),
    "png gray tRNS": (
        insert_chunks(make_chunk(b"tRNS", b"\0\7"), png=GRAY_PNG),
        GRAY_PNG,
    ),
    "png palette tRNS": (
        _insert_before_data(PALETTE_PNG, make_chunk(b"tRNS", bytes(300))),
        PALETTE_PNG,
    ),
    "png late IDAT": (_insert_late(make_chunk(b"tEXt", b""), PNG[_IDAT:-12]), PNG),
    "png junk behind": (PNG + b"junk" * 100, PNG),
    "gif long comment": (
        insert_gif(b"!\xfe" + (b"\xff" + bytes(255)) * 300 + b"\0"),
        GIF,
    ),
    "gif short control": (insert_gif(b"!\xf9\1\1\0"), GIF),
    "gif long control": (insert_gif(b"!\xf9\7" + bytes(7) + b"\0"), GIF),
    "gif cut NETSCAPE": (insert_gif(b"!\xff\x0bNETSCAPE2.0\0"), GIF),
    "gif XMP": (insert_gif(b"!\xff\x0bXMP DataXMP\3<x>\0"), GIF),
    "gif unknown extension": (insert_gif(b"!\x77\3abc\0"), GIF),
    "gif cut late comment": (GIF[:-1] + b"!\xfe\x80abc", GIF),
    "gif junk behind": (GIF + b"junk" * 9, GIF),
    "bmp profile": (_make_bmp_with_profile(124 + 3 * WIDTH * HEIGHT, 7), BMP),
    "bmp profile elsewhere": (_make_bmp_with_profile(0x7FFFFFFF, 0x7FFFFFFF), BMP),
    "bmp junk behind": (BMP + b"junk", BMP),
    "bmp palette": (PALETTE_BMP + b"junk", PALETTE_PNG),
    "bmp alpha": (save(np.dstack([PIXELS, ALPHA]), "BMP"), BMP),
    "webp Exif": (_EXIF_WEBP, WEBP),
    "webp Exif not announced": (
        make_webp(_make_vp8x(0), _VP8L, (b"EXIF", b"junk")),
        WEBP,
    ),
    "webp announced and absent": (make_webp(_make_vp8x(0x2C), _VP8L), WEBP),
    "webp Exif longer than the file": (
        _EXIF_WEBP[:-8] + b"\xff\xff\xff\x7fjunk",
        WEBP,
    ),
    "webp reserved flags": (make_webp(_make_vp8x(0xC1), _VP8L), WEBP),
    "webp two profiles": (
        make_webp(_make_vp8x(0x20), (b"ICCP", b"a"), (b"ICCP", b"b"), _VP8L),
        WEBP,
    ),
    "webp unknown chunk": (make_webp(_VP8L, (b"ABCD", b"x")), WEBP),
    "webp junk behind": (WEBP + b"junk" * 9, WEBP),
    "webp alpha": (ALPHA_WEBP, WEBP),
    "jpeg short JFIF": (_insert_segment(0xE0, b"JFIF\0", _BARE_JPEG), JPEG),
    "jpeg short Adobe": (_insert_segment(0xEE, b"Adobe"), JPEG),
    "jpeg JFXX": (_insert_segment(0xE0, b"JFXX\0\x10junk"), JPEG),
    "jpeg damaged Exif": (
        _insert_segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff"),
        JPEG,
    ),
    "jpeg damaged profile": (_insert_segment(0xE2, b"ICC_PROFILE\0\1\2junk"), JPEG),
}

DAMAGED = {
    "png without its end": PNG[:-12],
    "png cut in late text": PNG[:-12] + make_chunk(b"tEXt", bytes(50))[:30],
    "png wrong checksum of IEND": PNG[:-4] + b"\0\0\0\1",
    "png wrong checksum of IDAT": PNG[:-16] + b"\0\0\0\1" + _IEND,
    "png unknown and needed": insert_chunks(make_chunk(b"ABCD", b"xx")),
    "png no chunk": insert_chunks(make_chunk(b"t\0xt", b"xx")),
    "png torn data": PNG[:_IDAT]
    + make_chunk(b"IDAT", PNG[_IDAT + 8 : _IDAT + 28])
    + make_chunk(b"tEXt", b"a\0b")
    + make_chunk(b"IDAT", PNG[_IDAT + 28 : -16])
    + _IEND,
    "gif cut in a comment": insert_gif(b"!\xfe\x80abc")[:60],
    "bmp cut": BMP[:-40],
    "bmp compressed": PALETTE_BMP[:30] + b"\1" + PALETTE_BMP[31:],
    "webp cut in Exif": _EXIF_WEBP[:-6],
    "webp larger than the file": WEBP[:4] + b"\xff\xff\0\0" + WEBP[8:],
    "webp smaller than its image": WEBP[:4] + b"\x20\0\0\0" + WEBP[8:],
}

CONVERTER_ALONE = {
    "gif empty comment": (insert_gif(b"!\xfe\0"), GIF),
    "bmp of one bit": (save(Image.fromarray(GRAY).convert("1"), "BMP"), None),
    "webp animation": (
        save(
            Image.fromarray(PIXELS),
            "WEBP",
            save_all=True,
            lossless=True,
            append_images=[Image.fromarray(255 - PIXELS)],
        ),
        WEBP,
    ),
}
