"""Estimates what passes over ImageNet take on GPUs, and the cores that feed them."""

from __future__ import annotations

import math
import pathlib
import sys

from absl import flags

# A script of the checkout finds the checkout's packages, wherever it is called.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tfrecords import errors
from tfrecords.console import command_line

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

_SYNOPSIS = """\
Estimates seconds per epoch on H100 GPUs, and the processor cores that feed them.

A roofline from the network's products and bytes and the GPU's published peaks; nothing
is measured. How it is made up stands in tools/benchmarks/cost.py.

  python tools/cost_model.py --core_rates='JPEG=1540'
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


def main() -> None:
    """Reads the flags, prints the tables."""
    rates, gpus = _read_rates(), _read_numbers(_NUM_GPUS)
    images = _read_numbers(_IMAGES)
    if odd := [n for n in gpus if n > 1 and n % 2]:
        raise errors.UserError(
            f"--num_gpus holds {odd[0]}; it takes 1 or multiples of 2, a tower on each."
        )
    command_line.quiet_tensorflow()
    from alexnet_tf import stack
    from alexnet_tf.config.schema import ModelConfig
    from alexnet_tf.network import build
    from tools.benchmarks import cost, flops

    network = build.build_model(1000, ModelConfig())
    outputs = sum(
        math.prod(layer.output.shape[1:])
        for layer in network.layers
        if not isinstance(layer, stack.keras.layers.InputLayer)
    )
    per_image = flops.count_training_flops(flops.count_alexnet())
    parameters = network.count_params()
    print(
        f"{cost.H100.name}, bfloat16, batch {_BATCH_SIZE.value}: "
        f"{per_image / 1e9:.3f} GFLOP and {outputs:,} outputs of layers per image, "
        f"{parameters:,} parameters. Estimated, not measured."
    )
    for number in images:
        print(
            f"\n| GPUs | {number:,} images: at least | expected | images/s |",
            end="",
        )
        print("".join(f" cores, {name} |" for name in rates))
        print("|" + "---|" * (4 + len(rates)))
        for num_gpus in gpus:
            step = cost.estimate_step(
                cost.H100, num_gpus, _BATCH_SIZE.value, per_image, parameters, outputs
            )
            rate = step.images / step.expected
            least = number / step.images * step.limit
            seconds = f"{least:,.0f} s | {number / rate:,.0f} s"
            cores = "".join(f" {rate / core:.0f} |" for core in rates.values())
            print(f"| {num_gpus} | {seconds} | {rate:,.0f} |{cores}")


if __name__ == "__main__":
    command_line.run(main, __name__, _SYNOPSIS, prints_result=lambda: True)
