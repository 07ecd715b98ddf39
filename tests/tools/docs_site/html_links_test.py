"""Tests of `tools.docs_site.html_links`, on tiny sites."""

from __future__ import annotations

import sys

import pytest

from tools.docs_site import html_links

PAGE = '<h1 id="a b">A</h1><a name="old"></a>'


def _check(tmp_path, html, name="index.html", **files):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "b c.html").write_text(PAGE)
    (tmp_path / "sub" / "index.html").write_text('<p id="x">')
    (tmp_path / name).write_text(html)
    for file, text in files.items():
        (tmp_path / file.replace("_", ".")).write_text(text)
    return html_links.find_problems(tmp_path)


@pytest.mark.parametrize(
    "html",
    [
        '<a href="b%20c.html">',
        '<a href="b%20c.html#a%20b">',
        '<a href="b%20c.html#old">',
        '<a href="sub/">',
        '<a href="sub#x">',
        '<a href="sub/../sub/index.html?q=1#x">',
        '<p id="here"><a href="#here">',
        '<a href="#">',
        '<a href="https://host/x">',
        '<a href="mailto:a@b.c">',
        '<a href="javascript:void(0)">',
        '<img src="a.png" alt="a">',
        '<img src="data:image/png;base64,AA==" alt="a">',
        '<link rel="canonical" href="https://host/">',
    ],
)
def test_good_links(tmp_path, html):
    assert _check(tmp_path, html) == []


@pytest.mark.parametrize(
    "html, address, reason",
    [
        ('<a href="missing.html">', "missing.html", "no file"),
        ('<a href="b%20c.html#no">', "b%20c.html#no", "no element of b c.html"),
        ('<a href="#no">', "#no", "no element of index.html"),
        ('<a href="sub#no">', "sub#no", "no element of sub/index.html"),
        ('<a href="../b.html">', "../b.html", "no file"),
        ('<a href="/a.png">', "/a.png", "root"),
        ('<img src="b.png" alt="b">', "b.png", "no file"),
        ('<script src="b.js">', "b.js", "no file"),
        ('<link rel="stylesheet" href="b.css">', "b.css", "no file"),
        ('<img src="a.png">', "a.png", "alt"),
        ('<img src="a.png" alt="">', "a.png", "alt"),
        ('<script src="https://cdn/x.js">', "https://cdn/x.js", "another server"),
        ('<img src="//cdn/x.png" alt="x">', "//cdn/x.png", "another server"),
        (
            '<link rel="stylesheet" href="https://fonts/x.css">',
            "https://fonts/x.css",
            "another server",
        ),
    ],
)
def test_bad_links(tmp_path, html, address, reason):
    (problem,) = _check(tmp_path, html)
    assert problem.startswith(f"index.html: {address} ")
    assert reason in problem


def test_style_sheets_load_nothing_from_other_servers(tmp_path):
    css = "@import 'https://a/b.css'; p {background: url(\"//c/d.png\")} a {b: url(x)}"
    problems = _check(tmp_path, "", site_css=css)
    assert len(problems) == 2
    assert "https://a/b.css" in problems[0] and "//c/d.png" in problems[1]


def test_the_page_for_any_address_has_absolute_paths(tmp_path):
    html = '<a href="/sub/"></a><a href="/no"></a>'
    (problem,) = _check(tmp_path, html, "404.html")
    assert problem.startswith("404.html: /no ")


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
