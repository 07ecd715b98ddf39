"""Tests of what `tools/docs_site/theme/` changes in the theme."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tests import documentation

THEME = documentation.CHECKOUT / "tools" / "docs_site" / "theme"

# A page that asks a worker, as the theme's search does, and shows its answer.
PAGE = """<!doctype html><title>none</title><body>{shim}<script>
try {{
  const worker = new Worker("worker.js");
  worker.addEventListener("message", (event) => {{ document.title = event.data; }});
  worker.postMessage(21);
}} catch (error) {{ document.title = error.name; }}
</script>"""
WORKER = 'addEventListener("message", (e) => postMessage(`answer ${2 * e.data}`));'


def _open(tmp_path, shim: str) -> str:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("Chromium is not installed")
    shutil.copy(THEME / "assets" / "iframe-worker.js", tmp_path)
    (tmp_path / "worker.js").write_text(WORKER)
    (tmp_path / "page.html").write_text(PAGE.format(shim=shim))
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    options += ["--virtual-time-budget=10000", f"--user-data-dir={tmp_path / 'user'}"]
    done = subprocess.run(
        [chromium, *options, (tmp_path / "page.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout


def test_a_worker_answers_on_a_page_that_is_a_file(tmp_path):
    html = _open(tmp_path, '<script src="iframe-worker.js"></script>')
    assert "<title>answer 42</title>" in html


def test_without_the_shim_it_does_not(tmp_path):
    assert "answer" not in _open(tmp_path, "").partition("</title>")[0]


def test_the_repository_is_a_link_and_nothing_more():
    """The theme's own script asks GitHub about elements with this attribute."""
    text = (THEME / "partials" / "source.html").read_text(encoding="utf-8")
    assert "{{ config.repo_url }}" in text
    assert "data-md-component" not in text


def test_mkdocs_uses_the_theme_and_loads_no_fonts():
    text = (documentation.CHECKOUT / "mkdocs.yml").read_text(encoding="utf-8")
    assert f"custom_dir: {THEME.relative_to(documentation.CHECKOUT)}\n" in text
    assert "\n  font: false\n" in text
    assert "- assets/iframe-worker.js\n" in text


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
