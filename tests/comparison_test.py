"""docs/comparison.md: what it says of others is linked, and of us is tested."""

from __future__ import annotations

import ast
import pathlib
import re
import sys

import pytest

from tests import documentation

CHECKOUT = pathlib.Path(__file__).parents[1]
TEXT = documentation.TEXTS["docs/comparison.md"]

OURS = "**this project**"
PAPER = "the paper"

# A file, folder or commit on GitHub, at a commit that is named in full.
FIXED = re.compile(
    r"https://github\.com/[\w.-]+/[\w.-]+/(blob|tree|commit)/[0-9a-f]{40}"
)


def read_rows(text: str) -> list[list[str]]:
    """The cells of every row of every table, without the headings."""
    rows = []
    for table in re.findall(r"^(?:\|.*\n)+", text, re.MULTILINE):
        _, rule, *lines = table.splitlines()
        assert set(rule) <= set("|-")
        rows += [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]
    return rows


def read_definitions(text: str) -> dict[str, str]:
    """The targets of links and the texts of footnotes (^name), by name."""
    found = re.findall(r"^\[([\w^-]+)\]: (.+)$", text, re.MULTILINE)
    assert len(found) == len(dict(found)), "a name is defined twice"
    return dict(found)


def list_cited(text: str) -> list[tuple[str, str]]:
    """Every test that is cited: its file and its name."""
    return re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)


def find_missing_tests(text: str) -> list[str]:
    """The cited tests that do not exist."""
    missing = []
    for path, name in list_cited(text):
        file = CHECKOUT / path
        tree = ast.parse(file.read_text("utf-8") if file.is_file() else "")
        if name not in {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}:
            missing.append(f"{path}::{name}")
    return missing


def find_loose_links(text: str) -> list[str]:
    """The addresses that name no commit, and so may change."""
    addresses = re.findall(r"https?://[^\s)>]+", text)
    return [address for address in addresses if not FIXED.match(address)]


def find_unfounded_cells(text: str) -> list[str]:
    """The cells about others without a link, about us without a test or page."""
    definitions = read_definitions(text)
    unfounded = []
    for name, *cells in read_rows(text):
        for cell in cells:
            if name == OURS:
                notes = re.findall(r"\[(\^\w+)\]", cell)
                founded = notes and all(list_cited(definitions[note]) for note in notes)
                founded = founded or re.search(r"\]\(\w+\.md[)#]", cell)
            else:
                links = re.findall(r"\]\[([\w-]+)\]", cell)
                founded = links and all(
                    FIXED.match(definitions[link]) for link in links
                )
            if not founded and name != PAPER:
                unfounded.append(f"{name}: {cell}")
    return unfounded


def test_cited_tests_exist():
    assert len(list_cited(TEXT)) > 40
    assert find_missing_tests(TEXT) == []


def test_links_name_a_commit():
    assert find_loose_links(TEXT) == []


def test_every_cell_is_founded():
    rows = read_rows(TEXT)
    assert sum(name == OURS for name, *_ in rows) == 6
    assert len({name for name, *_ in rows}) > 10
    assert find_unfounded_cells(TEXT) == []


def test_names_are_defined_and_used():
    definitions = read_definitions(TEXT)
    body = re.sub(r"^\[[\w^-]+\]: .*$", "", TEXT, flags=re.MULTILINE)
    links = re.findall(r"\]\[([\w-]+)\]", body)
    notes = re.findall(r"\[(\^\w+)\]", body)
    assert {*links, *notes} == set(definitions)


@pytest.mark.parametrize(
    ("find", "old", "new"),
    [
        (find_missing_tests, "::test_parameters_are_", "::test_parameters_were_"),
        (find_missing_tests, "network/build_test.py", "network/built_test.py"),
        (find_loose_links, "/blob/9b891540183ddc834a02b2bd81b31", "/blob/master"),
        (find_unfounded_cells, "[one tower; 61,100,840][v-model]", "one tower"),
        (find_unfounded_cells, "[^towers] |", "|"),
        (find_unfounded_cells, "](results.md) |", "] |"),
    ],
)
def test_faults_would_be_found(find, old, new):
    assert old in TEXT
    assert find(TEXT.replace(old, new)) != []


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
