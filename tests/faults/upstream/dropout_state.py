"""Keras 3: a checkpoint of model and optimizer does not hold the state of dropout.

`tf.train.Checkpoint` skips the seed generator of each `Dropout`, so a resumed run drops
other units than one that was not stopped (keras-team/keras#19796). Here the counters of
all draws are part of the checkpoint.
"""

import sys

import keras
import tensorflow as tf

keras.utils.set_random_seed(0)
dropout = keras.layers.Dropout(0.5, seed=1)
model = keras.Sequential([keras.Input([100]), dropout])
ones = tf.ones([1, 100])
model(ones, training=True)
path = tf.train.Checkpoint(model=model).save("saved/ckpt")
straight = model(ones, training=True)
fresh = keras.Sequential([keras.Input([100]), keras.layers.Dropout(0.5, seed=1)])
tf.train.Checkpoint(model=fresh).restore(path)
resumed = fresh(ones, training=True)
is_equal = bool(tf.reduce_all(straight == resumed))
print(f"the resumed model drops the same units: {is_equal}")
sys.exit(is_equal)
