"""Scalars mean what Go's yaml.v2 makes of them (`config.md` 1.3)."""

from __future__ import annotations

import math

import pytest

from alertrouter.config.document import read_document
from alertrouter.config.node import Kind, Scalar
from alertrouter.config.scalar import resolve


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("17:00", Kind.TEXT, "17:00"),
        ("1:5", Kind.TEXT, "1:5"),
        ("190:20:30.15", Kind.TEXT, "190:20:30.15"),
        ("2020-01-01", Kind.TEXT, "2020-01-01"),
        ("2001-12-14t21:59:43.10-05:00", Kind.TEXT, "2001-12-14t21:59:43.10-05:00"),
        ("y", Kind.BOOL, True),
        ("N", Kind.BOOL, False),
        ("Yes", Kind.BOOL, True),
        ("OFF", Kind.BOOL, False),
        ("yEs", Kind.TEXT, "yEs"),
        ("010", Kind.INT, 8),
        ("0o7", Kind.INT, 7),
        ("08", Kind.FLOAT, 8.0),
        ("1e3", Kind.FLOAT, 1000.0),
        (".5", Kind.FLOAT, 0.5),
        ("1.", Kind.FLOAT, 1.0),
        ("0x10", Kind.INT, 16),
        ("0b11", Kind.INT, 3),
        ("-0b11", Kind.INT, -3),
        ("1_000", Kind.INT, 1000),
        ("+5", Kind.INT, 5),
        ("-", Kind.TEXT, "-"),
        ("+-5", Kind.TEXT, "+-5"),
        ("1-2", Kind.TEXT, "1-2"),
        ("18446744073709551615", Kind.INT, 2**64 - 1),
        ("18446744073709551616", Kind.FLOAT, float(2**64)),
        ("=", Kind.TEXT, "="),
        ("~", Kind.NULL, None),
        ("Null", Kind.NULL, None),
        ("", Kind.NULL, None),
        ("nULL", Kind.TEXT, "nULL"),
        (".inf", Kind.FLOAT, math.inf),
        ("-.Inf", Kind.FLOAT, -math.inf),
    ],
)
def test_plain_scalars_resolve_as_in_go(text: str, kind: Kind, value: object) -> None:
    assert resolve(text) == (kind, value)


def test_not_a_number_is_a_float() -> None:
    kind, value = resolve(".NaN")
    assert kind is Kind.FLOAT
    assert isinstance(value, float)
    assert math.isnan(value)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("'5'", Kind.TEXT, "5"),
        ('"true"', Kind.TEXT, "true"),
        ("!!str 5", Kind.TEXT, "5"),
        ("!!int '5'", Kind.INT, 5),
        ("!mine 5", Kind.TEXT, "5"),
        ("!!binary aGk=", Kind.BINARY, "hi"),
        ("|\n  5", Kind.TEXT, "5"),
    ],
)
def test_quotes_and_tags_decide_before_the_text_does(text: str, kind: Kind, value: object) -> None:
    scalar = read_document(text, "x.yml")
    assert isinstance(scalar, Scalar)
    assert (scalar.kind, scalar.value) == (kind, value)
