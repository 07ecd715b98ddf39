"""The benchmarks by name."""

from __future__ import annotations

from tools.benchmarks import (
    commands,
    conversion,
    growth,
    inference,
    inputs,
    retrieval,
    runs,
    training,
    verification,
)

# The first line of each function's docstring describes the benchmark.
BENCHMARKS = {
    "train": training.measure_training,
    "parts": training.measure_parts,
    "normalization": training.measure_normalization,
    "input": inputs.measure_input,
    "convert": conversion.measure_conversion,
    "convert-memory": conversion.measure_conversion_memory,
    "verify": verification.measure_verification,
    "evaluate": inference.measure_evaluation,
    "predict": inference.measure_prediction,
    "run": runs.measure_run,
    "augmentation": runs.measure_augmentation,
    "start-up": commands.measure_start,
    "memory": runs.measure_memory,
    "placement": training.measure_placement,
    "retrieval": retrieval.measure_retrieval,
    "growth": growth.measure_growth,
}
