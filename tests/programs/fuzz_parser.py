"""Fuzzes one parser with atheris, which measures what code each input reaches.

python -m tests.programs.fuzz_parser NAME [flags and folders of libFuzzer]
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["tfrecords", "alexnet_tf.weights"]):
    from tests.faults import parsers


def main(name: str, *arguments: str) -> None:
    """Fuzzes until libFuzzer's limits end it, with an exit code other than 0."""
    atheris.Setup([sys.argv[0], *arguments], parsers.PARSERS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
