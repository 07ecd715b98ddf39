"""Several networks averaged (paper, section 6).

  p = sum over networks of weight * (its probabilities, averaged over its views)

"Averaging the predictions of five similar CNNs gives an error rate of 16.4%": equal
weights. The authors' source (avg-valid.py) also searches the weights, on validation
images; here the other half of the images judges what is found.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from alexnet_tf.data import directory
from alexnet_tf.evaluation import contest, evaluate, metrics
from alexnet_tf.runs import data_summary, run_record
from tfrecords import errors, stable_random
from tfrecords.plurals import counted

# The source's: every weight starts at 0.5 and takes each multiple of 0.05 up to 1, in
# at most five passes.
_START, _STEPS, _NUM_PASSES = 0.5, 20, 5
# The half on which weights are searched, the same in every call.
_SEED, _STREAM = 0, -2


def average(
    probabilities: Sequence[np.ndarray], weights: Sequence[float]
) -> np.ndarray:
    """The weighted mean of arrays float32 [N, classes]; the weights may have any sum.

    The images without any weight keep probability 0, and count as errors.
    """
    total = sum(weights) or 1.0
    mean = np.zeros(probabilities[0].shape, np.float32)
    for array, weight in zip(probabilities, weights, strict=True):
        mean += np.float32(weight / total) * array
    return mean


def find_errors(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Top-1 and top-5 errors, bool [N, 2], as `metrics.find_errors`."""
    return np.asarray(metrics.find_errors(probabilities, labels))


def search_weights(
    probabilities: Sequence[np.ndarray], labels: np.ndarray
) -> tuple[float, ...]:
    """The weights that the source's coordinate search finds.

    One weight at a time takes the first multiple of 0.05 in 0..1 with the fewest top-5
    errors (with five classes or fewer, top-1 errors), until a whole pass changes none.
    """
    kind = int(probabilities[0].shape[1] > metrics.TOP_K)

    def count(weights: Sequence[float]) -> int:
        wrong = find_errors(average(probabilities, weights), labels)
        return int(wrong[:, kind].sum())

    weights = [_START] * len(probabilities)
    fewest = count(weights)
    for _ in range(_NUM_PASSES):
        before = list(weights)
        for number in range(len(weights)):
            for step in range(_STEPS + 1):
                tried = [*weights]
                tried[number] = step / _STEPS
                if (found := count(tried)) < fewest:
                    fewest, weights = found, tried
        if weights == before:
            break
    return tuple(weights)


def evaluate_runs(
    paths: Sequence[str],
    which: str,
    split: str,
    num_views: int,
    data_dir: str | None = None,
    devices: str | None = None,
    searches: bool = False,
) -> dict[str, Any]:
    """Evaluates each run and their average; arguments as `evaluate_checkpoint`.

    With `searches`, the weights are searched on a random half of the images, and all
    errors are those of the other half.

    Returns:
      JSON values: "runs", each with its path, step, weight and errors, and "average";
      "num_seen", the images judged; "split", "views", "num_classes".

    Raises:
      UserError: if there are fewer than two runs, or they have other classes or, unless
        `data_dir` is given, other data.
    """
    steps, probabilities, labels, _ = _evaluate_each(
        paths, which, split, num_views, data_dir, devices
    )
    weights: tuple[float, ...] = (1.0,) * len(paths)
    if searches:
        order = stable_random.make_permutation(len(labels), _SEED, _STREAM)
        half, rest = np.array_split(order, 2)
        weights = search_weights([p[half] for p in probabilities], labels[half])
        probabilities, labels = [p[rest] for p in probabilities], labels[rest]
    share = sum(weights) or 1.0
    return {
        "runs": [
            {"workdir": path, "step": step, "weight": weight / share}
            | _describe(array, labels)
            for path, step, weight, array in zip(
                paths, steps, weights, probabilities, strict=True
            )
        ],
        "average": _describe(average(probabilities, weights), labels),
        "num_seen": len(labels),
        "num_classes": probabilities[0].shape[1],
        "split": split,
        "views": num_views,
    }


def find_guesses(
    paths: Sequence[str],
    which: str,
    split: str,
    num_views: int,
    data_dir: str | None = None,
    devices: str | None = None,
) -> tuple[np.ndarray, directory.DataDirectory]:
    """The classes that the runs' average finds most probable, for a submission.

    Returns int32 [N, at most 5], best first, in the order of the records, and the data.
    Arguments and errors are those of `evaluate_runs`.
    """
    _, probabilities, _, data = _evaluate_each(
        paths, which, split, num_views, data_dir, devices, is_submission=True
    )
    mean = average(probabilities, (1.0,) * len(paths))
    return contest.find_top(tf.constant(mean)), data


def _evaluate_each(
    paths: Sequence[str],
    which: str,
    split: str,
    num_views: int,
    data_dir: str | None,
    devices: str | None,
    is_submission: bool = False,
) -> tuple[list[int], list[np.ndarray], np.ndarray, directory.DataDirectory]:
    """Each run's step and probabilities, then what they share: labels and data."""
    _check_runs(paths, data_dir)
    steps, answers = [], []
    for path in paths:
        checkpoint, result, data = evaluate.evaluate_checkpoint(
            path,
            which,
            split,
            num_views,
            data_dir,
            devices,
            keeps_answers=True,
            is_submission=is_submission,
        )
        assert result.answers is not None
        steps.append(checkpoint.step)
        answers.append(result.answers)
    probabilities = [answer["probabilities"] for answer in answers]
    return steps, probabilities, answers[0]["labels"], data


def _check_runs(paths: Sequence[str], data_dir: str | None) -> None:
    if len(paths) < 2:
        raise errors.UserError(
            f"an average needs at least two runs; --workdirs names {len(paths)}. Add "
            "another, or evaluate one with --workdir."
        )
    first, *others = paths
    synsets = [c.synset for c in data_summary.load(first).classes]
    fingerprint = run_record.read_record(first)["data"]["fingerprint"]
    for other in others:
        found = [c.synset for c in data_summary.load(other).classes]
        if found != synsets:
            raise errors.UserError(
                f"{other} has {counted(len(found), 'class')} that are not the "
                f"{len(synsets)} of "
                f"{first}. Only networks of the same classes can be averaged."
            )
        data = run_record.read_record(other)["data"]
        if data_dir is None and data["fingerprint"] != fingerprint:
            raise errors.UserError(
                f"{other} was trained on other data than {first}: {data['data_dir']}. "
                "Name the data to evaluate on with --data_dir."
            )


def _describe(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    means = find_errors(probabilities, labels).mean(axis=0)
    return dict(zip(metrics.ERRORS, means.tolist(), strict=True))


def format_report(report: dict[str, Any]) -> str:
    """Formats a report of `evaluate_runs`: a line for each run, then the average."""
    views = "ten views averaged" if report["views"] > 1 else "centre view"
    rows = [*report["runs"], {"workdir": "average", "weight": 1.0, **report["average"]}]
    width = max(len(row["workdir"]) for row in rows)
    lines = [f"{report['split']}, {views}: {counted(report['num_seen'], 'image')}"]
    lines += [
        f"  {row['workdir']:{width}}  weight {row['weight']:.3f}  "
        + metrics.format_errors(
            row["top1_error"], row["top5_error"], report["num_classes"]
        )
        for row in rows
    ]
    return "\n".join(lines)
