"""Errors that are sentences: what was given, what was expected, what to do.

A command prints the sentence and exits with the class's `exit_code`; nobody sees a
traceback for a mistake that is theirs or their disk's.

Exit codes: 0 done; 2 wrong use or bad input; 3 not finite; 4 storage; 5 directory
in use; 129, 130 and 143 after SIGHUP, an interrupt or SIGTERM.
"""

from __future__ import annotations


class UserError(Exception):
    """Wrong use or bad input. The message is the whole sentence the user reads."""

    exit_code = 2


class DataError(UserError):
    """Input that is damaged; the message names the file and record or byte offset."""


class NotFiniteError(UserError):
    """A loss or gradient that is infinite or not a number; raised before the update."""

    exit_code = 3


class DeviceMemoryError(UserError):
    """A network and batch for which a device has too little memory."""


class StorageError(UserError):
    """A disk that is full, read-only or failing."""

    exit_code = 4


class InUseError(UserError):
    """A directory that another process is writing to."""

    exit_code = 5


class Interrupted(UserError):
    """Stopped by a signal after the state was saved.

    `exit_code` is 128 + the signal's number: 129 for SIGHUP, 130 for SIGINT,
    143 for SIGTERM.
    """

    def __init__(self, message: str, signal_number: int):
        super().__init__(message)
        self.exit_code = 128 + signal_number
