"""The placement table of the paper's network on two logical CPU devices."""

import pathlib
import re
import sys

import pytest

from tests import forked_processes

pytestmark = pytest.mark.whole_run

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "placement_table.py"


def run(*arguments):
    return forked_processes.run_python(SCRIPT, *arguments)


def test_table_of_the_full_network():
    done = run("--devices=CPU:0,CPU:1", "--batch_size=2")
    assert done.returncode == 0, done.stderr
    assert "tower a on CPU:0, tower b on CPU:1; batch 2; float32" in done.stdout
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in done.stdout.splitlines()
        if line.startswith("|")
    ]
    counts = {row[0]: [int(cell) for cell in row[1:]] for row in rows[2:6]}
    assert list(counts) == ["forward", "backward", "update", "other"]
    for kind, (on_a, on_b) in counts.items():
        # Tower a's device has fc8, the loss and the scalars besides.
        assert 0.4 * on_a < on_b < on_a, kind
    sizes = {
        (what, source): (shape, number)
        for what, source, _, shape, number in rows[8:]
        if shape
    }
    assert len(sizes) == 15
    assert sizes["images", "CPU:0"] == ("2x224x224x3", "1,204,224")
    assert sizes["pool2b", "CPU:1"] == ("2x13x13x128", "173,056")
    assert sizes["gradient of exchange6a, b", "CPU:0"] == ("2x6x6x128", "36,864")
    assert sizes["drop7b", "CPU:1"] == ("2x2048", "16,384")
    others = [row[0] for row in rows[8:] if not row[3]]
    assert all(re.fullmatch(r"\d+ scalars and signals", text) for text in others)


def test_each_towers_gradients_are_added_on_its_device_in_one_collective():
    done = run("--devices=CPU:0,CPU:1", "--batch_size=2", "--workers=3")
    assert done.returncode == 0, done.stderr
    assert "tower a on CPU:0, tower b on CPU:1; one of 3 workers" in done.stdout
    lines = [line for line in done.stdout.splitlines() if line.startswith("|")]
    # conv1 to fc7 of a tower: 17,472 + 153,728 + 442,560 + 331,968 + 221,312
    # + 18,876,416 + 8,390,656; tower a's device holds fc8's 4,097,000, too. The last
    # are the loss and two counts of errors.
    assert sorted(lines[2:4]) == [
        "| CPU:0 | 32,531,112 | float32 | 3 |",
        "| CPU:1 | 28,434,112 | float32 | 3 |",
    ]
    assert lines[4:] == ["| CPU:0 | 3 | float64 | 3 |"]


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--devices=CPU:0,CPU:0", "names one device twice"),
        ("--workers=0", "is not a positive integer"),
        ("--batch_size=0", "is not a positive integer"),
        ("--precision=float8", "precision"),
    ],
)
def test_wrong_flags_are_a_sentence(flag, words):
    done = run(flag)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_too_little_memory_is_a_sentence():
    done = run("--devices=CPU:0", "--num_classes=2000000000", "--batch_size=1")
    assert done.returncode == 2
    assert "too little memory" in done.stderr and "Traceback" not in done.stderr


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
