"""AlexNet (Krizhevsky, Sutskever, Hinton 2012) and what is done with it.

Reading order: `config` (every constant), `data` (shards to batches), `network` and
`devices` (the two-tower network on two devices), `optimization` (the update rule and
its learning rate), `training` (a run, top to bottom) and `evaluation`.
"""

import os
import sys

# What TensorFlow reads once, when it is imported: whoever did that before decided it.
# Figures in docs/performance.md.
if "tensorflow" not in sys.modules:
    # Left off on x86 processors without AVX-512 or AVX-VNNI, which halves the rate of
    # products.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # Keeps the memory of a step for the next one. Given back to the system, it would
    # come anew and be cleared page by page: 2 GB in a step of 128 images.
    os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "1")
    # As much as there is: the pool's own limit is 64 GB.
    if hasattr(os, "sysconf"):
        _num_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        os.environ.setdefault("TF_CPU_BFC_MEM_LIMIT_IN_MB", str(_num_bytes >> 20))

# What a user has set for other programs, and Keras reads when it is imported (with
# TensorFlow at the latest): here it computes with TensorFlow, and is the Keras that
# `import keras` finds. `stack` sets the rest.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.pop("TF_USE_LEGACY_KERAS", None)

__version__ = "0.1.0"
