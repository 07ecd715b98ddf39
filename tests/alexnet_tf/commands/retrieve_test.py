"""Tests of `alexnet_tf.commands.retrieve`, from a run to what it finds."""

from __future__ import annotations

import json
import os
import sys

import pytest
from PIL import Image

from tests import data_directories, training_runs

pytest.importorskip("faiss", reason="the extra retrieval brings faiss")

MODULE = ("-m", "alexnet_tf.commands.retrieve")


@pytest.fixture(scope="module")
def built(tmp_path_factory, commands):
    """`data`, a `run` on it, and the `index` of its training images."""
    path = tmp_path_factory.mktemp("runs")
    data_directories.write_data_directory(path / "data", num_classes=3, per_class=6)
    training_runs.run(path / "data", path / "run", {"num_epochs": 1})
    result = commands.run(
        *MODULE, "build", f"--index_dir={path}/index", f"--workdir={path}/run"
    )
    assert result.returncode == 0, result.stderr
    assert "18 images" in result.stdout and "features of fc7" in result.stdout
    return path


def run(commands, path, action, *flags):
    return commands.run(
        *MODULE, action, f"--index_dir={path}/index", f"--workdir={path}/run", *flags
    )


def test_records_find_others(commands, built, tmp_path):
    page, figure = tmp_path / "page.html", tmp_path / "figure.png"
    result = run(
        commands,
        built,
        "query",
        "--records=0,7",
        "--format=json",
        f"--html={page}",
        f"--plot={figure}",
    )
    assert result.returncode == 0, result.stderr
    first, second = json.loads(result.stdout)
    assert first["query"] == "validation/0" and second["query"] == "validation/7"
    assert len(first["neighbours"]) == 6
    distances = [each["distance"] for each in first["neighbours"]]
    assert distances == sorted(distances)
    assert page.read_text().count("<img") == 14
    assert Image.open(figure).size[0] > 1000


def test_codes_and_measures(commands, built):
    result = run(commands, built, "codes", "--bits=16", "--epochs=2")
    assert result.returncode == 0, result.stderr
    assert "2 bytes per image" in result.stdout
    for flags in ([], ["--bits=16"]):
        result = run(commands, built, "measure", "--format=json", *flags)
        assert result.returncode == 0, result.stderr
        values = json.loads(result.stdout)
        assert values["num_queries"] == 18 and values["neighbours"] == 6
        assert 0 <= values["precision"] <= 1
    result = run(commands, built, "measure", "--pixel_ranks")
    assert "rank of what was found" in result.stdout


def test_too_few_images_for_an_approximate_index_are_refused_first(
    commands, built, tmp_path
):
    result = commands.run(
        *(*MODULE, "build", "--approximate"),
        *(f"--index_dir={tmp_path}/new", f"--workdir={built}/run"),
    )
    assert result.returncode == 2, result.stdout
    for words in (f"split train of {built}/data", "18 images", "at least 1,000"):
        assert words in result.stderr
    assert not (tmp_path / "new").exists()


def test_a_bad_image_is_reported_and_the_rest_is_searched(commands, built, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no image")
    Image.new("RGB", (80, 60)).save(tmp_path / "good.png")
    # A name that is no UTF-8.
    odd_path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")
    os.rename(tmp_path / "good.png", odd_path)
    page = tmp_path / "page.html"
    result = run(commands, built, "query", str(tmp_path), f"--html={page}")
    assert page.read_text().count("<img") == 7
    assert result.returncode == 2
    assert "not searched" in result.stdout
    assert len(result.stdout.splitlines()) == 2 + 7
    assert "1 of 2 images could not be searched" in result.stderr


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ([], "no action was given"),
        (["find"], "'find' is no action"),
        (["build", "a.png"], "build takes no images"),
        (["query"], "name images, or records"),
        (["query", "--records=1,x"], "--records is '1,x'"),
        (["query", "--records=99"], "its records are 0 to 17"),
        (["query", "--records=0", "--neighbours=19"], "19 neighbours"),
        (["query", "--records=0", "--bits=24"], "no codes of 24 bits"),
        (["query", "--records=0", "--approximate"], "no approximate index"),
        (["query", "nowhere.png"], "nowhere.png is not a file"),
        (["query", "--records=0", "--html=a.png"], ".html"),
        (["codes", "--bits=8", "--seed=-1"], "--seed=-1"),
        (["codes"], "--bits is missing"),
        (["codes", "--bits=20"], "multiple of 8"),
        (["build", "--layer=conv9"], "no layer 'conv9'"),
        (["build", "--layer=pool5"], "their layer is 'fc7', not 'pool5'"),
        (["query", "--records=0", "--export_dir=e"], "either --workdir or"),
    ],
)
def test_mistakes_are_sentences(commands, built, arguments, sentence):
    action = arguments[:1]
    result = commands.run(
        *MODULE,
        *action,
        *arguments[1:],
        f"--index_dir={built}/index",
        f"--workdir={built}/run",
    )
    assert result.returncode == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr


def test_another_checkpoint_and_other_data_are_refused(commands, built, tmp_path):
    image = tmp_path / "1.png"
    Image.new("RGB", (300, 300)).save(image)
    data_directories.write_data_directory(tmp_path / "data", seed=1)
    # After one small step the features of a tiny network are nearly the same.
    for flag, sentence in (
        ("--checkpoint=1", "another network or checkpoint"),
        (f"--data_dir={tmp_path}/data", "of other data"),
    ):
        result = run(commands, built, "query", str(image), flag)
        assert result.returncode == 2 and sentence in result.stderr
        assert not result.stdout


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
