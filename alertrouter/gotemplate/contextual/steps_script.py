"""Steps through JavaScript: strings, template literals, regular expressions, comments."""

from __future__ import annotations

import re
from typing import Final

from alertrouter.gotemplate.contextual.context import Context, Slash, State
from alertrouter.gotemplate.contextual.steps import Step, StructureError, short
from alertrouter.gotemplate.quoting import quote

_JS_TOKEN = re.compile("[\"`'/{}<#-]")
_JS_SPACE: Final = "\t\n\f\r \u2028\u2029"
_JS_WORD_AT_END = re.compile(r"[$_0-9a-zA-Z]+\Z")
_BEFORE_REGEXP: Final = frozenset(
    (
        *("break", "case", "continue", "delete", "do", "else", "finally", "in"),
        *("instanceof", "return", "throw", "try", "typeof", "void"),
    )
)
_JS_OPENS: Final = {'"': State.JS_DOUBLE, "'": State.JS_SINGLE, "`": State.JS_TEMPLATE}


def next_slash(text: str, before: Slash) -> Slash:
    """What a slash after this piece of script would begin: a regular expression or a division."""
    text = text.rstrip(_JS_SPACE)
    if not text:
        return before
    last = text[-1]
    if last in "+-":
        # `x++ /` divides, `x + /` does not; "---" is read as "-- -".
        count = len(text) - len(text.rstrip(last))
        return Slash.REGEXP if count % 2 else Slash.DIVISION
    if last == ".":
        return Slash.DIVISION if text[-2:-1] in tuple("0123456789") else Slash.REGEXP
    if last in ",<>=*%&|^?!~([:;{}":
        return Slash.REGEXP
    word = _JS_WORD_AT_END.search(text, max(0, len(text) - 16))
    return Slash.REGEXP if word and word[0] in _BEFORE_REGEXP else Slash.DIVISION


def js(context: Context, text: str, start: int, stop: int) -> Step:  # noqa: PLR0911  # one line for each token
    match = _JS_TOKEN.search(text, start, stop)
    if match is None:
        return context._replace(slash=next_slash(text[start:stop], context.slash)), stop
    at = match.start()
    context = context._replace(slash=next_slash(text[start:at], context.slash))
    mark = match[0]
    if mark in _JS_OPENS:
        return context._replace(state=_JS_OPENS[mark], slash=Slash.REGEXP), at + 1
    if mark == "/":
        return _js_slash(context, text, at, stop)
    if text.startswith("<!--", at, stop):
        return context._replace(state=State.JS_HTML_OPEN_COMMENT), at + 4
    if text.startswith("-->", at, stop):
        return context._replace(state=State.JS_HTML_CLOSE_COMMENT), at + 3
    if text.startswith("#!", at, stop):
        return context._replace(state=State.JS_LINE_COMMENT), at + 2
    if mark in "{}":
        return _js_brace(context, mark), at + 1
    # Compat: `x - /a/` is taken for a division here, as it is there.
    return context, at + 1


def _js_slash(context: Context, text: str, at: int, stop: int) -> Step:
    if text.startswith("//", at, stop):
        return context._replace(state=State.JS_LINE_COMMENT), at + 2
    if text.startswith("/*", at, stop):
        return context._replace(state=State.JS_BLOCK_COMMENT), at + 2
    if context.slash is Slash.REGEXP:
        return context._replace(state=State.JS_REGEXP), at + 1
    if context.slash is Slash.DIVISION:
        return context._replace(slash=Slash.REGEXP), at + 1
    raise StructureError(f"'/' could start a division or regexp: {short(text[at:stop])}")


def _js_brace(context: Context, brace: str) -> Context:
    """Braces count only inside `${…}`, whose end leads back into its template literal."""
    if not context.braces:
        return context._replace(slash=Slash.REGEXP)
    *outer, depth = context.braces
    depth += 1 if brace == "{" else -1
    if depth >= 0:
        return context._replace(braces=(*outer, depth), slash=Slash.REGEXP)
    return context._replace(braces=tuple(outer), state=State.JS_TEMPLATE)


_JS_TEMPLATE_TOKEN = re.compile(r"\\|\$\{|`")


def js_template(context: Context, text: str, start: int, stop: int) -> Step:
    position = start
    while match := _JS_TEMPLATE_TOKEN.search(text, position, stop):
        position = match.end()
        if match[0] == "`":
            return context._replace(state=State.JS), position
        if match[0] == "${":
            return context._replace(state=State.JS, braces=(*context.braces, 0)), position
        if position == stop:
            raise StructureError(f"unfinished escape sequence in JS string: {quote(text[start:stop])}")
        position += 1
    return context, stop


_JS_DELIMITED: Final = {
    State.JS_DOUBLE: re.compile(r'[\\"]'),
    State.JS_SINGLE: re.compile(r"[\\']"),
    State.JS_REGEXP: re.compile(r"[\\/\[\]]"),
}


# It will be escaped, and so its slash does not end a regular expression.
_SCRIPT_END = re.compile("</script", re.IGNORECASE)


def js_delimited(context: Context, text: str, start: int, stop: int) -> Step:
    position = start
    in_set = False
    special = _JS_DELIMITED[context.state]
    while match := special.search(text, position, stop):
        position = match.end()
        if match[0] == "\\":
            if position == stop:
                raise StructureError(f"unfinished escape sequence in JS string: {quote(text[start:stop])}")
            position += 1
        elif match[0] in "[]":
            in_set = match[0] == "["
        elif not in_set and not _SCRIPT_END.match(text, max(start, match.start() - 1), stop):
            return context._replace(state=State.JS, slash=Slash.DIVISION), position
    if in_set:
        raise StructureError(f"unfinished JS regexp charset: {quote(text[start:stop])}")
    return context, stop
