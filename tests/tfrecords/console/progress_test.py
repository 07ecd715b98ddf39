"""The live line on a terminal and in a log file, with a clock of the test's own."""

import io
import sys
import time

import pytest

from tfrecords.console import progress


class Terminal(io.StringIO):
    """Shows what a person would see, one string per line."""

    def isatty(self):
        return True

    def lines(self):
        shown = []
        for line in self.getvalue().split("\n"):
            cells = []
            column = 0
            for character in line:
                if character == "\r":
                    column = 0
                    continue
                cells[column : column + 1] = [character]
                column += 1
            shown.append("".join(cells).rstrip())
        return shown


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1000.0

    monkeypatch.setattr(time, "monotonic", lambda: Clock.now)
    return Clock


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0.4, "0 s"),
        (47, "47 s"),
        (59.6, "1 min 0 s"),
        (725, "12 min 5 s"),
        (3599.7, "1 h 0 min"),
        (12000, "3 h 20 min"),
        (90000, "25 h 0 min"),
    ],
)
def test_durations(seconds, text):
    assert progress.format_duration(seconds) == text


def test_on_a_terminal_the_newest_text_stands_alone():
    terminal = Terminal()
    line = progress.LiveLine(terminal)
    line.show("a long text")
    line.show("short")
    assert terminal.lines() == ["short"]
    line.print_above("a remark")
    line.show("last")
    line.close()
    line.close()
    assert terminal.lines() == ["a remark", "last", ""]


def test_in_a_file_every_text_is_a_line():
    stream = io.StringIO()
    line = progress.LiveLine(stream)
    line.show("a long text")
    line.show("short")
    line.print_above("a remark")
    line.close()
    assert stream.getvalue() == "a long text\nshort\na remark\n"


@pytest.mark.parametrize(("kind", "interval"), [(Terminal, 0.2), (io.StringIO, 30.0)])
def test_lines_come_at_their_interval(clock, kind, interval):
    line = progress.LiveLine(kind())
    assert line.is_due()
    line.show("a")
    clock.now += interval - 0.01
    assert not line.is_due()
    clock.now += 0.02
    assert line.is_due()


def test_rate_and_time_left(clock):
    stream = Terminal()
    work = progress.Progress("converting", 1000, "images", stream=stream)
    for _ in range(10):
        clock.now += 1.0
        work.advance(20)
    assert stream.lines() == [
        "converting: 200 of 1,000 images (20 %), 20 images/s, 40 s left"
    ]
    clock.now += 2.0
    work.advance(800)
    work.close()
    assert stream.lines() == ["converting: 1,000 images in 12 s (83 images/s)", ""]


def test_work_of_an_earlier_process_counts_as_done_but_not_as_speed(clock):
    stream = Terminal()
    work = progress.Progress("converting", 1000, "images", done=900, stream=stream)
    clock.now += 10.0
    work.advance(10)
    assert stream.lines() == [
        "converting: 910 of 1,000 images (91 %), 1 images/s, 1 min 30 s left"
    ]
    work.close()
    assert stream.lines()[0].endswith("(1 images/s)")


def test_the_time_left_follows_the_newest_pace(clock):
    stream = Terminal()
    work = progress.Progress("x", 10000, "units", stream=stream)
    for _ in range(50):
        clock.now += 1.0
        work.advance(100)
    for _ in range(30):
        clock.now += 1.0
        work.advance(10)
    assert "10 units/s" in stream.lines()[0]


def test_no_progress_at_all(clock):
    idle = Terminal()
    work = progress.Progress("reading", 10, "files", stream=idle)
    clock.now += 2.0
    work.advance(0)
    assert idle.lines() == ["reading: 0 of 10 files (0 %)"]
    empty = Terminal()
    work = progress.Progress("reading", 0, "files", stream=empty)
    work.close()
    assert empty.lines() == ["reading: 0 files in 0 s (0 files/s)", ""]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
