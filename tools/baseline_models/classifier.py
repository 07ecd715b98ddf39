"""Linear classifiers, their penalty chosen on images held out from training."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
from sklearn import exceptions, linear_model

# Inverse strengths of the L2 penalty, for vectors of length 1; weak penalties start
# from the weights of stronger ones.
STRENGTHS = (1.0, 5.0, 25.0)
_MAX_ITERATIONS = 50
_TOLERANCE = 1e-4


@dataclasses.dataclass(frozen=True)
class Choice:
    """The strength with the fewest top-1 errors on the tuning images.

    `tried` has the top-1 error, a fraction, of every strength. With equally many errors
    the strongest penalty is chosen.
    """

    strength: float
    tried: dict[float, float]


def choose(
    features: np.ndarray,
    labels: np.ndarray,
    tuning_features: np.ndarray,
    tuning_labels: np.ndarray,
) -> Choice:
    """Trains with every strength and counts the errors on the tuning images.

    Features are float32 [N, F], labels int32 [N].
    """
    model = _make()
    tried = {}
    for strength in STRENGTHS:
        _fit(model, strength, features, labels)
        tried[strength] = float(
            np.mean(model.predict(tuning_features) != tuning_labels)
        )
    return Choice(min(tried, key=lambda strength: tried[strength]), tried)


def train_and_predict(
    strength: float,
    features: np.ndarray,
    labels: np.ndarray,
    new_features: np.ndarray,
    num_classes: int,
) -> np.ndarray:
    """Trains, and computes the probabilities of new images, float32 [N, num_classes].

    A class without training images has probability 0.
    """
    model = _fit(_make(), strength, features, labels)
    probabilities = np.zeros((len(new_features), num_classes), np.float32)
    probabilities[:, model.classes_] = model.predict_proba(new_features)
    return probabilities


def _make() -> linear_model.LogisticRegression:
    return linear_model.LogisticRegression(
        max_iter=_MAX_ITERATIONS, tol=_TOLERANCE, warm_start=True
    )


def _fit(
    model: linear_model.LogisticRegression,
    strength: float,
    features: np.ndarray,
    labels: np.ndarray,
) -> linear_model.LogisticRegression:
    model.C = strength
    with warnings.catch_warnings():
        # The answers hardly change after so many iterations.
        warnings.simplefilter("ignore", exceptions.ConvergenceWarning)
        return model.fit(features, labels)
