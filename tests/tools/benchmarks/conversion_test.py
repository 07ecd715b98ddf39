"""The baselines make what ours makes: the same images, in records that can be read."""

from __future__ import annotations

import io
import pathlib
import sys

import numpy as np
import pytest
from PIL import Image

from tests import data_directories
from tfrecords.images import resize
from tfrecords.shards import record_file, schema
from tools.benchmarks import conversion, fixtures


@pytest.fixture
def folder(tmp_path):
    paths = []
    for number, (height, width) in enumerate(((300, 400), (500, 260))):
        image = data_directories.draw_image(
            number, 2, np.random.default_rng(number), height, width
        )
        paths.append(str(tmp_path / f"{number}.jpg"))
        with open(paths[-1], "wb") as file:
            file.write(data_directories.encode_jpeg(image))
    return fixtures.link_images(paths, str(tmp_path / "source"), 5)


def decode(data):
    return np.asarray(Image.open(io.BytesIO(data)), np.float64)


def test_linked_images_take_turns(folder):
    paths = conversion.list_images(folder)
    contents = [pathlib.Path(path).read_bytes() for path in paths]
    assert len(paths) == 5
    assert contents[0] == contents[2] == contents[4] != contents[1] == contents[3]


@pytest.mark.parametrize("library", ["pillow", "opencv"])
def test_they_shrink_as_ours_does(folder, library):
    if library == "opencv":
        pytest.importorskip("cv2", reason="OpenCV is not installed")
    shrink = getattr(conversion, f"shrink_with_{library}")
    for path in conversion.list_images(folder)[:2]:
        with open(path, "rb") as file:
            data = file.read()
        expected = resize.resize_and_crop(np.asarray(Image.open(io.BytesIO(data))))
        difference = decode(shrink(data)) - expected
        assert np.abs(difference).mean() < 2


def test_the_pool_writes_records(folder, tmp_path):
    shard = str(tmp_path / "shard")
    paths = conversion.list_images(folder)
    conversion.write_shard(conversion.shrink_with_pillow, shard, paths)
    records = [schema.decode_record(data) for _, data in record_file.scan(shard)]
    assert [record.filename for record in records] == [p.split("/")[-1] for p in paths]
    assert decode(records[0].image_bytes).shape == (256, 256, 3)


@pytest.mark.parametrize("method", ["ours", "authors", "pillow", "opencv"])
def test_a_conversion_is_timed_and_removed(folder, tmp_path, monkeypatch, method):
    if method in ("authors", "opencv"):
        pytest.importorskip("cv2", reason="OpenCV is not installed")
        pytest.importorskip("simplejpeg", reason="simplejpeg is not installed")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = sorted(tmp_path.iterdir())
    if method in ("ours", "authors"):
        resizing = "authors" if method == "authors" else "bicubic"
        call = conversion.convert_folder(folder, resizing=resizing)
    else:
        shrink = getattr(conversion, f"shrink_with_{method}")
        call = conversion.convert_in_pool(folder, shrink)
    assert call() > 0
    assert sorted(tmp_path.iterdir()) == before


def test_codecs_alone_shrink_every_image(folder):
    done = []
    paths = conversion.list_images(folder)[:2]
    call = conversion.shrink_alone(paths, 5, done.append)
    done.clear()
    call()
    assert len(done) == 5 and len(set(done)) == 2


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
