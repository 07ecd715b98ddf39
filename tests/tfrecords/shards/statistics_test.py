"""Mean and covariance against NumPy in float64 and against numbers by hand."""

import os
import sys

import numpy as np
import pytest

from tfrecords import errors
from tfrecords.durable import files, npz
from tfrecords.shards import statistics


def accumulate(images):
    accumulator = statistics.Accumulator(images.shape[1])
    for image in images:
        accumulator.add(image)
    return accumulator


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (7, 16, 16, 3), np.uint8)


def test_two_pixels_by_hand():
    # One image of four pixels, two of [0, 0, 0] and two of [2, 4, 0]:
    # mean [1, 2, 0]; deviations -+[1, 2, 0]; covariance [[1, 2, 0], [2, 4, 0], 0],
    # whose only eigenvalue but 0 is 5, for [1, 2, 0] / sqrt(5).
    image = np.zeros((2, 2, 3), np.uint8)
    image[1] = [2, 4, 0]
    result = accumulate(image[None]).compute()
    assert result.num_images == 1
    np.testing.assert_array_equal(result.mean_image, image)
    np.testing.assert_allclose(result.mean_rgb, [1, 2, 0], atol=1e-12)
    expected = [[1, 2, 0], [2, 4, 0], [0, 0, 0]]
    np.testing.assert_allclose(result.covariance, expected, atol=1e-12)
    np.testing.assert_allclose(result.eigenvalues, [5, 0, 0], atol=1e-12)
    assert result.eigenvalues.min() >= 0
    np.testing.assert_allclose(
        result.eigenvectors[:, 0], np.array([1, 2, 0]) / np.sqrt(5), atol=1e-12
    )


def test_against_numpy_in_float64(images):
    result = accumulate(images).compute()
    exact = images.astype(np.float64)
    np.testing.assert_allclose(result.mean_image, exact.mean(axis=0), rtol=1e-14)
    pixels = exact.reshape(-1, 3)
    np.testing.assert_allclose(result.mean_rgb, pixels.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(
        result.covariance, np.cov(pixels.T, bias=True), rtol=1e-11, atol=1e-9
    )


def test_eigenvectors_are_those_of_the_covariance(images):
    images[..., 1] = images[..., 0] // 2 + images[..., 1] // 2  # not spherical
    result = accumulate(images).compute()
    values, vectors = result.eigenvalues, result.eigenvectors
    assert np.all(np.diff(values) <= 0)
    np.testing.assert_allclose(result.covariance @ vectors, vectors * values, atol=1e-9)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(3), atol=1e-12)
    assert np.all(vectors.sum(axis=0) > 0)
    assert vectors.flags.c_contiguous


def test_full_size_sums_are_exact():
    images = np.full((3, 256, 256, 3), 255, np.uint8)
    accumulator = accumulate(images)
    assert np.all(accumulator.product_sum == 3 * 256 * 256 * 255 * 255)
    assert np.all(accumulator.image_sum == 3 * 255)
    result = accumulator.compute()
    assert np.all(result.covariance == 0)
    assert np.all(result.eigenvalues == 0)


@pytest.mark.parametrize("count", [256, 257, 258, 515])
def test_sums_of_many_white_images_are_exact(count):
    accumulator = accumulate(np.full((count, 2, 2, 3), 255, np.uint8))
    assert accumulator.image_sum.dtype == np.int64
    assert np.all(accumulator.image_sum == count * 255)
    assert np.all(accumulator.image_sum == count * 255)  # looking changes nothing
    assert np.all(accumulator.compute().mean_image == 255)


def test_neither_order_nor_grouping_changes_a_bit(images):
    whole = accumulate(images).compute()
    merged = accumulate(images[5:][::-1])
    merged.merge(accumulate(images[:2]))
    merged.merge(statistics.Accumulator(16))
    merged.merge(accumulate(images[2:5]))
    for name, value in vars(whole).items():
        assert np.array_equal(getattr(merged.compute(), name), value), name


def test_accumulators_survive_the_disk(images, tmp_path):
    path = str(tmp_path / "sums.npz")
    accumulator = accumulate(images[:3])
    npz.save(path, accumulator.to_arrays())
    resumed = statistics.Accumulator.from_arrays(npz.load(path))
    for image in images[3:]:
        resumed.add(image)
    whole = accumulate(images)
    assert resumed.num_images == 7
    assert np.array_equal(resumed.image_sum, whole.image_sum)
    assert np.array_equal(resumed.product_sum, whole.product_sum)


@pytest.mark.parametrize(
    "image",
    [np.zeros((16, 16, 3), np.float32), np.zeros((16, 15, 3), np.uint8)],
)
def test_other_images_are_refused(image):
    with pytest.raises(ValueError, match="expected uint8"):
        statistics.Accumulator(16).add(image)


def test_no_images_is_a_sentence():
    with pytest.raises(errors.UserError, match="no training image"):
        statistics.Accumulator(16).compute()


def test_files_round_trip_and_are_checked(images, tmp_path):
    data_dir = str(tmp_path)
    written = accumulate(images).compute()
    statistics.write_statistics(data_dir, written)
    path = os.path.join(data_dir, "statistics.npz")
    digest = files.compute_digest(path)
    read = statistics.read_statistics(data_dir, digest)
    for name, value in vars(written).items():
        assert np.array_equal(getattr(read, name), value), name
    with pytest.raises(errors.DataError, match="SHA-256"):
        statistics.read_statistics(data_dir, "0" * 64)
    os.truncate(path, 1000)
    with pytest.raises(errors.DataError, match="damaged"):
        statistics.read_statistics(data_dir)
    os.unlink(path)
    with pytest.raises(errors.DataError, match="missing"):
        statistics.read_statistics(data_dir)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("mean_rgb", None, "lacks the array 'mean_rgb'"),
        ("mean_rgb", np.zeros(4), "shape"),
        ("mean_image", np.zeros((16, 16)), "shape"),
        ("mean_image", np.full((16, 16, 3), np.nan), "not finite"),
        ("eigenvalues", np.array([np.inf, 0, 0]), "not finite"),
    ],
)
def test_arrays_of_another_kind_are_refused(images, tmp_path, name, value, reason):
    statistics.write_statistics(str(tmp_path), accumulate(images).compute())
    path = str(tmp_path / "statistics.npz")
    arrays = npz.load(path)
    arrays[name] = value
    npz.save(path, {k: v for k, v in arrays.items() if v is not None})
    with pytest.raises(errors.DataError, match=reason):
        statistics.read_statistics(str(tmp_path))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
