"""What the steps through HTML, scripts and styles share."""

from __future__ import annotations

import re
from typing import Final

from alertrouter.gotemplate.contextual.context import Context, State, UrlPart
from alertrouter.gotemplate.quoting import quote

Step = tuple[Context, int]
SPACE: Final = " \t\n\f\r"
_SPACES = re.compile(r"[ \t\n\f\r]*")


class StructureError(Exception):
    """The HTML of a template's own text cannot be read."""


def skip_space(text: str, start: int, stop: int) -> int:
    match = _SPACES.match(text, start, stop)
    return match.end() if match else start


def short(text: str) -> str:
    return quote(text[:32])


def url(context: Context, text: str, start: int, stop: int) -> Step:
    return url_after(context, text[start:stop]), stop


def url_after(context: Context, url: str) -> Context:
    if "#" in url or "?" in url:
        return context._replace(url_part=UrlPart.QUERY_OR_FRAGMENT)
    if context.url_part is UrlPart.NONE and url.strip(SPACE):
        return context._replace(url_part=UrlPart.PRE_QUERY)
    return context


def block_comment(context: Context, text: str, start: int, stop: int) -> Step:
    closing = text.find("*/", start, stop)
    if closing < 0:
        return context, stop
    after = State.JS if context.state is State.JS_BLOCK_COMMENT else State.CSS
    return context._replace(state=after), closing + 2


_JS_LINE_END = re.compile("[\n\r\u2028\u2029]")
_CSS_LINE_END = re.compile("[\n\f\r]")


def line_comment(context: Context, text: str, start: int, stop: int) -> Step:
    in_css = context.state is State.CSS_LINE_COMMENT
    match = (_CSS_LINE_END if in_css else _JS_LINE_END).search(text, start, stop)
    if match is None:
        return context, stop
    # The end of the line is no part of the comment.
    return context._replace(state=State.CSS if in_css else State.JS), match.start()
