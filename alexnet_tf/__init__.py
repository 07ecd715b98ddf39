"""AlexNet (Krizhevsky, Sutskever, Hinton 2012) and what is done with it.

Reading order: `config` (every constant), `augment` and `input_pipeline` (shards to
batches), `layers`, `model` and `placement` (the two-tower network on two devices),
`optimizer` and `schedule` (the update rule and its rate), `steps`, `train` (the
story, top to bottom) and `evaluate`.
"""

__version__ = "0.1.0"
