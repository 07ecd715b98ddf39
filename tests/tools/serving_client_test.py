"""The stock client of TensorFlow Serving against a small server over an export."""

from __future__ import annotations

import pathlib
import sys
import tarfile

import pytest

from tests import processes, serving_stand_in

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = CHECKOUT / "tools" / "serving_client.py"


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """The folder of a golden export, `export`, and of `images/validation`."""
    folder = tmp_path_factory.mktemp("golden")
    for name in ("data_jpeg", "export"):
        with tarfile.open(CHECKOUT / "tests" / "golden" / f"{name}.tar.xz") as archive:
            archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def server(images):
    pytest.importorskip(
        "tensorflow_serving.apis.prediction_service_pb2_grpc",
        reason="the extra serving brings tensorflow-serving-api",
    )
    (export,) = images.glob("export/*")
    answerer = serving_stand_in.Answerer(export)
    with serving_stand_in.serve(answerer) as port:
        yield answerer, f"--server=localhost:{port}"


@pytest.mark.parametrize(
    "views, signature", [(1, "serving_default"), (10, "ten_views")]
)
def test_the_server_answers_as_predict(commands, images, server, views, signature):
    answerer, address = server
    folder = f"{images}/images/validation"
    asked = commands.run(SCRIPT, address, f"--signature={signature}", folder)
    assert asked.returncode == 0, asked.stderr
    assert answerer.asked[-1] == (signature, ["image_bytes"])
    predicted = commands.run(
        "-m",
        "alexnet_tf.commands.predict",
        f"--export_dir={images}/export",
        f"--views={views}",
        folder,
    )
    # Predict names the synset and the folder's class, too.
    for line, own in zip(
        asked.stdout.splitlines(), predicted.stdout.splitlines(), strict=True
    ):
        assert own.startswith(line.rstrip())


def test_a_bad_image_does_not_stop_the_rest(commands, images, server, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no image")
    good = next(images.glob("images/validation/*/*"))
    asked = commands.run(SCRIPT, server[1], f"{tmp_path}/bad.png", good)
    assert asked.returncode == 2
    assert "not predicted: " in asked.stdout and "%" in asked.stdout
    assert "1 of 2 images" in asked.stderr and "Traceback" not in asked.stderr


@pytest.mark.parametrize(
    "flag, code", [("--model_name=vgg", "NOT_FOUND"), ("", "UNAVAIL")]
)
def test_a_server_without_an_answer_is_a_sentence(commands, images, server, flag, code):
    image = next(images.glob("images/validation/*/*"))
    address = server[1] if flag else f"--server=localhost:{processes.find_free_port()}"
    asked = commands.run(SCRIPT, address, *filter(None, [flag]), image)
    assert asked.returncode == 2 and asked.stdout == ""
    assert code in asked.stderr and "--model_name" in asked.stderr
    assert "Traceback" not in asked.stderr


def test_images_are_needed(commands):
    asked = commands.run(SCRIPT)
    assert asked.returncode == 2 and "no image to send" in asked.stderr


def test_without_the_package_pip_is_named(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *rest: (\n"
        "    None if name == 'tensorflow_serving' else find(name, *rest)\n"
        ")\n"
    )
    path = ":".join([str(tmp_path), *sys.path])
    asked = processes.run_python(SCRIPT, "a.png", PYTHONPATH=path)
    assert asked.returncode == 2 and "Traceback" not in asked.stderr
    assert "pip install 'alexnet-tf[serving]'" in asked.stderr


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
