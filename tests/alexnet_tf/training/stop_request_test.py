"""Tests of `alexnet_tf.training.stop_request`, in processes of their own."""

from __future__ import annotations

import os
import signal
import sys
import threading

import pytest

from alexnet_tf.training import stop_request
from tests import processes

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PROGRAM = """\
import os, signal, sys, time
from alexnet_tf.training import stop_request
with stop_request.catch_stop_signals() as stop:
    print(bool(stop), stop.signal_number)
    for number in sys.argv[1:]:
        # +15: a while after the one before, as no copy of it would come.
        time.sleep(0.6 * number.startswith("+"))
        os.kill(os.getpid(), int(number))
        print(bool(stop), stop.signal_number, flush=True)
print("done")
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_first_signal_asks_and_the_block_goes_on(number):
    result = processes.run_python("-c", PROGRAM, str(int(number)))
    assert result.returncode == 0, result.stderr
    assert result.stdout.split("\n")[:3] == [
        "False None",
        f"True {int(number)}",
        "done",
    ]


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_later_signal_exits_at_once(second):
    first = str(int(signal.SIGTERM))
    result = processes.run_python("-c", PROGRAM, first, f"+{int(second)}")
    assert result.returncode == 128 + second
    assert "True 15" in result.stdout and "done" not in result.stdout


@pytest.mark.parametrize(
    "numbers", ["1 +1", "1 15", "15 1", "1 2 1", "15 15", "2 15", "15 +1"]
)
def test_copies_of_a_signal_and_hangups_are_no_insistence(numbers):
    """A terminal closes; `timeout` signals the process and then its group."""
    result = processes.run_python("-c", PROGRAM, *numbers.split())
    assert result.returncode == 0, result.stderr
    assert result.stdout.split("\n")[-2:] == ["done", ""]
    count = len(numbers.split())
    assert result.stdout.count(f"True {numbers.split()[0]}\n") == count


def test_a_second_insistence_counts_behind_a_hangup_too():
    result = processes.run_python("-c", PROGRAM, "1", "15", "+15")
    assert result.returncode == 143 and "done" not in result.stdout


def test_an_ignored_hangup_stays_ignored():
    ignoring = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    result = processes.run_python("-c", ignoring + PROGRAM, "1")
    assert result.stdout.split("\n") == ["False None"] * 2 + ["done", ""]


def test_handlers_are_put_back():
    before = [signal.getsignal(number) for number in SIGNALS]
    with stop_request.catch_stop_signals() as stop:
        assert signal.getsignal(signal.SIGTERM) == stop.receive
        stop.check()
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(stop_request.Stopped):
            stop.check()
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_another_thread_than_the_main_one_catches_nothing():
    found = []

    def work():
        with stop_request.catch_stop_signals() as stop:
            found.append(bool(stop))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False] and signal.getsignal(signal.SIGTERM) == before


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
