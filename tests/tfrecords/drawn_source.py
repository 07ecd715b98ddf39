"""Sources for the converter's tests: drawn in memory, with faults on demand.

Workers import this module by its name, so that a test puts its folder on sys.path.
"""

import io
import multiprocessing
import os
import signal
import sys
import time

import numpy as np
from PIL import Image

from tfrecords.shards import manifest
from tfrecords.sources import ImageTable, Source


class DrawnSource(Source):
    """Images of noise around a colour that tells class and row.

    Args:
      sizes: images by split.
      broken: rows of the training split whose bytes are no image.
      fault: what happens when the training row `fault_row` is read: "" nothing,
        "kill" the first time only, "always_kill", "spin" forever in the decoder,
        "vanish" the file is gone, "memory" more than the worker may have, "bug" an
        error without words.
      fault_dir: where "kill" leaves a mark that it has happened.
      fault_row: a row of the training split.
      delay: seconds that every image takes.
      as_arrays: whether images come decoded.
    """

    def __init__(
        self,
        sizes,
        broken=(),
        fault="",
        fault_dir="",
        fault_row=1,
        delay=0.0,
        as_arrays=False,
    ):
        self.name = "drawn"
        self.classes = (
            manifest.ClassInfo("n0", "circle"),
            manifest.ClassInfo("n1", "ring, annulus"),
            manifest.ClassInfo("n2", "star"),
        )
        self.splits = {name: _make_table(name, size) for name, size in sizes.items()}
        self.inputs = (manifest.InputFile("drawn", 1, None, None),)
        self.applies_orientation = False
        self.settings = {"kind": "noise"}
        self.remarks = ("These images are drawn.",)
        self._broken, self._fault, self._fault_dir = broken, fault, fault_dir
        self._fault_row = fault_row
        self._delay, self._as_arrays = delay, as_arrays

    def read_image(self, split, row):
        # The tests' own process may have it; a worker must start without.
        if multiprocessing.parent_process():
            assert "tensorflow" not in sys.modules
        time.sleep(self._delay)
        if split == "train" and row == self._fault_row and self._fault:
            self._fail()
        if split == "train" and row in self._broken:
            return b"no image"
        image = draw(split, row)
        if self._as_arrays:
            return image
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, "PNG")
        return stream.getvalue()

    def _fail(self):
        if self._fault == "always_kill":
            os.kill(os.getpid(), signal.SIGSEGV)
        if self._fault == "vanish":
            raise FileNotFoundError(2, "No such file or directory")
        if self._fault == "kill":
            mark = os.path.join(self._fault_dir, "killed")
            if not os.path.exists(mark):
                with open(mark, "w"):
                    pass
                os.kill(os.getpid(), signal.SIGKILL)
        if self._fault == "bug":
            raise ZeroDivisionError
        if self._fault in ("spin", "memory"):
            _break_decoder(self._fault)


def draw(split, row):
    """uint8 [height, width, 3], a function of split and row."""
    generator = np.random.default_rng([row, len(split)])
    height, width = 40 + row % 7, 50 + row % 5
    colour = np.array([30 * (row % 3) + 60, 120, (7 * row) % 200])
    noise = generator.integers(0, 40, (height, width, 3))
    return (colour + noise).astype(np.uint8)


def _make_table(split, size):
    names = [f"{split}_{row:05d}.png" for row in range(size)]
    return ImageTable(
        filenames=np.array([name.encode() for name in names], "S"),
        labels=np.arange(size, dtype=np.int32) % 3,
        container=np.zeros(size, np.int32),
        offset=np.full(size, -1, np.int64),
        num_bytes=6000 + np.arange(size),
    )


def _break_decoder(fault):
    """Makes this worker's next decoding spin, or ask for too much memory."""
    from tfrecords.conversion import shard_writer
    from tfrecords.images import decoder

    decode = decoder.decode_image

    def break_once(*args, **kwargs):
        decoder.decode_image = decode
        if fault == "memory":
            return bytearray(5 << 30)
        while True:
            pass

    shard_writer.IMAGE_SECONDS = 0.2
    decoder.decode_image = break_once
