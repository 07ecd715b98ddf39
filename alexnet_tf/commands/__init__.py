"""One absl binary per file: flags in, one call out."""

from tfrecords.console import early_interrupt, system_check

# Here, because a command's own imports take long enough to be interrupted.
early_interrupt.hide_traceback()
# Before the imports that would fail.
system_check.require_posix()
