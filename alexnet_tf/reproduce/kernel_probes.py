"""What conv1's kernels are: colour, frequency, orientation, and their order.

Section 6.1 says that the towers specialize, "colour-agnostic" kernels in one and
"colour-specific" ones in the other. A kernel w [11, 11, 3] is split into its grey part,
the mean of its channels, and the rest:

  colour share = |w - grey|^2 / |w|^2       0 for a grey kernel

Frequency and orientation are those of the largest Fourier coefficient of the channel
sum. Section 3.3 says that the order of the kernels is arbitrary; it matters once
response normalization has been trained with it, which permuted kernels show.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from alexnet_tf.network.parameters import list_parameters
from alexnet_tf.stack import keras

NUM_PERMUTATIONS = 4
NUM_SHUFFLES = 2000
_FFT_SIZE = 64


def compute_colour_shares(kernels: np.ndarray) -> np.ndarray:
    """Of kernels [height, width, 3, N], the share of energy that is colour, [N]."""
    kernels = kernels.astype(np.float64)
    grey = kernels.mean(axis=2, keepdims=True)
    energy = (kernels**2).sum(axis=(0, 1, 2))
    colour = ((kernels - grey) ** 2).sum(axis=(0, 1, 2))
    return np.asarray(colour / np.maximum(energy, np.finfo(np.float64).tiny))


def find_frequencies(kernels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of kernels [height, width, 3, N], frequency and orientation, both [N].

    Frequency is in cycles per pixel, 0..0.71; orientation is the direction of the wave,
    radians in 0..pi, 0 for vertical stripes.
    """
    planes = kernels.astype(np.float64).sum(axis=2).transpose(2, 0, 1)
    spectra = np.abs(np.fft.fft2(planes, (_FFT_SIZE, _FFT_SIZE)))
    places = spectra.reshape(len(planes), -1).argmax(axis=1)
    rows, columns = np.unravel_index(places, (_FFT_SIZE, _FFT_SIZE))
    axis = np.fft.fftfreq(_FFT_SIZE)
    y, x = axis[rows], axis[columns]
    return np.hypot(y, x), np.arctan2(y, x) % np.pi


def describe_towers(model: keras.Model) -> dict[str, Any]:
    """JSON values of each tower, "conv1a" and "conv1b": rounded lists, [kernels]."""
    found = {}
    for parameter in list_parameters(model):
        if parameter.layer == "conv1" and parameter.name.endswith("/kernel"):
            kernels = parameter.variable.numpy()
            frequencies, orientations = find_frequencies(kernels)
            found[parameter.name.partition("/")[0]] = {
                "colour": np.round(compute_colour_shares(kernels), 4).tolist(),
                "frequency": np.round(frequencies, 4).tolist(),
                "orientation": np.round(orientations, 3).tolist(),
            }
    return found


def compute_neighbour_likeness(kernels: np.ndarray) -> float:
    """Mean |correlation| of neighbours among kernels [height, width, 3, N]."""
    flat = kernels.reshape(-1, kernels.shape[-1]).astype(np.float64)
    correlations = np.abs(np.corrcoef(flat.T))
    return float(np.mean(np.diagonal(correlations, 1)))


def compute_p_value(kernels: np.ndarray, seed: int = 0) -> float:
    """How often a random order is at least as alike as that of `kernels`, 0..1.

    The p-value of the hypothesis that neighbours are as alike as any two kernels.
    """
    generator = np.random.default_rng(seed)
    found = compute_neighbour_likeness(kernels)
    as_alike = sum(
        compute_neighbour_likeness(
            kernels[..., generator.permutation(kernels.shape[-1])]
        )
        >= found
        for _ in range(NUM_SHUFFLES)
    )
    return (as_alike + 1) / (NUM_SHUFFLES + 1)


def permute_kernels(
    model: keras.Model, compute_error: Callable[[], float], seed: int = 0
) -> dict[str, Any]:
    """Reorders conv1's kernels within each tower, and conv2's inputs with them.

    Without response normalization the network would be the same function. The weights
    are put back afterwards.

    Args:
      model: two towers that meet after conv2, or one tower.
      compute_error: the model's top-1 error now.
      seed: of the orders.

    Returns:
      JSON values: "error" before, "permuted", the errors after each of
      `NUM_PERMUTATIONS` reorderings, and "p_values" of `compute_p_value` by tower.
    """
    weights = {
        parameter.name: parameter.variable for parameter in list_parameters(model)
    }
    towers = sorted(
        name[len("conv1") : -len("/kernel")]
        for name in weights
        if name.startswith("conv1") and name.endswith("/kernel")
    )
    names = [
        name
        for tower in towers
        for name in (
            f"conv1{tower}/kernel",
            f"conv1{tower}/bias",
            f"conv2{tower}/kernel",
        )
    ]
    kept = {name: weights[name].numpy() for name in names}
    first = {tower: kept[f"conv1{tower}/kernel"] for tower in towers}
    p_values = {
        f"conv1{t}": compute_p_value(kernels, seed) for t, kernels in first.items()
    }
    generator = np.random.default_rng(seed)
    error, permuted = compute_error(), []
    for _ in range(NUM_PERMUTATIONS):
        for tower in towers:
            order = generator.permutation(first[tower].shape[-1])
            for name, axis in (
                (f"conv1{tower}/kernel", 3),
                (f"conv1{tower}/bias", 0),
                (f"conv2{tower}/kernel", 2),
            ):
                weights[name].assign(np.take(kept[name], order, axis))
        permuted.append(compute_error())
    for name in names:
        weights[name].assign(kept[name])
    return {"error": error, "permuted": permuted, "p_values": p_values}
