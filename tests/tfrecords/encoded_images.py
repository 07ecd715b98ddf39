"""One small image in every kind of file, and what damages a file."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from tfrecords.images import decoder

HEIGHT, WIDTH = 72, 104


def make_image(height=HEIGHT, width=WIDTH):
    y, x = np.mgrid[:height, :width]
    image = np.stack(
        [x * 200 // width, y * 200 // height, 90 + 60 * np.sin(x / 15)], axis=-1
    ).astype(np.uint8)
    image[(x - 30) ** 2 + (y - 40) ** 2 < 300] = [210, 60, 30]
    return image


IMAGE = make_image()
GRAY = np.asarray(Image.fromarray(IMAGE).convert("L"))
ALPHA = np.linspace(0, 255, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH).astype(np.uint8)


def save(image, image_format, **settings):
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    stream = io.BytesIO()
    image.save(stream, image_format, **settings)
    return stream.getvalue()


def decode(data, **settings):
    return np.array(decoder.decode_image(data, apply_orientation=False, **settings))


def stack(gray):
    return np.stack([gray] * 3, axis=-1)


def chunk(kind, payload):
    checksum = zlib.crc32(kind + payload)
    return (
        struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", checksum)
    )


def make_png(rows, bits, color_type, before=b"", after=b""):
    """A PNG of big-endian `rows` [height, width, channels], extra chunks around it."""
    height, width = rows.shape[:2]
    lines = rows.astype(">u2" if bits == 16 else np.uint8).reshape(height, -1)
    raw = b"".join(b"\0" + line.tobytes() for line in lines)
    header = struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + before
        + chunk(b"IDAT", zlib.compress(raw))
        + after
        + chunk(b"IEND", b"")
    )


def insert_segment(jpeg, marker, payload):
    segment = bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload
    return jpeg[:2] + segment + jpeg[2:]


def patch_size(jpeg, height, width):
    frame = jpeg.index(b"\xff\xc0")
    return jpeg[: frame + 5] + struct.pack(">HH", height, width) + jpeg[frame + 9 :]


def repeat_frame_header(jpeg):
    start = jpeg.index(b"\xff\xc0")
    end = start + 2 + int.from_bytes(jpeg[start + 2 : start + 4], "big")
    return jpeg[:end] + patch_size(jpeg, 9000, 9000)[start:end] + jpeg[end:]


def make_cmyk():
    """CMYK uint8 and the RGB it means: RGB = (255 - CMY) * (255 - K) / 255."""
    key = np.full((HEIGHT, WIDTH, 1), 40)
    light = IMAGE.astype(int)
    cmyk = np.concatenate([255 - light, key], axis=-1).astype(np.uint8)
    return cmyk, np.rint(light * (255 - 40) / 255).astype(np.uint8)


def save_cmyk(cmyk, **settings):
    return save(Image.frombytes("CMYK", (WIDTH, HEIGHT), cmyk.tobytes()), **settings)


def remove_adobe(jpeg):
    start = jpeg.index(b"\xff\xee")
    (length,) = struct.unpack_from(">H", jpeg, start + 2)
    return jpeg[:start] + jpeg[start + 2 + length :]


def make_ycck():
    """The CMY channels as YCbCr, transform 2 in Adobe's marker, by hand."""
    cmyk, expected = make_cmyk()
    # libjpeg's decoder: CMY as stored = 255 - RGB(YCbCr); Adobe stores CMY inverted.
    ycc = np.asarray(Image.fromarray(cmyk[..., :3]).convert("YCbCr"))
    stored = np.concatenate([ycc, 255 - cmyk[..., 3:]], axis=-1)
    # Pillow inverts what it stores.
    jpeg = save_cmyk(255 - stored, image_format="JPEG", quality=95)
    transform = jpeg.index(b"Adobe") + 11
    return jpeg[:transform] + b"\x02" + jpeg[transform + 1 :], expected


