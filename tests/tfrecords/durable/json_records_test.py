"""JSON becomes dataclasses only where every type is right."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import sys
from typing import Any

import pytest

from tfrecords import errors
from tfrecords.durable import json_records


@dataclasses.dataclass(frozen=True)
class Inner:
    count: int
    name: str | None


@dataclasses.dataclass(frozen=True)
class Outer:
    inner: Inner
    many: tuple[Inner, ...]
    by_name: dict[str, Inner]
    free: dict[str, Any]
    share: float
    flag: bool
    note: str = "none"


INNER = {"count": 1, "name": None}
OUTER = {
    "inner": INNER,
    "many": [INNER, {"count": 2, "name": "b"}],
    "by_name": {"x": INNER},
    "free": {"anything": [1, {}]},
    "share": 0.5,
    "flag": True,
}


def test_every_kind_of_field_is_read():
    assert json_records.convert(Outer, OUTER) == Outer(
        inner=Inner(1, None),
        many=(Inner(1, None), Inner(2, "b")),
        by_name={"x": Inner(1, None)},
        free={"anything": [1, {}]},
        share=0.5,
        flag=True,
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inner": None}, "inner is not an object"),
        ({"inner": {"count": 1}}, "inner.name is missing"),
        ({"inner": {**INNER, "more": 1}}, "inner.more is unknown"),
        ({"inner": {**INNER, "count": True}}, "inner.count is True, not of type int"),
        ({"inner": {**INNER, "count": 1.0}}, "inner.count is 1.0, not of type int"),
        ({"inner": {**INNER, "name": 1}}, "inner.name is 1, not of type str"),
        ({"many": [INNER, 3]}, r"many\[1\] is not an object"),
        ({"many": {"0": INNER}}, "many is .* not of type tuple"),
        ({"by_name": {"x": {"count": 1}}}, "by_name.x.name is missing"),
        ({"by_name": [INNER]}, "by_name is .* not of type dict"),
        ({"share": "0.5"}, "share is '0.5', not of type float"),
        ({"flag": 1}, "flag is 1, not of type bool"),
        ({"note": None}, "note is None, not of type str"),
    ],
)
def test_the_message_names_the_field(change, message):
    with pytest.raises(ValueError, match=message):
        json_records.convert(Outer, {**OUTER, **change})


def test_a_whole_number_may_stand_for_a_float():
    assert json_records.convert(Outer, {**OUTER, "share": 1}).share == 1


def test_a_file_that_is_no_object():
    with pytest.raises(ValueError, match="the file is not an object"):
        json_records.convert(Outer, [])


def write(path, value, **entries):
    path.write_text(json.dumps({**value, **entries}))
    return str(path)


def test_a_file_is_read_as_its_class(tmp_path):
    path = write(tmp_path / "a.json", INNER)
    assert json_records.read(path, Inner) == Inner(1, None)
    (tmp_path / "b.json").write_text(json.dumps([INNER]))
    found = json_records.read(str(tmp_path / "b.json"), tuple[Inner, ...])
    assert found == (Inner(1, None),)
    path = write(tmp_path / "c.json", INNER, more=1)
    assert json_records.read(path, Inner, ignore_unknown=True) == Inner(1, None)


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        (b"", "line 1"),
        (b"\xff", "utf-8"),
        (b"[" * 10**5, ""),
        (b"7", "not an object"),
        (b'{"count": 1}', "name"),
        (b'{"count": "1", "name": null}', "count"),
        (b'{"count": 1, "name": null, "more": 2}', "more"),
    ],
)
def test_damage_names_the_file_the_field_and_the_remedy(tmp_path, content, fact):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(errors.DataError) as caught:
        json_records.read(str(tmp_path / "a.json"), Inner, remedy="Make it again.")
    for part in (str(tmp_path / "a.json"), fact, "Make it again."):
        assert part in str(caught.value)


def test_a_file_that_is_too_large_is_refused(tmp_path, monkeypatch):
    path = write(tmp_path / "a.json", INNER)
    size = os.path.getsize(path)
    monkeypatch.setattr(json_records, "MAX_BYTES", size)
    assert json_records.read(path, Inner) == Inner(1, None)
    monkeypatch.setattr(json_records, "MAX_BYTES", size - 1)
    with pytest.raises(errors.DataError, match=f"{size - 1} bytes"):
        json_records.read(path, Inner)


def test_a_missing_file_is_the_callers_to_explain(tmp_path):
    with pytest.raises(FileNotFoundError):
        json_records.read(str(tmp_path / "none.json"), Inner)


def test_a_directory_in_place_of_the_file_is_named(tmp_path):
    with pytest.raises(errors.DataError, match=tmp_path.name):
        json_records.read(str(tmp_path), Inner)


def test_format_and_version_are_compared(tmp_path):
    path = write(tmp_path / "a.json", INNER, format="f", version=3)
    read = functools.partial(json_records.read, path, Inner)
    assert read(format_name="f", version=3) == Inner(1, None)
    with pytest.raises(errors.DataError, match="'f'"):
        read(format_name="g", version=3)
    with pytest.raises(errors.UserError, match=r"version 3.*version 4") as caught:
        read(format_name="f", version=4)
    assert not isinstance(caught.value, errors.DataError)
    with pytest.raises(errors.DataError, match="format is unknown"):
        read()


def test_every_changed_byte_of_a_sealed_file_is_damage(tmp_path):
    path = tmp_path / "a.json"
    json_records.write_sealed(str(path), INNER)
    read = functools.partial(json_records.read, str(path), Inner, may_be_sealed=True)
    assert read() == Inner(1, None)
    whole = path.read_bytes()
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 1
        path.write_bytes(changed)
        with pytest.raises(errors.DataError):
            read()


def test_a_dictionary_keeps_its_format(tmp_path):
    path = write(tmp_path / "a.json", INNER, format="f", version=3)
    found = json_records.read(path, dict[str, Any], format_name="f", version=3)
    assert found == {**INNER, "format": "f", "version": 3}


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
