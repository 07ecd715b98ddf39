"""alexnet-reproduce: lists, runs and reports the paper's claims."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from absl import flags

from alexnet_tf.experiments import claims
from alexnet_tf.experiments.claims.claim import Claim
from alexnet_tf.reproduce import outcomes, plan, plots, report, run_records
from tfrecords import errors
from tfrecords.console import command_line
from tfrecords.durable import files
from tfrecords.plurals import counted

SYNOPSIS = """\
alexnet-reproduce list|report [--records_dir=R]
alexnet-reproduce run CLAIM...|--all --data_root=D --output_dir=O [--folds=N]
  [--scale=reduced|full]

Tests the paper's claims. A claim has arms, such as the network with and without
response normalization. `run` trains each arm on equal images in equal order and prints
the differences, with their intervals and verdicts. `list` prints every claim with the
paper's value and its latest verdict. `report` writes the page of all results.

  alexnet-reproduce list
  alexnet-reproduce run normalization pooling --data_root=data --output_dir=runs/claims
  alexnet-reproduce report --records_dir=runs/claims/records --output=claims.md \\
    --plots_dir=plots

D holds a data directory for every data set, by name; `list` names those that a claim
needs. Runs are shared between claims. Give the same command again to resume.

Exit codes: 0 success, 2 wrong usage or bad input, 4 storage error, 5 directory in use;
129, 130 and 143 stopped by SIGHUP, SIGINT and SIGTERM, state saved."""

_WORDS = flags.DEFINE_multi_string(
    "words", [], "list, run or report, then the claims; the flag's name may be left out"
)
_ALL = flags.DEFINE_bool("all", False, "run all claims, the most valuable first")
_DATA_ROOT = command_line.define_path("data_root", "holds one data directory by name")
_OUTPUT_DIR = command_line.define_path(
    "output_dir", "where runs train: new, or of an earlier command to resume"
)
_RECORDS_DIR = command_line.define_path(
    "records_dir",
    "the records of finished runs. By default run writes OUTPUT_DIR/records, and list "
    "and report read docs/claims in a checkout",
)
_FOLDS = flags.DEFINE_integer(
    "folds", 5, "at most so many folds; verdicts need all five", lower_bound=1
)
_SCALE = flags.DEFINE_enum(
    "scale",
    "reduced",
    ["reduced", "full"],
    "reduced: for two cores, on small data; full: the paper's networks on ImageNet",
)
_OUTPUT = command_line.define_path(
    "output", "the page that report writes; by default docs/claims.md in a checkout"
)
_PLOTS_DIR = command_line.define_path(
    "plots_dir", "where report draws the curves of each claim that has runs"
)

_CHECKOUT_RECORDS = os.path.join("docs", "claims")
_CHECKOUT_PAGE = os.path.join("docs", "claims.md")


def main() -> None:
    """Reads the flags and acts on the first word."""
    action, *names = _WORDS.value or [""]
    is_full = _SCALE.value == "full"
    if action == "list":
        _refuse_names(action, names)
        records = run_records.read_all(_find_records())
        print(report.format_list(claims.CLAIMS.values(), records, is_full))
    elif action == "report":
        _refuse_names(action, names)
        _report(is_full)
    elif action == "run":
        _run(names, is_full)
    else:
        fault = f"{action!r} is no action" if action else "no action was given"
        raise errors.UserError(f"{fault}. Write alexnet-reproduce list, run or report.")


def _refuse_names(action: str, names: list[str]) -> None:
    if names:
        raise errors.UserError(
            f"{action} covers all claims; leave out {', '.join(names)}."
        )


def _find_records() -> str:
    if _RECORDS_DIR.value is None and not os.path.isdir(_CHECKOUT_RECORDS):
        raise errors.UserError(
            f"there is no {_CHECKOUT_RECORDS} here. Name the records with "
            "--records_dir, such as OUTPUT_DIR/records of an earlier run."
        )
    return _RECORDS_DIR.value or _CHECKOUT_RECORDS


def _report(is_full: bool) -> None:
    output = _OUTPUT.value
    if output is None and not os.path.isdir(_CHECKOUT_RECORDS):
        raise errors.UserError("give the page's path with --output=claims.md.")
    output = output or _CHECKOUT_PAGE
    files.check_target(output)
    records = run_records.read_all(_find_records())
    page = report.format_page(list(claims.CLAIMS.values()), records, is_full)
    files.write_bytes(output, page.encode())
    if records:
        found = [
            outcomes.judge_claim(c, records, is_full) for c in claims.CLAIMS.values()
        ]
        plots.draw_overview(found, os.path.splitext(output)[0] + ".png")
        if _PLOTS_DIR.value:
            _draw(found, _PLOTS_DIR.value, ".svg")
    print(
        f"wrote {output}: {len(claims.CLAIMS)} claims, {counted(len(records), 'run')}"
    )


def _run(names: list[str], is_full: bool) -> None:
    if bool(names) == _ALL.value:
        raise errors.UserError(
            "name the claims to run, or give --all; `alexnet-reproduce list` prints "
            "their names."
        )
    if not _DATA_ROOT.value or not _OUTPUT_DIR.value:
        raise errors.UserError("run needs --data_root and --output_dir.")
    chosen: list[Claim] = claims.find(names or list(claims.CLAIMS))
    runs = plan.make_plan(chosen, is_full, _FOLDS.value)
    records_dir = _RECORDS_DIR.value or os.path.join(_OUTPUT_DIR.value, "records")
    command_line.quiet_tensorflow()
    from alexnet_tf.reproduce import runner

    records = runner.run_queue(
        runs, _DATA_ROOT.value, _OUTPUT_DIR.value, records_dir, sys.argv
    )
    print(report.format_claims(chosen, records, is_full))
    plots_dir = os.path.join(_OUTPUT_DIR.value, "plots")
    judged = [outcomes.judge_claim(claim, records, is_full) for claim in chosen]
    _draw(judged, plots_dir, ".png")
    print(f"The plots are in {plots_dir}.")


def _draw(judged: Sequence[outcomes.Outcome], plots_dir: str, suffix: str) -> None:
    """Draws a figure of every claim that has runs."""
    for outcome in judged:
        path = os.path.join(plots_dir, outcome.claim.name + suffix)
        plots.draw_claim(outcome, path)


def run() -> None:
    """The console script."""
    command_line.run(
        main, __name__, SYNOPSIS, positional="words", prints_result=lambda: True
    )


if __name__ == "__main__":
    run()
