"""Mean image and RGB covariance of the training split, exactly.

The sums are of integers (pixels 0..255 and their products) in int64, so they do not
depend on the order or the number of workers; the final division is in float64. Paper,
section 2 (mean image) and section 4.1 (RGB covariance):

  mean_image = sum(image) / n
  mean_rgb   = sum over all pixels of [r, g, b] / (n * 256 * 256)
  covariance = sum over all pixels of [r, g, b]^T [r, g, b] / (n * 256 * 256)
               - mean_rgb^T mean_rgb
  covariance = eigenvectors diag(eigenvalues) eigenvectors^T
"""

from __future__ import annotations

import dataclasses
import os

import numpy as np

from tfrecords import errors
from tfrecords.durable import npz
from tfrecords.shards import eigenvectors, manifest

# 257 * 255 = 65,535 is the largest 16-bit number.
_MAX_LATEST = 257

# In the order of `Statistics`. The mean image's side is the directory's image size.
_SHAPES: dict[str, tuple[int | None, ...]] = {
    "num_images": (),
    "mean_image": (None, None, 3),
    "mean_rgb": (3,),
    "covariance": (3, 3),
    "eigenvalues": (3,),
    "eigenvectors": (3, 3),
}


@dataclasses.dataclass(frozen=True)
class Statistics:
    """What the input pipeline subtracts and adds, in float64; pixels are 0..255."""

    num_images: int
    mean_image: np.ndarray  # [256, 256, 3]
    mean_rgb: np.ndarray  # [3]
    covariance: np.ndarray  # [3, 3], of the RGB values over all pixels (divided by n)
    eigenvalues: np.ndarray  # [3], of the covariance, largest first
    # [3, 3], unit columns in the eigenvalues' order, each with a positive sum over R,
    # G, B (a column's sign is otherwise arbitrary).
    eigenvectors: np.ndarray


class Accumulator:
    """Sums over `num_images` images so far, which can be merged.

    `product_sum`, int64 [3, 3], is that of the products of a pixel's channels.
    """

    def __init__(self, image_size: int):
        shape = (image_size, image_size, 3)
        self.num_images = 0
        self._image_sum = np.zeros(shape, np.int64)
        # The latest images are summed in 16 bits, which takes a fifth of the time.
        self._latest = np.zeros(shape, np.uint16)
        self._num_latest = 0
        self.product_sum = np.zeros((3, 3), np.int64)

    def add(self, image: np.ndarray) -> None:
        """Counts `image`, uint8 [image_size, image_size, 3]."""
        if image.dtype != np.uint8 or image.shape != self._latest.shape:
            raise ValueError(
                f"expected uint8 {self._latest.shape}, not {image.dtype} {image.shape}"
            )
        if self._num_latest == _MAX_LATEST:
            self._add_latest()
        self.num_images += 1
        self._num_latest += 1
        self._latest += image
        # Exact in float64: the sum is below 256 * 256 * 255^2 < 2^53. Six dot products
        # take half as long as one matmul with three columns.
        planes = image.reshape(-1, 3).T.astype(np.float64, order="C")
        for i in range(3):
            for j in range(i, 3):
                product = int(planes[i] @ planes[j])
                self.product_sum[i, j] += product
                if i != j:
                    self.product_sum[j, i] += product

    @property
    def image_sum(self) -> np.ndarray:
        """int64 [image_size, image_size, 3]."""
        self._add_latest()
        return self._image_sum

    def _add_latest(self) -> None:
        self._image_sum += self._latest
        self._latest[:] = 0
        self._num_latest = 0

    def merge(self, other: Accumulator) -> None:
        """Adds the sums of `other`."""
        self.num_images += other.num_images
        self._image_sum += other.image_sum
        self.product_sum += other.product_sum

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The sums as arrays, for `npz.save`."""
        return {
            "num_images": np.asarray(self.num_images, np.int64),
            "image_sum": self.image_sum,
            "product_sum": self.product_sum,
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Accumulator:
        """The inverse of `to_arrays`."""
        accumulator = cls(arrays["image_sum"].shape[0])
        accumulator.num_images = int(arrays["num_images"])
        accumulator._image_sum = arrays["image_sum"]
        accumulator.product_sum = arrays["product_sum"]
        return accumulator

    def compute(self) -> Statistics:
        """The statistics; raises `UserError` if no image was added."""
        if not self.num_images:
            raise errors.UserError(
                "no training image was converted, so there is no mean image. Check "
                "--source_dir and the rejects."
            )
        image_sum = self.image_sum
        mean_image = image_sum / self.num_images
        num_pixels = self.num_images * image_sum.shape[0] * image_sum.shape[1]
        mean_rgb = image_sum.sum(axis=(0, 1)) / num_pixels
        covariance = self.product_sum / num_pixels - np.outer(mean_rgb, mean_rgb)
        eigenvalues, vectors = compute_principal_components(covariance)
        return Statistics(
            self.num_images, mean_image, mean_rgb, covariance, eigenvalues, vectors
        )


def compute_principal_components(
    covariance: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues, largest first, and eigenvectors as columns with positive sums.

    Of a covariance, float64 [3, 3]: (float64 [3], float64 [3, 3]). Eigenvalues made
    negative by rounding become 0.
    """
    eigenvalues, vectors = eigenvectors.diagonalize(covariance)
    order = np.argsort(-eigenvalues, kind="stable")
    eigenvalues, vectors = eigenvalues[order], vectors[:, order]
    # In order, as NumPy's sum may add in another one.
    sums = vectors[0] + vectors[1] + vectors[2]
    signs = np.where(sums < 0, -1.0, 1.0)
    return np.maximum(eigenvalues, 0.0), np.ascontiguousarray(vectors * signs)


def write_statistics(data_dir: str, statistics: Statistics) -> None:
    """Writes `statistics.npz` atomically; raises `StorageError`."""
    arrays = {name: np.asarray(getattr(statistics, name)) for name in _SHAPES}
    npz.save(os.path.join(data_dir, manifest.STATISTICS_NAME), arrays)


def read_statistics(data_dir: str, expected_sha256: str | None = None) -> Statistics:
    """Reads `statistics.npz`, and compares it with the manifest's checksum if given.

    Raises `DataError` if the file is missing, damaged or of another data directory.
    """
    path = os.path.join(data_dir, manifest.STATISTICS_NAME)
    arrays = manifest.load_arrays(data_dir, manifest.STATISTICS_NAME, expected_sha256)
    for name, shape in _SHAPES.items():
        array = arrays.get(name)
        if array is None:
            fault = f"lacks the array {name!r}"
        elif array.ndim != len(shape) or any(
            b not in (None, a) for a, b in zip(array.shape, shape, strict=True)
        ):
            fault = f"holds {name} of shape {array.shape}, not {shape}"
        elif not np.all(np.isfinite(array)):
            fault = f"holds a {name} that is not finite"
        else:
            continue
        raise errors.DataError(
            f"{path} {fault}. Restore it from a copy or convert again."
        )
    num_images, *others = (arrays[name] for name in _SHAPES)
    return Statistics(int(num_images), *others)
