"""Tests of `tools/build_docs.py`, with a stand-in for MkDocs."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import sys

import pytest

from tests import processes

HAS_MKDOCS = importlib.util.find_spec("mkdocs") is not None
CHECKOUT = pathlib.Path(__file__).parents[2]

# A program in MkDocs' place: it writes a page, or ends as MkDocs does after a warning.
STAND_IN = """
import os, pathlib, sys
assert "--strict" in sys.argv
site = pathlib.Path(sys.argv[sys.argv.index("--site-dir") + 1])
docs = pathlib.Path(os.environ["DOCS_DIR"])
site.mkdir()
page = os.environ["PAGE"].format(url=os.environ["REPOSITORY_URL"])
(site / "index.html").write_text(page + str((docs / "index.md").is_file()))
sys.exit(int(os.environ.get("CODE", 0)))
"""

# Builds the site as it is, and with a page that the navigation lacks.
WHOLE = """
import pathlib, sys
from unittest import mock
from tfrecords import errors
from tools import build_docs

def write(root, folder, url):
    original(root, folder, url)
    (folder / "new.md").write_text("# New")

site = pathlib.Path(sys.argv[1])
problems = build_docs.build(site, None)
assert not problems, problems
assert len(list(site.glob("api/*.html"))) > 10
assert "tensorflow" not in sys.modules
original = build_docs.pages.write
with mock.patch.object(build_docs.pages, "write", write):
    try:
        build_docs.build(site, None)
    except errors.UserError as error:
        print("refused:", error)
"""


def _build(tmp_path, *flags, page="", **variables):
    (tmp_path / "mkdocs.py").write_text(STAND_IN)
    return processes.run_python(
        CHECKOUT / "tools" / "build_docs.py",
        f"--site_dir={tmp_path / 'site'}",
        *flags,
        PAGE=page,
        PYTHONPATH=os.pathsep.join([str(tmp_path), *sys.path]),
        **variables,
    )


def test_a_sound_site_is_summed_up(tmp_path):
    page = '<p id="a"><a href="#a">{url}'
    done = _build(tmp_path, "--url=https://host/us", page=page)
    assert done.returncode == 0, done.stderr
    assert ": 1 page," in done.stdout
    built = (tmp_path / "site" / "index.html").read_text()
    assert "https://host/us" in built and built.endswith("True")


def test_a_link_that_leads_nowhere_fails(tmp_path):
    done = _build(tmp_path, page='<a href="missing.html">')
    assert done.returncode == 2
    assert "index.html: missing.html" in done.stdout
    assert "1 wrong link," in done.stderr and "Traceback" not in done.stderr


def test_a_warning_fails(tmp_path):
    done = _build(tmp_path, CODE="1")
    assert done.returncode == 2
    assert "MkDocs ended with 1" in done.stderr


@pytest.mark.skipif(not HAS_MKDOCS, reason="the extra docs is not installed")
def test_the_whole_site_and_one_with_a_warning(tmp_path):
    done = processes.run_python("-c", WHOLE, tmp_path / "site", cwd=CHECKOUT)
    assert done.returncode == 0, done.stderr
    assert "refused: MkDocs ended with 1" in done.stdout
    assert "new.md" in done.stderr


@pytest.mark.skipif(HAS_MKDOCS, reason="MkDocs is installed")
def test_without_mkdocs_the_extra_is_named(tmp_path):
    done = processes.run_python(CHECKOUT / "tools" / "build_docs.py")
    assert done.returncode == 2
    assert "pip install 'alexnet-tf[docs]'" in done.stderr


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
