"""Tests of `alexnet_tf.tune.directory`: a search resumes, another is refused."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import sys

import pytest

from alexnet_tf.config import overrides
from alexnet_tf.config.schema import Config
from alexnet_tf.tune import directory
from alexnet_tf.tune.directory import Search
from alexnet_tf.tune.space import Range
from tests import data_directories
from tfrecords import errors

SEARCH = Search(
    "random", (Range("optimizer.momentum", 0.5, 0.9),), Config(num_epochs=4), 3
)


def begin(path, search=SEARCH, fingerprint="abc", data_dir="data"):
    directory.begin(str(path), search, data_dir, fingerprint)


def change(**values):
    return dataclasses.replace(SEARCH, **values)


def configure(**values):
    return change(config=overrides.override(SEARCH.config, values))


def test_the_same_search_goes_on(tmp_path):
    begin(tmp_path / "new")
    before = (tmp_path / "new" / "search.json").read_bytes()
    for search in (
        SEARCH,
        change(max_trials=9),
        configure(devices="CPU:0", log_every_steps=1),
    ):
        begin(tmp_path / "new", search)
    begin(tmp_path / "new", data_dir="elsewhere")
    assert (tmp_path / "new" / "search.json").read_bytes() == before


def test_trials_that_could_not_be_trained_are_refused(tmp_path):
    data = data_directories.write_data_directory(tmp_path, per_class=4)
    small = configure(batch_size=8)
    directory.check_trials(small, data, "D")
    sizes = dataclasses.replace(small, space=(Range("batch_size", values=(4, 8, 9)),))
    for search, sentence in (
        (SEARCH, "batch_size is 128, but .* 8 images"),
        (sizes, "batch_size is 9, but .* 8 images"),
        (dataclasses.replace(small, space=(Range("model.width", 0, 1),)), "width"),
    ):
        with pytest.raises(errors.UserError, match=sentence):
            directory.check_trials(search, data, "D")
    without = dataclasses.replace(data, splits={"train": data.splits["train"]})
    with pytest.raises(errors.UserError, match="no validation split"):
        directory.check_trials(small, without, "D")


@pytest.mark.parametrize(
    "search, fingerprint, difference",
    [
        (change(strategy="bayesian"), "abc", "search: 'random' there, 'bayesian' now"),
        (change(seed=1), "abc", "seed: 0 there, 1 now"),
        (change(chance_epochs=0), "abc", "chance_epochs: 3 there, 0 now"),
        (change(median_epochs=4), "abc", "median_epochs: 3 there, 4 now"),
        (configure(num_epochs=5), "abc", "epochs: 4 there, 5 now"),
        (configure(batch_size=5), "abc", "config.batch_size: 128 there, 5 now"),
        (
            change(space=(Range("optimizer.momentum", 0.5, 0.8),)),
            "abc",
            "'0.5..0.9'} there, {'optimizer.momentum': '0.5..0.8'} now",
        ),
        (SEARCH, "abd", "data_fingerprint: 'abc' there, 'abd' now"),
    ],
)
def test_another_search_is_refused_with_what_differs(
    tmp_path, search, fingerprint, difference
):
    begin(tmp_path)
    with pytest.raises(errors.UserError) as caught:
        begin(tmp_path, search, fingerprint)
    assert difference in str(caught.value)
    assert str(caught.value).count("\n  ") == 1


def test_every_field_of_a_search_is_compared():
    """A field added later must be, or be named here."""
    fields = {field.name for field in dataclasses.fields(Search)}
    assert fields == {
        *("strategy", "space", "config", "seed", "chance_epochs", "median_epochs"),
        "max_trials",  # may grow
    }


def test_a_directory_of_something_else_is_refused(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(errors.UserError, match=r"no search.*letter\.txt"):
        begin(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["letter.txt"]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": "x", "version": 1}'])
def test_a_damaged_record_is_reported(tmp_path, text):
    begin(tmp_path)
    (tmp_path / "search.json").write_text(text)
    with pytest.raises(errors.DataError, match=r"search\.json is damaged"):
        begin(tmp_path)


def test_a_record_of_another_versions_settings_is_reported(tmp_path):
    begin(tmp_path)
    record = json.loads((tmp_path / "search.json").read_text())
    record["config"]["gone"] = 1
    (tmp_path / "search.json").write_text(json.dumps(record))
    with pytest.raises(errors.UserError, match="another version"):
        begin(tmp_path)


def test_the_package_for_bayesian_search_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    directory.check_installed("random")
    directory.check_installed("hyperband")
    with pytest.raises(errors.UserError, match=r"scikit-learn.*alexnet-tf\[tune\]"):
        directory.check_installed("bayesian")


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
