"""The training step and its parts: one function a subject."""

from __future__ import annotations

from collections.abc import Mapping

from tools.benchmarks import contest, flops, step_parts
from tools.benchmarks.contest import Options
from tools.benchmarks.report import Result
from tools.benchmarks.timing import summarize

# Products of this size run at the library's best, and fit in memory many times.
_PRODUCT_SIZE = 4096
_COPIED_BYTES = 2**29
# The setting `normalization`; what the others are compared with comes first.
METHODS = ("auto", "banded", "reference", "none")
_NUM_CLASSES = 1000
# One tower's maps at the two normalizations (section 3.5).
_MAPS = {"lrn1": (55, 55, 48), "lrn2": (27, 27, 128)}


def measure_training(options: Options) -> Result:
    """The training step of the full network against the limit of products.

    Utilization is the share of the measured rate of products that the step's own
    products (`flops`) reach.
    """
    factories: dict[str, tuple[str, Mapping[str, object]]] = {
        f"ours, {name}": (
            "step_contestants:train_step",
            {
                "settings": {
                    **options.network_settings,
                    "model.normalization": name,
                },
                "num_classes": _NUM_CLASSES,
            },
        )
        for name in METHODS
    }
    calls = 4
    factories["products"] = (
        "ours:product",
        {"precision": options.precision, "size": _PRODUCT_SIZE, "calls": calls},
    )
    factories["copies"] = ("ours:copy", {"num_bytes": _COPIED_BYTES, "calls": 1})
    is_papers_size = options.width == 1 and options.crop_size == 224
    if options.with_peers and is_papers_size:
        peers = {
            "precision": options.precision,
            "batch_size": options.batch_size,
            "steps_per_call": 1,
        }
        for name, settings in (
            ("PyTorch, eager", {"compiled": False, "channels_last": False}),
            ("PyTorch, channels last", {"compiled": False, "channels_last": True}),
            ("PyTorch, compiled", {"compiled": True, "channels_last": True}),
        ):
            factories[name] = ("torch_peer:train_step", {**peers, **settings})
    timings, notes = contest.measure(factories, options)
    first = f"ours, {METHODS[0]}"
    contest.require(timings, [first, "products", "copies"], notes)
    if options.with_peers and not is_papers_size:
        notes.append("PyTorch is left out: it has the paper's network alone.")

    flops_per_image = flops.count_training_flops(
        flops.count_alexnet(_NUM_CLASSES, options.width, options.crop_size)
    )
    peak = 2 * _PRODUCT_SIZE**3 * calls / timings.pop("products").median
    bandwidth = 2 * _COPIED_BYTES / timings.pop("copies").median
    rows = []
    best = options.batch_size / timings[first].median
    for name, timing in timings.items():
        rate = options.batch_size / timing.median
        utilization = rate * flops_per_image / peak
        rows.append((name, rate, 100 * timing.spread, utilization, rate / best))
    notes += [
        f"Limits measured beside them: products of {_PRODUCT_SIZE} squared at "
        f"{peak / 1e9:.0f} GFLOP/s, that is {peak / flops_per_image:.0f} images/s at "
        f"{flops_per_image / 1e9:.2f} GFLOP per training image; memory "
        f"{bandwidth / 1e9:.0f} GB/s read and written.",
    ]
    return Result(
        f"training step, {options.precision}, batch {options.batch_size}",
        ("step", "images/s", "spread %", "utilization", f"of {first}"),
        rows,
        ("{}", "{:.1f}", "{:.0f}", "{:.3f}", "{:.2f}"),
        notes,
    )


def measure_parts(options: Options) -> Result:
    """Which part of the training step takes how much of it, by TensorFlow's trace."""
    settings = {"settings": options.network_settings, "num_classes": _NUM_CLASSES}
    answers, notes = contest.collect(
        {"ours": ("step_parts:traced_step", settings)}, options
    )
    contest.require(answers, ["ours"], notes)
    times = {
        name: summarize([answer[name] for answer in answers["ours"]])
        for name in step_parts.NAMES
    }
    total = sum(time.median for time in times.values())
    rows = [
        (
            name,
            1e3 * time.median,
            100 * time.spread if time.median else 0.0,
            100 * time.median / total,
        )
        for name, time in times.items()
    ]
    notes.append(
        "Milliseconds of operations, from start to end; two or more run at a time, and "
        "each may use several cores. The trace itself takes time, too."
    )
    return Result(
        f"parts of the training step, {options.precision}, batch {options.batch_size}",
        ("part", "ms", "spread %", "share %"),
        sorted(rows, key=lambda row: -row[1]),
        ("{}", "{:.1f}", "{:.0f}", "{:.1f}"),
        notes,
    )


def measure_normalization(options: Options) -> Result:
    """Both response normalizations, forward and backward, method by method."""
    rows = []
    notes: list[str] = []
    for layer, maps in _MAPS.items():
        factories = {
            method: (
                "ours:normalize",
                {
                    "method": method,
                    "precision": options.precision,
                    "shape": (options.batch_size, *maps),
                    "calls": 2,
                },
            )
            for method in ("reference", "banded", "fused")
        }
        timings, complaints = contest.measure(factories, options)
        notes += complaints
        contest.require(timings, ["reference"], notes)
        reference = timings["reference"].median
        for method, timing in timings.items():
            milliseconds = 1e3 * timing.median / 2
            ratio = reference / timing.median
            rows.append((layer, method, milliseconds, 100 * timing.spread, ratio))
    return Result(
        f"normalization of one tower, forward and backward, {options.precision}, batch "
        f"{options.batch_size}",
        ("layer", "method", "ms", "spread %", "times the reference"),
        rows,
        ("{}", "{}", "{:.1f}", "{:.0f}", "{:.2f}"),
        notes,
    )
