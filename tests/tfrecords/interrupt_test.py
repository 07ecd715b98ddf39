import os
import signal
import subprocess
import sys
import threading

import pytest

from tfrecords import errors, interrupt


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_is_raised_where_it_is_asked_for(number, code):
    before = signal.getsignal(number)
    with interrupt.stop_by_signal("stopped; go on.") as check_stop:
        check_stop()
        os.kill(os.getpid(), number)
        with pytest.raises(errors.Interrupted, match="stopped; go on") as raised:
            check_stop()
    assert raised.value.exit_code == code
    assert signal.getsignal(number) is before


def test_a_second_signal_ends_the_process():
    program = (
        "import os, signal\n"
        "from tfrecords import interrupt\n"
        "with interrupt.stop_by_signal('stopped'):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    print('once', flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    print('twice')\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True
    )
    assert result.stdout == b"once\n"
    assert result.returncode == -signal.SIGINT


def test_outside_the_main_thread_nothing_is_installed():
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def work():
        with interrupt.stop_by_signal("stopped") as check_stop:
            seen.append(signal.getsignal(signal.SIGTERM))
            check_stop()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
