"""Fisher vectors: how an image's descriptors would change a mixture of Gaussians.

Perronnin, Sanchez and Mensink, ECCV 2010: the gradient of the descriptors' mean log
likelihood with respect to the mixture's parameters, in the metric of its Fisher
information, then signed square roots and length 1, for every region of a spatial
pyramid. scikit-image computes all this.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from skimage import feature
from sklearn import decomposition, exceptions

from tools.baseline_models import regions


@dataclasses.dataclass(frozen=True)
class Settings:
    """How an encoder is learned.

    Attributes:
      num_modes: Gaussians of the mixture.
      num_components: of the descriptors after PCA.
      pyramid: see `regions.split`.
    """

    num_modes: int
    num_components: int = 64
    pyramid: Sequence[tuple[int, int]] = ((1, 1), (3, 1))


class FisherEncoder:
    """A learned PCA and mixture; can be pickled."""

    def __init__(self, pca: decomposition.PCA, mixture: Any, settings: Settings):
        self._pca, self._mixture, self._settings = pca, mixture, settings

    @property
    def num_features(self) -> int:
        """The length of an image's vector."""
        num_modes, num_components = self._mixture.means_.shape
        size = num_modes * (2 * num_components + 1)
        return size * regions.count(self._settings.pyramid)

    def encode(self, grids: Sequence[np.ndarray]) -> np.ndarray:
        """An image's vector, float32 [num_features], of length 1.

        Takes grids of descriptors, float32 [rows, columns, D] each.
        """
        reduced = [
            self._pca.transform(g.reshape(-1, g.shape[-1])).reshape(*g.shape[:2], -1)
            for g in grids
        ]
        vectors = [
            feature.fisher_vector(part, self._mixture, improved=True)
            for part in regions.split(reduced, self._settings.pyramid)
        ]
        return (np.concatenate(vectors) / len(vectors) ** 0.5).astype(np.float32)


def learn(sample: np.ndarray, settings: Settings, seed: int) -> FisherEncoder:
    """Learns an encoder from descriptors, float32 [N, D]."""
    pca = decomposition.PCA(
        min(settings.num_components, *sample.shape), random_state=seed
    )
    reduced = pca.fit_transform(sample)
    with warnings.catch_warnings():
        # Fifty steps have to do.
        warnings.simplefilter("ignore", exceptions.ConvergenceWarning)
        mixture = feature.learn_gmm(
            reduced,
            n_modes=settings.num_modes,
            gm_args={
                "covariance_type": "diag",
                "max_iter": 50,
                "init_params": "k-means++",
                "reg_covar": 1e-6,
                "random_state": seed,
            },
        )
    return FisherEncoder(pca, mixture, settings)
