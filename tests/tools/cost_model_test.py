"""The roofline computed by hand, the tables of the full network, and bad flags."""

from __future__ import annotations

import pathlib
import sys

import pytest

from tests import forked_processes
from tests.scripts import import_script

cost_model = import_script("tools.cost_model")

# 1 TFLOP/s, 1 GB/s, a link of 1 GB/s; it reaches all of it and launches in no time.
ROUND = cost_model.Gpu("round", 1e12, 1e9, 1e9, 1.0, 1.0, 0, 0.0)
# Batch 10; 2 GFLOP and 1,000 outputs per image; 100,000 parameters.
WORK = (10, 2e9, 100_000, 1000)

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "cost_model.py"


def test_one_gpu():
    step = cost_model.estimate_step(ROUND, 1, *WORK)
    products = 10 * 2e9 / 1e12
    memory = (38 * 100_000 + 10 * 10 * 1000) / 1e9
    assert step.images == 10
    assert step.limit == pytest.approx(max(products, memory)) == pytest.approx(0.02)
    assert step.expected == pytest.approx(products + memory) == pytest.approx(0.0239)


def test_two_gpus_share_the_work_and_exchange():
    step = cost_model.estimate_step(ROUND, 2, *WORK)
    # pool2 and pool5 of 128 maps, fc6 and fc7 of 2,048 units; there and back.
    elements = 2 * (21_632 + 4_608 + 4_096)
    link = 10 * (2 * elements + 602_112) / 1e9
    assert step.images == 10
    assert step.expected == pytest.approx(0.0239 / 2 + link)


def test_eight_are_four_copies_that_sum_their_gradients():
    pair, step = (cost_model.estimate_step(ROUND, n, *WORK) for n in (2, 8))
    assert step.images == 40
    reduced = 2 * 3 / 4 * 4 * 50_000 / 1e9
    assert step.expected == pytest.approx(pair.expected + reduced)


def test_launching_bounds_a_small_step():
    gpu = cost_model.Gpu("slow to launch", 1e12, 1e9, 1e9, 1.0, 1.0, 100, 0.01)
    step = cost_model.estimate_step(gpu, 1, *WORK)
    assert step.expected == pytest.approx(1.0)
    assert step.limit == pytest.approx(0.02)


def test_towers_come_in_pairs():
    with pytest.raises(ValueError, match="pairs of them, not 3"):
        cost_model.estimate_step(ROUND, 3, *WORK)


def test_what_workers_send_by_hand():
    # Two workers: one sends half of each sum to the other, and half of the result.
    assert cost_model.count_sent(2, 8, 1000, 100, 30) == (4000, 4 * (100 + 8 * 30))
    data, hybrid = cost_model.count_sent(4, 30, 1000, 100, 30)
    assert data == pytest.approx(6 * 1000) and data == pytest.approx(hybrid)


def test_table_of_what_the_full_network_sends():
    done = forked_processes.run_python(
        SCRIPT, "--workers=8", "--batch_sizes=128", "--worker_link=10"
    )
    assert done.returncode == 0, done.stderr
    # 34,944 + 307,456 + 885,120 + 663,936 + 442,624, and 9,216 + 4,096 + 4,096.
    assert "60,965,224 parameters, 2,334,080 of them conv" in done.stdout
    assert "17,408 inputs" in done.stdout and "below 3,368 images" in done.stdout
    # 7 * 60,965,224 bytes, and 7 * (2,334,080 + 128 * 17,408).
    assert "| 8 | 128 | 427 MB, 341 ms | 32 MB, 26 ms |" in done.stdout


@pytest.mark.parametrize(
    ("rates", "names"),
    [("", []), ("JPEG=1540", ["JPEG"]), ("JPEG=2000,raw=4000", ["JPEG", "raw"])],
)
def test_each_row_has_the_cells_of_the_headings(rates, names):
    done = forked_processes.run_python(
        SCRIPT, f"--core_rates={rates}", "--images=7", "--num_gpus=1,2"
    )
    assert done.returncode == 0, done.stderr
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in done.stdout.splitlines()
        if line.startswith("|")
    ]
    assert rows[0][:4] == ["GPUs", "7 images: at least", "expected", "images/s"]
    assert rows[0][4:] == [f"cores, {name}" for name in names]
    assert [len(row) for row in rows] == [4 + len(names)] * 4
    assert set(rows[1]) == {"---"}


def test_tables_of_the_full_network():
    done = forked_processes.run_python(SCRIPT, "--core_rates=JPEG=2000,raw=4000")
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
        ("--workers=1", "--workers holds 1, which sends nothing"),
        ("--workers=2,x", "'x'; it takes whole numbers above 0"),
        ("--images=many", "'many'; it takes whole numbers above 0"),
    ],
)
def test_wrong_flags_are_a_sentence(flag, words):
    done = forked_processes.run_python(SCRIPT, flag)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
