"""Compares a data set's RGB principal components with the authors' own.

The authors' constants stand in the 2014 rewrite of their source (`input_meta` of
`make-data`), for pixels 0..255 of ImageNet: standard deviations along the components
and the components themselves. Two sets of photographs agree in them closely; images
that were decoded or stored wrongly (channels swapped, say) do not.
"""

from __future__ import annotations

import pathlib
import sys

import numpy as np
from absl import flags

# A script of the checkout finds the checkout's packages, wherever it is called.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tfrecords.console import command_line
from tfrecords.shards import manifest
from tfrecords.shards import statistics as statistics_lib

SYNOPSIS = """\
python tools/compare_pca.py --data_dir=D

Prints eigenvalues and eigenvectors of the RGB covariance beside the authors', and the
colour shift that each gives at one standard deviation."""

AUTHORS_STDDEVS = np.array([121.78, 37.09, 19.72])
# Columns over R, G, B, in the order of the deviations.
AUTHORS_EIGENVECTORS = np.array(
    [[-0.5635, -0.7126, 0.418], [-0.5762, -0.0235, -0.817], [-0.592, 0.7012, 0.3973]]
)

_DATA_DIR = flags.DEFINE(
    command_line.PathParser(), "data_dir", None, "the shards", required=True
)


def compute_angles(eigenvectors: np.ndarray) -> np.ndarray:
    """Degrees [3] between each component and the authors', whatever their signs.

    The eigenvectors are float64 [3, 3], unit columns, largest eigenvalue first.
    """
    authors = AUTHORS_EIGENVECTORS / np.linalg.norm(AUTHORS_EIGENVECTORS, axis=0)
    cosines = np.abs(np.sum(eigenvectors * authors, axis=0))
    return np.degrees(np.arccos(np.minimum(cosines, 1.0)))


def main() -> None:
    """Reads the flags and prints the table."""
    info = manifest.read_manifest(_DATA_DIR.value)
    statistics = statistics_lib.read_statistics(
        _DATA_DIR.value, info.checksums[manifest.STATISTICS_NAME]
    )
    deviations = np.sqrt(statistics.eigenvalues)
    angles = compute_angles(statistics.eigenvectors)
    print(f"{statistics.num_images:,} training images; mean R, G, B:", end=" ")
    print(", ".join(f"{value:.2f}" for value in statistics.mean_rgb))
    print("component  stddev  authors'  ratio  degrees  eigenvector (R, G, B)")
    for number in range(3):
        vector = ", ".join(f"{v:+.4f}" for v in statistics.eigenvectors[:, number])
        ratio = deviations[number] / AUTHORS_STDDEVS[number]
        print(
            f"{number + 1:9} {deviations[number]:7.2f} {AUTHORS_STDDEVS[number]:9.2f} "
            f"{ratio:6.3f} {angles[number]:7.1f}  ({vector})"
        )
    shifts = 0.1 * statistics.eigenvalues / 255
    print("colour shift at one sigma, grey levels: the paper's formula", end=" ")
    print(", ".join(f"{value:.2f}" for value in shifts), end="; the source's ")
    print(", ".join(f"{value:.2f}" for value in 0.1 * deviations / 1.1))


if __name__ == "__main__":
    command_line.run(main, __name__, SYNOPSIS, prints_result=lambda: True)
