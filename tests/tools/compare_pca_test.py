"""The comparison with the authors' components, on covariances made from them."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest

from tests import data_directories
from tfrecords.durable import files
from tfrecords.shards import manifest, statistics
from tools import compare_pca

CHECKOUT = pathlib.Path(__file__).parents[2]
SCRIPT = CHECKOUT / "tools" / "compare_pca.py"


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True
    )


def test_angles_by_hand():
    authors = compare_pca.AUTHORS_EIGENVECTORS
    unit = authors / np.linalg.norm(authors, axis=0)
    np.testing.assert_allclose(compare_pca.compute_angles(-unit), 0, atol=1e-5)
    # The first component against the second's place: at right angles.
    swapped = unit[:, [1, 0, 2]]
    angles = compare_pca.compute_angles(swapped)
    assert angles[:2] == pytest.approx([90, 90], abs=0.5)
    # Swapped channels, red for blue, show: the second component all but turns round.
    assert compare_pca.compute_angles(unit[::-1])[2] > 1


def test_the_authors_own_covariance_agrees(tmp_path):
    contents = data_directories.write_data_directory(tmp_path, per_class=2)
    vectors, _ = np.linalg.qr(compare_pca.AUTHORS_EIGENVECTORS)
    covariance = vectors * compare_pca.AUTHORS_STDDEVS**2 @ vectors.T
    values, components = statistics.compute_principal_components(covariance)
    made = statistics.Statistics(
        10,
        np.full([256, 256, 3], 110.0),
        np.full(3, 110.0),
        covariance,
        values,
        components,
    )
    statistics.write_statistics(str(tmp_path), made)
    path = tmp_path / manifest.STATISTICS_NAME
    checksums = {
        **contents.checksums,
        manifest.STATISTICS_NAME: files.compute_digest(str(path)),
    }
    manifest.write_manifest(
        str(tmp_path), contents.__class__(**{**vars(contents), "checksums": checksums})
    )
    done = run(f"--data_dir={tmp_path}")
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if line[:9].strip()]
    table = {row[0]: row for row in rows if row[0] in "123"}
    for number, stddev in zip("123", ("121.78", "37.09", "19.72"), strict=True):
        assert table[number][1:4] == [stddev, stddev, "1.000"]
        assert float(table[number][4]) < 0.5
    # Grey levels at one sigma, the paper's formula on 0..1 and the source's.
    assert "the paper's formula 5.82, 0.54, 0.15" in done.stdout
    assert "the source's 11.07, 3.37, 1.79" in done.stdout


def test_a_missing_directory_is_a_sentence(tmp_path):
    done = run(f"--data_dir={tmp_path / 'none'}")
    assert done.returncode == 2
    assert "there is no data directory" in done.stderr


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
