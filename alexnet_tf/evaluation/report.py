"""An evaluation as JSON values and as text."""

from __future__ import annotations

from typing import Any

import numpy as np

from alexnet_tf.evaluation import contest
from alexnet_tf.evaluation.evaluate import Evaluation
from alexnet_tf.evaluation.metrics import TOP_K
from tfrecords.plurals import counted
from tfrecords.shards import manifest


def make_report(
    result: Evaluation,
    info: manifest.Manifest,
    step: int,
    split: str,
    num_views: int,
    costs: np.ndarray | None = None,
) -> dict[str, Any]:
    """Converts an evaluation to JSON values, with classes in the order of labels.

    With the contest's `costs` there are `hierarchical_errors`, by number of guesses.
    """
    counts = result.counts
    hierarchical = {}
    if result.guesses and costs is not None:
        found = contest.compute_hierarchical_errors(result.guesses, costs)
        hierarchical["hierarchical_errors"] = found
    return hierarchical | {
        "step": step,
        "split": split,
        "views": num_views,
        "num_seen": counts.num_seen,
        "loss": counts.loss,
        "top1_errors": counts.top1_errors,
        "top5_errors": counts.top5_errors,
        "top1_error": counts.top1_error,
        "top5_error": counts.top5_error,
        "classes": [
            {
                "synset": class_info.synset,
                "text": class_info.text,
                "num_seen": int(num_seen),
                "top1_errors": int(errors_of[0]),
                "top5_errors": int(errors_of[1]),
            }
            for class_info, num_seen, errors_of in zip(
                info.classes,
                result.per_class.num_seen,
                result.per_class.errors,
                strict=True,
            )
        ],
    }


def format_report(report: dict[str, Any], with_classes: bool) -> str:
    """Formats a report from `make_report`, optionally with classes, worst first."""
    views = "ten views averaged" if report["views"] > 1 else "centre view"
    num_classes = len(report["classes"])
    with_top5 = num_classes > TOP_K
    top5 = f"{report['top5_error']:7.2%}  ({report['top5_errors']:,} wrong)"
    if not with_top5:
        top5 = f" not reported: there are only {num_classes} classes"
    lines = [
        f"step {report['step']:,}, {report['split']}, {views}: "
        f"{counted(report['num_seen'], 'image')}",
        f"  top-1 error {report['top1_error']:7.2%}  ({report['top1_errors']:,} wrong)",
        f"  top-5 error {top5}",
        f"  loss        {report['loss']:.4f}",
    ]
    if found := report.get("hierarchical_errors"):
        lines.append(
            f"  hierarchical error {found[-1]:.4f} with {len(found)} guesses, "
            f"{found[0]:.4f} with one"
        )
    if with_classes:
        seen = [c for c in report["classes"] if c["num_seen"]]
        seen.sort(key=lambda c: (-c["top1_errors"] / c["num_seen"], c["synset"]))
        kinds = (1, 5) if with_top5 else (1,)
        columns = "".join(f" {f'top-{kind}':>8}" for kind in kinds)
        lines += [f" {columns} {'seen':>6}  class"]
        lines += [
            " "
            + "".join(f" {c[f'top{k}_errors'] / c['num_seen']:8.2%}" for k in kinds)
            + f" {c['num_seen']:6,}  {c['synset']} "
            + (c["text"] if c["text"] != c["synset"] else "")
            for c in seen
        ]
    return "\n".join(line.rstrip() for line in lines)
