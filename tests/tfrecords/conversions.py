"""Conversions that tests make again and again, and what they left."""

import hashlib
import os

from tests.tfrecords import data_sets
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


def make_splits():
    """Images for `check_source`, of which one cannot be decoded."""
    train = data_sets.make_rows(90)
    train[4] = (*train[4][:2], data_sets.BROKEN)
    return {"train": train, "validation": data_sets.make_rows(6, first=100)}


def check_source(tmp_path, commands, name):
    """Converts the images of `make_splits`, which are in `tmp_path / "data"`.

    With `alexnet-convert`: the source is found, tried, refused because of the broken
    image, resumed and found finished.
    """
    flags = [
        f"--source_dir={tmp_path / 'data'}",
        f"--data_dir={tmp_path / 'out'}",
        "--image_size=16",
        "--num_workers=1",
        "--num_train_shards=2",
    ]

    def run(*more):
        return commands.run("-m", "tfrecords.commands.convert", *flags, *more)

    done = run("--source=auto", "--dry_run")
    assert done.returncode == 0, done.stderr
    assert f"is read as --source={name}" in done.stdout
    assert "Nothing was written" in done.stdout and not (tmp_path / "out").exists()
    done = run("--source=auto", "--max_rejects=0")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "1 of 96 images could not be converted" in done.stderr
    done = run(f"--source={name}", "--max_rejects=1")
    assert done.returncode == 0, done.stderr
    assert "3 of 3 shards are finished and intact" in done.stdout
    assert "train: 90 images seen = 89 converted + 1 rejected" in done.stdout
    assert "validation: 6 images seen = 6 converted + 0 rejected" in done.stdout
    rejects = (tmp_path / "out" / "rejects.txt").read_text()
    assert "n02102040_4" in rejects and "not a JPEG" in rejects
    done = run(f"--source={name}", "--max_rejects=1")
    assert done.returncode == 0 and "nothing was written" in done.stdout
