"""The core of the paper as a program, section by section.

    MPLBACKEND=agg python docs/tour.py

prints, among other things, one line per section: what was checked. `# %%` begins a
cell; `python tools/build_tour.py` runs the cells and writes them to docs/tour.ipynb.
"""

# %% [markdown]
# # The paper as a program
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/)
#
# *ImageNet Classification with Deep Convolutional Neural Networks* (Krizhevsky,
# Sutskever, Hinton, 2012), in the paper's order. Every section shows this project's
# code, runs it, and ends with a check and an exercise. The check prints a statement, or
# fails if it is not true. A section's title leads to [a page](paper.md) with all its
# statements: the code of each, the authors' source code, what was measured, and more
# exercises.
#
# Nothing is downloaded: the images are drawn. All of it takes about a minute on two
# processor cores. On your own machine, `pip install '.[notebook]'` in a checkout
# installs what is needed.

# %%
import importlib.util
import subprocess
import sys

# For Colab: the address of this repository, https://github.com/OWNER/NAME.
REPOSITORY = ""

if "google.colab" in sys.modules and not importlib.util.find_spec("alexnet_tf"):
    assert REPOSITORY, "Enter the repository's address above."
    install = [sys.executable, "-m", "pip", "install", "--quiet"]
    subprocess.run([*install, f"git+{REPOSITORY}"], check=True)

# %%
import inspect
import json
import os
import pathlib
import re
import tempfile
import textwrap

import numpy as np
from matplotlib import pyplot
from PIL import Image

from tfrecords.console import command_line

# TensorFlow without its start-up messages.
command_line.quiet_tensorflow()

import tensorflow as tf

from alexnet_tf.config import override, settings_file
from alexnet_tf.experiments import get_config

folder = tempfile.TemporaryDirectory()
os.chdir(folder.name)
config = get_config("alexnet")


def check(section, statement, is_true):
    """Prints what was checked in a section of the paper, or fails."""
    assert is_true, f"{section}: it is not true that {statement}"
    print(f"{section}: {statement}")


class Code:
    """The source of a function or class, as the value of a cell."""

    def __init__(self, source):
        text = source if isinstance(source, str) else inspect.getsource(source)
        self.text = textwrap.dedent(text).strip()

    def __repr__(self):
        return self.text

    def _repr_markdown_(self):
        return f"```python\n{self.text}\n```"


def show(images, titles):
    """Shows images in a row."""
    size = 1.15 * len(images), 1.4
    _, axes = pyplot.subplots(1, len(images), figsize=size, dpi=80)
    for axis, image, title in zip(axes, images, titles, strict=True):
        axis.set_axis_off()
        axis.imshow(image)
        axis.set_title(title, fontsize=8)
    pyplot.show()


# %% [markdown]
# The exercises train a small network on small images, within half a minute. Each
# changes settings of `small.json`; section 5 shows the run without a change. Predict
# the result first, and then run the command in a cell of your own, with `!` before it.
# A run needs a new `--workdir`.

# %%
from tfrecords.sources.sample import sample_source

SHAPES = ("circle", "ring", "star")
PATTERNS = ("checkerboard", "dots", "rays", "spiral", "stripes")

drawn = sample_source.open_sample(60, 0)
for row, label in enumerate(drawn.splits["train"].labels):
    path = pathlib.Path("images", drawn.classes[label].synset, f"{row:04}.jpg")
    if path.parent.name in SHAPES + PATTERNS:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(drawn.read_image("train", row))

SMALL = {
    "batch_size": 16,
    "num_epochs": 16,
    "schedule.steps": "13:0.001",
    "precision": "float32",
    # Half of the paper's sizes, an eighth of its kernels and neurons.
    "data.crop_size": 112,
    "data.crop_positions": 16,
    "model.width": 0.125,
    # What suits so few neurons (ours).
    "model.dropout_rate": 0.2,
    "model.initial_stddevs": "conv2=0.08 conv3=0.06 conv4=0.07 conv5=0.07 fc6=0.07 "
    "fc7=0.04",
    "eval_every_epochs": 4,
    "checkpoint_every_epochs": 16,
    "log_every_steps": 1000,
}
settings_file.write("small.json", settings_file.SettingsFile("sample_quarter", SMALL))

# %% [markdown]
# ## 1 [Introduction](paper.md#1-introduction)
#
# > "The neural network, which has 60 million parameters and 650,000 neurons, consists
# > of five convolutional layers, some of which are followed by max-pooling layers, and
# > three fully-connected layers with a final 1000-way softmax."
#
# This table is the network. `build_model` makes its layers.

# %%
from alexnet_tf.network import networks

