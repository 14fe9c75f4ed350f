"""Steps through CSS: strings, `url(…)`, comments."""

from __future__ import annotations

import re
from typing import Final

from alertrouter.gotemplate.contextual.context import Context, State
from alertrouter.gotemplate.contextual.css import decode, ends_with_keyword
from alertrouter.gotemplate.contextual.steps import SPACE, Step, StructureError, skip_space, url_after
from alertrouter.gotemplate.quoting import quote

_CSS_TOKEN = re.compile("""[("'/]""")
_CSS_STRING_END: Final = {
    State.CSS_DOUBLE: re.compile(r'[\\"]'),
    State.CSS_DOUBLE_URL: re.compile(r'[\\"]'),
    State.CSS_SINGLE: re.compile(r"[\\']"),
    State.CSS_SINGLE_URL: re.compile(r"[\\']"),
    State.CSS_URL: re.compile(r"[\\\t\n\f\r )]"),
}


def css(context: Context, text: str, start: int, stop: int) -> Step:
    position = start
    while match := _CSS_TOKEN.search(text, position, stop):
        at, position = match.start(), match.end()
        if match[0] == "(":
            if ends_with_keyword(text[max(start, at - 64) : at].rstrip(SPACE), "url"):
                inside = skip_space(text, position, stop)
                state = {'"': State.CSS_DOUBLE_URL, "'": State.CSS_SINGLE_URL}.get(text[inside : inside + 1])
                if state is None or inside == stop:
                    return context._replace(state=State.CSS_URL), inside
                return context._replace(state=state), inside + 1
        elif match[0] == "/":
            if text.startswith("//", at, stop):
                return context._replace(state=State.CSS_LINE_COMMENT), at + 2
            if text.startswith("/*", at, stop):
                return context._replace(state=State.CSS_BLOCK_COMMENT), at + 2
        else:
            state = State.CSS_DOUBLE if match[0] == '"' else State.CSS_SINGLE
            return context._replace(state=state), position
    return context, stop


def css_string(context: Context, text: str, start: int, stop: int) -> Step:
    position = start
    special = _CSS_STRING_END[context.state]
    while match := special.search(text, position, stop):
        if match[0] != "\\":
            return context._replace(state=State.CSS), match.end()
        position = match.end()
        if position == stop:
            raise StructureError(f"unfinished escape sequence in CSS string: {quote(text[start:stop])}")
        position += 1
        context = url_after(context, decode(text[start:position]))
    return url_after(context, decode(text[position:stop])), stop
