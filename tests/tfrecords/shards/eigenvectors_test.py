"""Jacobi's method against numbers by hand, NumPy's LAPACK, and its own exact bits."""

import platform
import sys

import numpy as np
import pytest

from tests import processes
from tfrecords.shards import eigenvectors

COVARIANCE = np.array([[4000.0, 3500, 3300], [3500, 3900, 3750], [3300, 3750, 4450]])
# Printed once and kept: another processor, NumPy or Python must give the same bits.
VALUES = ["0x1.5cafd8915280dp+13", "0x1.12ad08149ced7p+8", "0x1.caabf2e0897b5p+9"]
FIRST_VECTOR = ["0x1.1d5fae786c087p-1", "0x1.2780ecacc1088p-1", "0x1.319647d4c4ed2p-1"]

PROGRAM = """
import numpy as np
from tfrecords.shards import eigenvectors
matrix = np.random.default_rng(0).normal(size=(200, 3, 3))
for one in matrix @ matrix.transpose(0, 2, 1):
    for array in SOLVE(np.round(one, 6)):
        print(array.tobytes().hex())
"""


def to_hex(array):
    return [value.hex() for value in array.tolist()]


def test_by_hand():
    # [[2, 1], [1, 2]]: 3 for [1, 1] / sqrt(2), 1 for [1, -1] / sqrt(2).
    values, vectors = eigenvectors.diagonalize(np.array([[2.0, 1], [1, 2]]))
    np.testing.assert_allclose(values, [1, 3], rtol=1e-15)
    half = np.sqrt(0.5)
    np.testing.assert_allclose(vectors, [[half, half], [-half, half]], rtol=1e-15)


@pytest.mark.parametrize("diagonal", [[1.0, 3, 2], [0.0, 0, 0], [5.0, 5, 0]])
def test_a_diagonal_matrix_is_left_as_it_is(diagonal):
    values, vectors = eigenvectors.diagonalize(np.diag(diagonal))
    assert values.tolist() == diagonal
    assert np.array_equal(vectors, np.eye(3))


def test_against_lapack():
    rng = np.random.default_rng(0)
    for _ in range(300):
        rows = rng.normal(size=(3, 3)) * 10.0 ** rng.integers(-3, 4, (3, 1))
        matrix = rows @ rows.T
        matrix = (matrix + matrix.T) / 2
        values, vectors = eigenvectors.diagonalize(matrix)
        expected = np.linalg.eigvalsh(matrix)
        scale = expected.max()
        np.testing.assert_allclose(np.sort(values), expected, atol=1e-14 * scale)
        np.testing.assert_allclose(
            matrix @ vectors, vectors * values, atol=1e-14 * scale
        )
        np.testing.assert_allclose(vectors.T @ vectors, np.eye(3), atol=1e-14)


def test_exact_bits():
    values, vectors = eigenvectors.diagonalize(COVARIANCE)
    assert to_hex(values) == VALUES
    assert to_hex(vectors[:, 0]) == FIRST_VECTOR


def has_kernels_to_choose():
    blas = np.show_config("dicts")["Build Dependencies"]["blas"]["name"]
    return "openblas" in blas and platform.machine() == "x86_64"


@pytest.mark.skipif(
    not has_kernels_to_choose(), reason="NumPy has no OpenBLAS with x86-64's kernels"
)
def test_bits_do_not_depend_on_the_processor():
    def run(solve, core):
        program = PROGRAM.replace("SOLVE", solve)
        done = processes.run_python("-c", program, OPENBLAS_CORETYPE=core)
        assert done.returncode == 0, done.stderr
        return done.stdout

    ours = [run("eigenvectors.diagonalize", core) for core in ("Haswell", "Prescott")]
    assert ours[0] == ours[1]
    # The control: LAPACK's do.
    lapack = [run("np.linalg.eigh", core) for core in ("Haswell", "Prescott")]
    assert lapack[0] != lapack[1]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
