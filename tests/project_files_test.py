"""Files about the project agree with each other and with the code."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

import pytest

import alexnet_tf
from tools import checkout_modules

CHECKOUT = pathlib.Path(__file__).parents[1]
MODULES = checkout_modules.read_modules(CHECKOUT)


def _read(name: str) -> str:
    return (CHECKOUT / name).read_text(encoding="utf-8")


def test_the_version_is_the_same_everywhere():
    version = alexnet_tf.__version__
    citation = _read("CITATION.cff")
    assert f"\nversion: {version}\n" in citation
    released = re.search(r"^date-released: (\S+)$", citation, re.MULTILINE)[1]
    assert f"## [{version}] - {released}" in _read("CHANGELOG.md")
    assert f'version = "{version}"' in _read("MODULE.bazel")


def test_the_changelog_keeps_its_form():
    headings = re.findall(r"^(##+) (.*)$", _read("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == ("##", "[Unreleased]")
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    for marks, heading in headings:
        if marks == "##":
            assert re.fullmatch(
                r"\[Unreleased\]|\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", heading
            )
        else:
            assert heading in kinds


def test_new_import_paths_in_the_changelog_exist():
    rows = re.findall(
        r"^\| `([\w.]+)`.* \| (.*) \|$", _read("CHANGELOG.md"), re.MULTILINE
    )
    assert len(rows) > 100
    for old, new in rows:
        for path in re.findall(r"`([\w.]+)`", new):
            assert path in MODULES, f"{old} -> {path}"


def test_the_workflow_calls_the_parts_of_ci():
    ours = set(re.findall(r"--no-print-directory ([a-z-]+)", _read(".ci/run")))
    workflow = _read(".github/workflows/ci.yml")
    called = set(re.findall(r"target: ([a-z-]+)", workflow))
    called.update(*map(str.split, re.findall(r"run: make ([a-z- ]+)$", workflow, re.M)))
    assert called >= ours >= {"lint", "types", "test", "test-addons"}
    for target in called:
        done = subprocess.run(["make", "--dry-run", target], cwd=CHECKOUT)
        assert done.returncode == 0
    for target in re.findall(r"//(tests[\w/.:]*)", workflow):
        folder, _, name = target.removesuffix("/...").partition(":")
        stem = name or "__init__"
        assert (CHECKOUT / folder / f"{stem}.py").is_file() or not name
        assert (CHECKOUT / folder).is_dir()
    assert "../" not in workflow


def test_the_workflow_tries_extras_and_builds_images():
    workflow = _read(".github/workflows/ci.yml")
    parts = re.findall(r'"(\d+)/(\d+)"', workflow)
    # Every part of the pairs is a job.
    assert parts == [(str(i), str(len(parts))) for i in range(1, len(parts) + 1)]
    assert "tools/check_extras.py --part=${{ matrix.part }}" in workflow
    (targets,) = re.findall(r"target: \[([a-z, ]+)\]", workflow)
    stages = re.findall(r"^FROM base AS (\w+)$", _read("Dockerfile"), re.MULTILINE)
    assert sorted(targets.split(", ")) == sorted(stages) == ["cpu", "gpu"]
    assert "docker build --target ${{ matrix.target }}" in workflow


def test_pre_commit_runs_the_ruff_of_setup():
    (minimum,) = re.findall(r'"ruff>=([\d.]+),', _read("setup.py"))
    hooks = _read(".pre-commit-config.yaml")
    (revision,) = re.findall(r"ruff-pre-commit\n(?: +#.*\n)* +rev: v(\S+)", hooks)
    assert revision == minimum


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
