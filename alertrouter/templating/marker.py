"""How a template says which language it is written in, where its place does not tell (`templates.md` 6.5)."""

from __future__ import annotations

from typing import Final

#: A text or a file that begins with this is a Jinja2 template. It is a comment of that language.
JINJA: Final = "{# jinja2 #}"
#: A text or a file that begins with this is a Go template, whatever the file's name ends with.
GO: Final = "{{/* go */}}"
#: Files with one of these endings are Jinja2 templates, all others are Go templates.
SUFFIXES: Final = (".j2", ".jinja", ".jinja2")

_BY_TAG: Final = {"!jinja2": JINJA, "!go": GO}


def is_jinja(text: str, name: str = "") -> bool:
    """Whether this is meant to be a Jinja2 template, by its marker or else by the name of its file."""
    return text.startswith(JINJA) or (name.endswith(SUFFIXES) and not text.startswith(GO))


def marked(text: str, tag: str) -> str:
    """The text in the language of a YAML tag, ``!jinja2`` or ``!go``; as it is for any other tag, or none."""
    marker = _BY_TAG.get(tag, "")
    if not marker or text.startswith(marker) or (marker == GO and not text.startswith(JINJA)):
        return text
    return marker + text
