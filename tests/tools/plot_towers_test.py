"""The towers' operations in a trace: two rows of bars, and for how long both worked."""

import pathlib
import re
import sys

import pytest

from tests import forked_processes
from tfrecords import errors
from tools import plot_towers
from tools.plot_towers import Interval

SCRIPT = pathlib.Path(plot_towers.__file__)


def test_overlap_by_hand():
    intervals = [
        Interval("a", "forward", 0, 10),
        Interval("a", "forward", 2, 6),  # two at a time on one tower
        Interval("b", "forward", 8, 14),
        Interval("a", "backward", 20, 25),
        Interval("b", "backward", 21, 22),
        Interval("b", "backward", 24, 30),
    ]
    # Either: 0..14 and 20..30. Both: 8..10, 21..22 and 24..25.
    assert plot_towers.measure_overlap(intervals) == (24, 4)
    assert plot_towers.measure_overlap([]) == (0, 0)


def test_towers_that_take_turns_do_not_overlap():
    turns = [Interval("a", "forward", 0, 5), Interval("b", "forward", 5, 9)]
    assert plot_towers.measure_overlap(turns) == (9, 0)


def test_a_trace_without_towers_is_a_sentence():
    with pytest.raises(errors.UserError, match="names no operation of a tower"):
        plot_towers.read_intervals(b"")


def test_draws_a_step_of_two_devices(tmp_path):
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    pytest.importorskip("matplotlib")
    path = tmp_path / "towers.png"
    done = forked_processes.run_python(
        SCRIPT, f"--output={path}", "--batch_size=2", "--width=0.1"
    )
    assert done.returncode == 0, done.stderr
    both, either = map(int, re.findall(r"for (\d+) of the (\d+) ms", done.stdout)[0])
    assert 0 <= both <= either and either > 0
    with image.open(path) as drawn:
        colours = {colour for _, colour in drawn.convert("RGB").getcolors(1 << 20)}
    # Forward and backward.
    assert {(0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)} <= colours


def test_a_missing_device_is_a_sentence(tmp_path):
    done = forked_processes.run_python(
        SCRIPT, "--devices=CPU:0,GPU:7", f"--output={tmp_path}/p.png"
    )
    assert done.returncode == 2
    assert "there is no device GPU:7" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_width_that_is_no_number_is_a_sentence(tmp_path):
    done = forked_processes.run_python(
        SCRIPT, "--width=nan", "--devices=CPU:0", f"--output={tmp_path}/a.png"
    )
    assert done.returncode == 2
    assert "width" in done.stderr and "Traceback" not in done.stderr


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
