"""One absl binary per file: flags in, one call out."""

from tfrecords.console import first_steps

# Here, because a command's own imports take long enough to be interrupted.
first_steps.hide_interrupts()
# Before the imports that would fail.
first_steps.require_posix()
