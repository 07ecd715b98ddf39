import sys

import numpy as np
import pytest

from tfrecords import errors
from tfrecords.sources import stored


def test_rows_are_sorted_by_name_with_their_columns():
    builder = stored.TableBuilder()
    builder.add([b"d", b"a"], [3, 0], 7, [30, 0], [31, 1])
    builder.add([], [], 8, [], [])
    builder.add([b"ccc"], [2], 9, [5_000_000_000], [21])
    table = builder.build()
    assert table.filenames.tolist() == [b"a", b"ccc", b"d"]
    assert table.labels.tolist() == [0, 2, 3]
    assert table.container.tolist() == [7, 9, 7]
    assert table.offset.tolist() == [0, 5_000_000_000, 30]
    assert table.num_bytes.tolist() == [1, 21, 31]
    assert table.labels.dtype == table.container.dtype == np.int32
    assert table.num_images == 3


def test_a_name_that_comes_twice_is_refused():
    builder = stored.TableBuilder()
    builder.add([b"a", b"b"], [0, 0], 0, [0, 0], [1, 1])
    builder.add([b"b"], [1], 1, [0], [1])
    with pytest.raises(errors.DataError, match="are called b"):
        builder.build()


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
