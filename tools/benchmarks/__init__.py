"""The benchmarks that `tools/benchmark.py` runs, with their baselines and limits."""
