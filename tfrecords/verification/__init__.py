"""Checks shards, and makes another program's shards usable."""
