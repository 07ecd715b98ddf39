"""The data set on disk: what a record is, how shards are written and checked.

Reading order: `shards` (`schema`: one record; `record_file`: a shard; `manifest`: the
directory; `statistics`: mean image and RGB covariance), `sources` (where images come
from), `images` (to 256x256, section 2 of the paper), `conversion` (source to shards)
and `verification`. Below them are `errors`, `durable` and `console`, which know nothing
of images.

Nothing here knows of the network, and importing it does not import TensorFlow.
"""

# PyPI has an unrelated package with this import name. It lacks this attribute, which
# shows whether it was installed over ours or is found before it.
PROJECT = "alexnet-tf"

__version__ = "0.1.0"
