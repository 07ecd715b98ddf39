"""TensorFlow: a GIF of 300 kB takes more than a gigabyte to decode.

The decoder allocates what the header states, whatever the limit of the caller. Here the
header is read first, and images of more than 64 million pixels are refused.
"""

import io
import re
import sys

import tensorflow as tf
from PIL import Image


def read_megabytes(name):
    with open("/proc/self/status") as file:
        return int(re.search(name + r":\s+(\d+) kB", file.read())[1]) // 1000


stream = io.BytesIO()
Image.new("L", (20_000, 20_000)).save(stream, "GIF")
data = stream.getvalue()
before = read_megabytes("VmRSS")
tf.io.decode_gif(data)
grown = read_megabytes("VmHWM") - before
print(f"{len(data):,} bytes took {grown:,} MB")
sys.exit(grown < 1000)
