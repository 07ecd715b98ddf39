"""The models of the paper's two earlier systems, as far as they are published."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial

import numpy as np

from tools.baseline_models import descriptors, fisher_vectors, sparse_coding
from tools.baseline_models.descriptors import Sampling

SPARSE_CODING = "sparse coding"
FISHER_VECTORS = "SIFT + FVs"


@dataclasses.dataclass(frozen=True)
class Model:
    """One model: descriptors, and how they are encoded.

    Several samplings give one set of descriptors, at several sizes.
    """

    name: str
    system: str
    samplings: tuple[Sampling, ...]
    settings: sparse_coding.Settings | fisher_vectors.Settings

    def sample(self, image: np.ndarray) -> list[np.ndarray]:
        """The grids of descriptors of an image, uint8 [height, width, 3]."""
        return [sampling(image) for sampling in self.samplings]

    def learn(
        self, sample: np.ndarray, seed: int
    ) -> sparse_coding.SparseCoder | fisher_vectors.FisherEncoder:
        """Learns the encoder from descriptors, float32 [N, D]."""
        if isinstance(self.settings, sparse_coding.Settings):
            return sparse_coding.learn(sample, self.settings, seed)
        return fisher_vectors.learn(sample, self.settings, seed)


def list_models(num_atoms: int, num_modes: int) -> Sequence[Model]:
    """Six sparse-coding models, then two of Fisher vectors.

    With `num_atoms` in each dictionary, and `num_modes` Gaussians in each mixture.
    """
    gradients = descriptors.compute_gradients
    colours = descriptors.compute_colours
    coded = {
        "gradients": (Sampling(gradients, 2),),
        "large gradients": (Sampling(gradients, 4),),
        "DAISY": (Sampling(descriptors.compute_daisy, 2),),
        "local binary patterns": (Sampling(descriptors.compute_patterns),),
        "colours": (Sampling(colours),),
        "patches": (Sampling(descriptors.compute_patches, 2),),
    }
    several_sizes = {
        "gradients": tuple(Sampling(gradients, factor) for factor in (2, 3, 4)),
        "colours": (Sampling(colours), Sampling(partial(colours, cell=10))),
    }
    return [
        *(
            Model(name, SPARSE_CODING, samplings, sparse_coding.Settings(num_atoms))
            for name, samplings in coded.items()
        ),
        *(
            Model(name, FISHER_VECTORS, samplings, fisher_vectors.Settings(num_modes))
            for name, samplings in several_sizes.items()
        ),
    ]
