"""Trains one model: descriptors, encoder, vectors of all images, classifier."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np

from tfrecords import errors
from tfrecords.console import progress
from tools.baseline_models import (
    classifier,
    comparison,
    fisher_vectors,
    images,
    sparse_coding,
)
from tools.baseline_models.models import Model

# From which the descriptors are that an encoder learns from.
_MAX_SAMPLED_IMAGES = 250


@dataclasses.dataclass(frozen=True)
class Options:
    """How models are trained.

    Attributes:
      seed: of the sample of descriptors, and of the encoder.
      num_descriptors: that an encoder learns from.
      num_workers: processes; None for one for every processor.
      max_memory_gb: that the vectors of all images may take, 10^9 bytes.
    """

    seed: int
    num_descriptors: int
    num_workers: int | None
    max_memory_gb: float


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained model's answers.

    Attributes:
      model: what was trained.
      num_features: length of an image's vector.
      choice: the strength of the penalty.
      probabilities: of the validation images, float32 [N, num_classes].
      seconds: that it took.
    """

    model: Model
    num_features: int
    choice: classifier.Choice
    probabilities: np.ndarray
    seconds: float

    def describe(self, labels: np.ndarray) -> dict[str, Any]:
        """JSON values: errors on the validation images, and how it came to them."""
        top1, top5 = comparison.compute_errors(self.probabilities, labels)
        return {
            "system": self.model.system,
            "descriptors": self.model.name,
            "settings": dataclasses.asdict(self.model.settings),
            "num_features": self.num_features,
            "inverse_penalty": self.choice.strength,
            "tuning_top1_errors": {str(c): e for c, e in self.choice.tried.items()},
            "top1_error": top1,
            "top5_error": top5,
            "seconds": self.seconds,
        }


@dataclasses.dataclass(frozen=True)
class _Sample:
    """Chooses some descriptors of an image at random."""

    model: Model
    per_image: int
    seed: int

    def __call__(self, image: np.ndarray, number: int) -> np.ndarray:
        grids = self.model.sample(image)
        values = np.concatenate([g.reshape(-1, g.shape[-1]) for g in grids])
        generator = np.random.default_rng([self.seed, number])
        return values[generator.integers(len(values), size=self.per_image)]


@dataclasses.dataclass(frozen=True)
class _Encode:
    model: Model
    encoder: sparse_coding.SparseCoder | fisher_vectors.FisherEncoder

    def __call__(self, image: np.ndarray, number: int) -> np.ndarray:
        return self.encoder.encode(self.model.sample(image))


def train(
    model: Model, splits: images.Splits, options: Options, position: str
) -> Trained:
    """Trains on the training split and answers for the validation split.

    The encoder learns from the fitting images, and the classifier's penalty is chosen
    on the tuning images; then the classifier is trained on both.

    Args:
      model: what to train.
      splits: the images.
      options: see there.
      position: "model 1 of 8", for the progress line.

    Raises:
      UserError: if the vectors need more memory than allowed, or all training images
        have the same label.
      DataError: if a record is damaged.
    """
    start = time.monotonic()
    num_sampled = min(_MAX_SAMPLED_IMAGES, splits.num_fitting)
    num_train, num_validation = len(splits.train), len(splits.validation)
    line = progress.Progress(
        f"{position}, {model.system}, {model.name}",
        num_sampled + num_train + num_validation,
        "images",
    )
    generator = np.random.default_rng(options.seed)
    chosen = generator.choice(splits.num_fitting, num_sampled, replace=False)
    per_image = -(-options.num_descriptors // num_sampled)
    workers = options.num_workers
    sample, _ = images.compute(
        splits.train,
        np.sort(chosen),
        _Sample(model, per_image, options.seed),
        workers,
        line,
    )
    encoder = model.learn(sample.reshape(-1, sample.shape[-1]), options.seed)
    _check_memory(encoder.num_features, num_train + num_validation, options)
    encode = _Encode(model, encoder)
    vectors, labels = images.compute(
        splits.train, np.arange(num_train), encode, workers, line
    )
    new_vectors, _ = images.compute(
        splits.validation, np.arange(num_validation), encode, workers, line
    )
    line.close()
    fitting, tuning = slice(splits.num_fitting), slice(splits.num_fitting, None)
    if len(set(labels[fitting])) < 2:
        raise errors.UserError(
            "the training images have one label only; a classifier needs at least two "
            "classes. Convert images of more classes."
        )
    choice = classifier.choose(
        vectors[fitting], labels[fitting], vectors[tuning], labels[tuning]
    )
    probabilities = classifier.train_and_predict(
        choice.strength, vectors, labels, new_vectors, splits.manifest.num_classes
    )
    seconds = time.monotonic() - start
    return Trained(model, encoder.num_features, choice, probabilities, seconds)


def _check_memory(num_features: int, num_images: int, options: Options) -> None:
    needed = 4e-9 * num_features * num_images
    if needed > options.max_memory_gb:
        raise errors.UserError(
            f"the vectors of {num_images:,} images take {needed:.1f} GB, more than "
            f"--max_memory_gb={options.max_memory_gb:g}. Raise it, lower --num_atoms "
            "and --num_modes, or convert fewer images."
        )
