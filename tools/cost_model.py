"""Estimates what passes over ImageNet take on GPUs, and the cores that feed them.

A roofline, not a measurement: a step takes at least as long as its products at the
GPU's peak rate, and as its bytes at the memory's:

    products  4.136e9 FLOP per image (tools/flops.py)
    bytes     38 per parameter: the weight read (4) and cast (2), read forward and
              backward (2 + 2), the gradient written (2) and cast (2 + 4), and the
              update, which reads weight, velocity, gradient and writes two (20)
              10 per output of a layer: written and read forward (2 + 2); backward the
              output read and the gradient written and read (2 + 2 + 2)
    exchange  between the towers: pool2, pool5, fc6, fc7 and their gradients, two
              bytes an element, and tower b's images in float32
    reduce    2 * (n - 1) / n * 4 bytes of each parameter among n copies

With --workers it compares what each of n workers sends in a step, in rings and float32:

    data      2 * (n - 1) / n * 4 bytes of each parameter
    hybrid    2 * (n - 1) / n * 4 bytes of each convolutional layer's parameter, and of
              each input of fc6, fc7 and fc8 for each image of all workers together

The hybrid is "one weird trick" (Krizhevsky 2014): all workers hold all convolutional
layers and train them on their own images, and each holds a part of every
fully-connected layer's units, which sees all images. The inputs are gathered forward
and their gradients reduced backward. We do not implement it.

Expected is what such networks reach of it: products and bytes one after the other, at
the fractions in `Gpu`, and never below the time to launch the kernels.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
import sys
from typing import Any

from absl import flags

# A script of the checkout finds the checkout's packages, wherever it is called.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tfrecords import errors
from tfrecords.console import command_line

_BYTES_PER_PARAMETER = 38
_BYTES_PER_OUTPUT = 10
# pool2 and pool5 go both ways, fc6 both, fc7 one way to tower a: elements of an image
# over the busier direction of the link, forward, and as many backward.
_EXCHANGED = 2 * (13 * 13 * 128 + 6 * 6 * 128 + 2 * 2048)
_IMAGE_BYTES = 224 * 224 * 3 * 4


@dataclasses.dataclass(frozen=True)
class Gpu:
    """A GPU's published peaks, and estimates of what of them a network reaches.

    The peaks are of dense bfloat16 products, FLOP/s, of memory, and of the link to
    another GPU in one direction, bytes/s. The fractions of them are estimated, as are
    the kernels launched in a step of one device and the seconds between two.
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
    """A training step of so many images on all GPUs together.

    It takes at least `limit` seconds, at the published peaks; `expected` with the
    estimated fractions.
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

    Each pair has a copy of the network and a batch of `batch_size`. `flops` are those
    of an image in training, `num_outputs` the elements of all layers' outputs for it.
    Raises `ValueError` for an odd number of GPUs above 1.
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
        between += batch_size * (2 * _EXCHANGED + _IMAGE_BYTES) / gpu.link
    if copies > 1:
        between += 2 * (copies - 1) / copies * 4 * parameters / gpu.link
    expected = products / gpu.flops_fraction + memory / gpu.memory_fraction
    launching = gpu.launches * gpu.launch_seconds
    return Step(
        copies * batch_size,
        max(products, memory, between),
        max(expected, launching) + between,
    )


def count_sent(
    num_workers: int, batch_size: int, parameters: int, convolutional: int, inputs: int
) -> tuple[float, float]:
    """Bytes that each worker sends in a step: data parallelism, then the hybrid.

    `batch_size` is of all workers together; `parameters` counts all, `convolutional`
    those of the convolutional layers, `inputs` the values that enter the
    fully-connected layers for an image. The hybrid sends less below
    (parameters - convolutional) / inputs images.
    """
    share = 2 * (num_workers - 1) / num_workers * 4
    return share * parameters, share * (convolutional + batch_size * inputs)


_CORE_RATES = flags.DEFINE_list(
    "core_rates",
    [],
    "images a second that one core makes ready, NAME=RATE: measure them with "
    "`tools/benchmark.py input` (images/s divided by the cores)",
)
_IMAGES = flags.DEFINE_list(
    "images", ["1281167", "15000000"], "of an epoch, one table each"
)
_NUM_GPUS = flags.DEFINE_list(
    "num_gpus", ["1", "2", "8"], "1, 2 (a tower each), or pairs"
)
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", 128, "images of a copy's step", lower_bound=1
)
_WORKERS = flags.DEFINE_list(
    "workers", [], "what each of so many workers sends; then nothing else is estimated"
)
_BATCH_SIZES = flags.DEFINE_list(
    "batch_sizes", ["128", "1024", "8192"], "with --workers: of all workers together"
)
_WORKER_LINK = flags.DEFINE_float(
    "worker_link", 25.0, "with --workers: Gbit/s that a worker sends", lower_bound=0.001
)

_SYNOPSIS = """\
Estimates seconds per epoch on H100 GPUs, and the processor cores that feed them.

