"""Conversions by Beam itself: the direct runner, and a job server as clusters have."""

import dataclasses
import os
import signal
import subprocess
import sys
import time

import pytest

from tests import optional, processes
from tests.programs import convert_by_job
from tests.tfrecords import drawn_source
from tests.tfrecords.conversions import SETTINGS, SIZES, digest_directory
from tfrecords.conversion import convert
from tfrecords.conversion.beam import driver, runners

optional.require(__name__, "apache_beam", "Apache Beam is not installed (extra `beam`)")


def convert_with(data_dir, runner="direct", arguments=convert_by_job.DIRECT, **faults):
    settings = dataclasses.replace(SETTINGS, max_rejects=3)
    source = drawn_source.DrawnSource(SIZES, **faults)
    writer = driver.BeamWriter(runner, arguments) if runner else None
    convert.convert(source, str(data_dir), settings, 2, writer)
    return digest_directory(data_dir)


@pytest.fixture(autouse=True)
def path(monkeypatch):
    """Beam's workers import the tests' sources."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    return convert_with(tmp_path_factory.mktemp("golden") / "data", runner="")


def test_processes_of_the_direct_runner(golden, tmp_path):
    assert convert_with(tmp_path / "data") == golden


def test_a_crashing_image_is_rejected_alike(tmp_path):
    faults = {"broken": (3,), "fault": "always_kill"}
    expected = convert_with(tmp_path / "local", runner="", **faults)
    arguments = ["--direct_running_mode=multi_threading", "--direct_num_workers=2"]
    assert convert_with(tmp_path / "data", arguments=arguments, **faults) == expected


def test_a_workers_exception_leaves_no_manifest(tmp_path):
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        convert_with(tmp_path / "data", fault="bug")
    assert "manifest.json" not in os.listdir(tmp_path / "data")
    assert os.listdir(tmp_path / "data" / ".progress").count("plan.json") == 1
    assert not list((tmp_path / "data" / ".progress").glob("*.tmp-*"))


def test_an_interrupt_ends_all_processes(golden, tmp_path):
    data_dir = tmp_path / "data"
    command = [sys.executable, "-m", "tests.programs.convert_by_job", str(data_dir)]
    process = subprocess.Popen(
        [*command, "0.1", ""], env=processes.make_environment(TEST_MARK=str(tmp_path))
    )
    deadline = time.monotonic() + 60
    while not list(data_dir.glob(".progress/.beam.tmp-*/*.begun")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    assert len(list_marked(tmp_path)) > 3
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert list_marked(tmp_path) == []
    assert convert_with(data_dir, runner="") == golden


def list_marked(tmp_path):
    """The running processes that inherited this test's mark."""
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                if f"TEST_MARK={tmp_path}".encode() in file.read():
                    found.append(int(name))
        except OSError:
            continue
    return found


def test_a_job_server(golden, tmp_path):
    """Beam's own, which speaks the protocol of Flink's and Spark's."""
    port = processes.find_free_port()
    module = "apache_beam.runners.portability.local_job_service_main"
    server = subprocess.Popen(
        [sys.executable, "-m", module, f"--port={port}", f"--staging_dir={tmp_path}/s"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    text = f"--job_endpoint=localhost:{port} --environment_type=LOOPBACK"
    try:
        arguments = wait_for_server(text)
        assert convert_with(tmp_path / "data", "flink", arguments) == golden
    finally:
        server.kill()
        server.wait()


def wait_for_server(text):
    for attempt in range(60):
        try:
            return runners.check("flink", text, None)
        except runners.errors.UserError:
            assert attempt < 59
            time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
