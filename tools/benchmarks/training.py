"""Benchmarks of the training step: its speed, its parts, its placement on devices."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from tools import flops
from tools.benchmarks import harness, steps, torch_network
from tools.benchmarks.harness import Call, Make, Options, Result

# Large enough for the library's best rate, small enough for any memory.
_PRODUCT_SIZE = 4096
_PRODUCTS_PER_CALL = 4
_COPIED_BYTES = 2**29
# Whether it is compiled, and whether the channels are last.
_PYTORCH = {
    "PyTorch, eager": (False, False),
    "PyTorch, channels last": (False, True),
    "PyTorch, compiled": (True, True),
}
NO_PYTORCH = "PyTorch is left out: it has only the paper's network."
# The maps of one tower at the two normalizations (section 3.5).
_MAPS = {"lrn1": (55, 55, 48), "lrn2": (27, 27, 128)}
_PLACEMENTS = {
    "two towers, two devices": ("CPU:0,CPU:1", 2),
    "two towers, one device": ("CPU:0", 2),
    "one tower, one device": ("CPU:0", 1),
}


def measure_training(options: Options) -> Result:
    """The training step beside the limit of matrix products, and PyTorch.

    Utilization is the share of the measured rate of products that the network's own
    products (`flops`) reach.
    """
    candidates: dict[str, Make] = {
        "products": partial(multiply, options.precision),
        "copies": copy,
    }
    for name in ("auto", "banded", "reference", "none"):
        settings = {**options.network_settings, "model.normalization": name}
        candidates[f"ours, {name}"] = partial(steps.train_step, settings)
    if options.baselines and options.is_paper_size:
        make = partial(torch_network.train_step, options.precision, options.batch_size)
        candidates |= {name: partial(make, *how) for name, how in _PYTORCH.items()}
    reference = "ours, auto"
    required = (reference, "products", "copies")
    answers, notes = harness.take_turns(candidates, options, required)
    if options.baselines and not options.is_paper_size:
        notes.append(NO_PYTORCH)
    times = {name: harness.summarize(seconds) for name, seconds in answers.items()}
    network = flops.count_alexnet(steps.NUM_CLASSES, options.width, options.crop_size)
    operations = flops.count_training_flops(network)
    products = 2 * _PRODUCT_SIZE**3 * _PRODUCTS_PER_CALL
    peak = products / times.pop("products").median
    bandwidth = 2 * _COPIED_BYTES / times.pop("copies").median
    best = options.batch_size / times[reference].median
    rows = []
    for name, time in times.items():
        rate = options.batch_size / time.median
        rows.append((name, rate, time.spread, rate * operations / peak, rate / best))
    notes.append(
        f"Limits measured beside them: products of {_PRODUCT_SIZE} squared at "
        f"{peak / 1e9:.0f} GFLOP/s, that is {peak / operations:.0f} images/s at "
        f"{operations / 1e9:.2f} GFLOP per training image; memory "
        f"{bandwidth / 1e9:.0f} GB/s read and written."
    )
    return Result(
        f"training step, {options.precision}, batch {options.batch_size}",
        f"step | images/s | spread % | utilization | of {reference}",
        rows,
        notes,
    )


def measure_parts(options: Options) -> Result:
    """The share of each part of the training step, from TensorFlow's trace."""
    make = partial(steps.traced_step, options.network_settings)
    answers, notes = harness.take_turns({"ours": make}, options, ["ours"])
    times = harness.summarize_by_key(answers["ours"])
    total = sum(time.median for time in times.values())
    rows = [
        (name, 1e3 * time.median, time.spread, 100 * time.median / total)
        for name, time in times.items()
    ]
    notes.append(
        "Milliseconds are summed over operations. Operations can overlap, and each may "
        "use several cores. Tracing itself adds overhead."
    )
    return Result(
        f"parts of the training step, {options.precision}, batch {options.batch_size}",
        "part | ms | spread % | share %",
        sorted(rows, key=lambda row: -row[1]),
        notes,
    )


