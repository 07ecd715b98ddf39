"""The record of a finished run: what every claim's verdict is computed from (ours).

A record is a small JSON file. It holds each image's right or wrong answer, so that
differences between runs can be tested image by image long after their checkpoints are
gone: of each split, "centre" and "ten_views", and of each "top1" and "top5" one bit per
image, 1 for a wrong answer, packed eight to a byte and written in base64.
"""

from __future__ import annotations

import base64
import dataclasses
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfrecords import errors
from tfrecords.durable import files, json_records

FORMAT_NAME = "alexnet-claim-run"
FORMAT_VERSION = 1
RUNS_NAME = "runs"


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """A finished run.

    Attributes:
      name: `plan.Run.name`, which is the file's name, too.
      data: the data set's name.
      data_fingerprint: its manifest's `images_fingerprint`.
      num_classes: of the data set.
      settings: dotted name -> JSON value, where they differ from the defaults.
      split: whose images were answered, besides "validation" and "train".
      epochs: one entry per epoch: "epoch", "training" and, where it was evaluated,
        "validation": {"loss", "top1_error", "top5_error"}.
      num_images: split -> number of images.
      wrong: "SPLIT/VIEWS/top1" -> packed bits, see above.
      probes: name -> JSON values, of further measurements.
      images_per_second: in training, median.
      seconds: training time in all.
      starts: how often the run was started; 1 if it was never interrupted.
      git_revision: of the code; None outside a checkout.
      environment: versions and hardware of the last start.
      date: when the run ended, UTC.
    """

    name: str
    data: str
    data_fingerprint: str
    num_classes: int
    settings: dict[str, Any]
    split: str
    epochs: tuple[dict[str, Any], ...]
    num_images: dict[str, int]
    wrong: dict[str, str]
    probes: dict[str, Any]
    images_per_second: float
    seconds: float
    starts: int
    git_revision: str | None
    environment: dict[str, Any]
    date: str

    def get_wrong(self, split: str, views: str, kind: str) -> np.ndarray:
        """Which answers are wrong, bool [images], in the order of the split."""
        return unpack(self.wrong[f"{split}/{views}/{kind}"], self.num_images[split])

    def get_error(self, split: str, views: str, kind: str) -> float:
        """The share of wrong answers, 0..1."""
        return float(self.get_wrong(split, views, kind).mean())


def pack(wrong: np.ndarray) -> str:
    """Bool [N] -> base64 text; `unpack` reverses it."""
    return base64.b64encode(np.packbits(np.asarray(wrong, bool)).tobytes()).decode()


def unpack(text: str, num_images: int) -> np.ndarray:
    """Base64 text -> bool [num_images]."""
    packed = np.frombuffer(base64.b64decode(text), np.uint8)
    return np.unpackbits(packed, count=num_images).astype(bool)


def find_path(records_dir: str, name: str) -> str:
    """The file of the record of run `name`."""
    return os.path.join(records_dir, RUNS_NAME, f"{name}.json")


def write(records_dir: str, record: RunRecord) -> None:
    """Writes a record, atomically; raises `StorageError`."""
    path = find_path(records_dir, record.name)
    with files.storage_errors(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
    value = {"format": FORMAT_NAME, "version": FORMAT_VERSION}
    files.write_json(path, value | dataclasses.asdict(record))


def read_all(records_dir: str) -> Mapping[str, RunRecord]:
    """The records in a directory by name; empty if there are none.

    Raises:
      DataError: if one is damaged, or holds another run than its name says.
    """
    folder = os.path.join(records_dir, RUNS_NAME)
    records = {}
    for entry in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if not entry.endswith(".json"):
            continue
        path = os.path.join(folder, entry)
        record = json_records.read(
            path,
            RunRecord,
            remedy="Remove it, and run the claim again.",
            format_name=FORMAT_NAME,
            version=FORMAT_VERSION,
        )
        if f"{record.name}.json" != entry:
            raise errors.DataError(
                f"{path} is the record of the run {record.name}, not of the run that "
                "its name says. Give the file its name back."
            )
        records[record.name] = record
    return records
