"""Quoting as Go does it. The expected texts were printed by a Go program."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertrouter.core.go_quote import quote


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("", '""'),
        ("api", '"api"'),
        ("foo🙂 é", '"foo🙂 é"'),
        ('a"b\\c', r'"a\"b\\c"'),
        ("\a\b\f\n\r\t\v", r'"\a\b\f\n\r\t\v"'),
        ("\x00\x1f\x7f", r'"\x00\x1f\x7f"'),
        ("\x80\xa0\u2028\ufeff", r'"\u0080\u00a0\u2028\ufeff"'),
        ("\u3000", r'"\u3000"'),
        ("\U000e0001", r'"\U000e0001"'),
        ("'", '"\'"'),
        ("\ud800", '"\ufffd"'),
    ],
)
def test_quote(text: str, quoted: str) -> None:
    assert quote(text) == quoted


@given(st.text())
def test_a_quoted_text_is_on_one_line_and_says_what_it_was(text: str) -> None:
    quoted = quote(text)
    assert quoted.isprintable()
    # Go's escapes are a subset of Python's.
    assert ast.literal_eval(quoted) == text
