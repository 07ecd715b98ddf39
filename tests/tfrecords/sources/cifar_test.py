import os
import pickle
import re
import runpy
import sys

import numpy as np
import pytest

from tests import archives
from tfrecords import errors
from tfrecords.conversion import source_report
from tfrecords.sources import cifar

DATA = os.environ.get("ALEXNET_TEST_DATA")


def read_all(source, split):
    count = source.splits[split].num_images
    return np.stack([source.read_image(split, row) for row in range(count)])


def to_images(batches):
    """The planes of batches as [N, 32, 32, 3]."""
    planes = np.concatenate([batch[b"data"] for batch in batches])
    return np.moveaxis(planes.reshape(-1, 3, 32, 32), 1, -1)


def test_every_image_comes_in_order_with_its_label(tmp_path):
    batches = archives.write_cifar10(tmp_path, count=4)
    test_batch = batches.pop("test_batch")
    source = cifar.open_cifar10(str(tmp_path))
    train, validation = source.splits["train"], source.splits["validation"]
    assert np.array_equal(read_all(source, "train"), to_images(batches.values()))
    assert np.array_equal(read_all(source, "validation"), to_images([test_batch]))
    labels = [label for batch in batches.values() for label in batch[b"labels"]]
    assert train.labels.tolist() == labels
    assert validation.labels.tolist() == test_batch[b"labels"]
    assert train.filenames[5] == b"00005_thing_s_000001.png"
    assert [c.text for c in source.classes][:2] == ["airplane", "automobile"]
    assert len(source.classes) == 10
    assert not source.applies_orientation
    image = source.read_image("train", 0)
    assert (image.shape, image.dtype) == ((32, 32, 3), np.uint8)
    assert image.flags.c_contiguous


def test_differences_from_the_official_archive_are_said(tmp_path):
    archives.write_cifar10(tmp_path)
    source = cifar.open_cifar10(str(tmp_path))
    assert source.inputs[0].official is False
    text = " ".join(source.remarks)
    assert "c58f30108f718f92721af3b95e74349a" in text
    assert re.search("15 train .* 50,000", text)
    assert re.search("3 validation .* 10,000", text)
    assert "classes" not in text


def test_a_class_too_many_is_said(tmp_path):
    names = pickle.dumps({b"label_names": [b"%d" % i for i in range(11)]}, protocol=2)
    archives.write_cifar10(tmp_path, replaced={"batches.meta": names})
    source = cifar.open_cifar10(str(tmp_path))
    assert any(re.search("11 classes.* 10", r) for r in source.remarks)
    notes = source_report.find_notes(source)
    assert any("of 11 classes have no train images" in note for note in notes)


def test_a_pickled_source_reads_again_without_carrying_the_images(tmp_path):
    archives.write_cifar10(tmp_path, count=50)
    source = cifar.open_cifar10(str(tmp_path))
    data = pickle.dumps(source)
    assert len(data) < 300 * 3072 // 4
    other = pickle.loads(data)
    assert np.array_equal(read_all(other, "train"), read_all(source, "train"))
    archives.write_cifar10(tmp_path, count=1)
    with pytest.raises(errors.DataError, match="has changed since"):
        pickle.loads(data).read_image("train", 249)


# What Python 2 and NumPy 1 wrote, opcode by opcode: a dictionary of one array.
PYTHON_2_BATCH = (
    b"\x80\x02}q\x00(U\x04dataq\x01cnumpy.core.multiarray\n_reconstruct\nq\x02"
    b"cnumpy\nndarray\nq\x03K\x00\x85U\x01b\x87Rq\x04(K\x01K\x01M\x00\x0c\x86"
    b"cnumpy\ndtype\nq\x05U\x02u1K\x00K\x01\x87Rq\x06(K\x03U\x01|NNNJ\xff\xff\xff\xff"
    b"J\xff\xff\xff\xffK\x00tb\x89T\x00\x0c\x00\x00" + bytes(range(256)) * 12 + b"tb"
    b"U\x06labelsq\x07]q\x08K\x07aU\x09filenamesq\x09]q\x0aU\x05a.pngq\x0bau."
)


def test_reads_what_python_2_wrote(tmp_path):
    archives.write_cifar10(tmp_path, replaced={"test_batch": PYTHON_2_BATCH})
    source = cifar.open_cifar10(str(tmp_path))
    expected = np.array(list(range(256)) * 12, np.uint8).reshape(3, 32, 32)
    image = source.read_image("validation", 0)
    assert np.array_equal(image, expected.transpose(1, 2, 0))
    assert source.splits["validation"].labels.tolist() == [7]


class Hostile:
    """Runs `function(*arguments)` in whoever unpickles it."""

    def __init__(self, function, *arguments):
        self._call = (function, arguments)

    def __reduce__(self):
        return self._call


