"""The data set on disk: records, shards, index, statistics, manifest."""
