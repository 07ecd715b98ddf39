"""The training images of a run: which are read, and why there may be none."""

from __future__ import annotations

import json
import pathlib
import shutil
import sys
import tarfile

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from alexnet_tf.config import overrides
from alexnet_tf.config.schema import Config
from alexnet_tf.data import directory
from alexnet_tf.inference.explain import training_images
from alexnet_tf.runs import run_record
from tests import data_directories
from tfrecords import errors
from tfrecords.verification import index

GOLDEN = pathlib.Path(__file__).parents[3] / "golden"


@pytest.fixture
def golden(tmp_path, monkeypatch):
    """The folder of `run` and of its data, `data_jpeg`; the working directory."""
    for name in ("data_jpeg", "run"):
        with tarfile.open(GOLDEN / f"{name}.tar.xz") as archive:
            archive.extractall(tmp_path, filter="data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_they_are_the_runs_own_spread_over_the_split(golden):
    found, reason = training_images.find("run", None, 100)
    assert reason == "" and found.records.tolist() == list(range(8))
    found, _ = training_images.find("run", None, 3)
    # 0, 8 / 3 and 16 / 3, rounded down.
    assert found.records.tolist() == [0, 2, 5]


def test_they_are_read_as_stored_with_their_class(golden):
    found, _ = training_images.find("run", "data_raw", 100)
    read = [found.read(number) for number in range(8)]
    names = [info.text for _, info in read]
    assert sorted(names) == ["blue things"] * 4 + ["red things"] * 4
    stored = {
        name: [
            np.asarray(Image.open(path).convert("RGB"))
            for path in (golden / "images" / "train" / name).iterdir()
        ]
        for name in {*names}
    }
    for image, info in read:
        assert image.shape == (256, 256, 3) and image.dtype == np.uint8
        # The files are 320 x 256: the centre is left as it is.
        assert any(np.array_equal(image, each[:, 32:288]) for each in stored[info.text])


def test_batches_hold_all_images_in_order(golden, capsys):
    found, _ = training_images.find("run", None, 7)
    batches = list(found.make_batches(lambda images: images + 1, batch_size=3))
    assert [len(batch) for batch in batches] == [3, 3, 1]
    expected = np.stack([found.read(number)[0] for number in range(7)])
    np.testing.assert_array_equal(tf.concat(batches, 0).numpy(), expected + 1)
    assert "training images: 7 images in" in capsys.readouterr().err


def test_images_of_any_size_are_resized(tmp_path):
    """Shards as another program writes them."""
    data_directories.write_foreign_shards(tmp_path / "theirs")
    index.index_records(str(tmp_path / "theirs"), str(tmp_path / "data"), 1)
    config = overrides.override(Config(), {"data.label_offset": 1})
    data = directory.open_data(str(tmp_path / "data"), config)
    found = training_images.TrainingImages(data, np.arange(8))
    for number in range(8):
        image, info = found.read(number)
        assert image.shape == (256, 256, 3)
        assert info in data.manifest.classes


def test_gone_or_changed_data_is_a_reason(golden):
    shutil.move("data_jpeg", "elsewhere")
    found, reason = training_images.find("run", None, 4)
    assert found is None and "data_jpeg" in reason
    found, _ = training_images.find("run", "elsewhere", 4)
    assert len(found.records) == 4
    data_directories.write_data_directory(golden / "data_jpeg")
    found, reason = training_images.find("run", None, 4)
    assert found is None and "no longer the training data" in reason


def test_imported_weights_have_no_data(golden):
    path = golden / "run" / run_record.RECORD_NAME
    record = json.loads(path.read_text())
    record["data"]["fingerprint"] = run_record.UNKNOWN_DATA
    path.write_text(json.dumps(record))
    found, reason = training_images.find("run", None, 4)
    assert found is None and "imported weights" in reason and "--data_dir" in reason


def test_none_may_be_asked_for(golden):
    found, reason = training_images.find("run", None, 0)
    assert found is None and "--num_images=0" in reason


def test_given_data_must_fit(golden):
    with pytest.raises(errors.UserError, match="nowhere"):
        training_images.find("run", "nowhere", 4)
    data_directories.write_data_directory(golden / "other")
    with pytest.raises(errors.UserError, match="n00000001"):
        training_images.find("run", "other", 4)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
