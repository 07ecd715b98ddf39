"""Tests of `reproduce.run_records`."""

from __future__ import annotations

import json
import os
import sys

import numpy as np
import pytest

from alexnet_tf.experiments.claims.claim import Arm, Form
from alexnet_tf.reproduce import plan, run_records
from tests.alexnet_tf.reproduce.made_records import make_record
from tfrecords import errors

RUN = plan.make_run(Form("drawn"), Arm("paper"), 0, 0)


@pytest.mark.parametrize("num_images", [0, 1, 7, 8, 9, 960])
def test_answers_survive_packing(num_images):
    wrong = np.random.default_rng(num_images).random(num_images) < 0.3
    text = run_records.pack(wrong)
    np.testing.assert_array_equal(run_records.unpack(text, num_images), wrong)
    assert len(text) <= num_images / 6 + 4


def test_records_survive_the_disk(tmp_path):
    assert run_records.read_all(str(tmp_path)) == {}
    record = make_record(RUN, ten=0.17)
    run_records.write(str(tmp_path), record)
    found = run_records.read_all(str(tmp_path))
    assert found == {RUN.name: record}
    assert found[RUN.name].get_error("validation", "ten_views", "top1") == 0.17


@pytest.mark.parametrize(
    "break_it", [lambda v: v.pop("wrong"), lambda v: v.update(seconds="long")]
)
def test_damage_is_reported_with_the_file(tmp_path, break_it):
    run_records.write(str(tmp_path), make_record(RUN))
    path = run_records.find_path(str(tmp_path), RUN.name)
    with open(path, encoding="utf-8") as file:
        value = json.load(file)
    break_it(value)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file)
    with pytest.raises(errors.DataError, match=RUN.name):
        run_records.read_all(str(tmp_path))


def test_a_renamed_record_is_refused(tmp_path):
    run_records.write(str(tmp_path), make_record(RUN))
    path = run_records.find_path(str(tmp_path), RUN.name)
    os.rename(path, run_records.find_path(str(tmp_path), "other"))
    with pytest.raises(errors.DataError, match=f"other.*{RUN.name}"):
        run_records.read_all(str(tmp_path))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
