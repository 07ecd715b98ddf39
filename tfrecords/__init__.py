"""The data set on disk: what a record is, how shards are written and checked.

Reading order: `schema` (one record), `record_file` (a shard), `manifest` (the
directory), `sources` (where images come from), `resize` (256x256, section 2 of
the paper), `statistics` (mean image and RGB covariance), `convert` (source to
shards, in the order `plan`, `writer`, `workers`, `journal`, `assemble`) and `verify`.
Below them stand `errors`, `durable`, `npz`, `permutation`, `progress`, `interrupt` and
`command_line`, which know nothing of images.

Nothing here knows of the network, and importing it does not import TensorFlow.
"""
