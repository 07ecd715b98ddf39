"""A conversion of drawn images that tests make again and again, and what it left."""

import hashlib
import os

from tfrecords.conversion import plan
from tfrecords.durable import locks

SIZES = {"train": 60, "validation": 20}
SETTINGS = plan.ConvertSettings(
    image_size=32, seed=3, num_shards={"train": 5, "validation": 2}
)


def digest_directory(data_dir):
    """SHA-256 of the names and bytes of all files but the lock."""
    names = sorted(n for n in os.listdir(data_dir) if n != locks.LOCK_NAME)
    digest = hashlib.sha256()
    for name in names:
        with open(os.path.join(data_dir, name), "rb") as file:
            digest.update(f"{name} {hashlib.sha256(file.read()).hexdigest()}".encode())
    return digest.hexdigest()


def read_marks(data_dir):
    """Inode and time of change of each finished shard."""
    return {
        name: (
            os.stat(os.path.join(data_dir, name)).st_ino,
            os.stat(os.path.join(data_dir, name)).st_mtime_ns,
        )
        for name in os.listdir(data_dir)
        if name.startswith(("train-", "validation-"))
    }
