"""Builds the documentation's site, and checks its links."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile

from absl import flags

# A script of the checkout finds the checkout's packages, wherever it is called.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tfrecords import errors, plurals
from tfrecords.console import command_line
from tools import setup_values
from tools.docs_site import html_links, pages

ROOT = pathlib.Path(__file__).resolve().parents[1]

SYNOPSIS = """\
python tools/build_docs.py [--site_dir=build/site] [--url=https://host/owner/name]

Builds the site from README.md, docs/ and the docstrings, with MkDocs (extra docs), and
checks every link, anchor and image of it. `make docs` does it in an environment of its
own."""

_SITE = flags.DEFINE(
    command_line.PathParser(),
    "site_dir",
    str(ROOT / "build" / "site"),
    "the site's folder, which is replaced",
)
_URL = flags.DEFINE(
    command_line.TextParser(),
    "url",
    None,
    "the repository's address, for links to files that the site does not have; by "
    "default that of CITATION.cff; without any, only the links' texts stay",
)


def build(site: pathlib.Path, url: str | None) -> list[str]:
    """Builds the site, and returns what is wrong with its links.

    Raises `UserError` if MkDocs is missing, or prints a warning.
    """
    if importlib.util.find_spec("mkdocs") is None:
        raise errors.UserError(
            "MkDocs is not installed. Use `make docs`, or install the extra docs: pip "
            "install 'alexnet-tf[docs]'."
        )
    with tempfile.TemporaryDirectory() as folder:
        pages.write(ROOT, pathlib.Path(folder), url)
        # Not --quiet, which would keep warnings from being counted.
        command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
        command += ["--config-file", str(ROOT / "mkdocs.yml"), "--site-dir", str(site)]
        variables = {"DOCS_DIR": folder, "REPOSITORY_URL": url or ""}
        # Material announces its successor at every start.
        variables["NO_MKDOCS_2_WARNING"] = "1"
        # MkDocs' extensions are in the checkout, which is its working directory.
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, **variables})
    if done.returncode:
        raise errors.UserError(
            f"MkDocs ended with {done.returncode}. Correct what it printed above: a "
            "warning counts as an error."
        )
    return html_links.find_problems(site)


def main() -> None:
    """Reads the flags, builds the site, prints what is wrong with it."""
    site = pathlib.Path(_SITE.value).absolute()
    problems = build(site, _URL.value or setup_values.read(ROOT)["read_url"]())
    for problem in problems:
        print(problem)
    if problems:
        raise errors.UserError(
            f"the site has {plurals.counted(len(problems), 'wrong link')}, as printed "
            "above. Correct the pages that they are on."
        )
    paths = [path for path in site.rglob("*") if path.is_file()]
    megabytes = sum(path.stat().st_size for path in paths) / 1e6
    num_pages = plurals.counted(sum(p.suffix == ".html" for p in paths), "page")
    print(f"{site}: {num_pages}, {megabytes:.1f} MB; every link leads somewhere.")


if __name__ == "__main__":
    command_line.run(main, __name__, SYNOPSIS, prints_result=lambda: True)
