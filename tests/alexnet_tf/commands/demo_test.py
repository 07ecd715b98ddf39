"""Tests of `alexnet_tf.commands.demo`."""

from __future__ import annotations

import os
import pathlib
import signal
import socket
import subprocess
import sys
import tarfile
import urllib.request

import pytest

from tests import processes

MODULE = ("-m", "alexnet_tf.commands.demo")
GOLDEN = pathlib.Path(__file__).parents[2] / "golden"


def test_a_model_is_needed(commands):
    result = commands.run(*MODULE)
    assert result.returncode == 2 and "--model is missing" in result.stderr


def require_gradio():
    pytest.importorskip("gradio", reason="the extra demo brings gradio")


@pytest.mark.parametrize("model", ["nowhere", "."])
def test_what_is_no_model_exits_with_2(commands, tmp_path, model):
    require_gradio()
    port = processes.find_free_port()
    result = commands.run(*MODULE, tmp_path / model, f"--port={port}")
    assert result.returncode == 2 and "Traceback" not in result.stderr
    assert "neither a run (alexnet-train) nor an export" in result.stderr


def test_a_taken_port_exits_with_2(commands, tmp_path):
    require_gradio()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = commands.run(*MODULE, tmp_path, f"--port={port}")
    assert result.returncode == 2 and "Traceback" not in result.stderr
    assert f"port {port} of 127.0.0.1 is in use" in result.stderr


def test_it_serves_until_it_is_stopped_and_leaves_nothing(tmp_path):
    require_gradio()
    with tarfile.open(GOLDEN / "export.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    (tmp_path / "scratch").mkdir()
    port = processes.find_free_port()
    process = subprocess.Popen(
        [sys.executable, *MODULE, f"--model={tmp_path}/export", f"--port={port}"],
        env=processes.make_environment(TMPDIR=str(tmp_path / "scratch")),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    line = process.stdout.readline()
    if not line:
        pytest.fail(process.communicate()[1])
    assert line.startswith(f"http://127.0.0.1:{port}/ shows {tmp_path}/export")
    page = urllib.request.urlopen(f"http://127.0.0.1:{port}/").read()
    assert b"AlexNet" in page
    # Nobody but this machine: the port is free on its other addresses.
    with socket.socket() as other:
        other.bind(("127.0.0.2", port))
    process.send_signal(signal.SIGTERM)
    messages = process.communicate(timeout=30)[1]
    assert process.returncode == 143, messages
    assert messages.strip() == "demo.py: stopped by SIGTERM."
    assert os.listdir(tmp_path / "scratch") == []


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
