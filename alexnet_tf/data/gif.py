"""The first frame of a GIF, in TensorFlow operations.

TensorFlow decodes every frame of a GIF, also where only the first is asked for: a file
of 300 kB can hold gigabytes of pixels. The file is therefore cut off after its first
frame, and the frame's size is read from its header before anything is decoded.

Source: GIF89a, sections 17 to 27.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from alexnet_tf.data import stateless_checks

# A block holds 255 bytes at most: this is enough for a first frame of 16.7 MB, more
# than ten megapixels of a photograph. To walk over so many takes about a second.
MAX_BLOCKS = 65_536

_EXTENSION, _FRAME, _TRAILER = 0x21, 0x2C, b"\x3b"
_SCREEN_BYTES = 13  # signature, width, height, flags, background, aspect ratio
_FRAME_BYTES = 10  # mark, left, top, width, height, flags


def keep_first_frame(image_bytes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Cuts a GIF off after its first frame.

    Runs on the CPU, as all of `tf.data` does: there a read past the end is an error.

    Args:
      image_bytes: string scalar, the file's bytes.

    Returns:
      `(gif, num_pixels)`: the GIF with its first frame only, string scalar, and width
      times height of its screen, enlarged where the frame hangs over its edge, int64
      scalar.

    Raises:
      tf.errors.InvalidArgumentError: where the file ends before its first frame does,
        something else stands where the frame should, or more than `MAX_BLOCKS` data
        blocks come before the frame's end.
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
        # Each is its length and as many bytes; one without bytes ends them.
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
    # After the palette, a byte says how wide the codes are.
    end, left = skip_blocks(place + _FRAME_BYTES + palette_bytes + 1, left)
    end = stateless_checks.require(
        left > 0, [f"the GIF has more than {MAX_BLOCKS} data blocks before ", end], end
    )
    first = tf.strings.substr(image_bytes, tf.constant(0, tf.int64), end)
    return first + _TRAILER, width * height
