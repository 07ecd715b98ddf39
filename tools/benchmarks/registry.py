"""Which subjects there are: the function that measures each, and a line on it."""

from __future__ import annotations

from collections.abc import Callable

from tools.benchmarks import (
    convert_subjects,
    growth_subjects,
    inference_subjects,
    input_subjects,
    memory_subjects,
    run_subjects,
    start_subjects,
    subjects,
)
from tools.benchmarks.contest import Options
from tools.benchmarks.report import Result

SUBJECTS: dict[str, tuple[Callable[[Options], Result], str]] = {
    "train": (
        subjects.measure_training,
        "the training step beside the limit of matrix products, and PyTorch",
    ),
    "parts": (
        subjects.measure_parts,
        "which part of the training step takes how much of it",
    ),
    "normalization": (
        subjects.measure_normalization,
        "response normalization forward and backward, by method",
    ),
    "input": (
        input_subjects.measure_input,
        "JPEG shards to batches, beside decoding alone, tf.data, PyTorch and DALI",
    ),
    "convert": (
        convert_subjects.measure_conversion,
        "images to shards, beside Pillow in a pool and the codecs alone",
    ),
    "convert-memory": (
        convert_subjects.measure_conversion_memory,
        "the conversion's memory as the archive grows",
    ),
    "evaluate": (
        inference_subjects.measure_evaluation,
        "ten views of every image, beside the forward pass alone",
    ),
    "predict": (
        inference_subjects.measure_prediction,
        "an image's time and a batch's, from an export, beside PyTorch",
    ),
    "run": (
        run_subjects.measure_run,
        "alexnet-train with input and summaries, beside the bare step",
    ),
    "augmentation": (
        run_subjects.measure_augmentation,
        "alexnet-train with the paper's augmentation and without any",
    ),
    "start-up": (
        start_subjects.measure_start,
        "to the end of step 1, beside a bare script; --help of every command",
    ),
    "memory": (
        memory_subjects.measure_memory,
        "the peak of training's memory, and whether it grows with the steps",
    ),
    "placement": (
        memory_subjects.measure_placement,
        "two logical devices beside one, and beside a network of one tower",
    ),
    "growth": (
        growth_subjects.measure_growth,
        "time by images, workers, batch and classes; --plot draws it",
    ),
}


def list_subjects() -> str:
    """A line for each subject."""
    width = max(map(len, SUBJECTS))
    return "\n".join(f"  {n.ljust(width)}  {text}" for n, (_, text) in SUBJECTS.items())
