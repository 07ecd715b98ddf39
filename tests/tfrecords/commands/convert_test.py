import os
import resource
import subprocess
import sys

import pytest

from tests import archives, contest_archives
from tfrecords.shards import manifest, record_file, schema

pytestmark = pytest.mark.whole_run

PROGRAM = (
    "import sys\n"
    "from tfrecords.commands import convert\n"
    "try:\n"
    "    convert.run()\n"
    "finally:\n"
    "    print('tensorflow' in sys.modules, file=sys.stderr)\n"
)


def run(*arguments, as_module=False, **settings):
    start = ["-m", "tfrecords.commands.convert"] if as_module else ["-c", PROGRAM]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(
        [sys.executable, *start, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        **settings,
    )


@pytest.mark.parametrize("as_module", [False, True])
def test_help_shows_our_flags_first(as_module):
    before = _read_children_seconds()
    result = run("--help", as_module=as_module)
    assert result.returncode == 0, result.stderr
    # Processor time: the machine may be busy with other work.
    assert _read_children_seconds() - before < 1
    own, absl = result.stdout.split("From absl:")
    assert own.index("Converts ImageNet's archives") < own.index("--source\n")
    assert "--max_rejects" in own and "--verbosity" not in own
    assert "--verbosity" in absl and "--source_dir" not in absl
    assert "True" not in result.stderr


def _read_children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.mark.parametrize(
    "flags, sentence",
    [
        (["--sorce=folder"], "source"),
        (["--source=imagenet", "--data_dir=d"], "ilsvrc2012"),
        (["--source=folder"], "data_dir"),
        (
            ["--source=sample", "--data_dir=d", "--validation_fraction=0.1"],
            "has no effect",
        ),
        (["--data_dir=d"], "source"),
        (["--source=folder", "--data_dir=d"], "needs --source_dir"),
        (["--source=sample", "--data_dir=d", "--num_workers=0"], "num_workers"),
        (["--source=sample", "--data_dir=d", "--jpeg_quality=x"], "jpeg_quality"),
        (["--source=sample", "--data_dir=d", "extra"], "'extra' is not a flag"),
        (["--source=sample", "--data_dir=d", "--runner=spork"], "spark"),
        (["--source=sample", "--data_dir=d", "--runner=Dataflow"], "shared file"),
        (["--source=sample", "--data_dir=d", "--beam_args=--a=b"], "without --runner"),
    ],
)
def test_wrong_use_exits_with_2_and_a_sentence(tmp_path, flags, sentence):
    result = run(*flags, cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "source", ["ilsvrc2012", "ilsvrc2010", "imagenet_fall2009", "folder", "cifar10"]
)
def test_a_missing_source_dir_exits_with_2(tmp_path, source):
    result = run(
        f"--source={source}",
        f"--source_dir={tmp_path / 'no'}",
        f"--data_dir={tmp_path / 'd'}",
    )
    assert result.returncode == 2, result.stderr
    assert str(tmp_path / "no") in result.stderr
    assert "Traceback" not in result.stderr
    assert os.listdir(tmp_path) == []


def test_shards_among_the_images_are_refused(tmp_path):
    result = run(
        "--source=folder", f"--source_dir={tmp_path}", f"--data_dir={tmp_path / 'd'}"
    )
    assert result.returncode == 2
    assert "inside the source directory" in result.stderr


def test_strict_refuses_what_is_to_be_noted_before_anything_is_written(tmp_path):
    archives.write_folder(str(tmp_path / "in"), {"cat": 2, "dog": 2})
    data_dir = tmp_path / "out"
    flags = ["--source=folder", f"--source_dir={tmp_path}/in", f"--data_dir={data_dir}"]
    result = run(*flags, "--strict")
    assert result.returncode == 2
    assert "no validation split" in result.stderr
    assert "Traceback" not in result.stderr
    assert not data_dir.exists()


def test_the_sample_is_converted_without_tensorflow_and_found_again(tmp_path):
    flags = [
        "--source=sample",
        f"--data_dir={tmp_path / 'data'}",
        "--train_per_class=2",
        "--validation_per_class=1",
        "--num_validation_shards=3",
    ]
    result = run(*flags)
    assert result.returncode == 0, result.stderr
    assert "train: 40 images seen = 40 converted + 0 rejected" in result.stdout
    assert "Next: alexnet-train" in result.stdout
    assert result.stderr.endswith("False\n")
    assert (tmp_path / "data" / "validation-00002-of-00003").exists()
    result = run(*flags, as_module=True)
    assert result.returncode == 0, result.stderr
    assert "nothing was written" in result.stdout
    result = run(*flags, "--seed=1")
    assert result.returncode == 2
    assert "seed: 0 there, 1 here" in result.stderr


def test_train_and_validation_folders_need_no_fraction(tmp_path):
    archives.write_folder(str(tmp_path / "in" / "train"), {"cat": 2, "dog": 2})
    archives.write_folder(str(tmp_path / "in" / "validation"), {"cat": 1, "dog": 1})
    done = run(
        "--source=folder", f"--source_dir={tmp_path}/in", f"--data_dir={tmp_path}/out"
    )
    assert done.returncode == 0, done.stderr
    assert "train: 4 images seen" in done.stdout
    assert "validation: 2 images seen" in done.stdout


def test_releases_of_imagenet_are_converted(tmp_path):
    contest_archives.write_ilsvrc2010(tmp_path / "ilsvrc2010")
    for year in ("2009", "2011"):
        counts = {"n01440764": 6, "n02102040": 2}
        contest_archives.write_imagenet(tmp_path / f"imagenet_fall{year}", counts)
    expected = {
        "ilsvrc2010": {"train": 12, "validation": 8, "test": 8},
        "imagenet_fall2009": {"train": 3, "validation": 1, "test": 4},
        "imagenet_fall2011": {"train": 4, "validation": 4},
    }
    for source, num_images in expected.items():
        data_dir = tmp_path / f"{source}_data"
        done = run(
            f"--source={source}",
            f"--source_dir={tmp_path / source}",
            f"--data_dir={data_dir}",
            # Of the contest the splits are fixed.
            *(["--validation_fraction=0.5"] if "fall" in source else []),
            "--image_size=16",
            "--num_workers=1",
        )
        assert done.returncode == 0, done.stderr
        assert "False" in done.stderr and "Note: " in done.stdout
        splits = manifest.read_manifest(str(data_dir)).splits
        assert {name: split.num_records for name, split in splits.items()} == num_images


@pytest.mark.parametrize(
    ("source", "kit"),
    [
        ("ilsvrc2010", "ILSVRC2012_devkit_t12.tar.gz"),
        ("ilsvrc2012", "ILSVRC2010_devkit-1.0.tar.gz"),
    ],
)
def test_a_devkit_of_the_wrong_year_exits_with_2(tmp_path, source, kit):
    archives.write_ilsvrc2012(tmp_path / "2012")
    contest_archives.write_ilsvrc2010(tmp_path / "2010")
    # Under its own name, and under that of the year in question.
    right = {"2010": "ILSVRC2010_devkit-1.0.tar.gz"}.get(
        source[-4:], "ILSVRC2012_devkit_t12.tar.gz"
    )
    directory = tmp_path / source[-4:]
    (directory / right).unlink()
    data = (tmp_path / kit[6:10] / kit).read_bytes()
    for name in (kit, right):
        (directory / name).write_bytes(data)
        flags = [f"--source_dir={directory}", f"--data_dir={tmp_path / 'd'}"]
        done = run(f"--source={source}", *flags)
        assert done.returncode == 2 and "Traceback" not in done.stderr
        assert f"ILSVRC-{kit[6:10]}" in done.stderr and right in done.stderr
        assert not (tmp_path / "d").exists()


def test_cifar10_keeps_its_pixels(tmp_path):
    archives.write_cifar10(tmp_path / "downloads")
    result = run(
        "--source=cifar10",
        f"--source_dir={tmp_path}/downloads",
        f"--data_dir={tmp_path}/data",
        "--image_size=32",
        "--encoding=raw",
        "--num_workers=1",
    )
    assert result.returncode == 0, result.stderr
    info = manifest.read_manifest(str(tmp_path / "data"))
    assert (info.image_size, info.encoding) == (32, "raw")
    shard = str(tmp_path / "data" / info.splits["validation"].shards[0].name)
    for _, data in record_file.scan(shard):
        assert len(schema.decode_record(data).image_bytes) == 32 * 32 * 3


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
