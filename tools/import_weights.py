"""Runs alexnet-import-weights from a checkout, where nothing is installed."""

from __future__ import annotations

import pathlib
import sys

# A script of the checkout finds the checkout's packages, wherever it is called.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from alexnet_tf.commands import import_weights

if __name__ == "__main__":
    import_weights.run()
