"""What a trained network is for: the ten-view evaluation, and answers to images."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tools.benchmarks import contest, materials, trained_runs
from tools.benchmarks.contest import Factory, Options
from tools.benchmarks.report import Result

_NUM_EVALUATED = 240
_OURS = "ours, SavedModel"
_NUM_ASKED = 40
_NUM_VIEWS = 10
_WEIGHTS = "The network was not trained: the time does not depend on the weights."


def measure_evaluation(options: Options) -> Result:
    """Ten views of every image, beside the forward pass alone and the views alone."""
    count = options.num_images or _NUM_EVALUATED
    with materials.temporary_folder() as folder:
        data_dir = materials.make_data(options.data_dir, folder, count, count)
        workdir = trained_runs.make_untrained(
            options, data_dir, os.path.join(folder, "run")
        )
        count = materials.count_records(data_dir, "validation")
        asked = {
            "workdir": workdir,
            "batch_size": options.batch_size,
            "num_views": _NUM_VIEWS,
        }
        split = {**asked, "data_dir": data_dir}
        timings, notes = contest.measure(
            {
                "ours, from shards": ("inference_contestants:evaluation", split),
                "the forward pass alone": (
                    "inference_contestants:forward",
                    {**asked, "num_images": count},
                ),
                "the views alone": ("inference_contestants:evaluation_input", split),
            },
            options,
        )
    contest.require(timings, ["the forward pass alone"], notes)
    limit = count / timings["the forward pass alone"].median
    rows = []
    for name, timing in timings.items():
        rate = count / timing.median
        rows.append((name, rate, _NUM_VIEWS * rate, 100 * timing.spread, rate / limit))
    if options.data_dir is None:
        notes.append(materials.DRAWN)
    return Result(
        f"ten-view evaluation of {count:,} images, {options.precision}, "
        f"{options.batch_size} views at a time",
        ("evaluation", "images/s", "views/s", "spread %", "of the forward pass"),
        rows,
        ("{}", "{:.1f}", "{:.0f}", "{:.0f}", "{:.2f}"),
        [*notes, _WEIGHTS],
    )


def measure_prediction(options: Options) -> Result:
    """One image's time from bytes and from pixels, and batches', beside PyTorch."""
    count = options.num_images or _NUM_ASKED
    with materials.temporary_folder() as folder:
        images = _find_images(options, folder, count)
        export_dir = options.export_dir or _make_export(options, folder)
        record = _read_record(export_dir)
        answers, notes = contest.collect(
            _list_answerers(options, images, export_dir, record), options
        )
    contest.require(answers, [_OURS], notes)
    if options.with_peers and not _is_papers_size(record):
        notes.append("PyTorch is left out: it has the paper's network alone.")
    rows = [
        (name, *summarize_answers(rounds, options.batch_size))
        for name, rounds in answers.items()
    ]
    notes.append(
        f"{len(images)} images in each of {options.rounds} rounds. From bytes: "
        "decoded, resized and cropped too, by TensorFlow in ours, by Pillow in "
        "PyTorch's."
    )
    if options.export_dir is None:
        notes.append(_WEIGHTS)
    return Result(
        f"answers of a network, {record['config']['precision']}, batches of "
        f"{options.batch_size}",
        (
            "network",
            "bytes p50 ms",
            "p99 ms",
            "pixels p50 ms",
            "pixels p99 ms",
            "batch images/s",
            "spread %",
        ),
        rows,
        ("{}", *["{:.1f}"] * 5, "{:.0f}"),
        notes,
    )


def summarize_answers(
    rounds: Sequence[Mapping[str, Sequence[float]]], batch_size: int
) -> tuple[float, ...]:
    """A row of the table.

    Args:
      rounds: what `inference_contestants.exported` returns, once for each round.
      batch_size: of the batch.

    Returns:
      50th and 99th percentile from bytes, the same from pixels, milliseconds; images
      a second in batches, by the median, and their spread, per cent of it.
    """
    row = []
    for kind in ("bytes", "pixels"):
        seconds = np.concatenate([answers[kind] for answers in rounds])
        row += [1e3 * float(value) for value in np.percentile(seconds, [50, 99])]
    batches = np.concatenate([answers["batch"] for answers in rounds])
    median = float(np.median(batches))
    return *row, batch_size / median, 100 * float(np.ptp(batches)) / median


def _list_answerers(
    options: Options, images: list[str], export_dir: str, record: Mapping[str, Any]
) -> dict[str, Factory]:
    asked: dict[str, object] = {
        "paths": images,
        "batch_size": options.batch_size,
    }
    factories: dict[str, Factory] = {
        _OURS: (
            "inference_contestants:exported",
            {**asked, "export_dir": export_dir},
        )
    }
    if options.with_peers and _is_papers_size(record):
        for name, how, channels_last in (
            ("eager", "eager", False),
            ("channels last", "eager", True),
            ("TorchScript", "jit", True),
            ("compiled", "compiled", True),
        ):
            factories[f"PyTorch, {name}"] = (
                "torch_inference:network",
                {
                    **asked,
                    "precision": record["config"]["precision"],
                    "how": how,
                    "channels_last": channels_last,
                    "num_classes": len(record["classes"]),
                },
            )
    return factories


def _find_images(options: Options, folder: str, count: int) -> list[str]:
    if options.source_dir is None:
        return materials.draw_photographs(folder, count)
    return materials.find_photographs(options.source_dir, count)


def _read_record(export_dir: str) -> dict[str, Any]:
    """What the newest version in `export_dir` says of itself."""
    from alexnet_tf.export import exported

    path = os.path.join(exported.find_version(export_dir), exported.RECORD_NAME)
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def _is_papers_size(record: Mapping[str, Any]) -> bool:
    config = record["config"]
    return config["model.width"] == 1 and config["data.crop_size"] == 224


def _make_export(options: Options, folder: str) -> str:
    data_dir = materials.make_data(options.data_dir, folder, 1)
    workdir = trained_runs.make_untrained(
        options, data_dir, os.path.join(folder, "run")
    )
    return trained_runs.make_export(workdir, os.path.join(folder, "export"))
