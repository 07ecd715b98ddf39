"""A conversion by a job: the same bytes, kills, faults; Beam itself is stood in for."""

import dataclasses
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from tests import processes
from tests.tfrecords import drawn_source
from tests.tfrecords.conversions import SETTINGS, SIZES, digest_directory, read_marks
from tfrecords import errors
from tfrecords.conversion import convert
from tfrecords.conversion.beam import driver

STAND_IN = "from tests.programs import job_stand_in; job_stand_in.main({!r})"


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    data_dir = str(tmp_path_factory.mktemp("golden") / "data")
    convert.convert(drawn_source.DrawnSource(SIZES), data_dir, SETTINGS, num_workers=1)
    return data_dir


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Converts in this process, with a stand-in that may be at fault."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setattr(driver, "_POLL_SECONDS", 0.05)

    def convert_by_job(job_fault="", settings=SETTINGS, **of_source):
        monkeypatch.setattr(driver, "_PROGRAM", STAND_IN.format(job_fault))
        source = drawn_source.DrawnSource(SIZES, **of_source)
        writer = driver.BeamWriter("direct", [])
        return convert.convert(
            source, str(tmp_path / "data"), settings, write_shards=writer
        )

    return convert_by_job


def assert_unfinished(data_dir):
    names = os.listdir(data_dir)
    assert "manifest.json" not in names and "index.npz" not in names
    assert not [n for n in names if ".tmp-" in n]
    inside = os.listdir(data_dir / ".progress")
    assert not [n for n in inside if ".tmp-" in n]


@pytest.mark.parametrize("fault", ["", "twice"])
def test_bytes_are_those_of_the_local_converter(golden, tmp_path, run, fault, capfd):
    run(fault)
    assert digest_directory(tmp_path / "data") == digest_directory(golden)
    assert "converting: 80 images" in capfd.readouterr().err


def test_the_two_converters_resume_each_other(golden, tmp_path, run):
    with pytest.raises(errors.UserError):
        run("fail")
    convert.convert(
        drawn_source.DrawnSource(SIZES), str(tmp_path / "data"), SETTINGS, 2
    )
    assert digest_directory(tmp_path / "data") == digest_directory(golden)


def test_rejects_are_those_of_the_local_converter(tmp_path, run):
    settings = dataclasses.replace(SETTINGS, max_rejects=3)
    faults = {"broken": (3, 4), "fault": "always_kill"}
    source = drawn_source.DrawnSource(SIZES, **faults)
    local = convert.convert(source, str(tmp_path / "local"), settings, num_workers=2)
    assert len(local.rejects) == 3
    assert run(settings=settings, **faults).rejects == local.rejects
    assert digest_directory(tmp_path / "data") == digest_directory(tmp_path / "local")


def test_too_many_rejects_exit_alike(tmp_path, run):
    with pytest.raises(errors.UserError, match="more than --max_rejects=0"):
        run(broken=(3, 4))
    assert "rejects.txt" in os.listdir(tmp_path / "data")
    assert "manifest.json" not in os.listdir(tmp_path / "data")


@pytest.mark.parametrize(
    "fault, kind, text",
    [
        ("bug", RuntimeError, "ZeroDivisionError"),
        ("vanish", errors.DataError, "train_00001.png"),
    ],
)
def test_a_workers_exception_leaves_no_manifest(tmp_path, run, fault, kind, text):
    with pytest.raises(kind, match=text):
        run(fault=fault)
    assert_unfinished(tmp_path / "data")


def test_a_job_that_fails_shows_its_messages(tmp_path, run, capfd):
    with pytest.raises(errors.UserError, match="exit code 1"):
        run("fail")
    assert "the cluster is on fire" in capfd.readouterr().err
    assert_unfinished(tmp_path / "data")


def test_a_job_that_writes_elsewhere_is_noticed(tmp_path, monkeypatch, run):
    monkeypatch.setattr(driver, "_VISIBLE_SECONDS", 0.2)
    with pytest.raises(errors.UserError, match="all machines share"):
        run("idle")
    assert_unfinished(tmp_path / "data")


def start(data_dir, delay):
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.programs.convert_by_job",
            str(data_dir),
            str(delay),
            STAND_IN.format(""),
        ],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=processes.make_environment(),
    )


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.whole_run
@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_stops_with_a_sentence_and_the_run_goes_on(
    golden, tmp_path, number, code
):
    data_dir = tmp_path / "data"
    process = start(data_dir, 0.05)
    wait_for(lambda: list(data_dir.glob("train-*")))
    os.killpg(process.pid, number)
    _, text = process.communicate(timeout=30)
    assert process.returncode == code
    assert "run the same command again" in text and "Traceback" not in text
    assert_unfinished(data_dir)
    process = start(data_dir, 0.0)
    printed, text = process.communicate(timeout=60)
    assert process.returncode == 0, text
    assert "Resuming" in printed
    assert digest_directory(data_dir) == digest_directory(golden)


@pytest.mark.whole_run
def test_killed_and_run_again_gives_the_same_bytes(golden, tmp_path):
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    data_dir = tmp_path / "data"
    process = start(data_dir, 0.05)
    wait_for(lambda: list(data_dir.glob(".progress/.beam.tmp-*/*.begun")))
    time.sleep(random.Random(seed).uniform(0, 1.5))
    process.kill()
    process.communicate()
    marks = read_marks(data_dir)
    finished = [path.stem for path in data_dir.glob(".progress/[!.]*.npz")]
    process = start(data_dir, 0.0)
    _, text = process.communicate(timeout=60)
    assert process.returncode == 0, text
    assert digest_directory(data_dir) == digest_directory(golden)
    again = read_marks(data_dir)
    for name in finished:
        assert again[name] == marks[name], f"{name} was written again"


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
