"""The strongest images for each kernel against maps that are all kept."""

from __future__ import annotations

import dataclasses
import sys
import weakref

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf.inference.explain import kernels, patches
from alexnet_tf.inference.explain.kernels import Kernel
from tests.alexnet_tf import small_networks

# Not in the order of the layers.
WANTED = [Kernel("conv5b", 3), Kernel("conv1a", 0), Kernel("conv5b", 1)]
WANTED += [Kernel("conv3a", 2), Kernel("conv1b", 2)]


@pytest.fixture(scope="module")
def model():
    # "auto" would be compiled by XLA, which takes longer than everything else.
    config = dataclasses.replace(small_networks.SMALL, normalization="reference")
    return small_networks.build(config)


@pytest.fixture(scope="module")
def images():
    """Twenty-one images, the last three like the first three."""
    generator = np.random.default_rng(0)
    side = small_networks.CROP
    coarse = generator.uniform(-99, 99, (18, 9, 9, 3))
    smooth = tf.image.resize(tf.constant(coarse, tf.float32), (side, side))
    return tf.concat([smooth, smooth[:3]], axis=0)


def list_by_force(model, images, kernel, count):
    names = [kernel.tower.replace("conv", "relu"), "relu1a"]
    maps, _ = small_networks.call(model, names, images)
    single = maps[..., kernel.number]
    found = []
    for number, values in enumerate(single):
        place = np.unravel_index(values.argmax(), values.shape)
        if values.max() > 0:
            found.append((-float(values.max()), number, *map(int, place)))
    return [(-response, *rest) for response, *rest in sorted(found)][:count]


@pytest.mark.parametrize("batch_size", [1, 4, 21])
def test_they_are_those_of_all_maps(model, images, batch_size):
    towers = kernels.list_towers(model)
    batches = [images[start : start + batch_size] for start in range(0, 21, batch_size)]
    found = patches.find_strongest(model, towers, WANTED, batches, 5)
    assert set(found) == set(WANTED)
    for kernel, places in found.items():
        expected = list_by_force(model, images, kernel, 5)
        assert [place[1:] for place in places] == [other[1:] for other in expected]
        np.testing.assert_allclose(
            [place.response for place in places], [other[0] for other in expected], 1e-5
        )


def test_few_images_and_silent_kernels(model, images):
    towers = kernels.list_towers(model)
    kernel = Kernel("conv1a", 0)
    found = patches.find_strongest(model, towers, [kernel], [images[:2]], 5)
    assert len(found[kernel]) == 2
    assert patches.find_strongest(model, towers, [kernel], [], 5) == {kernel: []}
    assert patches.find_strongest(model, towers, [], [images], 5) == {}
    dark = tf.zeros_like(images)
    # The bias of conv1 is 0: nothing responds to black.
    assert patches.find_strongest(model, towers, [kernel], [dark], 5) == {kernel: []}


def test_batches_are_not_kept(model, images):
    """Each is freed before the second next: memory does not grow with the images."""
    towers = kernels.list_towers(model)
    alive: list[weakref.ref] = []
    most = 0

    def make_batches():
        nonlocal most
        for _ in range(6):
            batch = tf.identity(images[:2])
            alive.append(weakref.ref(batch))
            yield batch
            del batch
            most = max(most, sum(reference() is not None for reference in alive))

    patches.find_strongest(model, towers, WANTED, make_batches(), 5)
    assert len(alive) == 6 and most <= 1


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
