"""The earlier methods of the paper's tables, which `tools/baselines.py` trains."""
