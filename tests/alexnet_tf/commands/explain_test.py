"""Tests of `alexnet_tf.commands.explain`."""

from __future__ import annotations

import pathlib
import shutil
import sys
import tarfile

import pytest

from tests.alexnet_tf.inference.explain import page_test

MODULE = ("-m", "alexnet_tf.commands.explain")
GOLDEN = pathlib.Path(__file__).parents[2] / "golden"
FEW = ["--num_images=4", "--num_maps=2", "--num_kernels=1", "--num_patches=2"]


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    """The folder of a `run`, its `data_jpeg`, an old `export`, and `images`."""
    folder = tmp_path_factory.mktemp("golden")
    for name in ("data_jpeg", "run", "export"):
        with tarfile.open(GOLDEN / f"{name}.tar.xz") as archive:
            archive.extractall(folder, filter="data")
    (folder / "bad.png").write_bytes(b"no image")
    return folder


@pytest.fixture
def explain(commands, golden, tmp_path, monkeypatch):
    """Runs the command in the golden folder; its page is `page.html` of tmp_path."""
    monkeypatch.chdir(golden)

    def run(*flags):
        page = f"--output={tmp_path}/page.html"
        return commands.run(*MODULE, page, *FEW, *flags)

    return run


def find_image(golden, number=0):
    return str(sorted(golden.glob("images/validation/*/*.png"))[number])


def test_a_page_of_two_images_is_whole_in_itself(explain, golden, tmp_path):
    hostile = golden / "<script>x.png"
    shutil.copy(find_image(golden, 3), hostile)
    done = explain("--workdir=run", find_image(golden), str(hostile))
    assert done.returncode == 0, done.stderr
    path = tmp_path / "page.html"
    text = path.read_text("utf-8")
    parser = page_test.Parser(text)
    assert parser.faults == []
    assert "wrote" in done.stdout and "2 images" in done.stdout
    assert f"{path.stat().st_size / 1e6:.1f} MB" in done.stdout
    for fact in (
        "last, step 4",
        "blue things",
        "conv5b",
        "4 training images",
        "<script>x",
    ):
        assert fact in parser.text
    assert [file.name for file in tmp_path.iterdir()] == ["page.html"]
    for label in ("training images: 4 images", "occlusion: 225 positions"):
        assert label in done.stderr


def test_without_training_images_it_says_so(explain, golden, tmp_path):
    done = explain("--workdir=run", "--num_images=0", find_image(golden))
    assert done.returncode == 0 and "the page has no" not in done.stderr
    (golden / "data_jpeg").rename(golden / "moved")
    try:
        done = explain("--workdir=run", find_image(golden))
        assert done.returncode == 0
        assert "the page has no training images" in done.stderr
        text = page_test.Parser((tmp_path / "page.html").read_text("utf-8")).text
        assert "left out" in text and "data_jpeg" in text
        done = explain("--workdir=run", "--data_dir=moved", find_image(golden))
        assert done.returncode == 0 and "the page has no" not in done.stderr
    finally:
        (golden / "moved").rename(golden / "data_jpeg")


@pytest.mark.parametrize(
    "flags, facts",
    [
        (["IMAGE"], ["--workdir"]),
        (["--workdir=run"], ["no image"]),
        (["--workdir=run", "nowhere.png"], ["nowhere.png"]),
        (["--workdir=run", "bad.png"], ["bad.png", "JPEG"]),
        (["--workdir=images", "IMAGE"], ["images", "no run", "alexnet-train"]),
        (["--workdir=export", "IMAGE"], ["export", "inner layers", "the run"]),
        (["--workdir=run", "--kernels=conv1a:99", "IMAGE"], ["conv1a", "99"]),
        (["--workdir=run", "--kernels=fc6a:0", "IMAGE"], ["fc6a", "conv5b"]),
        (["--workdir=run", "--data_dir=images", "IMAGE"], ["images"]),
        (["--workdir=run", "--checkpoint=3000", "IMAGE"], ["3000"]),
        (["--workdir=run", "--square=67", "IMAGE"], ["67"]),
        (["--workdir=run", "--num_maps=17", "IMAGE"], ["--num_maps", "16"]),
        (["--workdir=run", "--output=a.txt", "IMAGE"], ["--output", ".html"]),
        (["--workdir=run", "--output=none/a.html", "IMAGE"], ["none"]),
        (["--workdir=run", "images/train"], ["8 images", "at most 4"]),
    ],
)
def test_mistakes_exit_with_2_and_the_reason(explain, golden, tmp_path, flags, facts):
    flags = [find_image(golden) if flag == "IMAGE" else flag for flag in flags]
    done = explain(*flags)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr and not done.stdout
    for fact in facts:
        assert fact in done.stderr
    assert list(tmp_path.iterdir()) == []


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
