"""TensorFlow: a TFRecord file that ends between two records looks whole.

Its checksums are of single records, so a lost end is no error. Here the manifest names
each shard's records, bytes and SHA-256.
"""

import os
import sys

import tensorflow as tf

with tf.io.TFRecordWriter("shard") as writer:
    for number in range(20):
        writer.write(bytes([number]) * 100)
os.truncate("shard", 12 * 116)
kept = sum(1 for _ in tf.data.TFRecordDataset("shard"))
print(f"{kept} of 20 records, and no error")
sys.exit(kept != 12)
