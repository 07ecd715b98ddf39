"""Converts a source to shards: plan, workers, index and manifest."""
