"""How literal text moves from one context to the next.

`advance` takes one step: from a place in the text to the next place where the context may have changed. The rules
are those of html/template, which in turn follow the HTML5, CSS 3 and ECMAScript tokenizers.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Final

from alertrouter.gotemplate.contextual.attributes import Holds, is_script_type, what_holds
from alertrouter.gotemplate.contextual.context import (
    COMMENTS,
    CONTENT_STATES,
    INSIDE_TAG,
    SCRIPT_LITERALS,
    VALUE_STATES,
    Attribute,
    Context,
    Delimiter,
    Element,
    Slash,
    State,
    UrlPart,
)
from alertrouter.gotemplate.contextual.css import decode, ends_with_keyword
from alertrouter.gotemplate.quoting import quote

if TYPE_CHECKING:
    from collections.abc import Callable


class StructureError(Exception):
    """The HTML of a template's own text cannot be read."""


Step = tuple[Context, int]

_SPACE: Final = " \t\n\f\r"
_SPACES = re.compile(r"[ \t\n\f\r]*")
_TAG_NAME = re.compile(r"[a-zA-Z](?:[a-zA-Z0-9]|[:-](?=[a-zA-Z0-9]))*")
_ATTRIBUTE_NAME_END = re.compile(r"""[ \t\n\f\r=>'"<]""")
_VALUE_END: Final = {
    Delimiter.DOUBLE: re.compile('"'),
    Delimiter.SINGLE: re.compile("'"),
    Delimiter.SPACE: re.compile(r"[ \t\n\f\r>]"),
}
_NOT_IN_UNQUOTED = re.compile(r"""["'<=`]""")
_ELEMENTS: Final = {
    "script": Element.SCRIPT,
    "style": Element.STYLE,
    "textarea": Element.TEXTAREA,
    "title": Element.TITLE,
    "meta": Element.META,
}
_ELEMENT_END: Final = {
    element: re.compile(rf"</{name}(?=[ \t\n\f/>])", re.IGNORECASE | re.ASCII)
    for name, element in _ELEMENTS.items()
    if element is not Element.META
}
_ATTRIBUTES: Final = {
    Holds.URL: Attribute.URL,
    Holds.STYLE: Attribute.STYLE,
    Holds.SCRIPT: Attribute.SCRIPT,
    Holds.SRCSET: Attribute.SRCSET,
}


