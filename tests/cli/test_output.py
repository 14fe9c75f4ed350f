"""Tables line up as amtool's do, JSON reads as Go writes it."""

from __future__ import annotations

import pytest

from alertrouter.cli.output import align
from alertrouter.client import go_json


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("", "", id="nothing"),
        pytest.param("no cell\n", "no cell\n", id="what does not end in a tab is left alone"),
        pytest.param(
            "a\tbb\t\nccc\td\t\n", "a    bb  \nccc  d   \n", id="every cell is padded, the last one too"
        ),
        pytest.param("a\tbb\nccc\td\n", "a    bb\nccc  d\n", id="what follows the last tab is not"),
        pytest.param("\t\t\n", "    \n", id="empty cells have a width"),
        pytest.param("ü\tx\t\naa\tx\t\n", "ü   x  \naa  x  \n", id="characters count, not bytes"),
        pytest.param(
            "aaa\tlong\t\nb\tx\ny\t\nc\tz\t\n",
            "aaa  long  \nb    x\ny    \nc    z  \n",
            id="a line break in a cell ends the columns right of it",
        ),
        pytest.param(
            "aaa\t\nplain\nb\t\n", "aaa  \nplain\nb  \n", id="a line without cells ends all columns"
        ),
    ],
)
def test_align(text: str, wanted: str) -> None:
    assert align(text) == wanted


def test_json_is_escaped_as_by_go() -> None:
    assert go_json({"a": ["<b> & 'ü'\n\u2028", True, None, 1]}) == (
        r"""{"a":["\u003cb\u003e \u0026 'ü'\n\u2028",true,null,1]}"""
    )
