"""Extracts a GIF's first frame with TensorFlow ops.

TensorFlow decodes every frame of a GIF even if only the first is needed, and a file of
300 kB can hold gigabytes of pixels. The file is therefore truncated after its first
frame, and the frame's size is read from its header before decoding.

Source: GIF89a, sections 17 to 27.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from alexnet_tf.data import stateless_checks

# A block holds at most 255 bytes, so this is enough for a first frame of 16.7 MB, more
# than ten megapixels of a photograph. Scanning that many blocks takes about a second.
MAX_BLOCKS = 65_536

_EXTENSION, _FRAME, _TRAILER = 0x21, 0x2C, b"\x3b"
_SCREEN_BYTES = 13  # signature, width, height, flags, background, aspect ratio
_FRAME_BYTES = 10  # mark, left, top, width, height, flags


def keep_first_frame(image_bytes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Truncates a GIF, the file's bytes as a string scalar, after its first frame.

    Runs on the CPU, as all of `tf.data` does; there, reading past the end is an error.

    Returns:
      `(gif, num_pixels)`: the GIF with only its first frame, string scalar, and width
      times height of the screen, extended to include the frame, int64 scalar.

    Raises:
      tf.errors.InvalidArgumentError: if the file ends within its first frame, has no
        frame where one should be, or has more than `MAX_BLOCKS` data blocks before the
        frame's end.
    """
    data = tf.io.decode_raw(image_bytes, tf.uint8)

    def read(position: int | tf.Tensor) -> tf.Tensor:
        return tf.cast(tf.gather(data, position), tf.int64)

    def read_pair(position: int | tf.Tensor) -> tf.Tensor:
        return read(position) + 256 * read(position + 1)

    def measure_palette(flags: tf.Tensor) -> tf.Tensor:
        # Three bytes for each of 2^(n + 1) colours.
        return tf.where(flags < 0x80, tf.constant(0, tf.int64), 6 * 2 ** (flags % 8))

    def skip_blocks(place: tf.Tensor, left: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # Each block is its length followed by that many bytes; length 0 ends them.
        def skip(place: tf.Tensor, size: tf.Tensor, left: tf.Tensor) -> Any:
            return place + 1 + size, read(place + 1 + size), left - 1

        place, _, left = tf.while_loop(
            lambda place, size, left: (size > 0) & (left > 0),
            skip,
            (place, read(place), left),
        )
        return place + 1, left

    place = _SCREEN_BYTES + measure_palette(read(10))
    place, left = tf.while_loop(
        lambda place, left: (read(place) == _EXTENSION) & (left > 0),
        lambda place, left: skip_blocks(place + 2, left - 1),
        (place, tf.constant(MAX_BLOCKS, tf.int64)),
    )
    place = stateless_checks.require(
        (read(place) == _FRAME) | (left <= 0),
        ["the GIF has no frame at ", place],
        place,
    )
    width = tf.maximum(read_pair(6), read_pair(place + 1) + read_pair(place + 5))
    height = tf.maximum(read_pair(8), read_pair(place + 3) + read_pair(place + 7))
    palette_bytes = measure_palette(read(place + _FRAME_BYTES - 1))
    # The byte after the palette is the width of the codes.
    end, left = skip_blocks(place + _FRAME_BYTES + palette_bytes + 1, left)
    end = stateless_checks.require(
        left > 0, [f"the GIF has more than {MAX_BLOCKS} data blocks before ", end], end
    )
    first = tf.strings.substr(image_bytes, tf.constant(0, tf.int64), end)
    return first + _TRAILER, width * height
