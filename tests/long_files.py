"""The test files that take longest, which several workers have to start first.

A worker takes whole files. One that starts with a long file when all others are done
would keep the other workers waiting.
"""

from __future__ import annotations

# In CPU seconds, the longest first; slow tests included.
LONG_FILES = (
    "tests/tools/benchmark_test.py",
    "tests/tour_test.py",
    "tests/alexnet_tf/training/train_test.py",
    "tests/alexnet_tf/commands/train_test.py",
    "tests/alexnet_tf/optimization/keras_optimizers_runs_test.py",
    "tests/whole_path_test.py",
    "tests/readme_test.py",
    "tests/alexnet_tf/network/networks_test.py",
    "tests/alexnet_tf/reproduce/runner_test.py",
    "tests/alexnet_tf/data/iteration_test.py",
    "tests/alexnet_tf/tune/search_test.py",
    "tests/alexnet_tf/export/other_formats_test.py",
    "tests/alexnet_tf/data/pipeline_ahead_test.py",
    "tests/alexnet_tf/export/saved_model_test.py",
    "tests/alexnet_tf/commands/tune_test.py",
    "tests/alexnet_tf/runs/untrained_test.py",
    "tests/tools/cost_model_test.py",
    "tests/tools/benchmarks/torch_network_test.py",
    "tests/alexnet_tf/training/steps_placement_test.py",
    "tests/alexnet_tf/commands/export_test.py",
    "tests/alexnet_tf/commands/predict_test.py",
    "tests/alexnet_tf/commands/evaluate_test.py",
    "tests/setup_test.py",
)