def measure_normalization(options: Options) -> Result:
    """Response normalization, forward and backward, by method."""
    rows, notes = [], []
    for layer, maps in _MAPS.items():
        shape = (options.batch_size, *maps)
        candidates: dict[str, Make] = {
            method: partial(normalize, method, options.precision, shape)
            for method in ("reference", "banded", "fused")
        }
        answers, new_notes = harness.take_turns(candidates, options, ["reference"])
        notes += new_notes
        reference = harness.summarize(answers["reference"]).median
        for method, seconds in answers.items():
            time = harness.summarize(seconds)
            ratio = reference / time.median
            rows.append((layer, method, 1e3 * time.median, time.spread, ratio))
    return Result(
        f"normalization of one tower, forward and backward, {options.precision}, batch "
        f"{options.batch_size}",
        "layer | method | ms | spread % | times the reference",
        rows,
        notes,
    )


def measure_placement(options: Options) -> Result:
    """Two logical devices beside one device, and beside a network of one tower."""
    reference = "two towers, one device"
    candidates: dict[str, Make] = {
        name: partial(steps.placed_step, options.network_settings, *placement)
        for name, placement in _PLACEMENTS.items()
    }
    answers, notes = harness.take_turns(candidates, options, [reference])
    best = harness.summarize_by_key(answers[reference])["seconds"].median
    rows = []
    for name, rounds in answers.items():
        time = harness.summarize_by_key(rounds)["seconds"]
        peak, crossing = rounds[-1]["peak_bytes"] / 1e6, rounds[-1]["crossing_bytes"]
        ratio = time.median / best
        rows.append((name, 1e3 * time.median, time.spread, ratio, peak, crossing))
    notes.append(
        "Logical devices share the processor's cores and memory. One tower has as many "
        "kernels, but its conv2, conv4 and conv5 see all maps: more products."
    )
    return Result(
        f"training step by placement, {options.precision}, batch {options.batch_size}",
        f"network | ms | spread % | of {reference} | peak MB | bytes crossing a step",
        rows,
        notes,
    )


def multiply(precision: str) -> Call:
    """Products of two square matrices: the limit that utilization refers to."""
    import tensorflow as tf

    a, b = (_draw([_PRODUCT_SIZE, _PRODUCT_SIZE], seed, precision) for seed in (0, 1))
    matmul = tf.function(tf.matmul, autograph=False)

    def call() -> None:
        for _ in range(_PRODUCTS_PER_CALL):
            result = matmul(a, b)
        result.numpy()

    call()
    return call


def copy() -> Call:
    """A copy, by all threads, of an array that should exceed every cache."""
    import tensorflow as tf

    source, target = (tf.Variable(tf.zeros([_COPIED_BYTES // 4])) for _ in range(2))

    @tf.function(autograph=False)
    def assign() -> None:
        target.assign(-source)

    def call() -> None:
        assign()
        target[0].numpy()

    call()
    return call


def normalize(method: str, precision: str, shape: tuple[int, ...]) -> Call:
    """Response normalization of one tower's maps, forward and backward."""
    import tensorflow as tf

    from alexnet_tf.network import normalization

    function = getattr(normalization, f"normalize_{method}")
    x, dy = (30.0 * _draw(shape, seed, precision) for seed in (0, 1))

    @tf.function(autograph=False)
    def both_ways(x: tf.Tensor, dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        y = function(x, 2, 2.0, 1e-4, 0.75)
        return y, tf.gradients(y, x, dy)[0]

    def call() -> None:
        both_ways(x, dy)[1][0, 0, 0, 0].numpy()

    call()
    return call


def _draw(shape: Sequence[int], seed: int, precision: str) -> Any:
    import tensorflow as tf

    dtype = {"float32": tf.float32, "mixed_bfloat16": tf.bfloat16}[precision]
    return tf.cast(tf.random.stateless_normal(shape, (0, seed)), dtype)
