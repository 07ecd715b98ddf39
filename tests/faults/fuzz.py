"""Fuzzes the parsers of untrusted bytes, guided by the code that each input reaches.

python -m tests.faults.fuzz [--parsers=NAME,...] [--seconds=60]
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

from absl import flags

from tests.faults import parsers
from tfrecords import errors
from tfrecords.console import command_line
from tfrecords.durable import files

SYNOPSIS = """\
python -m tests.faults.fuzz [--parsers=NAME,...] [--seconds=S] [--output_dir=O]

Fuzzes each parser for S seconds with atheris, beginning with the inputs in
tests/corpus and those that earlier runs have left in O/NAME. An input that
breaks a guarantee is written to O/NAME-crash-... Needs atheris: pip install atheris

Exit codes: 0 success, 2 wrong usage or a guarantee that did not hold."""

_PARSERS = flags.DEFINE_list("parsers", [], "which; all by default")
_SECONDS = flags.DEFINE_integer("seconds", 60, "for each parser", lower_bound=1)
_OUTPUT_DIR = flags.DEFINE_string("output_dir", "build/fuzz", "keeps what was found")

_LIBFUZZER_FLAGS = ("-rss_limit_mb=2048", "-timeout=5", "-max_len=8192")


def main() -> None:
    """Fuzzes one parser after the other, each in a process."""
    for name in _PARSERS.value:
        if name not in parsers.PARSERS:
            raise errors.UserError(
                f"there is no parser {name!r}. The parsers are "
                f"{', '.join(parsers.PARSERS)}."
            )
    if importlib.util.find_spec("atheris") is None:
        raise errors.UserError(
            "the fuzzer needs the package atheris, which is not installed. Install it "
            "with pip install atheris."
        )
    broken = [
        name for name in _PARSERS.value or parsers.PARSERS if not _fuzz_parser(name)
    ]
    if broken:
        raise errors.DataError(
            f"inputs broke a guarantee of {', '.join(broken)}; they and the log are in "
            f"{_OUTPUT_DIR.value}."
        )


def _fuzz_parser(name: str) -> bool:
    """Whether no input broke a guarantee."""
    found = os.path.join(_OUTPUT_DIR.value, name)
    files.make_directory(found)
    log_path = f"{found}.log"
    with open(log_path, "w", encoding="utf-8") as log:
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "tests.programs.fuzz_parser", name),
                *(found, str(parsers.CORPUS / name)),
                f"-max_total_time={_SECONDS.value}",
                f"-artifact_prefix={found}-",
                *_LIBFUZZER_FLAGS,
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
    with open(log_path, encoding="utf-8", errors="replace") as log:
        lines = [line for line in log if line.startswith(("#", "Done "))]
    print(f"{name}: {lines[-1].strip() if lines else 'it did not start'}", flush=True)
    return ended.returncode == 0


if __name__ == "__main__":
    command_line.run(main, __name__, SYNOPSIS)
