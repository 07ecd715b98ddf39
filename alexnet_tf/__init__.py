"""AlexNet (Krizhevsky, Sutskever, Hinton 2012) and what is done with it.

Reading order: `config` (every constant), `augment` and `input_pipeline` (shards to
batches), `layers`, `model` and `placement` (the two-tower network on two devices),
`optimizer` and `schedule` (the update rule and its rate), `steps`, `train` (the
story, top to bottom) and `evaluate`.
"""

import os
import sys

# TensorFlow leaves oneDNN off on x86 processors without AVX-512 or AVX-VNNI, which
# halves the rate of its products (docs/performance.md). It reads the variable once,
# when it is imported: whoever did that before decided it.
if "tensorflow" not in sys.modules:
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

__version__ = "0.1.0"
