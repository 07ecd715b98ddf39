"""One signal asks, a second one ends; copies of a signal are no second one."""

import os
import signal
import sys
import threading
from multiprocessing import resource_tracker

import pytest

from tests import processes
from tfrecords.console import stop_signals

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
ITSELF = ("-m", "tests.programs.signal_itself")
COMMAND = ("-m", "tests.programs.signalled_command")


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_asks_and_the_block_goes_on(number):
    result = processes.run_python(*ITSELF, str(int(number)))
    assert result.returncode == 0, result.stderr
    assert result.stdout.split("\n")[:3] == [
        "False None",
        f"True {int(number)}",
        "done",
    ]


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_later_signal_ends_the_process_by_that_signal(second):
    result = processes.run_python(*ITSELF, "15", f"+{int(second)}")
    assert result.returncode == -second
    assert "True 15" in result.stdout and "done" not in result.stdout


def test_a_process_that_ignores_the_signals_default_ends_too(monkeypatch):
    """The first process of a container, for example."""
    codes = []
    monkeypatch.setattr(os, "kill", lambda *_: None)
    monkeypatch.setattr(os, "_exit", codes.append)
    before = signal.getsignal(signal.SIGTERM)
    try:
        stop_signals._end_process(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert codes == [143]


@pytest.mark.parametrize(
    "numbers", ["1 +1", "1 15", "15 1", "1 2 1", "15 15", "2 15", "15 +1"]
)
def test_copies_of_a_signal_and_hangups_are_no_second_request(numbers):
    """A terminal closes; `timeout` signals the process and then its group."""
    result = processes.run_python(*ITSELF, *numbers.split())
    assert result.returncode == 0, result.stderr
    assert result.stdout.split("\n")[-2:] == ["done", ""]
    count = len(numbers.split())
    assert result.stdout.count(f"True {numbers.split()[0]}\n") == count


def test_a_second_request_counts_after_a_hangup_too():
    result = processes.run_python(*ITSELF, "1", "15", "+15")
    assert result.returncode == -signal.SIGTERM and "done" not in result.stdout


def test_an_ignored_hangup_stays_ignored():
    result = processes.run_python(*ITSELF, "--ignore_hangup", "1")
    assert result.stdout.split("\n") == ["False None"] * 2 + ["done", ""]


def test_handlers_are_put_back():
    before = [signal.getsignal(number) for number in SIGNALS]
    with stop_signals.catch_stop_signals() as stop:
        assert signal.getsignal(signal.SIGTERM) == stop.receive
        stop.check()
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(stop_signals.Stopped):
            stop.check()
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_outside_the_main_thread_nothing_is_installed():
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def work():
        with stop_signals.catch_stop_signals() as stop:
            seen.append((signal.getsignal(signal.SIGTERM), bool(stop)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(before, False)]


@pytest.mark.parametrize(
    "number, code", [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_any_command_without_a_trace(tmp_path, number, code):
    result = processes.run_python(*COMMAND, str(int(number)), "heeded", cwd=tmp_path)
    assert result.returncode == code
    assert "Traceback" not in result.stderr and "went on" not in result.stdout
    assert os.listdir(tmp_path) == []


def test_a_hangup_that_is_ignored_does_not_end_a_command(tmp_path):
    result = processes.run_python(*COMMAND, "1", "ignored", cwd=tmp_path)
    assert result.returncode == 0 and result.stdout == "went on\n"
    assert (tmp_path / "made" / "part").exists()


def test_processes_started_deaf_hear_no_signal():
    show = "import signal; print(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])))"
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    # As if no process had been started yet.
    resource_tracker._resource_tracker._stop()
    with stop_signals.deaf_processes():
        # What the start of a process does, which lifts the mask the first time.
        resource_tracker.ensure_running()
        result = processes.run_python("-c", show)
    for number in SIGNALS:
        assert repr(number) in result.stdout
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
