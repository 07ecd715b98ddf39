"""The embedded data set: twenty drawn classes."""
