"""How literal text moves from one context to the next.

`advance` takes one step: from a place in the text to the next place where the context may have changed. The rules
are those of html/template, which in turn follow the HTML5, CSS 3 and ECMAScript tokenizers.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Final

from alertrouter.gotemplate.contextual import steps, steps_html, steps_script, steps_style
from alertrouter.gotemplate.contextual.attributes import is_script_type
from alertrouter.gotemplate.contextual.context import (
    COMMENTS,
    INSIDE_TAG,
    SCRIPT_LITERALS,
    Attribute,
    Context,
    Delimiter,
    Element,
    State,
)
from alertrouter.gotemplate.contextual.steps import Step, StructureError
from alertrouter.gotemplate.quoting import quote

if TYPE_CHECKING:
    from collections.abc import Callable

_VALUE_END: Final = {
    Delimiter.DOUBLE: re.compile('"'),
    Delimiter.SINGLE: re.compile("'"),
    Delimiter.SPACE: re.compile(r"[ \t\n\f\r>]"),
}
_NOT_IN_UNQUOTED = re.compile(r"""["'<=`]""")
_ELEMENT_END: Final[dict[Element, re.Pattern[str]]] = {
    element: re.compile(rf"</{name}(?=[ \t\n\f/>])", re.IGNORECASE | re.ASCII)
    for name, element in steps_html.ELEMENTS.items()
    if element is not Element.META
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


_STEPS: Final[dict[State, Callable[[Context, str, int, int], Step]]] = {
    State.TEXT: steps_html.text,
    State.TAG: steps_html.tag,
    State.ATTR_NAME: steps_html.in_attribute_name,
    State.AFTER_NAME: steps_html.after_name,
    State.BEFORE_VALUE: steps_html.before_value,
    State.HTML_COMMENT: steps_html.html_comment,
    State.RCDATA: steps_html.stay,
    State.ATTR: steps_html.stay,
    State.URL: steps.url,
    State.SRCSET: steps.url,
    State.META_CONTENT: steps_html.meta_content,
    State.META_CONTENT_URL: steps_html.meta_content_url,
    State.JS: steps_script.js,
    State.JS_DOUBLE: steps_script.js_delimited,
    State.JS_SINGLE: steps_script.js_delimited,
    State.JS_REGEXP: steps_script.js_delimited,
    State.JS_TEMPLATE: steps_script.js_template,
    State.JS_BLOCK_COMMENT: steps.block_comment,
    State.JS_LINE_COMMENT: steps.line_comment,
    State.JS_HTML_OPEN_COMMENT: steps.line_comment,
    State.JS_HTML_CLOSE_COMMENT: steps.line_comment,
    State.CSS: steps_style.css,
    State.CSS_DOUBLE: steps_style.css_string,
    State.CSS_SINGLE: steps_style.css_string,
    State.CSS_DOUBLE_URL: steps_style.css_string,
    State.CSS_SINGLE_URL: steps_style.css_string,
    State.CSS_URL: steps_style.css_string,
    State.CSS_BLOCK_COMMENT: steps.block_comment,
    State.CSS_LINE_COMMENT: steps.line_comment,
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
