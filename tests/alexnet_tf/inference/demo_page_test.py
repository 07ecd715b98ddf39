"""Tests of `alexnet_tf.inference.demo_page`: its functions, and Gradio's own client.

The network is a stand-in; tests of `answers` have a real one.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import sys

import numpy as np
import pytest
from PIL import Image

from alexnet_tf.inference import answers, demo_page, rate_limit
from tests import processes
from tfrecords import errors


class Network:
    """Answers with the number of views; refuses files that are no PNG."""

    find = None

    def answer(self, path, num_views):
        with open(path, "rb") as file:
            start = file.read(4)
        if start != b"\x89PNG":
            raise errors.DataError(f"this is no image: {start!r}")
        return answers.Answer(
            {f"views {num_views}": 0.75, "cat": 0.25}, np.zeros((9, 8, 3), np.uint8)
        )


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "image.png"
    Image.new("RGB", (30, 20)).save(path)
    return str(path)


def ask(path, views="one view", limit=None):
    limit = limit or rate_limit.RateLimit(9)
    return demo_page.answer_upload(Network(), limit, path, views, "me")


def test_views_are_the_pages_choice(image):
    assert "views 1" in ask(image).top
    assert "views 10" in ask(image, "ten views").top


def test_what_cannot_be_answered_is_a_sentence(image, tmp_path):
    with pytest.raises(errors.UserError, match="drop one in"):
        ask(None)
    limit = rate_limit.RateLimit(1)
    ask(image, limit=limit)
    with pytest.raises(errors.UserError, match="Try again in"):
        ask(image, limit=limit)
    (tmp_path / "bad.png").write_bytes(b"<html>")
    with pytest.raises(errors.DataError, match="no image"):
        ask(str(tmp_path / "bad.png"))


def test_examples_are_drawn_images_of_every_class(tmp_path):
    paths = demo_page.draw_examples(str(tmp_path))
    names = [os.path.basename(path) for path in paths]
    assert len(names) == 20 and "star.jpg" in names
    assert min(min(Image.open(path).size) for path in paths) >= 256


def test_a_taken_port_is_named():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(errors.UserError, match=rf"{port} .* in use .*--port"):
            demo_page.check_address("127.0.0.1", port)
    demo_page.check_address("127.0.0.1", processes.find_free_port())


def test_a_foreign_address_is_named():
    # Of the range for documentation: no machine has it.
    with pytest.raises(errors.UserError, match=r"192\.0\.2\.1, port 7860 .*--host"):
        demo_page.check_address("192.0.2.1", 7860)
    # The standard library's codec refuses it before any look-up.
    with pytest.raises(errors.UserError, match=r"a\.\.b, port 7860 .*--host"):
        demo_page.check_address("a..b", 7860)


def test_without_gradio_pip_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(errors.UserError, match=r"pip install 'alexnet-tf\[demo\]'"):
        demo_page.check_package()


@pytest.fixture(scope="module")
def address():
    pytest.importorskip("gradio", reason="the extra demo brings gradio")
    port = processes.find_free_port()
    with demo_page.serve(Network(), "127.0.0.1", port, 1, 6) as address:
        assert address == f"http://127.0.0.1:{port}/"
        yield address


def test_gradios_client_gets_answers_and_sentences(address, image, tmp_path):
    """One client, six images a minute, in this order."""
    gradio_client = pytest.importorskip("gradio_client")
    client = gradio_client.Client(address, verbose=False)

    def predict(path, views="one view"):
        given = path and gradio_client.handle_file(path)
        return client.predict(given, views, api_name="/predict")

    top, responses = predict(image, "ten views")
    assert top["label"] == "views 10"
    assert [row["confidence"] for row in top["confidences"]] == [0.75, 0.25]
    assert Image.open(responses).size == (8, 9)
    (tmp_path / "bad.png").write_bytes(b"<b>0")
    with pytest.raises(Exception, match=r"This is no image: b'&lt;b&gt;0'"):
        predict(str(tmp_path / "bad.png"))
    with pytest.raises(Exception, match="drop one in"):
        predict(None)
    # The size is checked before the page's function runs: not counted.
    (tmp_path / "large.png").write_bytes(bytes(2**20 + 1))
    with pytest.raises(Exception, match=r"(?i)size|413"):
        predict(str(tmp_path / "large.png"))
    for _ in range(4):
        predict(image)
    with pytest.raises(Exception, match="6 images within a minute"):
        predict(image)


def test_only_uploads_are_opened(address, image):
    """A client cannot name a file of the server's."""
    httpx = pytest.importorskip("httpx")
    data = {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}}
    url = f"{address}gradio_api/call/predict"
    event = httpx.post(url, json={"data": [data, "one view"]}).json()["event_id"]
    with httpx.stream("GET", f"{url}/{event}") as stream:
        text = stream.read().decode()
    assert text.startswith("event: error") and "no image" not in text


def test_gradio_reports_to_nobody_and_its_directory_goes(address):
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
    directory = os.environ["GRADIO_TEMP_DIR"]
    assert "star.jpg" in os.listdir(directory)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
