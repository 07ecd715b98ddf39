"""The settings of a run, and how to override, compare and save them."""
