"""A run's files on disk: writing, reading and resuming."""
