"""Archives, development kits and tables that are damaged, or others."""

import io
import os
import sys
import tarfile

import numpy as np
import pytest
import scipy.io

from tests import archives
from tests.tfrecords.sources.ilsvrc_archives import (
    DEVKIT,
    TRAIN,
    TRUTH,
    VALIDATION,
    open_source,
    write_devkit,
)
from tfrecords import errors
from tfrecords.conversion import source_report


@pytest.mark.parametrize("with_train", [False, True])
def test_the_other_years_devkit_is_refused_by_its_name(tmp_path, with_train):
    archives.write_ilsvrc2012(tmp_path)
    os.rename(tmp_path / DEVKIT, tmp_path / "ILSVRC2010_devkit-1.0.tar.gz")
    if not with_train:
        os.remove(tmp_path / TRAIN)
    with pytest.raises(errors.UserError, match="development kit of ILSVRC-2010"):
        open_source(tmp_path)


def test_the_other_years_devkit_is_refused_by_its_members(tmp_path):
    archives.write_ilsvrc2012(tmp_path)
    rows = [
        ("devkit-1.0/data/meta.mat", archives.make_meta(year=2010)),
        ("devkit-1.0/data/ILSVRC2010_validation_ground_truth.txt", b"1\n"),
    ]
    archives.write_file(tmp_path, DEVKIT, archives.make_tar(rows, "w:gz"))
    with pytest.raises(errors.UserError, match="development kit of ILSVRC-2010"):
        open_source(tmp_path)


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"meta.mat": archives.make_meta(year=2010), TRUTH: b"1\n"}, "ILSVRC2010_ID"),
        ({"meta.mat": archives.make_meta()}, "has no member"),
        ({"meta.mat": b"x" * 500, TRUTH: b"1\n"}, "not a MATLAB file"),
        ({"meta.mat": b"", TRUTH: b"1\n"}, "not a MATLAB file"),
        ({"meta.mat": archives.make_meta()[:-9], TRUTH: b"1\n"}, "damaged"),
        ({"meta.mat": archives.make_meta(("n1",)), TRUTH: b"1\n"}, "synset 'n1'"),
        (
            {"meta.mat": archives.make_meta(archives.SYNSETS[:1] * 2), TRUTH: b"1\n"},
            "twice",
        ),
        ({"meta.mat": archives.make_meta(), TRUTH: b"1\n5\n"}, "line 2: b'5'"),
        ({"meta.mat": archives.make_meta(), TRUTH: b"1\n\n2\n"}, "line 2: b''"),
        ({"meta.mat": archives.make_meta(), TRUTH: b"1001\n"}, "line 1"),
        ({"meta.mat": archives.make_meta(), TRUTH: b"1\n"}, "not in the ground"),
    ],
)
def test_a_wrong_devkit_is_refused(tmp_path, members, sentence):
    archives.write_ilsvrc2012(tmp_path)
    write_devkit(tmp_path, members)
    with pytest.raises(errors.UserError, match=sentence):
        open_source(tmp_path)


def test_a_meta_file_that_inflates_without_end_is_refused(tmp_path):
    archives.write_ilsvrc2012(tmp_path)
    stream = io.BytesIO()
    scipy.io.savemat(
        stream, {"synsets": np.zeros(100 << 20, np.uint8)}, do_compression=True
    )
    write_devkit(tmp_path, {"meta.mat": stream.getvalue(), TRUTH: b"1\n"})
    with pytest.raises(errors.DataError, match="inflates to more than"):
        open_source(tmp_path)


def test_no_cut_of_the_training_archive_loses_a_image_silently(tmp_path):
    written = archives.write_ilsvrc2012(tmp_path, size=(16, 16))
    data = (tmp_path / TRAIN).read_bytes()
    with tarfile.open(tmp_path / TRAIN) as tar:
        last = tar.getmembers()[-1]
    needed = last.offset_data + last.size + 1024
    for cut in range(0, len(data), 512):
        (tmp_path / TRAIN).write_bytes(data[:cut])
        if cut >= needed:
            table = open_source(tmp_path, check_md5=False).splits["train"]
            assert table.num_images == len(written.train)
        else:
            with pytest.raises(errors.DataError, match=r"img_train\.tar"):
                open_source(tmp_path, check_md5=False)


def replace_inner(directory, inner_name, contents):
    """Rewrites the training archive with another inner tar."""
    with tarfile.open(directory / TRAIN) as tar:
        rows = [(m.name, tar.extractfile(m).read()) for m in tar.getmembers()]
    rows = [(n, contents if n == inner_name else data) for n, data in rows]
    archives.write_file(directory, TRAIN, archives.make_tar(rows))
    return dict(rows)


