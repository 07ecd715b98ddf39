"""One absl command per file: it reads its flags and makes one call."""

from tfrecords.console import first_steps

# Here, because importing a command takes long enough to be interrupted.
first_steps.hide_interrupts()
# Before the imports that would fail.
first_steps.require_project()
first_steps.require_posix()
