"""The network: layers, towers, parameters (paper, sections 3 and 4.2).

build_model     the network as a Keras functional model to logits
get_layer_name  "conv1" for the layers conv1a and conv1b
"""

from typing import TYPE_CHECKING

from tfrecords import lazy_names

if TYPE_CHECKING:
    from alexnet_tf.network.build import build_model, get_layer_name
else:
    __getattr__ = lazy_names.make_getattr(__name__, build="build_model get_layer_name")

__all__ = ["build_model", "get_layer_name"]
