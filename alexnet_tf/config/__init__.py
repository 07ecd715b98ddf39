"""Every setting of a run, and how settings are given."""
