import os
import signal
import subprocess
import sys
import threading
from multiprocessing import resource_tracker

import pytest

from tests import processes
from tfrecords import errors
from tfrecords.console import stop_signals


@pytest.mark.parametrize(
    "number, code", [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]
)
def test_a_signal_is_raised_where_it_is_asked_for(number, code):
    before = signal.getsignal(number)
    with stop_signals.stop_by_signal("stopped; go on.") as check_stop:
        check_stop()
        os.kill(os.getpid(), number)
        with pytest.raises(errors.Interrupted, match="stopped; go on") as raised:
            check_stop()
    assert raised.value.exit_code == code
    assert signal.getsignal(number) is before


def test_a_later_signal_ends_the_process_and_a_copy_does_not():
    program = (
        "import os, signal, time\n"
        "from tfrecords.console import stop_signals as interrupt\n"
        "with interrupt.stop_by_signal('stopped'):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    print('once', flush=True)\n"
        "    time.sleep(0.6)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    print('twice')\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True
    )
    assert result.stdout == b"once\n"
    assert result.returncode == -signal.SIGINT


def test_hangups_of_a_closing_terminal_are_one_request():
    with stop_signals.stop_by_signal("stopped") as check_stop:
        for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM):
            os.kill(os.getpid(), number)
        with pytest.raises(errors.Interrupted) as raised:
            check_stop()
    assert raised.value.exit_code == 129


COMMAND = """
import os, signal, sys
from tfrecords.console import command_line
from tfrecords.durable import files as durable
ignored, number = sys.argv.pop(), int(sys.argv.pop())
def main():
    with durable.atomic_directory("made") as path:
        open(path + "/part", "w").close()
        # `timeout` signals the process and then its group.
        try:
            os.kill(os.getpid(), number)
        finally:
            os.kill(os.getpid(), number) if number == signal.SIGTERM else None
        print("went on")
if ignored == "ignored":
    signal.signal(number, signal.SIG_IGN)
command_line.run(main, __name__, "Makes a directory.")
"""


@pytest.mark.parametrize(
    "number, code", [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_any_command_without_a_trace(tmp_path, number, code):
    (tmp_path / "prog.py").write_text(COMMAND)
    arguments = [tmp_path / "prog.py", str(int(number)), "heeded"]
    result = processes.run_python(*arguments, cwd=tmp_path)
    assert result.returncode == code
    assert "Traceback" not in result.stderr and "went on" not in result.stdout
    assert os.listdir(tmp_path) == ["prog.py"]


def test_a_hangup_that_is_ignored_does_not_end_a_command(tmp_path):
    (tmp_path / "prog.py").write_text(COMMAND)
    result = processes.run_python(tmp_path / "prog.py", "1", "ignored", cwd=tmp_path)
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
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        assert repr(number) in result.stdout
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before


def test_outside_the_main_thread_nothing_is_installed():
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def work():
        with stop_signals.stop_by_signal("stopped") as check_stop:
            seen.append(signal.getsignal(signal.SIGTERM))
            check_stop()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
