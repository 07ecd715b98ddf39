"""Measures this machine: how near its limit the program is, and beside its peers."""

from __future__ import annotations

import pathlib
import sys

from absl import flags

# A script of the checkout finds the checkout's packages, wherever it is called.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from alexnet_tf import environment
from tfrecords import command_line, durable, errors
from tools.benchmarks import contest, registry, report

SYNOPSIS = f"""\
python tools/benchmark.py SUBJECT [--output=result.json]

Subjects:
{registry.list_subjects()}

What is compared is measured side by side, in turns; a median of several rounds with the
spread stands for each. Let nothing else run meanwhile. Peers that are not installed are
named and left out.

  python tools/benchmark.py train --precision=mixed_bfloat16 --batch_size=128"""

_SUBJECT = flags.DEFINE_string("subject", "", "what to measure")
_PRECISION = flags.DEFINE_enum(
    "precision", "mixed_bfloat16", ["float32", "mixed_bfloat16"], "the arithmetic"
)
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", 128, "pictures per step", lower_bound=1
)
_ROUNDS = flags.DEFINE_integer(
    "rounds", 5, "turns of every contestant that count", lower_bound=1
)
_PEERS = flags.DEFINE_bool("peers", True, "measure other programs beside ours")
_OUTPUT = flags.DEFINE_string("output", None, "a JSON file for the result")


def main() -> None:
    """Reads the flags, measures, prints the table."""
    if _SUBJECT.value not in registry.SUBJECTS:
        raise errors.UserError(
            f"there is no subject {_SUBJECT.value!r}; there are "
            f"{', '.join(registry.SUBJECTS)}."
        )
    if _OUTPUT.value:
        durable.check_target(_OUTPUT.value)
    options = contest.Options(
        _PRECISION.value, _BATCH_SIZE.value, _ROUNDS.value, _PEERS.value
    )
    measure, _ = registry.SUBJECTS[_SUBJECT.value]
    result = measure(options)
    machine = environment.describe()
    print(report.format_table(result, machine))
    if _OUTPUT.value:
        durable.write_json(_OUTPUT.value, report.to_json(result, machine))


if __name__ == "__main__":
    command_line.run(main, __name__, SYNOPSIS, positional="subject")
