"""setup.py: what an installed user gets."""

from __future__ import annotations

import configparser
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes

import pytest

import alexnet_tf
from tools import checkout_modules

CHECKOUT = pathlib.Path(__file__).parents[1]

# Import names that differ from their pip names.
PIP_NAMES = {
    "absl": "absl-py",
    "PIL": "pillow",
    "google_crc32c": "google-crc32c",
    "grpc": "grpcio",
}
# Imported where installed only: the stack of the extra `addons`, Keras, which
# TensorFlow brings, and the extra `onnx`.
OPTIONAL = {"tensorflow_addons", "keras", "onnxruntime", "tf2onnx"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy so that the checkout gets no build folder."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, source)
    for name in ("alexnet_tf", "tfrecords", "tools", "tests"):
        shutil.copytree(
            CHECKOUT / name,
            source / name,
            ignore=shutil.ignore_patterns("__pycache__", "BUILD"),
        )
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--wheel-dir", str(folder), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def _read_metadata(wheel, name):
    (path,) = (path for path in wheel.namelist() if path.endswith(f".dist-info/{name}"))
    return wheel.read(path)


def test_wheel_holds_the_two_packages_whole(wheel):
    installed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    modules = {
        f"{module.folder}/{module.stem}.py"
        for module in checkout_modules.read_modules(CHECKOUT).values()
        if module.folder.split("/")[0] in ("alexnet_tf", "tfrecords")
    }
    assert installed == modules | {"alexnet_tf/py.typed", "tfrecords/py.typed"}


def test_metadata(wheel):
    metadata = message_from_bytes(_read_metadata(wheel, "METADATA"))
    assert metadata["Name"] == "alexnet-tf"
    assert metadata["Version"] == alexnet_tf.__version__
    assert set(metadata["Requires-Python"].split(",")) == {">=3.10", "<3.14"}
    assert metadata.get_payload().startswith("# ")


def test_console_scripts_are_the_commands(wheel):
    parser = configparser.ConfigParser()
    parser.read_string(_read_metadata(wheel, "entry_points.txt").decode())
    scripts = dict(parser["console_scripts"])
    commands = {
        f"alexnet-{module.stem}": f"{module.name}:run"
        for module in checkout_modules.read_modules(CHECKOUT).values()
        if module.folder.endswith("/commands") and module.rule == "py_binary"
    }
    assert scripts == commands


def test_whatever_is_imported_is_required(wheel):
    metadata = message_from_bytes(_read_metadata(wheel, "METADATA"))
    required = {
        re.split(r"[^a-z0-9-]", line.lower(), maxsplit=1)[0]
        for line in metadata.get_all("Requires-Dist")
        if "extra ==" not in line
    }
    for module in checkout_modules.read_modules(CHECKOUT).values():
        if module.folder.split("/")[0] in ("alexnet_tf", "tfrecords"):
            for name in module.third_party - OPTIONAL:
                pip_name = PIP_NAMES.get(name, name.replace("_", "-"))
                assert pip_name in required, f"{module.name} imports {name}"


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
