"""Statistics of a training split that does not exist, for tests of augmentation."""

from __future__ import annotations

import numpy as np

from tfrecords.shards.statistics import Statistics


def make_statistics() -> Statistics:
    """Statistics of 256x256 images, with a mean image of distinct pixels."""
    generator = np.random.default_rng(5)
    mean_image = generator.uniform(90, 130, (256, 256, 3))
    eigenvectors = np.linalg.qr(generator.normal(size=(3, 3)))[0]
    eigenvalues = np.array([14800.0, 1376.0, 389.0])
    return Statistics(
        num_images=7,
        mean_image=mean_image,
        mean_rgb=mean_image.mean((0, 1)),
        covariance=eigenvectors @ np.diag(eigenvalues) @ eigenvectors.T,
        eigenvalues=eigenvalues,
        eigenvectors=eigenvectors,
    )
