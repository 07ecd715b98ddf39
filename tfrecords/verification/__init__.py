"""Shards read back, ours and other programs'."""
