"""TensorFlow: an event file on a full disk loses its data without an error.

`flush` and `close` succeed although most of the bytes were never written. Here event
files are written by Python, which reports what the operating system reports.
"""

import os
import resource
import signal
import sys

import tensorflow as tf

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
writer = tf.summary.create_file_writer("events")
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # as a full disk
with writer.as_default():
    for step in range(50):
        tf.summary.write("x", tf.random.uniform([10_000]), step=step)
writer.flush()
writer.close()
(name,) = os.listdir("events")
size = os.path.getsize(os.path.join("events", name))
print(f"2,000,000 bytes were written without an error; the file has {size:,}")
sys.exit(size > 1_000_000)
