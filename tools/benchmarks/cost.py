"""What a pass over ImageNet would take on GPUs: a roofline, not a measurement.

A step takes at least as long as its products at the GPU's peak, and as its bytes at the
memory's:

    products  4.136e9 FLOP per image (tools/benchmarks/flops.py)
    bytes     38 per parameter: the weight read (4) and cast (2), read forward and
              backward (2 + 2), the gradient written (2) and cast (2 + 4), and the
              update, which reads weight, velocity, gradient and writes two (20)
              10 per output of a layer: written and read forward (2 + 2); backward the
              output read and the gradient written and read (2 + 2 + 2)
    exchange  between the towers: pool2, pool5, fc6, fc7 and their gradients, two
              bytes an element, and tower b's images in float32
    reduce    2 * (n - 1) / n * 4 bytes of each parameter among n copies

Expected is what such networks reach of it: products and bytes one after the other, at
the fractions in `Gpu`, and never below the time to launch the kernels.
"""

from __future__ import annotations

import dataclasses

_BYTES_PER_PARAMETER = 38
_BYTES_PER_OUTPUT = 10
# pool2 and pool5 go both ways, fc6 both, fc7 one way to tower a: elements of an image
# over the busier direction of the link, forward, and as many backward.
_EXCHANGED = 2 * (13 * 13 * 128 + 6 * 6 * 128 + 2 * 2048)
_IMAGE_BYTES = 224 * 224 * 3 * 4


@dataclasses.dataclass(frozen=True)
class Gpu:
    """A GPU's published peaks, and estimates of what of them a network reaches.

    Attributes:
      name: in words.
      flops: dense bfloat16 products, FLOP/s.
      memory: bytes/s.
      link: bytes/s to another GPU, one direction.
      flops_fraction: of `flops` that convolutions of this size reach (estimated).
      memory_fraction: of `memory` (estimated).
      launches: kernels of a step of one device (estimated).
      launch_seconds: between two of them (estimated).
    """

    name: str
    flops: float
    memory: float
    link: float
    flops_fraction: float = 0.4
    memory_fraction: float = 0.7
    launches: int = 400
    launch_seconds: float = 5e-6


# NVIDIA H100 Tensor Core GPU datasheet, SXM5: 989 TFLOP/s dense, 3.35 TB/s, NVLink
# 900 GB/s in both directions together.
H100 = Gpu("H100 SXM", 989e12, 3.35e12, 450e9)


@dataclasses.dataclass(frozen=True)
class Step:
    """Seconds of a training step.

    Attributes:
      images: that it takes, on all GPUs together.
      limit: at the published peaks.
      expected: with the estimated fractions.
    """

    images: int
    limit: float
    expected: float


def estimate_step(
    gpu: Gpu,
    num_gpus: int,
    batch_size: int,
    flops: float,
    num_parameters: int,
    num_outputs: int,
) -> Step:
    """A step on one GPU, on two with a tower each, or on a multiple of two.

    Args:
      gpu: which.
      num_gpus: 1, 2, or pairs, each pair with a copy of the network and a batch.
      batch_size: images of a copy's step.
      flops: of an image, in training.
      num_parameters: of the network.
      num_outputs: elements of all layers' outputs for one image.

    Raises:
      ValueError: for an odd number of GPUs above 1.
    """
    if num_gpus > 1 and num_gpus % 2:
        raise ValueError(f"1 GPU or pairs of them, not {num_gpus}")
    share = min(num_gpus, 2)
    copies = num_gpus // share
    products = batch_size * flops / share / gpu.flops
    parameters = num_parameters / share
    moved = _BYTES_PER_PARAMETER * parameters
    moved += _BYTES_PER_OUTPUT * batch_size * num_outputs / share
    memory = moved / gpu.memory
    between = 0.0
    if share == 2:
        each = 2 * _EXCHANGED + _IMAGE_BYTES
        between += batch_size * each / gpu.link
    if copies > 1:
        between += 2 * (copies - 1) / copies * 4 * parameters / gpu.link
    expected = products / gpu.flops_fraction + memory / gpu.memory_fraction
    launching = gpu.launches * gpu.launch_seconds
    return Step(
        copies * batch_size,
        max(products, memory, between),
        max(expected, launching) + between,
    )
