"""Tests of setup.py: the content of an installation."""

from __future__ import annotations

import configparser
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes

import pytest

import alexnet_tf
from tools import checkout_modules, setup_values

CHECKOUT = pathlib.Path(__file__).parents[1]

# Import names that differ from their pip names.
PIP_NAMES = {
    "absl": "absl-py",
    "PIL": "pillow",
    "google_crc32c": "google-crc32c",
    "grpc": "grpcio",
}
# Imported where installed only: the stack of the extra `addons`, Keras, which
# TensorFlow brings, and the extras `onnx`, `opencv`, `parquet`, `beam`, `litert`,
# `retrieval` and `demo`.
OPTIONAL = {
    *("tensorflow_addons", "keras"),
    *("onnx", "onnxruntime", "tf2onnx"),
    *("cv2", "simplejpeg"),
    "pyarrow",
    "apache_beam",
    *("ai_edge_litert", "faiss", "gradio"),
}


def _list_ignored(folder: str, names: list[str]) -> set[str]:
    """What git does not track: environments, results and caches."""
    ignored = {n for n in names if n == "__pycache__" or n.endswith("_cache")}
    if pathlib.Path(folder) == CHECKOUT:
        patterns = r"\.git|\.venv.*|runs|build|dist|.*\.egg-info|bazel-.*"
        ignored |= {name for name in names if re.fullmatch(patterns, name)}
    return ignored


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of the checkout, which gets no build folder itself."""
    source = tmp_path_factory.mktemp("checkout") / "source"
    return pathlib.Path(shutil.copytree(CHECKOUT, source, ignore=_list_ignored))


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    path = _build_wheel(source, tmp_path_factory.mktemp("wheel"))
    with zipfile.ZipFile(path) as archive:
        yield archive


def _build_wheel(source: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """Builds `source`, a folder or an sdist, as pip does; returns the wheel's path."""
    _run(
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        folder,
        source,
    )
    (path,) = folder.glob("*.whl")
    return path


def _run(*arguments, **options):
    # With the checkout on its path, pip would find the package installed already.
    variables = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=variables,
        **options,
    )
    assert done.returncode == 0, done.stderr


def _list_expected() -> set[str]:
    """The files of the two packages."""
    modules = {
        f"{module.folder}/{module.stem}.py"
        for module in checkout_modules.read_modules(CHECKOUT).values()
        if module.folder.split("/")[0] in ("alexnet_tf", "tfrecords")
    }
    return modules | {"alexnet_tf/py.typed", "tfrecords/py.typed"}


def _read_metadata(wheel, name):
    (path,) = (path for path in wheel.namelist() if path.endswith(f".dist-info/{name}"))
    return wheel.read(path)


def test_wheel_holds_the_two_packages_whole(wheel):
    installed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert installed == _list_expected()
    licence = (CHECKOUT / "LICENSE").read_bytes()
    assert _read_metadata(wheel, "licenses/LICENSE") == licence


@pytest.fixture(scope="module")
def sdist(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdist")
    code = f"from setuptools import build_meta; build_meta.build_sdist({str(folder)!r})"
    _run("-c", code, cwd=source)
    (path,) = folder.glob("*.tar.gz")
    return path


def test_the_sdist_holds_the_tests_and_the_pages(source, sdist):
    with tarfile.open(sdist) as archive:
        names = {m.name.partition("/")[2] for m in archive if m.isfile()}
    checkout = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*")
        if path.is_file()
    }
    # What building leaves.
    checkout = {n for n in checkout if not re.match(r"build/|[^/]*\.egg-info/", n)}
    assert {"tests/setup_test.py", "docs/training.md", "tools/benchmark.py"} <= names
    added = {name for name in names if ".egg-info/" in name}
    assert names - added - {"PKG-INFO", "setup.cfg"} == checkout


@pytest.fixture(scope="module")
def environment(sdist, tmp_path_factory):
    """An environment with the wheel of the sdist in it, and nothing of the checkout.

    What the packages need is found in the environment that runs the test.
    """
    folder = tmp_path_factory.mktemp("environment")
    wheel = _build_wheel(sdist, folder)
    with zipfile.ZipFile(wheel) as archive:
        names = {n for n in archive.namelist() if ".dist-info/" not in n}
    assert names == _list_expected()
    _run("-m", "venv", "--without-pip", folder / "venv")
    python = folder / "venv" / "bin" / "python"
    _run(
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        wheel,
    )
    (site_packages,) = folder.glob("venv/lib/python3*/site-packages")
    # A path in a .pth file comes last, and .pth files there, an editable install's,
    # are not read.
    others = [p for p in sys.path if p and not (pathlib.Path(p) / "setup.py").exists()]
    (site_packages / "others.pth").write_text("\n".join(others) + "\n")
    return folder / "venv" / "bin"


