"""What `tools/benchmark.py` measures: subjects, limits, peers."""
