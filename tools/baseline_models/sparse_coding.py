"""Sparse coding with spatial max pooling.

Descriptors are whitened, and a dictionary is learned with which few of its atoms give
back each of them. Images are encoded by a soft threshold, which classifies as well as
the codes that are optimal for the dictionary, and takes a hundredth of the time (Coates
and Ng, ICML 2011). The largest codes of each region of a spatial pyramid describe the
image (Yang et al., CVPR 2009).
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence

import numpy as np
from sklearn import decomposition, exceptions

from tools.baseline_models import regions


@dataclasses.dataclass(frozen=True)
class Settings:
    """How a sparse coder is learned.

    Attributes:
      num_atoms: of the dictionary.
      num_components: of the whitened descriptors.
      sparsity: weight of the codes' absolute values while learning.
      threshold: what a projection has to exceed in order to count, in units of a
        whitened descriptor's root mean square.
      pyramid: see `regions.split`.
    """

    num_atoms: int
    num_components: int = 64
    sparsity: float = 1.0
    threshold: float = 2.0
    pyramid: Sequence[tuple[int, int]] = ((1, 1), (2, 2), (4, 4))


class SparseCoder:
    """A learned whitening and dictionary; can be pickled."""

    def __init__(
        self, whitening: decomposition.PCA, atoms: np.ndarray, settings: Settings
    ):
        self._whitening, self._settings = whitening, settings
        # Of length 1 each, float32 [num_atoms, num_components].
        self._atoms = atoms / np.linalg.norm(atoms, axis=1, keepdims=True)

    @property
    def num_features(self) -> int:
        """The length of an image's vector."""
        return 2 * len(self._atoms) * regions.count(self._settings.pyramid)

    def encode(self, grids: Sequence[np.ndarray]) -> np.ndarray:
        """An image's vector, float32 [num_features], of length 1 unless all 0.

        Takes grids of descriptors, float32 [rows, columns, D] each.
        """
        projections = [self._project(grid) for grid in grids]
        pooled = []
        for part in regions.split(projections, self._settings.pyramid):
            # Both signs, as features of their own.
            pooled += [part.max(0), -part.min(0)]
        codes = np.maximum(np.concatenate(pooled) - self._settings.threshold, 0)
        return codes / max(np.linalg.norm(codes), 1e-12)

    def _project(self, grid: np.ndarray) -> np.ndarray:
        whitened = self._whitening.transform(grid.reshape(-1, grid.shape[-1]))
        projections = whitened.astype(np.float32) @ self._atoms.T
        return projections.reshape(*grid.shape[:2], -1)


def learn(sample: np.ndarray, settings: Settings, seed: int) -> SparseCoder:
    """Learns a sparse coder from descriptors, float32 [N, D]."""
    num_components = min(settings.num_components, *sample.shape)
    whitening = decomposition.PCA(num_components, whiten=True, random_state=seed)
    whitened = whitening.fit_transform(sample)
    learner = decomposition.MiniBatchDictionaryLearning(
        n_components=settings.num_atoms,
        alpha=settings.sparsity,
        max_iter=1,
        batch_size=256,
        fit_algorithm="cd",
        random_state=seed,
    )
    with warnings.catch_warnings():
        # One pass has to do.
        warnings.simplefilter("ignore", exceptions.ConvergenceWarning)
        learner.fit(whitened)
    return SparseCoder(whitening, learner.components_.astype(np.float32), settings)
