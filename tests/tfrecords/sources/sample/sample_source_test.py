"""The drawn set: always the same bytes, true figures, no colour cue."""

import io
import pickle
import sys

import numpy as np
import pytest
from PIL import Image

from tfrecords import errors
from tfrecords.sources.sample import drawing, random_draws, sample_source
from tfrecords.sources.sample.patterns import PATTERNS
from tfrecords.sources.sample.shapes import SHAPES

CLASSES = list(drawing.CLASSES)
LUMA = np.array([0.299, 0.587, 0.114])


def draw(split, label, index, seed=0):
    image, mask = drawing.draw_with_coverage(seed, split, label, index)
    return np.asarray(image, np.float64), np.asarray(mask, np.float64) / 255


# ---- The numbers


def philox(counter, key):
    """Philox4x64-10 of Salmon et al. (2011), in Python's integers."""
    mask = (1 << 64) - 1
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = c[0] * 0xD2E7470EE14C6C93, c[2] * 0xCA5A826395121157
        c = [
            (p1 >> 64) ^ c[1] ^ k[0],
            p1 & mask,
            (p0 >> 64) ^ c[3] ^ k[1],
            p0 & mask,
        ]
        k = [(k[0] + 0x9E3779B97F4A7C15) & mask, (k[1] + 0xBB67AE8584CAA73B) & mask]
    return c


def test_draws_are_philox_of_seed_and_stream():
    words = philox([1, 0, 0, 0], [7, 1 << 40]) + philox([2, 0, 0, 0], [7, 1 << 40])
    draws = random_draws.Draws(7, 1 << 40)
    for word in words[:3]:
        assert draws.uniform(0, 1) == (word >> 11) / 2**53
    assert draws.uniform(-2, 6) == -2 + 8 * (words[3] >> 11) / 2**53
    assert draws.integer(3, 12) == 3 + (words[4] >> 11) * 10 // 2**53
    noise = draws.white_noise(3, 5)
    pieces = b"".join(word.to_bytes(8, "little") for word in words[5:7])
    expected = (np.array(list(pieces[:15])) - 127.5) / np.sqrt(65535 / 12)
    np.testing.assert_allclose(noise, expected.reshape(3, 5), rtol=1e-15)


def test_integers_and_noise_are_uniform():
    draws = random_draws.Draws(0, 0)
    counts = np.bincount([draws.integer(2, 5) for _ in range(4000)], minlength=6)
    assert counts[:2].sum() == 0
    # Four standard deviations of a binomial count.
    assert np.abs(counts[2:] - 1000).max() < 4 * np.sqrt(4000 * 3 / 16)
    noise = draws.white_noise(200, 200)
    assert abs(noise.mean()) < 4 / 200
    assert abs(noise.var() - 1) < 0.02


def test_seeds_and_streams_are_taken_modulo_2_64():
    one, other = random_draws.Draws(-1, -2), random_draws.Draws(2**64 - 1, 2**64 - 2)
    assert one.uniform(0, 1) == other.uniform(0, 1)


# ---- The source


def test_tables_classes_and_settings():
    source = sample_source.open_sample(3, 2, seed=5)
    assert [c.synset for c in source.classes] == CLASSES == sorted(CLASSES)
    assert all(c.text == c.synset for c in source.classes)
    assert len(CLASSES) == 20
    train = source.splits["train"]
    assert train.num_images == 60
    assert train.labels.dtype == np.int32
    np.testing.assert_array_equal(np.bincount(train.labels), np.full(20, 3))
    assert train.filenames.dtype.kind == "S"
    assert len(set(train.filenames)) == 60
    assert list(train.filenames) == sorted(train.filenames)
    assert train.filenames[2] == b"arrow_00002.JPEG"
    assert source.splits["validation"].num_images == 40
    assert source.settings == {
        "num_train_per_class": 3,
        "num_validation_per_class": 2,
        "seed": 5,
    }
    assert not source.applies_orientation
    assert list(sample_source.open_sample(1, 0).splits) == ["train"]


@pytest.mark.parametrize("counts", [(0, 5), (-1, 5), (5, -1), (100_001, 1)])
def test_counts_out_of_range_are_refused(counts):
    with pytest.raises(errors.UserError, match="images per class"):
        sample_source.open_sample(*counts)


def test_a_image_depends_on_seed_split_class_and_index_alone():
    small, large = sample_source.open_sample(2, 2), sample_source.open_sample(4, 1)
    rows = range(small.splits["train"].num_images)
    forwards = [small.read_image("train", row) for row in rows]
    sent = pickle.loads(pickle.dumps(small))
    backwards = [sent.read_image("train", row) for row in reversed(rows)]
    assert forwards == backwards[::-1]
    for label in range(20):
        assert large.read_image("train", 4 * label + 1) == forwards[2 * label + 1]
    others = [small.read_image("validation", row) for row in rows]
    others += [
        sample_source.open_sample(2, 2, seed=1).read_image("train", r) for r in rows
    ]
    assert len({*forwards, *others}) == 3 * len(rows)