def lossless_cases():
    paletted = Image.fromarray(IMAGE).quantize(64)
    from_palette = np.asarray(paletted.convert("RGB"))
    bilevel = Image.fromarray(GRAY).convert("1")
    rgba = np.dstack([IMAGE, ALPHA])
    gray16 = GRAY.astype(int) * 257
    noise = np.random.default_rng(0).integers(0, 257, GRAY.shape)
    coarse16 = np.minimum(gray16 + noise, 65535)
    rgb16 = IMAGE.astype(int) * 256 + 200
    first, second = paletted, Image.fromarray(255 - IMAGE).quantize(64)
    return {
        "png rgb": (save(IMAGE, "PNG"), IMAGE),
        "png rgba": (save(rgba, "PNG"), IMAGE),
        "png gray": (save(GRAY, "PNG"), stack(GRAY)),
        "png gray alpha": (save(np.dstack([GRAY, ALPHA]), "PNG"), stack(GRAY)),
        "png palette": (save(paletted, "PNG"), from_palette),
        "png palette, one transparent": (
            save(paletted, "PNG", transparency=3),
            from_palette,
        ),
        "png palette, alpha table": (
            save(paletted, "PNG", transparency=bytes(range(64))),
            from_palette,
        ),
        "png rgb, transparent colour": (
            save(IMAGE, "PNG", transparency=tuple(map(int, IMAGE[0, 0]))),
            IMAGE,
        ),
        "png 1 bit": (save(bilevel, "PNG"), np.asarray(bilevel.convert("RGB"))),
        "png 16-bit gray": (make_png(gray16, 16, 0), stack(GRAY)),
        "png 16-bit gray, rounded": (
            make_png(coarse16, 16, 0),
            stack(np.floor(coarse16 / 257 + 0.5).astype(np.uint8)),
        ),
        "png 16-bit gray alpha": (
            make_png(np.dstack([gray16, ALPHA.astype(int) * 257]), 16, 4),
            stack(GRAY),
        ),
        "png 16-bit rgb": (make_png(rgb16, 16, 2), IMAGE),
        "png 16-bit rgba": (
            make_png(np.dstack([rgb16, ALPHA.astype(int) * 257]), 16, 6),
            IMAGE,
        ),
        "gif": (save(paletted, "GIF"), from_palette),
        "gif gray": (save(GRAY, "GIF"), stack(GRAY)),
        "gif transparent": (save(paletted, "GIF", transparency=3), from_palette),
        "gif animated": (
            save(first, "GIF", save_all=True, append_images=[second]),
            from_palette,
        ),
        "bmp": (save(IMAGE, "BMP"), IMAGE),
        "bmp rgba": (save(rgba, "BMP"), IMAGE),
        "bmp palette": (save(paletted, "BMP"), from_palette),
        "bmp gray": (save(GRAY, "BMP"), stack(GRAY)),
        "webp lossless": (save(IMAGE, "WEBP", lossless=True), IMAGE),
        "webp rgba": (save(rgba, "WEBP", lossless=True, exact=True), IMAGE),
        "apng": (
            save(
                Image.fromarray(IMAGE),
                "PNG",
                save_all=True,
                append_images=[Image.fromarray(255 - IMAGE)],
            ),
            IMAGE,
        ),
    }


def jpeg_cases():
    cmyk, from_cmyk = make_cmyk()
    ycck, from_ycck = make_ycck()
    return {
        "baseline": (save(IMAGE, "JPEG", quality=95, subsampling=0), IMAGE),
        "progressive": (
            save(IMAGE, "JPEG", quality=95, subsampling=0, progressive=True),
            IMAGE,
        ),
        "restart markers": (
            save(IMAGE, "JPEG", quality=95, subsampling=0, restart_marker_blocks=3),
            IMAGE,
        ),
        "gray": (save(GRAY, "JPEG", quality=95), stack(GRAY)),
        "cmyk, Adobe": (
            save_cmyk(cmyk, image_format="JPEG", quality=95),
            from_cmyk,
        ),
        "cmyk, plain": (
            remove_adobe(save_cmyk(255 - cmyk, image_format="JPEG", quality=95)),
            from_cmyk,
        ),
        "ycck": (ycck, from_ycck),
    }


LOSSLESS = lossless_cases()
JPEGS = jpeg_cases()
BASELINE = JPEGS["baseline"][0]
MINIMAL = save(make_image(8, 8), "JPEG")
