"""docs/paper.md: its files, names, commands and claims exist; no section is missing.

`readme_test` checks the commands of its bash blocks like those of every page; here
those in the text are checked too, without TensorFlow.
"""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Iterator

import pytest

from alexnet_tf.experiments.claims import CLAIMS
from tests import documentation
from tests.documented_commands import find_wrong_commands, list_commands

CHECKOUT = documentation.CHECKOUT
DOCS = CHECKOUT / "docs"
TEXT = documentation.TEXTS["docs/paper.md"]

SECTIONS = (
    *("1", "2", "3.1", "3.2", "3.3", "3.4", "3.5", "4.1", "4.2", "5", "6", "6.1", "7"),
)
# The paper's numbers and exact counts, by the section that must give them.
FACTS = {
    "1": ("60 million", "650,000", "60,965,224", "659,272", "five to six days", "1.45"),
    "2": ("15 million", "22,000", "1.2 million", "50,000", "150,000", "256x256"),
    "3.1": ("25 %", "six times", "cifar10_figure1"),
    "3.2": ("1.7", "1.2 points", "59,798,312", "0.391680", "0.418280", "0.193300"),
    "3.3": ("k = 2", "n = 5", "0.0001", "0.75", "1.4", "0.420340", "0.404880", "13 %"),
    "3.4": ("z = 3", "s = 2", "0.4", "0.3", "0.410580", "27, 13, 6", "28, 26, 13"),
    "3.5": (
        *("34,944", "307,456", "885,120", "663,936", "442,624", "37,752,832"),
        *("16,781,312", "4,097,000", "290,400", "186,624", "64,896", "43,264"),
        *("105.4", "223.9", "149.5", "112.1", "74.8", "724.4 million", "253,440"),
    ),
    "4.1": ("2048", "32 x 32 x 2", "33 x 33 x 2", "121.78", "14,800", "0.1", "ten"),
    "4.2": ("0.5", "geometric mean", "two times"),
    "5": ("128", "0.9", "0.0005", "0.01", "0.03", "0.02", "107", "124", "135", "90"),
    "6": (
        *("37.5 / 17.0", "39.0 / 18.3", "40.7 / 18.2", "38.1 / 16.4", "39.0 / 16.6"),
        *("36.7 / 15.4", "15.3", "67.4 / 40.9", "78.1 / 60.9", "47.1 / 28.2"),
        *("45.7 / 25.7", "26.2", "0.389900", "0.166220", "0.402500", "0.182953"),
        *("10,184", "21,843", "8.9 million"),
    ),
    "6.1": ("colour-agnostic", "Euclidean", "autoencoder", "mite"),
    "7": ("2 points", "1.45 %", "1.09 %"),
}

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
# [file.py](../folder/file.py) `name`, `Class.name`
_NAMES = re.compile(r"\[[^\]]*\]\((\.\./[^)\s]+\.py)\)((?:,? `[\w.]+`)+)")
_ITEM = re.compile(r"^\d\. ", re.MULTILINE)


def split_sections(text: str) -> dict[str, str]:
    """The text below each numbered heading, by the number."""
    parts = re.split(r"^#{2,3} (\d(?:\.\d)?) .*$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def find_missing_files(text: str) -> list[str]:
    """The relative links that lead nowhere."""
    paths = [link.partition("#")[0] for link in _LINK.findall(text)]
    return [path for path in paths if not (DOCS / path).exists()]


def list_names(tree: ast.AST, prefix: str = "") -> Iterator[str]:
    """The functions, classes and constants of a module, and the members of classes."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from list_names(node, f"{prefix}{node.name}.")
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        yield from (prefix + t.id for t in targets if isinstance(t, ast.Name))


def list_cited(text: str) -> list[tuple[str, str]]:
    """The cited files with the names that follow them."""
    return [
        (path, name)
        for path, names in _NAMES.findall(text)
        for name in re.findall(r"`([\w.]+)`", names)
    ]


@functools.cache
def _read_names(path: str) -> frozenset[str]:
    file = DOCS / path
    tree = ast.parse(file.read_text("utf-8") if file.is_file() else "")
    return frozenset(list_names(tree))


def find_missing_names(text: str) -> list[str]:
    """The cited names that their files lack."""
    return [
        f"{path}: {name}"
        for path, name in list_cited(text)
        if name not in _read_names(path)
    ]


def find_wrong_claims(text: str) -> list[str]:
    """The linked claims that do not exist, and the claims that are not linked."""
    linked = set(re.findall(r"\]\(claims\.md#([\w-]+)\)", text))
    return sorted(linked ^ set(CLAIMS))


def find_incomplete_sections(text: str) -> list[str]:
    """The sections without heading, table, or two to four exercises with commands."""
    sections = split_sections(text)
    wrong = []
    for number in SECTIONS:
        body, _, exercises = sections.get(number, "").partition("**Exercises**")
        num_items = len(_ITEM.findall(exercises))
        num_commands = len(list_commands(exercises))
        if "\n|---" not in body or not 2 <= num_items <= min(4, num_commands):
            wrong.append(number)
    return wrong


def find_missing_facts(text: str) -> list[str]:
    """The numbers of `FACTS` that their section does not give."""
    sections = split_sections(text)
    return [
        f"{number}: {fact}"
        for number, facts in FACTS.items()
        for fact in facts
        if fact not in sections.get(number, "")
    ]


def test_linked_files_exist():
    assert len(_LINK.findall(TEXT)) > 100
    assert find_missing_files(TEXT) == []


def test_cited_names_exist():
    assert len(list_cited(TEXT)) > 50
    assert find_missing_names(TEXT) == []


def test_commands_and_their_flags_exist():
    assert len(list_commands(TEXT)) > 30
    assert find_wrong_commands(TEXT) == []


def test_every_claim_is_linked():
    assert find_wrong_claims(TEXT) == []


def test_every_section_has_its_table_and_exercises():
    assert find_incomplete_sections(TEXT) == []


def test_the_papers_numbers_are_there():
    assert set(FACTS) == set(SECTIONS)
    assert find_missing_facts(TEXT) == []


@pytest.mark.parametrize(
    ("find", "old", "new"),
    [
        (find_missing_files, "/network/networks.py)", "/network/nets.py)"),
        (find_missing_names, "`make_ten_views`", "`make_eleven_views`"),
        (find_missing_names, "`Dropout.call`", "`Dropout.run`"),
        (find_wrong_commands, "alexnet-evaluate --", "alexnet-judge --"),
        (find_wrong_commands, "--views=10", "--sights=10"),
        (find_wrong_commands, "--config.model.pool_size=", "--config.model.pool_side="),
        (find_wrong_commands, "--experiment=sample_quarter", "--experiment=sampled"),
        (find_wrong_commands, "dropout_rate=0", "dropout_rate=2"),
        (find_wrong_commands, "reproduce run pooling", "reproduce run pools"),
        (find_wrong_commands, "python tools/plot_kernels.py", "python tools/plot.py"),
        (find_wrong_claims, "claims.md#towers", "claims.md#tower"),
        (find_wrong_claims, "claims.md#kernel_order", "claims.md#pooling"),
        (find_incomplete_sections, "### 3.4 ", "### "),
        (find_incomplete_sections, "\n2. ", "\nAlso "),
        (find_incomplete_sections, "alexnet-", "# alexnet-"),
        (find_incomplete_sections, "|---", "| "),
        (find_missing_facts, "37.5 / 17.0", "37.5"),
    ],
)
def test_faults_would_be_found(find, old, new):
    assert old in TEXT
    assert find(TEXT.replace(old, new)) != []


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
