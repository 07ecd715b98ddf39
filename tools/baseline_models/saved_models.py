"""Trained models' answers in a directory, so that a stopped comparison resumes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os

import numpy as np

from tfrecords.durable import npz
from tools.baseline_models import classifier, images
from tools.baseline_models.models import Model
from tools.baseline_models.training import Options, Trained


def find_path(
    directory: str, model: Model, splits: images.Splits, options: Options
) -> str:
    """The file of a model; other settings or other data, another name."""
    made_from = {
        "system": model.system,
        "descriptors": model.name,
        "settings": dataclasses.asdict(model.settings),
        "seed": options.seed,
        "num_descriptors": options.num_descriptors,
        "strengths": classifier.STRENGTHS,
        "data": splits.manifest.fingerprint,
    }
    digest = hashlib.sha256(json.dumps(made_from).encode()).hexdigest()
    name = f"{model.system} {model.name}".replace(" + ", "-").replace(" ", "-")
    return os.path.join(directory, f"{name}-{digest[:16]}.npz".lower())


def save(path: str, trained: Trained) -> None:
    """Writes a trained model's answers; raises `StorageError`."""
    choice = trained.choice
    npz.save(
        path,
        {
            "probabilities": trained.probabilities,
            "num_features": trained.num_features,
            "strength": choice.strength,
            "tried_strengths": list(choice.tried),
            "tried_errors": list(choice.tried.values()),
            "seconds": trained.seconds,
        },
    )


def load(path: str, model: Model) -> Trained | None:
    """The answers in a file of `save`, or None if there is no such file.

    Raises:
      DataError: if it is damaged.
    """
    try:
        arrays = npz.load(path)
    except FileNotFoundError:
        return None
    strengths = map(float, arrays["tried_strengths"])
    tried = dict(zip(strengths, map(float, arrays["tried_errors"]), strict=True))
    return Trained(
        model,
        int(arrays["num_features"]),
        classifier.Choice(float(arrays["strength"]), tried),
        np.asarray(arrays["probabilities"]),
        float(arrays["seconds"]),
    )
