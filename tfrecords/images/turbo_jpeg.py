"""libjpeg-turbo without Pillow: the same pixels and bytes as `decoder`, in less time.

simplejpeg decodes and OpenCV encodes (extra `opencv`); simplejpeg's encoder would use a
less exact cosine transform. Everything except an ordinary, sound JPEG is passed to
`decoder.decode_image`, so both accept the same images and give the same pixels.
"""

from __future__ import annotations

import numpy as np

from tfrecords.images import authors_resize, decoder, headers


def decode_pixels(
    data: bytes, *, apply_orientation: bool, max_pixels: int = decoder.MAX_PIXELS
) -> np.ndarray:
    """The pixels of `decoder.decode_image`, uint8 [height, width, 3], RGB.

    Raises:
      ImageError: as there.
      ImportError: without simplejpeg.
    """
    pixels = _decode_usual_jpeg(data, apply_orientation, max_pixels)
    if pixels is not None:
        return pixels
    return np.array(
        decoder.decode_image(
            data, apply_orientation=apply_orientation, max_pixels=max_pixels
        )
    )


def encode_jpeg(pixels: np.ndarray, quality: int = 95) -> bytes:
    """The bytes of `decoder.encode_jpeg`, from uint8 [height, width, 3], by OpenCV."""
    cv2 = authors_resize.load_opencv()
    _, encoded = cv2.imencode(
        ".jpg",
        cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR),
        [
            *(cv2.IMWRITE_JPEG_QUALITY, quality),
            *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420),
        ],
    )
    return bytes(encoded)


def find_versions() -> dict[str, str]:
    """The two libraries' versions; raises `ImportError` if one is missing or broken."""
    import cv2
    import simplejpeg

    return {"opencv": cv2.__version__, "simplejpeg": simplejpeg.__version__}


def _decode_usual_jpeg(
    data: bytes, apply_orientation: bool, max_pixels: int
) -> np.ndarray | None:
    """None unless it is a sound, upright, baseline JPEG in colour of an allowed size.

    Raises `ImageError` for a damaged header, as `decoder.decode_image` does.
    """
    import simplejpeg

    if len(data) > decoder.MAX_BYTES or not data.startswith(b"\xff\xd8"):
        return None
    header = headers.parse_jpeg(data)
    if (
        not header.is_baseline
        or header.num_channels != 3
        or not 0 < header.width * header.height <= max_pixels
        or (apply_orientation and headers.read_orientation(header.exif) != 1)
    ):
        return None
    try:
        # `strict` turns libjpeg's warnings into errors.
        pixels: np.ndarray = simplejpeg.decode_jpeg(
            headers.strip_jpeg(data, header), "RGB", fastdct=False, strict=True
        )
    except ValueError:
        return None
    if pixels.shape != (header.height, header.width, 3):
        return None
    return pixels
