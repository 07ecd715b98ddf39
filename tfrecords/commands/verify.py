"""`alexnet-verify`: checks a data directory and reports what is wrong with it."""

from __future__ import annotations

from absl import flags

from tfrecords import errors
from tfrecords.console import command_line, progress
from tfrecords.plurals import counted

SYNOPSIS = """\
Checks everything in a data directory: sizes, SHA-256, index, statistics, and every
record's checksums, label and image. Names the shard and record that is wrong. Notes
where counts differ from those of the official data set, as they do in a subset.

  alexnet-verify DATA_DIR [--num_workers=N]

Exit codes: 0 no problem found, 2 something is wrong, 4 storage, 129, 130 or 143
stopped by SIGHUP, SIGINT or SIGTERM.
"""

_DATA_DIR = command_line.define_path(
    "data_dir", "The data directory; may be given without the flag's name."
)
_NUM_WORKERS = flags.DEFINE_integer(
    "num_workers", None, "Number of processes; by default one per core.", lower_bound=1
)


def main() -> int:
    """Verifies, prints the report, returns the exit code."""
    if not _DATA_DIR.value:
        raise errors.UserError(
            "no data directory was given. Write alexnet-verify DATA_DIR."
        )
    from tfrecords.verification import verify

    report = verify.verify(_DATA_DIR.value, _NUM_WORKERS.value)
    rate = report.num_records / max(report.seconds, 1e-9)
    summary = (
        f"{counted(report.num_records, 'record')}, {report.num_bytes:,} bytes read in "
        f"{progress.format_duration(report.seconds)} ({rate:,.0f} records/s)"
    )
    for line in report.problems:
        print(line)
    for note in report.notes:
        print(f"Note: {note}")
    if left_out := report.num_problems - len(report.problems):
        print(f"... and {left_out:,} more")
    if report.num_problems:
        noun = "problem" if report.num_problems == 1 else "problems"
        print(f"{_DATA_DIR.value}: {report.num_problems:,} {noun}; {summary}.")
        return errors.DataError.exit_code
    print(f"{_DATA_DIR.value} is sound: {summary}.")
    return 0


def run() -> None:
    """The console script."""
    command_line.run(main, __name__, SYNOPSIS, positional="data_dir")


if __name__ == "__main__":
    run()
