"""A bare script to compare the start of `alexnet-train` with.

python -m tools.benchmarks.bare_start SETTINGS NUM_CLASSES

It imports TensorFlow and makes one training step of the same network. SETTINGS is a
JSON object of values by dotted names.
"""

import json
import sys

import tensorflow as tf

if __name__ == "__main__":
    print("imported", tf.__version__, flush=True)
    from tools.benchmarks import steps

    steps.train_step(json.loads(sys.argv[1]), int(sys.argv[2]))
    print("stepped", flush=True)