class Reader:
    """Takes steps through one piece of literal text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._element_ends: dict[Element, int] = {}

    def advance(self, context: Context, position: int) -> Step:
        """The context after the next piece of text, and where that piece ends. Raises StructureError."""
        if context.delimiter is not Delimiter.NONE:
            return self._in_value(context, position)
        end = self._element_end(context, position)
        if end == position:
            return Context(), position
        return _STEPS[context.state](context, self.text, position, end)

    def _element_end(self, context: Context, position: int) -> int:
        """Where the content of a script, style, textarea or title ends."""
        closing = _ELEMENT_END.get(context.element)
        if closing is None:
            return len(self.text)
        if context.element is Element.SCRIPT and (
            context.state in SCRIPT_LITERALS or context.state in COMMENTS
        ):
            # `</script` inside a literal is escaped, so it does not end anything.
            return len(self.text)
        known = self._element_ends.get(context.element, -1)
        if known < position:
            match = closing.search(self.text, position)
            known = self._element_ends[context.element] = match.start() if match else len(self.text)
        return known

    def _in_value(self, context: Context, position: int) -> Step:
        text = self.text
        match = _VALUE_END[context.delimiter].search(text, position)
        end = match.start() if match else len(text)
        value = text[position:end]
        if context.delimiter is Delimiter.SPACE and (bad := _NOT_IN_UNQUOTED.search(value)):
            raise StructureError(f"{quote(bad[0])} in unquoted attr: {quote(value)}")
        if end == len(text):
            # Entities are read here once, so that the rules for URLs, CSS and scripts need not know them.
            inner = html.unescape(value)
            at = 0
            while at < len(inner):
                context, at = _STEPS[context.state](context, inner, at, len(inner))
            return context, end
        element = context.element
        if (
            context.state is State.ATTR
            and element is Element.SCRIPT
            and context.attribute is Attribute.SCRIPT_TYPE
            and not is_script_type(value)
        ):
            element = Element.NONE
        if context.delimiter is not Delimiter.SPACE:
            end += 1
        return Context(state=State.TAG, element=element), end


# HTML


def _text(context: Context, text: str, start: int, stop: int) -> Step:
    position = start
    while True:
        opening = text.find("<", position, stop)
        if opening < 0 or opening + 1 == stop:
            return context, stop
        if text.startswith("<!--", opening, stop):
            return Context(state=State.HTML_COMMENT), opening + 4
        position = opening + 1
        closes = text[position] == "/"
        if closes:
            position += 1
            if position == stop:
                return context, stop
        if match := _TAG_NAME.match(text, position, stop):
            element = Element.NONE if closes else _ELEMENTS.get(match[0].lower(), Element.NONE)
            return Context(state=State.TAG, element=element), match.end()


def _skip_space(text: str, start: int, stop: int) -> int:
    match = _SPACES.match(text, start, stop)
    return match.end() if match else start


def _attribute_name_end(text: str, start: int, stop: int, shown: int) -> int:
    match = _ATTRIBUTE_NAME_END.search(text, start, stop)
    if match is None:
        return stop
    if match[0] in "'\"<":
        raise StructureError(f"{quote(match[0])} in attribute name: {_short(text[shown:stop])}")
    return match.start()


def _short(text: str) -> str:
    return quote(text[:32])


def _tag(context: Context, text: str, start: int, stop: int) -> Step:
    position = _skip_space(text, start, stop)
    if position == stop:
        return context, stop
    if text[position] == ">":
        element = Element.NONE if context.element is Element.META else context.element
        return Context(state=CONTENT_STATES[context.element], element=element), position + 1
    end = _attribute_name_end(text, position, stop, start)
    if end == position:
        raise StructureError(
            f"expected space, attr name, or end of tag, but got {quote(text[position:stop])}"
        )
    name = text[position:end].lower()
    if context.element is Element.SCRIPT and name == "type":
        attribute = Attribute.SCRIPT_TYPE
    elif context.element is Element.META and name == "content":
        attribute = Attribute.META_CONTENT
    else:
        attribute = _ATTRIBUTES.get(what_holds(name), Attribute.NONE)
    state = State.ATTR_NAME if end == stop else State.AFTER_NAME
    return Context(state=state, element=context.element, attribute=attribute), end


def _in_attribute_name(context: Context, text: str, start: int, stop: int) -> Step:
    end = _attribute_name_end(text, start, stop, start)
    return (context if end == stop else context._replace(state=State.AFTER_NAME)), end


def _after_name(context: Context, text: str, start: int, stop: int) -> Step:
    position = _skip_space(text, start, stop)
    if position == stop:
        return context, stop
    if text[position] != "=":
        return context._replace(state=State.TAG), position
    return context._replace(state=State.BEFORE_VALUE), position + 1


def _before_value(context: Context, text: str, start: int, stop: int) -> Step:
    position = _skip_space(text, start, stop)
    if position == stop:
        return context, stop
    delimiter = {'"': Delimiter.DOUBLE, "'": Delimiter.SINGLE}.get(text[position], Delimiter.SPACE)
    if delimiter is not Delimiter.SPACE:
        position += 1
    return context._replace(state=VALUE_STATES[context.attribute], delimiter=delimiter), position


def _html_comment(context: Context, text: str, start: int, stop: int) -> Step:
    closing = text.find("-->", start, stop)
    return (context, stop) if closing < 0 else (Context(), closing + 3)


def _stay(context: Context, text: str, start: int, stop: int) -> Step:  # noqa: ARG001  # a step like the others
    return context, stop


def _url(context: Context, text: str, start: int, stop: int) -> Step:
    return _url_after(context, text[start:stop]), stop


def _url_after(context: Context, url: str) -> Context:
    if "#" in url or "?" in url:
        return context._replace(url_part=UrlPart.QUERY_OR_FRAGMENT)
    if context.url_part is UrlPart.NONE and url.strip(_SPACE):
        return context._replace(url_part=UrlPart.PRE_QUERY)
    return context


_META_URL = re.compile("url=", re.IGNORECASE)


def _meta_content(context: Context, text: str, start: int, stop: int) -> Step:
    match = _META_URL.search(text, start, stop)
    return (context._replace(state=State.META_CONTENT_URL), match.end()) if match else (context, stop)


def _meta_content_url(context: Context, text: str, start: int, stop: int) -> Step:
    closing = text.find(";", start, stop)
    return (context, stop) if closing < 0 else (context._replace(state=State.META_CONTENT), closing + 1)


# Scripts

_JS_TOKEN = re.compile("[\"`'/{}<#-]")
_JS_SPACE: Final = "\t\n\f\r \u2028\u2029"
_JS_WORD_AT_END = re.compile(r"[$_0-9a-zA-Z]+\Z")
_BEFORE_REGEXP: Final = frozenset(
    "break case continue delete do else finally in instanceof return throw try typeof void".split()
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


def _js(context: Context, text: str, start: int, stop: int) -> Step:  # noqa: PLR0911  # one line for each token
    match = _JS_TOKEN.search(text, start, stop)
    if match is None:
        return context._replace(slash=next_slash(text[start:stop], context.slash)), stop
    at = match.start()
    context = context._replace(slash=next_slash(text[start:at], context.slash))
    token = match[0]
    if token in _JS_OPENS:
        return context._replace(state=_JS_OPENS[token], slash=Slash.REGEXP), at + 1
    if token == "/":
        return _js_slash(context, text, at, stop)
    if text.startswith("<!--", at, stop):
        return context._replace(state=State.JS_HTML_OPEN_COMMENT), at + 4
    if text.startswith("-->", at, stop):
        return context._replace(state=State.JS_HTML_CLOSE_COMMENT), at + 3
    if text.startswith("#!", at, stop):
        return context._replace(state=State.JS_LINE_COMMENT), at + 2
    if token in "{}":
        return _js_brace(context, token), at + 1
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
    raise StructureError(f"'/' could start a division or regexp: {_short(text[at:stop])}")


def _js_brace(context: Context, token: str) -> Context:
    """Braces count only inside `${…}`, whose end leads back into its template literal."""
    if not context.braces:
        return context._replace(slash=Slash.REGEXP)
    *outer, depth = context.braces
    depth += 1 if token == "{" else -1
    if depth >= 0:
        return context._replace(braces=(*outer, depth), slash=Slash.REGEXP)
    return context._replace(braces=tuple(outer), state=State.JS_TEMPLATE)


_JS_TEMPLATE_TOKEN = re.compile(r"\\|\$\{|`")


def _js_template(context: Context, text: str, start: int, stop: int) -> Step:
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


def _js_delimited(context: Context, text: str, start: int, stop: int) -> Step:
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


def _block_comment(context: Context, text: str, start: int, stop: int) -> Step:
    closing = text.find("*/", start, stop)
    if closing < 0:
        return context, stop
    after = State.JS if context.state is State.JS_BLOCK_COMMENT else State.CSS
    return context._replace(state=after), closing + 2


_JS_LINE_END = re.compile("[\n\r\u2028\u2029]")
_CSS_LINE_END = re.compile("[\n\f\r]")


def _line_comment(context: Context, text: str, start: int, stop: int) -> Step:
    in_css = context.state is State.CSS_LINE_COMMENT
    match = (_CSS_LINE_END if in_css else _JS_LINE_END).search(text, start, stop)
    if match is None:
        return context, stop
    # The end of the line is no part of the comment.
    return context._replace(state=State.CSS if in_css else State.JS), match.start()


# Styles

_CSS_TOKEN = re.compile("""[("'/]""")
_CSS_STRING_END: Final = {
    State.CSS_DOUBLE: re.compile(r'[\\"]'),
    State.CSS_DOUBLE_URL: re.compile(r'[\\"]'),
    State.CSS_SINGLE: re.compile(r"[\\']"),
    State.CSS_SINGLE_URL: re.compile(r"[\\']"),
    State.CSS_URL: re.compile(r"[\\\t\n\f\r )]"),
}


def _css(context: Context, text: str, start: int, stop: int) -> Step:
    position = start
    while match := _CSS_TOKEN.search(text, position, stop):
        at, position = match.start(), match.end()
        if match[0] == "(":
            if ends_with_keyword(text[max(start, at - 64) : at].rstrip(_SPACE), "url"):
                inside = _skip_space(text, position, stop)
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


def _css_string(context: Context, text: str, start: int, stop: int) -> Step:
    position = start
    special = _CSS_STRING_END[context.state]
    while match := special.search(text, position, stop):
        if match[0] != "\\":
            return context._replace(state=State.CSS), match.end()
        position = match.end()
        if position == stop:
            raise StructureError(f"unfinished escape sequence in CSS string: {quote(text[start:stop])}")
        position += 1
        context = _url_after(context, decode(text[start:position]))
    return _url_after(context, decode(text[position:stop])), stop


_STEPS: Final[dict[State, Callable[[Context, str, int, int], Step]]] = {
    State.TEXT: _text,
    State.TAG: _tag,
    State.ATTR_NAME: _in_attribute_name,
    State.AFTER_NAME: _after_name,
    State.BEFORE_VALUE: _before_value,
    State.HTML_COMMENT: _html_comment,
    State.RCDATA: _stay,
    State.ATTR: _stay,
    State.URL: _url,
    State.SRCSET: _url,
    State.META_CONTENT: _meta_content,
    State.META_CONTENT_URL: _meta_content_url,
    State.JS: _js,
    State.JS_DOUBLE: _js_delimited,
    State.JS_SINGLE: _js_delimited,
    State.JS_REGEXP: _js_delimited,
    State.JS_TEMPLATE: _js_template,
    State.JS_BLOCK_COMMENT: _block_comment,
    State.JS_LINE_COMMENT: _line_comment,
    State.JS_HTML_OPEN_COMMENT: _line_comment,
    State.JS_HTML_CLOSE_COMMENT: _line_comment,
    State.CSS: _css,
    State.CSS_DOUBLE: _css_string,
    State.CSS_SINGLE: _css_string,
    State.CSS_DOUBLE_URL: _css_string,
    State.CSS_SINGLE_URL: _css_string,
    State.CSS_URL: _css_string,
    State.CSS_BLOCK_COMMENT: _block_comment,
    State.CSS_LINE_COMMENT: _line_comment,
}


def without_tags(fragment: str) -> str:
    """The text of an HTML fragment, without its tags and comments."""
    pieces: list[str] = []
    context, position = Context(), 0
    while position < len(fragment):
        if context.delimiter is not Delimiter.NONE:
            match = _VALUE_END[context.delimiter].search(fragment, position)
            if match is None:
                return "".join(pieces)
            position = match.start() + (context.delimiter is not Delimiter.SPACE)
            context = Context(state=State.TAG, element=context.element)
            continue
        # Scripts and styles are read as plain text: only their end matters.
        state = context.state
        if context.element is not Element.NONE and state not in INSIDE_TAG:
            state = State.RCDATA
        if state is State.RCDATA:
            after, end = _rcdata(context, fragment, position)
        else:
            after, end = _STEPS[state](context, fragment, position, len(fragment))
        if context.state in (State.TEXT, State.RCDATA):
            cut = end
            if after.state is not context.state:
                tag = fragment.rfind("<", position, end)
                cut = tag if tag >= 0 else end
            pieces.append(fragment[position:cut])
        context, position = after, end
    return "".join(pieces)


def _rcdata(context: Context, text: str, position: int) -> Step:
    closing = _ELEMENT_END.get(context.element)
    match = closing.search(text, position) if closing else None
    return (Context(), match.start()) if match else (context, len(text))
