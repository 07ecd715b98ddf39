"""From a source to shards: planned, written by workers, finished."""