def test_damage_inside_a_good_outer_archive_is_named(tmp_path):
    archives.write_ilsvrc2012(tmp_path)
    inner = replace_inner(tmp_path, "", b"")["n02102040.tar"]
    for cut in (0, 512, 700, 1024, 4096):
        replace_inner(tmp_path, "n02102040.tar", inner[:cut])
        with pytest.raises(errors.DataError, match=r"\(in n02102040\.tar\), byte \d+"):
            open_source(tmp_path)


def test_zeros_over_the_tail_of_an_inner_archive_are_refused(tmp_path):
    archives.write_ilsvrc2012(tmp_path, size=(300, 300))
    inner = replace_inner(tmp_path, "", b"")["n02102040.tar"]
    with tarfile.open(fileobj=io.BytesIO(inner)) as tar:
        *_, last = tar.getmembers()
    zeroed = inner[: last.offset].ljust(len(inner), b"\0")
    replace_inner(tmp_path, "n02102040.tar", zeroed)
    with pytest.raises(errors.DataError) as raised:
        open_source(tmp_path)
    assert f"{len(inner) - last.offset:,} bytes of zeros" in str(raised.value)
    assert "n02102040.tar" in str(raised.value)


@pytest.mark.parametrize("name", [TRAIN, VALIDATION])
def test_zeros_behind_an_archive_are_a_remark(tmp_path, name):
    archives.write_ilsvrc2012(tmp_path)
    before = open_source(tmp_path)
    with open(tmp_path / name, "ab") as file:
        file.truncate(file.tell() + (1 << 20))
    source = open_source(tmp_path)
    for split, table in before.splits.items():
        assert list(source.splits[split].filenames) == list(table.filenames)
    (remark,) = [r for r in source.remarks if "zeros" in r]
    assert name in remark
    with pytest.raises(errors.UserError, match="zeros"):
        source_report.refuse_notes(source)


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ([("n01440764_1.JPEG", b"x")], "names like n02102040_1.JPEG"),
        ([("../n02102040_1.JPEG", b"x")], "names like n02102040_1"),
        ([("n02102040_1.JPEG", b"x"), ("n02102040_1.JPEG", b"y")], "second member"),
        ([], "has no image"),
    ],
)
def test_an_inner_archive_with_the_wrong_members_is_refused(
    tmp_path, members, sentence
):
    archives.write_ilsvrc2012(tmp_path)
    replace_inner(tmp_path, "n02102040.tar", archives.make_tar(members))
    with pytest.raises(errors.DataError, match=sentence):
        open_source(tmp_path)


def test_an_archive_that_shrinks_after_it_was_listed_is_refused(tmp_path):
    archives.write_ilsvrc2012(tmp_path)
    source = open_source(tmp_path)
    last = source.splits["train"].num_images - 1
    os.truncate(tmp_path / TRAIN, int(source.splits["train"].offset[last]) + 5)
    source.read_image("train", 0)
    with pytest.raises(errors.DataError, match="only 5 are left"):
        source.read_image("train", last)


def test_a_kaggle_image_that_changes_after_it_was_listed_is_refused(tmp_path):
    archives.write_ilsvrc2012(tmp_path, layout="kaggle")
    source = open_source(tmp_path)
    path = tmp_path / "ILSVRC/Data/CLS-LOC/train/n01440764/n01440764_10.JPEG"
    data = path.read_bytes()
    for changed in (data[:-1], data + b"x"):
        path.write_bytes(changed)
        with pytest.raises(errors.DataError, match="another size"):
            source.read_image("train", 0)
    path.unlink()
    with pytest.raises(errors.DataError, match="missing or was replaced"):
        source.read_image("train", 0)


@pytest.mark.parametrize(
    ("name", "contents", "sentence"),
    [
        ("LOC_val_solution.csv", None, "has no file LOC_val_solution.csv"),
        ("LOC_val_solution.csv", b"ImageId,PredictionString\n", "has no line for"),
        ("LOC_val_solution.csv", b"\xff\xfe", "not UTF-8"),
        ("LOC_val_solution.csv", b"ILSVRC2012_val_00000001,dog 1 2\n", "line 1"),
        ("LOC_val_solution.csv", b"a,n01440764 1\na,n01440764 1\n", "line 2"),
        ("LOC_synset_mapping.txt", b"n01440764 tench\nn02102040\n", "line 2"),
    ],
)
def test_wrong_kaggle_tables_are_refused(tmp_path, name, contents, sentence):
    archives.write_ilsvrc2012(tmp_path, layout="kaggle")
    os.remove(tmp_path / name)
    if contents is not None:
        (tmp_path / name).write_bytes(contents)
    with pytest.raises(errors.UserError, match=sentence):
        open_source(tmp_path)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
