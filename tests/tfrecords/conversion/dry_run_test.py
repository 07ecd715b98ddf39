"""A conversion's trial: its counts are the plan's, its sizes near the real ones."""

from __future__ import annotations

import os
import re
import sys

import pytest

from tfrecords import errors
from tfrecords.conversion import convert, dry_run, plan
from tfrecords.sources.sample import sample_source


def test_the_size_is_near_that_of_the_conversion(tmp_path):
    source = sample_source.open_sample(4, 1, 0)
    source.remarks = ("Decisive.",)
    settings = plan.ConvertSettings()
    data_dir = str(tmp_path / "data")
    lines = dry_run.estimate(source, data_dir, settings, 2)
    assert not os.path.exists(data_dir)
    assert lines[:5] == [
        "train: 80 images of 20 classes, 4 in each class",
        "validation: 20 images of 20 classes, 1 in each class",
        "Note: Decisive.",
        "train: 80 images in 1 shard",
        "validation: 20 images in 1 shard",
    ]
    assert re.match(
        r"68 of them .* [\d,]+ images/s with one process, 0 rejected",
        lines[5],
    )
    found = re.match(
        r"All 100 of 20 classes .* with 2 processes and ([\d.]+) MB in", lines[6]
    )
    convert.convert(source, data_dir, settings, 1)
    shards = [n for n in os.listdir(data_dir) if re.match("(train|validation)-", n)]
    real = sum(os.path.getsize(os.path.join(data_dir, name)) for name in shards) / 1e6
    assert float(found[1]) == pytest.approx(real, rel=0.15)
    assert lines[-1] == "Nothing was written."


def test_settings_that_do_not_fit_are_refused(tmp_path):
    source = sample_source.open_sample(1, 0, 0)
    settings = plan.ConvertSettings(num_shards={"train": 100})
    with pytest.raises(errors.UserError, match="into 100 shards"):
        dry_run.estimate(source, str(tmp_path), settings)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
