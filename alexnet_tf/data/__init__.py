"""From shards to batches (paper, sections 2 and 4.1)."""