def test_a_hostile_pickle_is_refused_and_runs_nothing(tmp_path):
    canary = tmp_path / "canary"
    calls = [
        Hostile(os.system, f"touch {canary}"),
        Hostile(os.mkdir, str(canary)),
        Hostile(eval, f"open({str(canary)!r}, 'w')"),
        Hostile(getattr, "", "join"),
        Hostile(runpy.run_path, "x.py"),
        Hostile(np.load, "x.npy"),
        Hostile(bytearray, 10**12),
        Hostile(bytes, 10**12),
    ]
    for call in calls:
        for protocol in (0, 2, 4):
            payload = pickle.dumps({b"data": call}, protocol=protocol)
            archives.write_cifar10(tmp_path, 1, {"data_batch_3": payload})
            with pytest.raises(errors.DataError, match="data_batch_3 in"):
                cifar.open_cifar10(str(tmp_path))
    assert not canary.exists()
    # The control: an ordinary unpickler does run it.
    pickle.loads(pickle.dumps(calls[1]))
    assert canary.exists()


def make_wrong_batch(**changes):
    batch = archives.make_cifar_batch(0, 2)
    for key, value in changes.items():
        batch[key.encode()] = value
    return pickle.dumps(batch, protocol=2)


@pytest.mark.parametrize(
    ("batch", "sentence"),
    [
        (make_wrong_batch(labels=[1]), "numbers of images, labels and file names"),
        (make_wrong_batch(labels=[1, 10]), "not one of 0 to 9"),
        (make_wrong_batch(labels=[1, True]), "not one of 0 to 9"),
        (make_wrong_batch(labels=None), "lacks labels"),
        (make_wrong_batch(filenames=[b"a.png", b"../b.png"]), "a file name"),
        (make_wrong_batch(data=np.zeros((2, 100), np.uint8)), "the shape"),
        (make_wrong_batch(data=np.zeros((2, 3072), np.float32)), "not of bytes"),
        (make_wrong_batch(data=np.array([[], []], object)), "not of bytes"),
        (make_wrong_batch(data=b"no array"), "not an array of bytes"),
        (pickle.dumps([1], protocol=2), "not a dictionary"),
        (b"", "damaged"),
        (make_wrong_batch()[:-50], "damaged"),
        # Gigabytes for a memo, and a buffer that is resized while it is in use.
        (b"\x80\x02K\x01r\xff\xff\xff\x7f.", "memo index 2,147,483,647"),
        (b"\x80\x05\x96" + bytes([9]) + bytes(7) + b"ab.", "damaged"),
    ],
)
def test_a_wrong_batch_is_refused(tmp_path, batch, sentence):
    archives.write_cifar10(tmp_path, replaced={"data_batch_2": batch})
    with pytest.raises(errors.DataError, match=sentence):
        cifar.open_cifar10(str(tmp_path))


def test_missing_and_damaged_archives_are_sentences(tmp_path):
    with pytest.raises(errors.UserError, match="There is no file"):
        cifar.open_cifar10(str(tmp_path))
    archives.write_cifar10(tmp_path)
    path = tmp_path / "cifar-10-python.tar.gz"
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(errors.DataError, match="not a gzip file"):
        cifar.open_cifar10(str(tmp_path))
    rows = [("other/batches.meta", b"x")]
    path.write_bytes(archives.make_tar(rows, "w:gz"))
    with pytest.raises(errors.DataError, match=r"has no member .*batches\.meta"):
        cifar.open_cifar10(str(tmp_path))


@pytest.mark.slow
@pytest.mark.skipif(DATA is None, reason="ALEXNET_TEST_DATA is not set")
def test_the_real_images(tmp_path):
    script = os.path.join(DATA, "cifar10", "make_official_archive.py")
    script_globals = runpy.run_path(script)
    rows = list(script_globals["read"]("test"))
    # Five times for training: reading its 50,000 files would take twenty seconds.
    write = script_globals["main"]
    write.__globals__["read"] = lambda split: rows * (5 if split == "train" else 1)
    write(str(tmp_path))
    source = cifar.open_cifar10(str(tmp_path))
    train, validation = source.splits["train"], source.splits["validation"]
    assert np.bincount(train.labels).tolist() == [5000] * 10
    assert np.bincount(validation.labels).tolist() == [1000] * 10
    assert [c.text for c in source.classes] == script_globals["CLASSES"]
    for row in range(0, 10_000, 501):
        name, label, planes = rows[row]
        assert validation.filenames[row] == b"%05d_" % row + name
        assert validation.labels[row] == label
        expected = planes.reshape(3, 32, 32).transpose(1, 2, 0)
        assert np.array_equal(source.read_image("validation", row), expected)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
