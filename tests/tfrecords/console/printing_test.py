"""Tests of `tfrecords.console.printing`."""

from __future__ import annotations

import io
import json
import sys

import pytest

from tfrecords.console import printing

NAME = "caf\udce9 é 名 \\.jpg"  # A byte that is no UTF-8; letters beyond ASCII.


def test_names_stay_on_one_line():
    assert printing.escape("a\tb\nc\x1b[31m") == "a\\tb\\nc\\x1b[31m"
    assert printing.escape("caf\udce9 é.jpg") == "caf\\udce9 é.jpg"


@pytest.fixture(params=["ascii", "latin-1", "utf-8"])
def stream(request):
    """What a terminal's standard output may be; it raises where it can."""
    return io.TextIOWrapper(io.BytesIO(), request.param, errors="strict")


def write(stream, text):
    stream.write(text)
    stream.flush()
    return stream.buffer.getvalue()


def test_what_a_terminal_cannot_show_is_escaped(stream, monkeypatch):
    monkeypatch.setattr(sys, "stdout", stream)
    printing.escape_unencodable()
    expected = NAME.encode(stream.encoding, "backslashreplace")
    assert write(stream, NAME) == expected and b"caf\\udce9 " in expected


def test_json_is_utf8_and_gives_back_the_name(stream, monkeypatch):
    monkeypatch.setattr(sys, "stdout", stream)
    printing.write_utf8()
    written = write(stream, json.dumps({NAME: 1}, ensure_ascii=False))
    assert json.loads(written.decode("utf-8", "strict")) == {NAME: 1}


def test_other_streams_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    printing.escape_unencodable()
    printing.write_utf8()
    assert sys.stdout.getvalue() == ""


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