Code(re.search(r"\nALEXNET = .*?\n\)\n", inspect.getsource(networks), re.DOTALL)[0])

# %%
from alexnet_tf.network import build

network = build.build_model(1000, config.model)
num_parameters = network.count_params()
num_neurons = sum(
    int(np.prod(layer.output.shape[1:])) for layer in network.layers if layer.weights
)
check(
    "1",
    f"the network has {num_parameters:,} parameters and {num_neurons:,} neurons",
    (num_parameters, num_neurons) == (60_965_224, 659_272),
)

# %% [markdown]
# **Exercise.** Train on a quarter of the images, four times as often. Which error
# changes, that of the training images or that of the validation images?
#
# ```bash
# alexnet-train --experiment=small.json --data_dir=data --workdir=quarter \
#   --config.data.fraction=0.25 --config.num_epochs=64 --config.schedule.steps=52:0.001
# ```

# %% [markdown]
# ## 2 [The data set](paper.md#2-the-data-set)
#
# > "Given a rectangular image, we first rescaled the image such that the shorter side
# > was of length 256, and then cropped out the central 256×256 patch from the resulting
# > image. We did not pre-process the images in any other way, except for subtracting
# > the mean activity over the training set from each pixel."
#
# An answer is a top-1 error if the label is not the most probable class, and a top-5
# error if it is not among the five most probable.

# %%
from alexnet_tf.evaluation import metrics
from tfrecords.images import resize

Code(resize.compute_window)

# %%
from tfrecords.shards import statistics

paths = sorted(pathlib.Path("images").glob("*/*5.jpg"))
resized = [resize.resize_and_crop_image(Image.open(path)) for path in paths]
images = np.stack([np.asarray(image) for image in resized])

accumulator = statistics.Accumulator(256)
for image in images:
    accumulator.add(image)
whole = accumulator.compute()

star = [path.parent.name for path in paths].index("star")
mean = whole.mean_image.astype(np.uint8)
show(
    [Image.open(paths[star]), images[star], mean], ["original", "256x256", "mean image"]
)

# The label comes first, second, fifth and sixth.
scores = tf.constant([[6.0, 5.0, 4.0, 3.0, 2.0, 1.0]] * 4)
is_error = metrics.find_errors(scores, tf.constant([0, 1, 4, 5])).numpy()

check(
    "2",
    "420x280 pixels become 384x256 and then 256x256; the mean image is NumPy's; a "
    "label that comes second is a top-1 error, one that comes sixth a top-5 error, too",
    images.shape[1:] == (256, 256, 3)
    and resize.compute_window(420, 280, 256)[3:] == (384, 64)
    and np.array_equal(whole.mean_image, images.mean(axis=0))
    and is_error.T.tolist() == [[False, True, True, True], [False] * 3 + [True]],
)

# %% [markdown]
# The small network's data set: the same images as records, at half the size.

# %%
convert = """--source=folder --source_dir=images --data_dir=data
  --validation_fraction=0.2 --image_size=128"""