def _run_installed(environment, folder, name, *arguments):
    variables = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [environment / name, *arguments],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_wheel_of_the_sdist_is_imported_where_it_is_installed(environment, tmp_path):
    code = (
        "import alexnet_tf, tfrecords\n"
        "from alexnet_tf import experiments\n"
        "from alexnet_tf.config import overrides as settings\n"
        "print(alexnet_tf.__file__, tfrecords.__file__, sep='\\n')"
    )
    printed = _run_installed(environment, tmp_path, "python", "-c", code)
    for path in printed.splitlines():
        assert pathlib.Path(path).is_relative_to(environment.parent)


@pytest.mark.slow
def test_its_commands_run(environment, tmp_path):
    names = sorted(path.name for path in environment.glob("alexnet-*"))
    assert len(names) == 15
    for name in names:
        assert name in _run_installed(environment, tmp_path, name, "--help")
    _run_installed(
        environment,
        tmp_path,
        "alexnet-convert",
        "--source=sample",
        "--data_dir=data",
        "--train_per_class=1",
        "--validation_per_class=1",
    )
    assert "is sound" in _run_installed(environment, tmp_path, "alexnet-verify", "data")


def test_metadata(wheel):
    metadata = message_from_bytes(_read_metadata(wheel, "METADATA"))
    assert metadata["Name"] == "alexnet-tf"
    assert metadata["Version"] == alexnet_tf.__version__
    assert set(metadata["Requires-Python"].split(",")) == {">=3.10", "<3.14"}
    text = metadata.get_payload()
    assert text.startswith("# ")
    # A package index has no files beside the text.
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert all(re.match("https:|#", link) for link in links), links
    assert len(text) > 0.9 * (CHECKOUT / "README.md").stat().st_size - 2000


@pytest.mark.parametrize(
    "url, expected",
    [
        (None, "see the page , [a site](https://a.b/c.md) and [below](#x)"),
        (
            "https://host/us",
            "see [the page](https://host/us/blob/main/docs/a.md#b) "
            "![an image](https://host/us/raw/main/docs/i.png), "
            "[a site](https://a.b/c.md) and [below](#x)",
        ),
    ],
)
def test_links_of_the_description(url, expected):
    text = (
        "see [the page](docs/a.md#b) ![an image](docs/i.png), "
        "[a site](https://a.b/c.md) and [below](#x)"
    )
    setup = setup_values.read(CHECKOUT)
    assert setup["make_long_description"](text, url) == expected


def test_the_address_is_that_of_the_citation(source, tmp_path):
    for name in ("setup.py", "README.md", "tfrecords/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(source / name, tmp_path / name)
    assert setup_values.read(tmp_path)["arguments"]["project_urls"] == {}
    line = 'repository-code: "https://host/us/"\n'
    (tmp_path / "CITATION.cff").write_text("cff-version: 1.2.0\n" + line)
    arguments = setup_values.read(tmp_path)["arguments"]
    assert arguments["url"] == "https://host/us"
    assert arguments["project_urls"]["Issues"] == "https://host/us/issues"
    assert "https://host/us/blob/main/docs/data.md" in arguments["long_description"]


def test_the_conda_environment_installs_this_checkout():
    text = (CHECKOUT / "environment.yml").read_text(encoding="utf-8")
    (python,) = re.findall(r"- python=([\d.]+)$", text, re.MULTILINE)
    (extras,) = re.findall(r'- "--editable \.\[([a-z,]+)\]"', text)
    arguments = setup_values.read(CHECKOUT)["arguments"]
    assert f"Programming Language :: Python :: {python}" in arguments["classifiers"]
    assert set(extras.split(",")) <= set(arguments["extras_require"])


def test_console_scripts_are_the_commands(wheel):
    parser = configparser.ConfigParser()
    parser.read_string(_read_metadata(wheel, "entry_points.txt").decode())
    scripts = dict(parser["console_scripts"])
    commands = {
        f"alexnet-{module.stem.replace('_', '-')}": f"{module.name}:run"
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
