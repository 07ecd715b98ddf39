"""docs/browser/index.html: its numbers in Node, and the page in headless Chromium.

ALEXNET_ONNXRUNTIME_WEB is the folder of npm's package onnxruntime-web.
"""

from __future__ import annotations

import functools
import http.server
import json
import os
import pathlib
import queue
import shutil
import subprocess
import sys
import tarfile
import threading

import numpy as np
import pytest
from PIL import Image

from alexnet_tf.export import saved_model
from alexnet_tf.inference import predict
from alexnet_tf.runs import trained_network
from tests import data_directories
from tfrecords.images import resize

CHECKOUT = pathlib.Path(__file__).parents[1]
PAGE = CHECKOUT / "docs" / "browser" / "index.html"
RUNTIME = os.environ.get("ALEXNET_ONNXRUNTIME_WEB", "")
# A page of the tests' server reports its state when it has come to an end.
REPORT = """<script>
setInterval(() => {
  const state = document.body.dataset.state;
  if (state !== "done" && state !== "failed") return;
  const text = document.body.innerText;
  fetch("/report", { method: "POST", body: JSON.stringify({ state, text }) });
}, 100);
</script>"""


def require_node():
    if shutil.which("node") is None:
        pytest.skip("Node is not installed")


def run_node(tmp_path, image, *more):
    """Runs the page's functions; returns the resized image and what was printed."""
    rgba = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    rgba.tofile(tmp_path / "pixels")
    height, width = image.shape[:2]
    done = subprocess.run(
        [
            "node",
            CHECKOUT / "tests" / "programs" / "predict_in_node.mjs",
            PAGE,
            tmp_path / "pixels",
            str(width),
            str(height),
            tmp_path / "resized",
            *more,
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    resized = np.fromfile(tmp_path / "resized", np.uint8).reshape(256, 256, 3)
    return resized, done.stdout


@pytest.mark.parametrize(
    "height, width",
    [(256, 256), (300, 411), (411, 300), (97, 60), (1000, 257), (1, 40)],
)
def test_it_resizes_as_the_converter(tmp_path, height, width):
    require_node()
    generator = np.random.default_rng(height)
    # Noise, where neighbours differ most.
    image = generator.integers(0, 256, (height, width, 3), np.uint8)
    found, _ = run_node(tmp_path, image)
    expected = resize.resize_and_crop(image)
    # Pillow's weights have 22 bits: sums near a half may be rounded otherwise.
    difference = np.abs(found.astype(int) - expected)
    assert difference.max() <= 1 and np.mean(difference > 0) < 5e-3


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The page, `alexnet.onnx`, `export.json` and an image; their network is `run`."""
    for package in ("onnx", "tf2onnx"):
        pytest.importorskip(package, reason=f"the extra onnx brings {package}")
    if not RUNTIME:
        pytest.skip("ALEXNET_ONNXRUNTIME_WEB is not set")
    folder = tmp_path_factory.mktemp("site")
    with tarfile.open(CHECKOUT / "tests" / "golden" / "run.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    network = trained_network.load(str(folder / "run"))
    made = saved_model.export(network, str(folder / "export"), ("onnx",))
    for name in ("alexnet.onnx", "export.json"):
        shutil.copy(pathlib.Path(made.path) / "assets.extra" / name, folder)
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "onnxruntime-web").symlink_to(RUNTIME)
    shutil.copy(PAGE, folder)
    image = data_directories.draw_image(1, 2, np.random.default_rng(0), 300, 411)
    Image.fromarray(image).save(folder / "image.png")
    (folder / "bad.png").write_bytes(b"no image")
    return folder


@pytest.fixture(scope="module")
def expected(site):
    """The classes' names and probabilities that `alexnet-predict` finds."""
    network = trained_network.load(str(site / "run"))
    predictor = predict.make_predictor(network, 1)
    (found,) = predict.predict_files(predictor, [str(site / "image.png")])
    return [
        (predictor.classes[label].text, float(found.probabilities[label]))
        for label in found.get_top()
    ]


def test_node_answers_as_predict(tmp_path, site, expected):
    require_node()
    image = np.asarray(Image.open(site / "image.png"))
    _, printed = run_node(tmp_path, image, RUNTIME, site)
    answers = json.loads(printed)
    assert [answer["name"] for answer in answers] == [name for name, _ in expected]
    assert [answer["probability"] for answer in answers] == pytest.approx(
        [probability for _, probability in expected], abs=1e-4
    )


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; adds `REPORT` to pages and queues what it reports."""

    reports: queue.Queue[dict]

    def do_GET(self):
        if not self.path.startswith("/index.html"):
            return super().do_GET()
        page = (pathlib.Path(self.directory) / "index.html").read_text("utf-8") + REPORT
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(page.encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.reports.put(json.loads(body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def browse(site, tmp_path):
    """Opens an address of the site in Chromium and returns the page's report."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("Chromium is not installed")
    handler = functools.partial(Handler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        processes = []

        def open_page(address):
            Handler.reports = queue.Queue()
            options = [
                *("--headless=new", "--no-sandbox", "--disable-gpu"),
                *("--no-first-run", "--disable-background-networking"),
                f"--user-data-dir={tmp_path}/profile",
            ]
            url = f"http://127.0.0.1:{server.server_port}/{address}"
            processes.append(
                subprocess.Popen(
                    [chromium, *options, url],
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )
            return Handler.reports.get(timeout=90)

        yield open_page
        for process in processes:
            process.terminate()
            process.wait()
        server.shutdown()


def test_the_page_answers_as_predict(browse, expected):
    report = browse("index.html?image=image.png")
    assert report["state"] == "done", report["text"]
    assert "411x300 pixels" in report["text"]
    rows = [line.split("\t") for line in report["text"].splitlines() if "%" in line]
    assert [row[0] for row in rows] == [name for name, _ in expected]
    for row, (_, probability) in zip(rows, expected, strict=True):
        assert float(row[1].rstrip("%")) == pytest.approx(100 * probability, abs=0.02)


def test_a_bad_image_is_a_sentence(browse):
    report = browse("index.html?image=bad.png")
    assert report["state"] == "failed"
    assert "not an image that the browser can decode" in report["text"]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
