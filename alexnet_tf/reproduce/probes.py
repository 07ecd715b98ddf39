"""Further measurements on a trained network, taken before its checkpoints are removed.

Each is a function of the run's directory, its data and its answers, and returns JSON
values for the record's `probes`.
"""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

Answers = Mapping[tuple[str, str], Mapping[str, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class Trained:
    """What a probe may look at.

    Attributes:
      workdir: the run's directory.
      data_dir: its data.
      split: the split whose images count.
      answers: (split, "centre" or "ten_views") -> "probabilities" and "labels", as in
        `evaluate.Evaluation`.
    """

    workdir: str
    data_dir: str
    split: str
    answers: Answers


def measure(
    names: Sequence[str], workdir: str, data_dir: str, split: str, answers: Answers
) -> dict[str, Any]:
    """Takes the measurements `names`."""
    trained = Trained(workdir, data_dir, split, answers)
    return {name: PROBES[name](trained) for name in names}


def _keep_probabilities(trained: Trained) -> dict[str, Any]:
    """Ten-view probabilities, float16 [images, classes], for averaging networks."""
    kept = {}
    for split in dict.fromkeys((trained.split, "validation")):
        answers = trained.answers[split, "ten_views"]
        kept[split] = encode(answers["probabilities"].astype(np.float16))
        kept[f"{split}_labels"] = encode(answers["labels"].astype(np.int16))
    return kept


def encode(array: np.ndarray) -> dict[str, Any]:
    """An array as JSON values; `decode` reverses it."""
    data = base64.b64encode(array.tobytes()).decode()
    return {"dtype": array.dtype.name, "shape": list(array.shape), "data": data}


def decode(values: Mapping[str, Any]) -> np.ndarray:
    """The array that `encode` made JSON values of."""
    data = base64.b64decode(values["data"])
    return np.frombuffer(data, values["dtype"]).reshape(values["shape"])


PROBES: dict[str, Callable[[Trained], Any]] = {
    "probabilities": _keep_probabilities,
}
