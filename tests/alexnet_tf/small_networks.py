"""A small network and its layers' outputs."""

from alexnet_tf.config.schema import ModelConfig
from alexnet_tf.network import build as model_lib
from alexnet_tf.stack import keras

# Small in width and image; the maps are 15, 7, 3 and 1 pixels wide.
SMALL = ModelConfig(width=0.0625)
CROP = 67


def build(config=SMALL, num_classes=10, **kwargs):
    return model_lib.build_model(num_classes, config, crop_size=CROP, **kwargs)


def list_tower(model, suffix):
    names = [layer.name for layer in model.layers]
    return [name for name in names if name.endswith(suffix)]


def call(model, names, images):
    outputs = [model.get_layer(name).output for name in names]
    return [y.numpy() for y in keras.Model(model.inputs, outputs)([images])]
