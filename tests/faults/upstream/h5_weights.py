"""Keras: a flipped bit in a .weights.h5 file becomes a weight.

HDF5 files as Keras writes them have no checksums. Here a checkpoint names the SHA-256
of each of its files.
"""

import sys

import keras
import numpy as np

model = keras.Sequential([keras.Input([4]), keras.layers.Dense(3)])
model.layers[0].set_weights([np.ones([4, 3]), np.zeros(3)])
model.save_weights("w.weights.h5")
with open("w.weights.h5", "r+b") as file:
    data = bytearray(file.read())
    data[data.index(np.ones(3, "f4").tobytes()) + 3] ^= 0x40
    file.seek(0)
    file.write(data)
model.load_weights("w.weights.h5")
print(
    f"loaded without an error; a weight of 1 is now {model.get_weights()[0].max():.2g}"
)
sys.exit(bool(np.all(model.get_weights()[0] == 1)))
