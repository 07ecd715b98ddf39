"""The paper's 256x256 against Pillow's whole resize, NumPy float64 and TensorFlow."""

import os
import sys
import tarfile
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from tests import processes
from tfrecords.images import decoder, resize

# Shrinking and growing, both orientations, odd sizes, a side that is 256 already.
SHAPES = [
    (375, 500), (500, 375), (1203, 801), (333, 1001), (256, 300), (300, 256),
    (257, 255), (250, 340), (100, 67), (31, 97), (512, 512), (1, 1), (3, 2), (2, 900),
]  # fmt: skip
# Those whose whole resize is small enough for a reference.
ORDINARY_SHAPES = [shape for shape in SHAPES if max(shape) < 9 * min(shape)]


def _make_image(height, width, seed=0):
    """Smooth colours, hard edges and a little noise."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(height, width)
    image = np.stack(
        [255 * x, 255 * y, 127 + 120 * np.sin(9 * x) * np.cos(7 * y)], axis=-1
    )
    image[(x - 0.4) ** 2 + (y - 0.3) ** 2 < 0.02] = [250, 240, 10]
    image[(np.abs(x - y) < 0.02)] = [0, 0, 40]
    image += generator.normal(0, 4, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def _compute_resized_shape(height, width, image_size=256):
    """The long side to nearest, by exact fractions (floor of the value plus 1/2)."""
    short = min(height, width)
    return tuple(
        (side * image_size * 2 + short) // (short * 2) for side in (height, width)
    )


def _crop_centre(image, image_size=256):
    top = (image.shape[0] - image_size) // 2
    left = (image.shape[1] - image_size) // 2
    return image[top : top + image_size, left : left + image_size]


def _make_weights(length, resized):
    """float64 [resized, length]: Keys' kernel, a = -0.5, widened when shrinking."""
    scale = length / resized
    centres = (np.arange(resized) + 0.5) * scale
    t = np.abs(np.arange(length) + 0.5 - centres[:, np.newaxis]) / max(scale, 1)
    a = -0.5
    inner = (a + 2) * t**3 - (a + 3) * t**2 + 1
    outer = a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a
    weights = np.where(t < 1, inner, np.where(t < 2, outer, 0))
    return weights / weights.sum(axis=1, keepdims=True)


def _resize_float64(image, image_size=256):
    height, width = image.shape[:2]
    rows, columns = _compute_resized_shape(height, width, image_size)

    def quantize(values):
        return np.clip(np.floor(values + 0.5), 0, 255)

    tall = quantize(
        np.tensordot(_make_weights(height, rows), image.astype(np.float64), (1, 0))
    )
    wide = quantize(np.tensordot(_make_weights(width, columns), tall, (1, 1)))
    return _crop_centre(wide.transpose(1, 0, 2), image_size)


def _assert_close(actual, expected, *, share=0.01):
    """At most two grey levels apart, in at most `share` of the values."""
    assert actual.shape == expected.shape
    difference = np.abs(actual.astype(int) - expected.astype(int))
    assert difference.max() <= 2
    assert (difference > 0).mean() <= share


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (375, 500, (256, 341)),  # 341.33
        (500, 375, (341, 256)),
        (512, 769, (256, 385)),  # 384.5 goes up
        (512, 767, (256, 384)),  # 383.5 goes up
        (256, 256, (256, 256)),
        (1, 65500, (256, 16_768_000)),
    ],
)
def test_long_side_is_rounded_to_nearest_and_half_up(height, width, expected):
    short = min(height, width)
    windows = [resize.compute_window(side, short, 256) for side in (height, width)]
    assert tuple(window.resized for window in windows) == expected
    assert [window.offset for window in windows] == [
        (side - 256) // 2 for side in expected
    ]


@pytest.mark.parametrize("shape", ORDINARY_SHAPES)
def test_equals_pillow_on_the_whole_image_then_cropped(shape):
    image = _make_image(*shape)
    rows, columns = _compute_resized_shape(*shape)
    whole = Image.fromarray(image)
    whole = whole.resize((whole.width, rows), Image.Resampling.BICUBIC)
    whole = whole.resize((columns, rows), Image.Resampling.BICUBIC)
    result = resize.resize_and_crop(image)
    assert result.shape == (256, 256, 3)
    assert result.dtype == np.uint8
    _assert_close(result, _crop_centre(np.asarray(whole)))


@pytest.mark.parametrize("shape", ORDINARY_SHAPES)
def test_equals_float64(shape):
    image = _make_image(*shape)
    _assert_close(resize.resize_and_crop(image), _resize_float64(image))


@pytest.mark.parametrize("image_size", [1, 32, 255])
def test_other_sizes(image_size):
    image = _make_image(60, 91)
    result = resize.resize_and_crop(image, image_size)
    _assert_close(result, _resize_float64(image, image_size))
    tensor = resize.resize_and_crop_tensor(image, image_size).numpy()
    _assert_close(tensor, result)