def test_images_are_jpegs_of_varied_sizes():
    source = sample_source.open_sample(3, 1)
    sizes = []
    for row in range(60):
        with Image.open(io.BytesIO(source.read_image("train", row))) as image:
            assert (image.format, image.mode) == ("JPEG", "RGB")
            image.load()
            sizes.append(image.size)
    shorter, longer = np.sort(sizes, axis=1).T
    assert shorter.min() >= 256
    assert shorter.max() <= 340
    assert longer.max() <= 420
    assert len(set(sizes)) > 50
    wide = sum(width > height for width, height in sizes)
    assert 15 < wide < 45
    assert np.ptp(longer / shorter) > 0.3


# ---- The figures

AREAS = {
    "circle": np.pi,
    "square": 2.0,
    "triangle": 3 * np.sqrt(3) / 4,
    # A square of side 1/sqrt(2) and two half discs upon its sides, over 0.635^2.
    "heart": (0.5 + np.pi / 8) / 0.635**2,
}


def plane(half_width, points=601):
    side = np.linspace(-half_width, half_width, points, dtype=np.float32)
    return np.meshgrid(side, side)


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_a_shape_lies_in_the_unit_circle_and_reaches_it(name):
    x, y = plane(1.25)
    cell = float(x[0, 1] - x[0, 0])
    for stream in range(3):
        inside = SHAPES[name](x, y, random_draws.Draws(0, stream)) < 0
        reach = np.hypot(x, y)[inside].max()
        assert 0.98 < reach < 1.005
        if name in AREAS:
            assert inside.sum() * cell**2 == pytest.approx(AREAS[name], rel=0.01)


@pytest.mark.parametrize("name", CLASSES)
def test_distances_are_in_the_unit_of_the_plane(name):
    # The gradient of a distance has length 1: nowhere is an edge blurred or jagged.
    x, y = plane(1.2 if name in SHAPES else 0.5)
    cell = float(x[0, 1] - x[0, 0])
    for stream in range(3):
        function = drawing.CLASSES[name]
        distance = function(x, y, random_draws.Draws(1, stream))
        assert distance.dtype == np.float32
        slope = np.hypot(*np.gradient(distance.astype(np.float64), cell))
        near = slope[np.abs(distance) < 2 * cell]
        assert near.size > 1000
        # Corners, and the spiral's and the rays' centres, are the exceptions.
        assert np.mean(np.abs(near - 1) < 0.05) > 0.93


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_shapes_lie_in_the_central_square(name):
    for index in range(6):
        _, mask = draw("train", CLASSES.index(name), index)
        rows, columns = np.nonzero(mask > 0.5)
        shorter = min(mask.shape)
        for positions, side in zip((rows, columns), mask.shape, strict=True):
            offset = (side - shorter) / 2
            assert positions.min() >= offset + 0.03 * shorter
            assert positions.max() <= offset + 0.97 * shorter
        extent = max(np.ptp(rows), np.ptp(columns)) / shorter
        # Of its circle's 36 to 80 %, a triangle turned unluckily spans 3/4.
        assert 0.22 < extent < 0.81


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_patterns_fill_the_frame(name):
    for index in range(6):
        _, mask = draw("train", CLASSES.index(name), index)
        height, width = mask.shape
        for part in (
            mask[: height // 2, : width // 2],
            mask[: height // 2, width // 2 :],
            mask[height // 2 :, : width // 2],
            mask[height // 2 :, width // 2 :],
        ):
            assert 0.1 < part.mean() < 0.93


# ---- The colours


def test_ink_and_ground_differ_in_lightness():
    for label in range(20):
        for index in range(2):
            image, mask = draw("validation", label, index)
            lightness = image @ LUMA
            ink, ground = lightness[mask == 1].mean(), lightness[mask == 0].mean()
            # 70 by rule, less what the noise's longest waves and clipping take.
            assert abs(ink - ground) > 40


def test_noise_falls_as_one_over_f():
    fields = np.stack([drawing._draw_noise(random_draws.Draws(0, s)) for s in range(4)])
    assert fields.var() == pytest.approx(1, abs=0.2)
    power = (np.abs(np.fft.fft2(fields)) ** 2).mean(axis=(0, 1))
    # Amplitude 1/f is power 1/f^2: four times less at twice the frequency.
    for low, high in ((4, 8), (10, 20), (25, 50)):
        ratio = power[low, :low].mean() / power[high, :high].mean()
        assert 2.5 < ratio < 6.5


def test_colour_says_nothing_about_the_class():
    features = {"train": [], "validation": []}
    for split, count in (("train", 10), ("validation", 6)):
        for label in range(20):
            for index in range(count):
                image, mask = draw(split, label, index, seed=3)
                ink, ground = image[mask == 1], image[mask == 0]
                features[split].append([ink.mean(0), ground.mean(0)])
    train = np.array(features["train"]).reshape(20, 10, 2, 3)
    validation = np.array(features["validation"]).reshape(20, 6, 2, 3)
    for part in range(2):
        means = train[:, :, part].mean(axis=1)
        gaps = validation[:, :, part, None] - means
        guesses = np.linalg.norm(gaps, axis=-1).argmin(axis=-1)
        accuracy = np.mean(guesses == np.arange(20)[:, None])
        # Chance is 5 %; its standard deviation over 120 images 2 %.
        assert accuracy < 0.13


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
