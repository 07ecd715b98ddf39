"""The tables of the full network, and what is refused."""

from __future__ import annotations

import pathlib
import sys

import pytest

from tests import processes

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "cost_model.py"


def test_tables_of_the_full_network():
    done = processes.run_python(SCRIPT, "--core_rates=JPEG=2000,raw=4000")
    assert done.returncode == 0, done.stderr
    assert "4.136 GFLOP and " in done.stdout and "60,965,224 param" in done.stdout
    rows = [
        [
            cell.strip().removesuffix(" s").replace(",", "")
            for cell in line[1:].split("|")
        ]
        for line in done.stdout.splitlines()
        if line.startswith("|")
    ]
    assert [row[0] for row in rows] == ["GPUs", "---", "1", "2", "8"] * 2
    for part, images in ((rows[2:5], 1_281_167), (rows[7:], 15_000_000)):
        for _, least, expected, rate, jpeg, raw, _ in part:
            assert 0 < float(least) < float(expected)
            assert float(expected) == pytest.approx(images / float(rate), abs=0.51)
            assert float(jpeg) == pytest.approx(float(rate) / 2000, abs=0.51)
            assert float(raw) == pytest.approx(float(rate) / 4000, abs=0.51)


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--core_rates=JPEG", "'JPEG'; it takes NAME=RATE with a rate above 0"),
        ("--core_rates=JPEG=-1", "'JPEG=-1'; it takes NAME=RATE"),
        ("--core_rates=JPEG=inf", "'JPEG=inf'; it takes NAME=RATE"),
        ("--num_gpus=", "holds ''; it takes whole numbers above 0"),
        (f"--images={'9' * 5000}", "it takes whole numbers above 0"),
        ("--num_gpus=3", "holds 3; it takes 1 or multiples of 2"),
        ("--images=many", "'many'; it takes whole numbers above 0"),
    ],
)
def test_wrong_flags_are_a_sentence(flag, words):
    done = processes.run_python(SCRIPT, flag)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