A roofline from the network's products and bytes and the GPU's published peaks; nothing
is measured. The formulas are at the top of tools/cost_model.py.

  python tools/cost_model.py --core_rates='JPEG=1540'
  python tools/cost_model.py --workers=2,8 --worker_link=25
"""


def _read_rates() -> dict[str, float]:
    rates = {}
    for text in _CORE_RATES.value:
        name, _, rate = text.partition("=")
        try:
            rates[name] = float(rate)
        except ValueError:
            rates[name] = 0.0
        if not name or not 0 < rates[name] < math.inf:
            raise errors.UserError(
                f"--core_rates holds {text!r}; it takes NAME=RATE with a rate above 0, "
                "as in JPEG=1900."
            )
    return rates


def _read_numbers(flag: flags.FlagHolder) -> list[int]:
    numbers = []
    for text in flag.value or [""]:
        if not text.isdecimal() or len(text) > 15 or not int(text):
            raise errors.UserError(
                f"--{flag.name} holds {text!r}; it takes whole numbers above 0."
            )
        numbers.append(int(text))
    return numbers


def _print_sent(network: Any, workers: list[int], batch_sizes: list[int]) -> None:
    layers = [layer for layer in network.layers if layer.count_params()]
    total = network.count_params()
    conv = sum(x.count_params() for x in layers if x.name.startswith("conv"))
    # The towers' halves of a layer, fc6a and fc6b, have the same inputs.
    dense = {x.name[:3]: x.weights[0].shape[0] for x in layers if x.name[:2] == "fc"}
    inputs = sum(dense.values())
    link = _WORKER_LINK.value
    print(
        f"{total:,} parameters, {conv:,} of them convolutional; {inputs:,} inputs of "
        f"fully-connected layers per image; {link:g} Gbit/s. Estimated, not measured."
        f"\nThe hybrid sends less in batches below {(total - conv) / inputs:,.0f} "
        "images of all workers together.\n\n"
        "| workers | batch | data parallel | hybrid |\n|---|---|---|---|"
    )
    for count in workers:
        for size in batch_sizes:
            cells = [
                f"{sent / 1e6:,.0f} MB, {sent * 8 / link / 1e6:,.0f} ms"
                for sent in count_sent(count, size, total, conv, inputs)
            ]
            print(f"| {count} | {size:,} | {cells[0]} | {cells[1]} |")


def main() -> None:
    """Reads the flags, prints the tables."""
    rates, gpus = _read_rates(), _read_numbers(_NUM_GPUS)
    images = _read_numbers(_IMAGES)
    if odd := [n for n in gpus if n > 1 and n % 2]:
        raise errors.UserError(
            f"--num_gpus holds {odd[0]}; it takes 1 or multiples of 2, a tower on each."
        )
    workers = _read_numbers(_WORKERS) if _WORKERS.value else []
    if 1 in workers:
        raise errors.UserError(
            "--workers holds 1, which sends nothing; give 2 or more."
        )
    batch_sizes = _read_numbers(_BATCH_SIZES)
    command_line.quiet_tensorflow()
    from alexnet_tf import stack
    from alexnet_tf.config.schema import ModelConfig
    from alexnet_tf.network import build
    from tools import flops

    network = build.build_model(1000, ModelConfig())
    if workers:
        _print_sent(network, workers, batch_sizes)
        return
    outputs = sum(
        math.prod(layer.output.shape[1:])
        for layer in network.layers
        if not isinstance(layer, stack.keras.layers.InputLayer)
    )
    per_image = flops.count_training_flops(flops.count_alexnet())
    parameters = network.count_params()
    print(
        f"{H100.name}, bfloat16, batch {_BATCH_SIZE.value}: "
        f"{per_image / 1e9:.3f} GFLOP and {outputs:,} outputs of layers per image, "
        f"{parameters:,} parameters. Estimated, not measured."
    )
    for number in images:
        headings = ["GPUs", f"{number:,} images: at least", "expected", "images/s"]
        headings += [f"cores, {name}" for name in rates]
        print(f"\n| {' | '.join(headings)} |")
        print("|" + "---|" * len(headings))
        for num_gpus in gpus:
            step = estimate_step(
                H100, num_gpus, _BATCH_SIZE.value, per_image, parameters, outputs
            )
            rate = step.images / step.expected
            least = number / step.images * step.limit
            seconds = f"{least:,.0f} s | {number / rate:,.0f} s"
            cores = "".join(f" {rate / core:.0f} |" for core in rates.values())
            print(f"| {num_gpus} | {seconds} | {rate:,.0f} |{cores}")


if __name__ == "__main__":
    command_line.run(main, __name__, _SYNOPSIS, prints_result=lambda: True)