command = [sys.executable, "-m", "tfrecords.commands.convert", *convert.split()]
print(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

# %% [markdown]
# **Exercise.** Subtract one mean per channel instead of one per pixel. What does the
# mean image show, and is it missed?
#
# ```bash
# alexnet-train --experiment=small.json --data_dir=data --workdir=channel \
#   --config.data.mean=channel
# ```

# %% [markdown]
# ## 3 [The architecture](paper.md#3-the-architecture)
#
# ### 3.1 [ReLU nonlinearity](paper.md#31-relu-nonlinearity)
#
# > "Deep convolutional neural networks with ReLUs train several times faster than their
# > equivalents with tanh units."
#
# Far from 0, tanh and the sigmoid are flat: hardly any gradient passes. The ReLU's
# slope is 1 for every positive input.

# %%
from alexnet_tf.network import layers

z = tf.linspace(-6.0, 6.0, 121)
slopes = {}
for function in ("relu", "tanh", "sigmoid"):
    with tf.GradientTape() as tape:
        tape.watch(z)
        y = layers.Activation(function)(z)
    slopes[function] = tape.gradient(y, z).numpy()

figure, axis = pyplot.subplots(figsize=(4.6, 1.8), dpi=80)
for function, slope in slopes.items():
    axis.plot(z, slope, label=function)
axis.set_title("slope", fontsize=9)
axis.legend()
pyplot.show()

at_5 = {function: float(slope[110]) for function, slope in slopes.items()}
check(
    "3.1",
    f"at 5 the slope of a ReLU is {at_5['relu']:g}, of tanh {at_5['tanh']:.5f}, of a "
    f"sigmoid {at_5['sigmoid']:.4f}",
    at_5["relu"] == 1
    and np.isclose(at_5["tanh"], 1 - np.tanh(5) ** 2, rtol=1e-3)
    and np.isclose(at_5["sigmoid"], np.exp(-5) / (1 + np.exp(-5)) ** 2, rtol=1e-3),
)

# %% [markdown]
# **Exercise.** A setting that breaks training: with sigmoids, the loss stays near ln(8)
# = 2.08. What is the largest slope of a sigmoid, and what is left of a gradient after
# seven of them? Try `tanh`, too.
#
# ```bash
# alexnet-train --experiment=small.json --data_dir=data --workdir=sigmoid \
#   --config.model.activation=sigmoid
# ```

# %% [markdown]
# ### 3.2 [Training on two GPUs](paper.md#32-training-on-two-gpus)
#
# > "The parallelization scheme that we employ essentially puts half of the kernels (or
# > neurons) on each GPU, with one additional trick: the GPUs communicate only in
# > certain layers."
#
# The halves, tower a and tower b, are parts of one network, on one device or two.
# Setting tower b's first kernels to 0 shows which of tower a's layers see tower b.

# %%
from alexnet_tf.evaluation import forward
from alexnet_tf.network import parameters

small = build.build_model(8, get_config("small.json").model, crop_size=112)
variables = {each.name: each.variable for each in parameters.list_parameters(small)}
pixels = tf.random.stateless_normal([1, 112, 112, 3], (0, 0), stddev=50)


def compute_tower_a(layer):
    """The outputs of tower a's half of a layer."""
    both = forward.make_layer_function(small, layer)(pixels)
    return tf.split(both, 2, axis=-1)[0].numpy()


before = {layer: compute_tower_a(layer) for layer in ("conv2", "conv3")}
variables["conv1b/kernel"].assign(tf.zeros_like(variables["conv1b/kernel"]))
is_changed = {
    layer: not np.array_equal(compute_tower_a(layer), outputs)
    for layer, outputs in before.items()
}

one_gpu = build.build_model(1000, override(config, {"model.network": "one_gpu"}).model)
num_one_gpu = one_gpu.count_params()
del one_gpu
check(
    "3.2",
    "tower a's conv2 does not see tower b, conv3 does; the network for one GPU has "
    f"{num_one_gpu:,} parameters",
    is_changed == {"conv2": False, "conv3": True} and num_one_gpu == 59_798_312,
)

# %% [markdown]
# **Exercise.** Let the towers meet in the last layer only. Which layers lose
# parameters, and does the smaller network learn more slowly?
#
# ```bash
# alexnet-train --experiment=small.json --data_dir=data --workdir=late \
#   --config.model.exchange_layers=fc8
# ```

# %% [markdown]
# ### 3.3 [Local response normalization](paper.md#33-local-response-normalization)
#
# > "This sort of response normalization implements a form of lateral inhibition [...],
# > creating competition for big activities amongst neuron outputs computed using
# > different kernels."
#
# This is one of three implementations, as matrix products; `auto` chooses the fastest.
#
# $$b^i = a^i \Big/ \Big(k + \alpha \sum_{j=\max(0,\,i-n/2)}^{\min(N-1,\,i+n/2)}
# (a^j)^2\Big)^\beta$$

# %%
from alexnet_tf.network import normalization

Code(normalization.normalize_banded)

# %%
k, n, alpha, beta = 2, 5, 0.0001, 0.75


def normalize(a):
    """The formula, map by map; a is [..., N], float64."""
    last = a.shape[-1] - 1
    b = np.empty_like(a)
    for i in range(last + 1):
        near = a[..., max(0, i - n // 2) : min(last, i + n // 2) + 1]
        b[..., i] = a[..., i] / (k + alpha * (near**2).sum(axis=-1)) ** beta
    return b


def normalize_here(a, method="auto"):
    """What the network computes, with the constants of its settings."""
    names = ("radius", "bias", "alpha", "beta")
    constants = [getattr(config.model, f"normalization_{name}") for name in names]
    layer = normalization.LocalResponseNormalization(method, *constants)
    return layer(tf.constant(a, tf.float32)).numpy()


# One large output lowers those of the two maps to each side.
a = np.full([1, 1, 1, 9], 50.0)
a[..., 4] = 500.0
print("a:", *a.ravel().round().astype(int))
print("b:", *normalize_here(a).ravel().round(1))

random = np.maximum(0, np.random.default_rng(0).normal(0, 100, [2, 5, 5, 48]))
check(
    "3.3",
    f"the layer gives the formula, with k = {k}, n = {n}, alpha = {alpha:g} "
    f"and beta = {beta}",
    all(
        np.allclose(normalize_here(values, method), normalize(values), rtol=1e-5)
        for values in (a, random)
        for method in ("reference", "banded", "auto")
    ),
)

# %% [markdown]
# **Exercise.** A setting that breaks training: k near 0. (The program refuses k = 0.
# Why?) How large is b now where a is small, and where a is large?
#
# ```bash
# alexnet-train --experiment=small.json --data_dir=data --workdir=small-k \
#   --config.model.normalization_bias=1e-6
# ```

# %% [markdown]
# ### 3.4 [Overlapping pooling](paper.md#34-overlapping-pooling)
#
# > "If we set s < z, we obtain overlapping pooling. This is what we use throughout our
# > network, with s = 2 and z = 3."
#
# The layer pools images that are 0 but for one pixel; the sum of an output is the
# number of windows that see the pixel.


# %%
def count_windows(size, stride, side=9):
    """How many windows see each pixel of a map: [side, side]."""
    one_pixel = tf.reshape(tf.eye(side * side), [-1, side, side, 1])
    pooled = layers.MaxPooling(size, stride)(one_pixel)
    return tf.reduce_sum(pooled, [1, 2, 3]).numpy().astype(int).reshape(side, side)


pool = layers.MaxPooling(config.model.pool_size, config.model.pool_stride)
sides = [pool(tf.zeros([1, side, side, 1])).shape[1] for side in (55, 27, 13)]
overlapping = count_windows(config.model.pool_size, config.model.pool_stride)
print(overlapping)
check(
    "3.4",
    "55, 27 and 13 pixels become 27, 13 and 6; up to four windows see a pixel, with "
    "z = s = 2 one",
    sides == [27, 13, 6] and overlapping.max() == 4 and count_windows(2, 2).max() == 1,
)

# %% [markdown]
# **Exercise.** Pool without overlap, z = s = 3. How large are the maps before fc6 now,
# and how many inputs does a neuron of fc6 have? (Without the change there are 128.)
#
# ```bash
# alexnet-train --experiment=small.json --data_dir=data --workdir=pool3 \
#   --config.model.pool_stride=3
# ```

# %% [markdown]
# ### 3.5 [Overall architecture](paper.md#35-overall-architecture)
#
# > "[...] the net contains eight layers with weights; the first five are convolutional
# > and the remaining three are fully-connected. [...] The kernels of the second,
# > fourth, and fifth convolutional layers are connected only to those kernel maps in
# > the previous layer which reside on the same GPU."
#
# 224 pixels do not give the 55 of figure 2, as (224 - 11) / 4 + 1 = 54.25. Zeros at the
# right and bottom edges do, as in the authors' source.

# %%
from alexnet_tf.training import steps

heading = "layer", "one tower's output", "kernel", "parameters", "multiply-adds"
print("{:6} {:>19} {:>15} {:>12} {:>14}".format(*heading))
sides, products = {}, {}
for layer in network.layers:
    if layer.weights and not layer.name.endswith("b"):
        num_towers = 1 if layer.name == "fc8" else 2
        kernel, shape = tuple(layer.kernel.shape), tuple(layer.output.shape[1:])
        name = build.get_layer_name(layer.name)
        sides[name] = shape[0]
        products[name] = num_towers * int(np.prod(shape) * np.prod(kernel[:-1]))
        print(
            f"{name:6} {'x'.join(map(str, shape)):>19} "
            f"{'x'.join(map(str, kernel)):>15} "
            f"{num_towers * layer.count_params():>12,} {products[name]:>14,}"
        )

# The loss is the mean of -log of the label's probability.
loss = steps.compute_losses(tf.zeros([1, 1000]), tf.constant([7]))
check(
    "3.5",
    f"conv1 gives {sides['conv1']} x {sides['conv1']} maps, conv2 {sides['conv2']} x "
    f"{sides['conv2']}, conv3 to conv5 {sides['conv5']} x {sides['conv5']}; an image "
    f"takes {sum(products.values()):,} multiply-adds; a thousand equal probabilities "
    f"have the loss {float(loss[0]):.3f}",
    [sides[f"conv{number}"] for number in range(1, 6)] == [55, 27, 13, 13, 13]
    and sum(products.values()) == 724_406_816
    and np.isclose(loss, np.log(1000)),
)

# %% [markdown]
# **Exercise.** Crops of 56 pixels are refused. Follow the sizes through the layers:
# where does the map vanish, and what is the smallest crop?
#
# ```bash
# alexnet-train --experiment=small.json --data_dir=data --workdir=tiny \
#   --config.data.crop_size=56
# ```

# %% [markdown]
# ## 4 [Reducing overfitting](paper.md#4-reducing-overfitting)
#
# A label of 1,000 classes constrains the parameters by log2(1000) = 10 bits: little,
# for 60 million of them.
#
# ### 4.1 [Data augmentation](paper.md#41-data-augmentation)
#
# > "We do this by extracting random 224 × 224 patches (and their horizontal
# > reflections) from the 256×256 images [...]. This increases the size of our training
# > set by a factor of 2048."
#
# Every draw is a function of the seed and the image's position in the training stream.
# The mean image is subtracted; below, the mean colour is added again for display.

# %%
from alexnet_tf.data import evaluation_views, random_draws, training_transform

image, epochs = images[star], range(7)
draw = random_draws.make_training_draws(config.data, whole, len(images), 0, 1)
draws = [draw(epoch * len(images) + 3).pick(0) for epoch in epochs]
transform = training_transform.make_image_transform(config.data, whole)
crops = [transform(image, each).numpy() for each in draws]
visible = [np.clip(each + whole.mean_rgb, 0, 255).astype(np.uint8) for each in crops]
titles = ["256x256", *(f"epoch {epoch}" for epoch in epochs)]
show([image, *visible], titles)

# The colour shift alone, ten times as strong.
shifted = [np.clip(image + 10 * each.shift, 0, 255).astype(np.uint8) for each in draws]
show([image, *shifted], titles)

# The same by hand: crop, mirror, minus the mean, plus the colour shift.
for each, crop in zip(draws, crops, strict=True):
    top, left = each.offsets.numpy()
    by_hand = (image - whole.mean_image)[top : top + 224, left : left + 224]
    by_hand = by_hand[:, :: -1 if each.mirrored else 1] + each.shift
    assert np.allclose(crop, by_hand, atol=1e-3)

many = random_draws.make_training_draws(config.data, whole, len(images), 0, 50_000)(0)
kinds = np.concatenate([many.offsets, many.mirrored[:, None]], axis=1)
num_kinds = len(np.unique(kinds, axis=0))
print(f"{num_kinds:,} different crops, offsets up to {many.offsets.numpy().max()}")

# %% [markdown]
# > "To each RGB image pixel [...] we add the following quantity: [p1, p2, p3][α1λ1,
# > α2λ2, α3λ3]^T", where α is drawn from a Gaussian with standard deviation 0.1, and λ
# > are the eigenvalues of the pixels' covariance.
#
# In which unit? These are the authors' own constants (in `input_meta` of
# cuda-convnet2), for pixels in 0..255. There, the formula would add over a thousand
# grey levels. Here it is applied to pixels in 0..1; the authors' source uses standard
# deviations in place of eigenvalues.

# %%
Code(random_draws.draw_colour_shift)

# %%
stddevs = np.array([121.78, 37.09, 19.72])
axes = np.array(
    [[-0.5635, -0.7126, 0.418], [-0.5762, -0.0235, -0.817], [-0.592, 0.7012, 0.3973]]
)


def measure_shift(kind):
    """One standard deviation of the shift along the three axes, in grey levels."""
    shifts = [
        random_draws.draw_colour_shift(
            random_draws.make_seed(0, random_draws.COLOUR_SHIFT, tf.constant(block)),
            stddevs**2,
            axes,
            config.data.colour_shift_stddev,
            kind,
        )
        for block in tf.range(400, dtype=tf.int64)
    ]
    return np.std(np.concatenate(shifts) @ axes, axis=0)


grey_levels = measure_shift("paper")
source_levels = measure_shift("source") / 1.1
print("the paper's formula on pixels in 0..255:", (0.1 * stddevs**2).round(1))
print("on pixels in 0..1, in levels of 0..255: ", grey_levels.round(2))
print("the authors' source:                    ", source_levels.round(1))

# %% [markdown]
# > "At test time, the network makes a prediction by extracting five 224 × 224 patches
# > (the four corner patches and the center patch) as well as their horizontal
# > reflections (hence ten patches in all), and averaging the predictions made by the
# > network's softmax layer on the ten patches."

# %%
Code(evaluation_views.make_ten_views)

# %%
views = evaluation_views.make_ten_views(tf.constant(image)).numpy()
assert np.array_equal(views[3], image[32:, 32:])
assert np.array_equal(views[4], image[16:240, 16:240])
assert np.array_equal(views[5:], views[:5, :, ::-1])

# The small network's settings, because its first weights are larger: the views differ.
untrained = build.build_model(8, get_config("small.json").model)
inputs = evaluation_views.make_view_transform(config.data, whole, 10)(image[None])
averaged = forward.compute_probabilities(untrained, inputs)[0].numpy()
by_view = tf.nn.softmax(untrained(inputs[0])).numpy()
check(
    "4.1",
    f"{num_kinds:,} crops; one sigma of the colour shift adds {grey_levels[0]:.1f}, "
    f"{grey_levels[1]:.1f} and {grey_levels[2]:.2f} grey levels, in the source "
    f"{source_levels[0]:.1f}, {source_levels[1]:.1f} and {source_levels[2]:.1f}; the "
    f"probabilities of {len(by_view)} views are averaged",
    num_kinds == 2048
    and np.allclose(grey_levels, 0.1 * stddevs**2 / 255, rtol=0.01)
    and np.allclose(source_levels, 0.1 * stddevs / 1.1, rtol=0.01)
    and len(by_view) == 10
    and np.allclose(averaged, by_view.mean(axis=0), rtol=1e-4),
)

# %% [markdown]
# **Exercise.** A setting that breaks training: the colour shift's formula on pixels in
# 0..255, that is, 255 times as strong. What does the network see?
#
# ```bash
# alexnet-train --experiment=small.json --data_dir=data --workdir=grey-levels \
#   --config.data.colour_shift_stddev=25.5
# ```

# %% [markdown]
# ### 4.2 [Dropout](paper.md#42-dropout)
#
# > "At test time, we use all the neurons but multiply their outputs by 0.5, which is a
# > reasonable approximation to taking the geometric mean of the predictive
# > distributions produced by the exponentially-many dropout networks."
#
# Keras' own layer divides by 0.5 in training instead, which changes how the network
# learns. With a single layer before the softmax, the approximation is exact; eight
# neurons have 256 dropout networks.

# %%
Code(layers.Dropout.call)

# %%
dropout = layers.Dropout(
    config.model.dropout_rate, config.model.dropout_scaling, seed=(0, 0)
)
outputs = tf.fill([1000, 8], 3.0)
in_training = dropout(outputs, training=True).numpy()
at_test = dropout(outputs, training=False).numpy()

generator = np.random.default_rng(0)
hidden = generator.uniform(0, 1, [1, 8]).astype(np.float32)
kernel = generator.normal(0, 1, [8, 5]).astype(np.float32)
masks = np.indices([2] * 8).reshape(8, -1).T
log_mean = np.log(tf.nn.softmax(masks * hidden @ kernel)).mean(axis=0)
geometric_mean = np.exp(log_mean) / np.exp(log_mean).sum()
approximation = tf.nn.softmax(dropout(hidden, training=False) @ kernel).numpy()[0]
check(
    "4.2",
    "in training half of the outputs are 0 and the others as they were; at test all "
    f"are halved, which gives the geometric mean of {len(masks)} dropout networks",
    set(in_training.ravel()) == {0.0, 3.0}
    and abs((in_training == 0).mean() - 0.5) < 0.03
    and set(at_test.ravel()) == {1.5}
    and np.allclose(approximation, geometric_mean, rtol=1e-4),
)

# %% [markdown]
# **Exercise.** Train with the paper's rate of 0.5, and without dropout (the small
# network's rate is 0.2). Which learns fastest? With 0.5, why is the training error
# above the validation error?
#
# ```bash
# alexnet-train --experiment=small.json --data_dir=data --workdir=half \
#   --config.model.dropout_rate=0.5
# alexnet-train --experiment=small.json --data_dir=data --workdir=no-dropout \
#   --config.model.dropout_rate=0
# ```

# %% [markdown]
# ## 5 [Details of learning](paper.md#5-details-of-learning)
#
# > "We trained our models using stochastic gradient descent with a batch size of 128
# > examples, momentum of 0.9, and weight decay of 0.0005."
#
# $$v \leftarrow 0.9\,v - 0.0005\,\epsilon\,w - \epsilon\,\nabla, \qquad
# w \leftarrow w + v$$
#
# The weights start from a Gaussian with standard deviation 0.01, and the rate of 0.01
# is divided by 10 when the validation error stops improving, three times.

# %%
from alexnet_tf.optimization import momentum, schedule

Code(momentum.MomentumOptimizer.apply)

# %%
weight = tf.Variable([1.0])
parameter = parameters.Parameter("fc8/kernel", weight, "fc8", parameters.KERNEL)
optimizer = momentum.MomentumOptimizer([parameter], config.optimizer)
optimizer.rates.assign([[config.optimizer.learning_rate] * 2])
v, w = 0.0, 1.0
for gradient in (2.0, -1.0, 0.5):
    optimizer.apply([tf.constant([gradient])])
    v = 0.9 * v - 0.0005 * 0.01 * w - 0.01 * gradient
    w = w + v

# The validation error falls until epoch 10 and then stays.
plateau = schedule.make_schedule(config, ["fc8"])
rates = []
for epoch in range(1, 41):
    plateau.record_validation(epoch, max(0.4, 0.9 - 0.05 * epoch))
    rates.append(plateau.rates_at(epoch).kernel[0])
rates = sorted(set(rates), reverse=True)

variables = {each.name: each.variable for each in parameters.list_parameters(network)}
stddev = float(tf.math.reduce_std(variables["fc7a/kernel"]))
ones = [
    layer
    for layer in ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7")
    if np.all(variables[f"{layer}a/bias"].numpy() == 1)
]
check(
    "5",
    f"the update rule gives {float(weight[0]):.6f} after three steps, as by hand; the "
    f"rate falls from {rates[0]:g} to {rates[-1]:.5f} in {len(rates) - 1} steps; the "
    f"weights' standard deviation is {stddev:.3f}, and the biases of {', '.join(ones)} "
    "are 1",
    np.isclose(float(weight[0]), w, rtol=1e-6)
    and np.allclose(rates, [0.01, 0.001, 0.0001, 0.00001])
    and np.isclose(stddev, 0.01, rtol=0.01)
    and ones == ["conv2", "conv4", "conv5", "fc6", "fc7"],
)

# %% [markdown]
# Training the small network; `alexnet-train` calls the same function.

# %%
from alexnet_tf.training import train_and_evaluate

state = train_and_evaluate(get_config("small.json"), "data", "small")

# %%
lines = pathlib.Path("small/metrics.jsonl").read_text().splitlines()
measured = [json.loads(line) for line in lines]
figure, axis = pyplot.subplots(figsize=(4.6, 2), dpi=80)
for kind, label in (("epoch", "training"), ("validation", "validation")):
    of_kind = [each for each in measured if each["kind"] == kind]
    points = [(each["epoch"], 100 * each["top1_error"]) for each in of_kind]
    axis.plot(*np.transpose(points), marker=".", label=label)
axis.set_xlabel("epoch")
axis.set_ylabel("top-1 error, %")
axis.legend()
pyplot.show()

# %% [markdown]
# **Exercise.** A setting that breaks training: kernels of fc6 that start at 0, with
# biases of 0. What does fc6 give, and which gradients are 0 for ever?
#
# ```bash
# alexnet-train --experiment=small.json --data_dir=data --workdir=zeros \
#   --config.model.initial_stddevs='conv2=0.08 conv3=0.06 conv4=0.07 conv5=0.07 fc6=0'
# ```

# %% [markdown]
# ## 6 [Results](paper.md#6-results)
#
# On ILSVRC-2010, with ten views averaged, the paper's network has 37.5 % top-1 and 17.0
# % top-5 error, after five to six days of training. The small network learns to tell
# eight kinds of drawings apart within seconds.

# %%
from alexnet_tf.evaluation import evaluate_checkpoint, format_report, make_report

found = {}
for num_views in (1, 10):
    checkpoint, result, data = evaluate_checkpoint(
        "small", "last", "validation", num_views
    )
    report = make_report(
        result, data.manifest, checkpoint.step, "validation", num_views
    )
    print(format_report(report, with_classes=num_views == 10))
    found[num_views] = report["top1_error"]

check(
    "6",
    "the small network's top-1 error, with ten views, is below 75 % (chance: 87.5 %)",
    found[10] < 0.75,
)

# %% [markdown]
# **Exercise.** Average two networks, as the paper does with five. Is the average better
# than each of them, or only than their mean?
#
# ```bash
# alexnet-train --experiment=small.json --data_dir=data --workdir=seed1 --config.seed=1
# alexnet-evaluate --workdirs=small,seed1 --views=10
# ```

# %% [markdown]
# ### 6.1 [Qualitative evaluations](paper.md#61-qualitative-evaluations)
#
# Figure 3 shows the first layer's kernels: [those of this
# project](images/ilsvrc2012-kernels.png) after 36 epochs on ten classes of ILSVRC-2012.
# The small network's, tower a's in the upper row, begin to show edges and colours.

# %%
from alexnet_tf.runs import load_trained_network
from alexnet_tf.training import diagnostics

trained = load_trained_network("small")
towers = [trained.model.get_layer(name).kernel for name in ("conv1a", "conv1b")]
kernels = diagnostics.draw_kernels([np.asarray(each) for each in towers], 4, 6)
figure, axis = pyplot.subplots(figsize=(4.6, 1.6), dpi=80)
axis.set_axis_off()
axis.imshow(kernels)
pyplot.show()

# %% [markdown]
# Figure 4, left, shows the five most probable labels of images, the correct one in red.

# %%
from alexnet_tf.figures import draw_panels
from alexnet_tf.inference import find_images, make_predictor, predict_files

unseen = sample_source.open_sample(1, 0, seed=1)
for name in ("circle", "rays", "spiral", "stripes"):
    label = [each.synset for each in unseen.classes].index(name)
    path = pathlib.Path("new", name, "0.jpg")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(unseen.read_image("train", label))

predictor = make_predictor(trained, num_views=10)
predictions = list(predict_files(predictor, find_images(["new"])))
draw_panels(
    [each.image for each in predictions],
    [each.probabilities for each in predictions],
    [each.truth for each in predictions],
    [each.text for each in predictor.classes],
    "panels.png",
)
figure, axis = pyplot.subplots(figsize=(9, 3.7), dpi=80)
axis.set_axis_off()
axis.imshow(Image.open("panels.png"))
pyplot.show()

# %% [markdown]
# > "If two images produce feature activation vectors with a small Euclidean separation,
# > we can say that the higher levels of the neural network consider them to be
# > similar."
#
# Figure 4, right: the vector is the output of the last hidden layer. Here, each row
# begins with a new image; the four nearest training images follow.

# %%
Code(forward.make_layer_function)

# %%
centre = evaluation_views.make_view_transform(
    trained.config.data, trained.training_data.statistics, 1
)
compute_vectors = forward.make_layer_function(trained.model, "relu7")


def open_small(path):
    """An image as the small network's data set stores it."""
    return np.asarray(resize.resize_and_crop_image(Image.open(path), 128))


known_paths = find_images(["images"])[::3]
known = np.stack([open_small(path) for path in known_paths])
asked = np.stack([each.image for each in predictions])
known_vectors = compute_vectors(centre(known)[:, 0]).numpy()
asked_vectors = compute_vectors(centre(asked)[:, 0]).numpy()
distances = np.linalg.norm(asked_vectors[:, None] - known_vectors, axis=-1)
nearest = np.argsort(distances, axis=1)[:, :4]
is_same = []
for asked_for, rows in zip(predictions, nearest, strict=True):
    names = [pathlib.Path(known_paths[row]).parent.name for row in rows]
    is_same += [name == pathlib.Path(asked_for.path).parent.name for name in names]
    show([asked_for.image, *known[rows]], ["new", *names])

vector = forward.make_layer_function(network, "relu7")(inputs[:, 4])
check(
    "6.1",
    f"the vector of an image has {vector.shape[-1]:,} numbers in the full network and "
    f"{known_vectors.shape[-1]} in the small one; most of the nearest images are of "
    "the same class",
    (vector.shape[-1], known_vectors.shape[-1]) == (4096, 512)
    and np.mean(is_same) > 0.5,
)

# %% [markdown]
# **Exercise.** Predict all training images of a class with one view. Which classes does
# the network confuse with it, and are they like it?
#
# ```bash
# alexnet-export --workdir=small --export_dir=export
# alexnet-predict --export_dir=export --views=1 images/star
# ```

# %% [markdown]
# ## 7 [Discussion](paper.md#7-discussion)
#
# > "It is notable that our network's performance degrades if a single convolutional
# > layer is removed."
#
# Each of them holds little of the parameters (the paper says at most 1 %).

# %%
shares = {
    f"conv{number}": sum(
        layer.count_params()
        for layer in network.layers
        if build.get_layer_name(layer.name) == f"conv{number}"
    )
    / network.count_params()
    for number in range(1, 6)
}
for name in shares:
    without = override(
        config, {"model.network": f"without_{name}", "model.width": 0.05}
    )
    shallow = build.build_model(8, without.model)
    names = {build.get_layer_name(each.name) for each in shallow.layers if each.weights}
    assert name not in names and len(names) == 7
    pooled = next(each for each in shallow.layers if each.name.startswith("pool5"))
    assert tuple(pooled.output.shape[1:3]) == (6, 6)

percent = ", ".join(f"{share:.2%}" for share in shares.values())
check(
    "7",
    f"conv1 to conv5 hold {percent} of the parameters; without any one of them, fc6 "
    "still sees 6 x 6 maps",
    percent == "0.06%, 0.50%, 1.45%, 1.09%, 0.73%",
)

# %% [markdown]
# **Exercise.** Remove conv3. Do these drawings need its depth? What else is lost with
# it, as the towers now meet first in fc6, and which setting of section 3.2 gives it
# back?
#
# ```bash
# alexnet-train --experiment=small.json --data_dir=data --workdir=no-conv3 \
#   --config.model.network=without_conv3 \
#   --config.model.initial_stddevs='conv2=0.08 conv4=0.07 conv5=0.07 fc6=0.07 fc7=0.04'
# ```