def test_one_call_of_pillow_differs_little():
    image = _make_image(375, 500)
    whole = Image.fromarray(image).resize((341, 256), Image.Resampling.BICUBIC)
    difference = np.abs(
        resize.resize_and_crop(image).astype(int) - _crop_centre(np.asarray(whole))
    )
    assert difference.mean() < 0.3


def test_finished_image_is_returned_unchanged():
    image = np.random.default_rng(1).integers(0, 256, (256, 256, 3), np.uint8)
    assert resize.resize_and_crop(image) is image
    np.testing.assert_array_equal(resize.resize_and_crop_tensor(image).numpy(), image)


@pytest.mark.parametrize(("height", "width"), [(256, 301), (301, 256)])
def test_crop_offset_is_rounded_down(height, width):
    image = np.random.default_rng(2).integers(0, 256, (height, width, 3), np.uint8)
    top, left = (height - 256) // 2, (width - 256) // 2  # 45 / 2 = 22
    expected = image[top : top + 256, left : left + 256]
    np.testing.assert_array_equal(resize.resize_and_crop(image), expected)
    np.testing.assert_array_equal(
        resize.resize_and_crop_tensor(image).numpy(), expected
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_tensor_equals_pillow(shape):
    image = _make_image(*shape, seed=3)
    _assert_close(
        resize.resize_and_crop_tensor(image).numpy(), resize.resize_and_crop(image)
    )


def test_tensor_in_a_data_set_of_unknown_sizes():
    import tensorflow as tf

    images = [_make_image(*shape) for shape in SHAPES[:4]]
    dataset = tf.data.Dataset.from_generator(
        lambda: iter(images),
        output_signature=tf.TensorSpec([None, None, 3], tf.uint8),
    ).map(resize.resize_and_crop_tensor, num_parallel_calls=2)
    assert dataset.element_spec == tf.TensorSpec([256, 256, 3], tf.uint8)
    results = list(dataset.as_numpy_iterator())
    assert len(results) == len(images)
    for image, result in zip(images, results, strict=True):
        np.testing.assert_array_equal(result, resize.resize_and_crop_tensor(image))


def test_nothing_but_pixels_comes_from_a_data_set():
    # Where the processor has no AVX-512, oneDNN complains about transposed uint8.
    program = """
import numpy as np
from tfrecords.console import command_line
command_line.quiet_tensorflow()
import tensorflow as tf
from tfrecords.images import resize
images = tf.data.Dataset.from_tensors(np.zeros((300, 400, 3), np.uint8))
print([p.shape for p in images.map(resize.resize_and_crop_tensor)])
"""
    result = processes.run_python("-c", program)
    assert result.stdout == "[TensorShape([256, 256, 3])]\n"
    assert result.stderr == ""


def test_tensor_is_near_tensorflows_own_resize():
    import tensorflow as tf

    image = _make_image(375, 500)
    whole = tf.image.resize(image, (256, 341), method="bicubic", antialias=True)
    expected = np.clip(_crop_centre(whole.numpy()), 0, 255)
    result = resize.resize_and_crop_tensor(image).numpy()
    # That one rounds only once and does not clip between the passes.
    assert np.abs(result - expected).mean() < 0.5


@pytest.mark.parametrize("shape", [(1, 65500), (65500, 1), (3, 60000)])
def test_thin_image_takes_little_memory(shape):
    image = np.zeros((*shape, 3), np.uint8)
    # The centre, where the crop is: a step from 0 to 200 along the long side.
    if shape[0] < shape[1]:
        image[:, shape[1] // 2 :] = 200
    else:
        image[shape[0] // 2 :] = 200
    short = min(shape)
    for side in shape:
        window = resize.compute_window(side, short, 256)
        assert window.last - window.first <= short + 8
    tracemalloc.start()
    result = resize.resize_and_crop(image)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000
    along = result if shape[0] < shape[1] else result.transpose(1, 0, 2)
    assert along[128, 0, 0] <= 12
    assert along[128, -1, 0] >= 188
    _assert_close(resize.resize_and_crop_tensor(image).numpy(), result)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
    ],
)
def test_refuses_other_arrays(image):
    with pytest.raises(ValueError, match="expected uint8"):
        resize.resize_and_crop(image)


def test_refuses_other_modes():
    with pytest.raises(ValueError, match="mode RGB, not L"):
        resize.resize_and_crop_image(Image.new("L", (4, 4)))


def test_imagenet_images():
    data_folder = os.environ.get("ALEXNET_TEST_DATA")
    if not data_folder:
        pytest.skip("ALEXNET_TEST_DATA is not set")
    archive = os.path.join(data_folder, "imagenet_native", "one_per_class_250.tar")
    shares = []
    with tarfile.open(archive) as tar:
        members = [member for member in tar if member.isfile()][::5]
        for member in members:
            data = tar.extractfile(member).read()
            image = decoder.decode_pixels(data, apply_orientation=False)
            result = resize.resize_and_crop(image)
            tensor = resize.resize_and_crop_tensor(image).numpy()
            _assert_close(tensor, result)
            shares.append((tensor != result).mean())
    assert np.mean(shares) < 0.001


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
