"""Sends signals to itself while it waits for stop signals, and prints what it sees.

  python -m tests.programs.signal_itself [--ignore_hangup] NUMBER ...

A number with a plus sign is sent a while after the one before it, when a copy of that
would have arrived long ago.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from tfrecords.console import stop_signals

if __name__ == "__main__":
    if sys.argv[1] == "--ignore_hangup":
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        del sys.argv[1]
    with stop_signals.catch_stop_signals() as stop:
        print(bool(stop), stop.signal_number)
        for number in sys.argv[1:]:
            time.sleep(0.6 * number.startswith("+"))
            os.kill(os.getpid(), int(number))
            print(bool(stop), stop.signal_number, flush=True)
    print("done")
