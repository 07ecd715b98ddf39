"""Tests of `tools/compare_answers.py`; a rehearsal of `measure_gpu` runs the whole."""

from __future__ import annotations

import json
import sys

import pytest

from tests import processes, scripts

compare_answers = scripts.import_script("tools.compare_answers")


def test_the_difference_by_hand():
    first = {"a.jpg": {"cat": 0.7, "dog": 0.2}, "b.jpg": {"cat": 0.5, "dog": 0.4}}
    second = {"a.jpg": {"cat": 0.69, "owl": 0.2}, "b.jpg": {"dog": 0.46, "cat": 0.45}}
    num_same, largest = compare_answers.compare(first, second)
    assert num_same == 1 and largest == pytest.approx(0.06)


def test_the_order_is_that_of_the_answers():
    top5 = [{"synset": s, "probability": p} for s, p in (("n2", 0.6), ("n1", 0.4))]
    text = json.dumps([{"path": "a.jpg", "top5": top5}])
    assert list(compare_answers.parse(text)["a.jpg"].items()) == [
        *(("n2", 0.6), ("n1", 0.4))
    ]


def test_a_missing_export_is_a_sentence(tmp_path):
    script = compare_answers.ROOT / "tools" / "compare_answers.py"
    done = processes.run_python(script, f"--export_dir={tmp_path / 'E'}", __file__)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert str(tmp_path / "E") in done.stderr
    done = processes.run_python(script, f"--export_dir={tmp_path / 'E'}")
    assert done.returncode == 2 and "name some" in done.stderr


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
