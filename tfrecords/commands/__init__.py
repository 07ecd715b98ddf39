"""One absl command per file: it reads its flags and makes one call."""

from tfrecords.console import early_interrupt, system_check

# Here, because importing a command takes long enough to be interrupted.
early_interrupt.hide_traceback()
# Before the imports that would fail.
system_check.require_posix()
