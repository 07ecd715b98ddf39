"""Measures speed and memory on this machine, beside limits and other programs."""

from __future__ import annotations

import dataclasses
import math
import pathlib
import sys
from typing import Any

from absl import flags

# A script of the checkout finds the checkout's packages, wherever it is called.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from alexnet_tf.figures import matplotlib_defaults
from alexnet_tf.runs import environment
from tfrecords import errors
from tfrecords.console import command_line
from tfrecords.durable import files
from tools.benchmarks import harness
from tools.benchmarks.registry import BENCHMARKS

_LINES = "\n".join(
    f"  {name:15} {(measure.__doc__ or '').splitlines()[0]}"
    for name, measure in BENCHMARKS.items()
)

SYNOPSIS = f"""\
python tools/benchmark.py BENCHMARK [--output=result.json]

Benchmarks:
{_LINES}

What is compared is measured side by side, in turns. Most benchmarks report the median
of several rounds and its spread; growth reports medians; memory, convert-memory and
retrieval one run. Run nothing else meanwhile. Baselines that are not installed are
named and left out.

  python tools/benchmark.py train --precision=float32 --batch_size=128"""

_BENCHMARK = flags.DEFINE_string("benchmark", "", "what to measure")
flags.DEFINE_enum(
    "precision",
    "auto",
    ["auto", "float32", "mixed_bfloat16"],
    "the arithmetic; auto: the faster one, measured",
)
flags.DEFINE_bool("baselines", True, "measure other programs as well")
flags.DEFINE_alias("peers", "baselines")
flags.DEFINE_bool("reproducible", True, "as --config.reproducible of alexnet-train")
flags.DEFINE_float(
    "width",
    1.0,
    "factor on the network's kernels and units, for a quick try",
    lower_bound=0.01,
)
for _name, _default, _help, _minimum in (
    ("crop_size", 224, "side of the network's input, likewise", 1),
    ("batch_size", 128, "images per step", 1),
    ("rounds", 5, "rounds that count", 1),
    ("num_images", None, "how many images; the default is the benchmark's", 1),
    ("max_images", 100_000, "the most images where a benchmark varies it", 1),
    ("num_steps", None, "steps of a run; the default is the benchmark's", 10),
):
    flags.DEFINE_integer(_name, _default, _help, lower_bound=_minimum)
for _name, _help in (
    ("data_dir", "JPEG shards to work on; by default images are drawn"),
    ("source_dir", "JPEG images to convert or classify; by default images are drawn"),
    ("export_dir", "an export to measure; by default one of an untrained network"),
):
    flags.DEFINE(command_line.PathParser(), _name, None, _help)
flags.DEFINE(
    command_line.PathParser(suffixes=matplotlib_defaults.SUFFIXES),
    "plot",
    None,
    "a file for the curves that growth draws: .png, .pdf or .svg",
)
_OUTPUT = flags.DEFINE(
    command_line.PathParser(), "output", None, "a JSON file for the result"
)


def main() -> None:
    """Reads the flags, measures, prints the table."""
    name = _BENCHMARK.value
    settings: dict[str, Any] = {
        field.name: flags.FLAGS[field.name].value
        for field in dataclasses.fields(harness.Options)
    }
    options = harness.Options(**settings)
    if name not in BENCHMARKS:
        fault = f"there is no benchmark {name!r}" if name else "no benchmark was named"
        raise errors.UserError(f"{fault}; there are {', '.join(BENCHMARKS)}.")
    if not math.isfinite(options.width):
        raise errors.UserError(
            f"--width={options.width} is not a number. Pass 1 or less."
        )
    if options.plot and name != "growth":
        raise errors.UserError(
            f"--plot={options.plot}: only the benchmark growth draws. Leave --plot out."
        )
    for path in (_OUTPUT.value, options.plot):
        if path:
            files.check_target(path)
    # Only now: TensorFlow takes seconds to import.
    command_line.quiet_tensorflow()
    from alexnet_tf.devices import precision

    chosen = precision.choose_precision(options.precision)
    if chosen.reason:
        print(chosen.describe())
    options = dataclasses.replace(options, precision=chosen.precision)
    result = BENCHMARKS[name](options)
    machine = environment.describe()
    print(harness.format_table(result, machine))
    if _OUTPUT.value:
        files.write_json(_OUTPUT.value, harness.to_json(result, machine))


if __name__ == "__main__":
    command_line.run(
        main,
        __name__,
        SYNOPSIS,
        positional="benchmark",
        prints_result=lambda: not _OUTPUT.value,
    )
