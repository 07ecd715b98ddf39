"""Gives mutants of the corpus to one parser, watched.

python -m tests.programs.parse_mutants PLACE PARSER FIRST COUNT SEED

PLACE is that of `tests.faults.watched.Watch`.
"""

from __future__ import annotations

import sys

from tests.faults import mutants, parsers, watched


def main(place: str, name: str, first: str, count: str, seed: str) -> None:
    """Feeds the mutants, after the corpus itself."""
    watch = watched.Watch(place)
    parse = parsers.PARSERS[name]
    seeds = [path.read_bytes() for path in parsers.list_corpus(name)]
    for number, data in enumerate(seeds):
        with watch.input(f"input {number}"):
            parse(data)
    watch.start()
    for number in range(int(first), int(first) + int(count)):
        with watch.input(f"mutant {number}"):
            parse(mutants.mutate(seeds, number, int(seed)))
            watch.count("held")
    watch.report()


if __name__ == "__main__":
    main(*sys.argv[1:])
