"""AlexNet (Krizhevsky, Sutskever, Hinton 2012): training, evaluation, export.

Reading order: `config` (every constant), `data` (shards to batches), `network` and
`devices` (the two-tower network on two devices), `optimization` (the update rule and
its learning rate), `training` (a run, top to bottom) and `evaluation`.
"""

import os
import re
import sys

import tfrecords

if getattr(tfrecords, "PROJECT", None) != "alexnet-tf":
    _text = (
        f"{tfrecords.__file__} belongs to an unrelated package, which is also named "
        "tfrecords. Remove it and install this package again: pip uninstall -y "
        "tfrecords; pip install --force-reinstall --no-deps alexnet-tf (or its "
        "checkout)."
    )
    # A command ends with a sentence; so does python -m, whose first argument is -m yet.
    if re.match(r"alexnet-|-m$", os.path.basename(sys.argv[0])):
        print(f"alexnet: {_text}", file=sys.stderr)
        raise SystemExit(2)
    raise ImportError(_text)

# TensorFlow reads these variables once, on import; setting them later has no effect.
# Measurements are in docs/performance.md.
if "tensorflow" not in sys.modules:
    # TensorFlow leaves oneDNN off on x86 CPUs without AVX-512 or AVX-VNNI, which halves
    # the speed of matmuls.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # Keeps a step's memory for the next one. If it were returned to the system, the
    # kernel would clear it page by page again: 2 GB for a step of 128 images.
    os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "1")
    # As much as there is: the pool's own limit is 64 GB.
    if hasattr(os, "sysconf"):
        _num_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        os.environ.setdefault("TF_CPU_BFC_MEM_LIMIT_IN_MB", str(_num_bytes >> 20))

# Overrides what the user set for other programs. Keras reads both variables on import,
# which importing TensorFlow triggers: the backend must be TensorFlow, and tf.keras must
# be the Keras that `import keras` finds. `stack` sets the rest.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.pop("TF_USE_LEGACY_KERAS", None)

__version__ = tfrecords.__version__
