"""JSON becomes dataclasses only where every type is right."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

import pytest

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
    assert json_records.read_dataclass(Outer, OUTER) == Outer(
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
    ],
)
def test_the_message_names_the_field(change, message):
    with pytest.raises(ValueError, match=message):
        json_records.read_dataclass(Outer, {**OUTER, **change})


def test_a_file_that_is_no_object():
    with pytest.raises(ValueError, match="the file is not an object"):
        json_records.read_dataclass(Outer, [])


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
