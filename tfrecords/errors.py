"""Errors whose message tells the user what was given, what was expected, what to do.

A command prints the message and exits with the class's `exit_code`; a mistake of the
user, or a failing disk, never shows a traceback.

Exit codes: 0 done; 2 wrong use or bad input; 3 not finite; 4 storage; 5 directory in
use; 6 another worker lost; 129, 130 and 143 after SIGHUP, an interrupt or SIGTERM.
"""

from __future__ import annotations


class UserError(Exception):
    """Wrong use or bad input. The user reads the message and nothing else."""

    exit_code = 2


class DataError(UserError):
    """Damaged input; the message names the file and the record or byte offset."""


class NotFiniteError(UserError):
    """A loss or gradient is infinite or not a number; raised before the update."""

    exit_code = 3


class DeviceMemoryError(UserError):
    """A device has too little memory for the network and the batch."""


class StorageError(UserError):
    """A disk is full, read-only or failing."""

    exit_code = 4


class InUseError(UserError):
    """Another process is writing to the directory."""

    exit_code = 5


class PeerError(UserError):
    """Another worker of the same run was lost."""

    exit_code = 6


class Interrupted(UserError):
    """Stopped by a signal after the state was saved.

    `exit_code` is 128 + the signal's number: 129 for SIGHUP, 130 for SIGINT,
    143 for SIGTERM.
    """

    def __init__(self, message: str, signal_number: int):
        super().__init__(message)
        self.exit_code = 128 + signal_number
