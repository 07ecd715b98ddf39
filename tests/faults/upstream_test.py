"""Tests of `upstream`: each program still shows its fault; the page has all of them."""

from __future__ import annotations

import sys

import pytest

from tests import processes
from tests.faults import page

PROGRAMS = page.list_upstream()


@pytest.mark.slow
@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_the_fault_is_still_there(path, tmp_path):
    """If not, update the page, and see whether what shields from it can go."""
    result = processes.run_python(path, cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_page_shows_every_program():
    text = page.PATH.read_text(encoding="utf-8")
    assert len(PROGRAMS) >= 8
    for path in PROGRAMS:
        assert path.read_text(encoding="utf-8").rpartition('"""')[2].strip() in text


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
