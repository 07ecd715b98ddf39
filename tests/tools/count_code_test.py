"""Tests of `tools.count_code`, on a made-up checkout."""

from __future__ import annotations

import sys

import pytest

from tools import count_code
from tools.count_code import Count

FILES = {
    "tfrecords/__init__.py": '"""Top."""\n',
    "tfrecords/errors.py": "A = 1\nB = 2\n",
    "tfrecords/images/__init__.py": "",
    "tfrecords/images/decoder.py": "from tfrecords import errors\n\n\nC = errors.A\n",
    "alexnet_tf/__init__.py": "",
    "alexnet_tf/data/__init__.py": "",
    "alexnet_tf/data/views.py": "from tfrecords import errors\n"
    "from tfrecords.images import decoder\nfrom alexnet_tf.data import other\n",
    "alexnet_tf/data/other.py": "",
}


def test_packages_are_counted(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    counts = count_code.count_packages(tmp_path)
    assert counts == {
        "alexnet_tf": Count(1, 0, 0, 0, 0),
        "alexnet_tf.data": Count(3, 3, 3, 2, 0),
        "tfrecords": Count(2, 3, 2, 0, 2),
        "tfrecords.images": Count(2, 4, 4, 1, 1),
    }
    table = count_code.make_table(counts).splitlines()
    assert table[3].split() == ["alexnet_tf,", "in", "all", "4", "3", "3"]
    assert table[-1].split() == ["tfrecords,", "in", "all", "4", "7", "4"]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
