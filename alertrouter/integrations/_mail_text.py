"""The text of a mail: addresses, headers, and parts in quoted-printable. Pure."""

from __future__ import annotations

import binascii
import re
from email.errors import MessageError, NonASCIILocalPartDefect, ObsoleteHeaderDefect
from email.policy import default as policy
from email.utils import quote
from functools import lru_cache
from typing import TYPE_CHECKING

from alertrouter.delivery.errors import RejectedError

if TYPE_CHECKING:
    from collections.abc import Sequence

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
_PRINTABLE = re.compile(r"[\t -~]*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~ ]*")
_AS_IT_IS = frozenset(
    b"!\"#$%&'()*+,-./0123456789:;<>@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^`abcdefghijklmnopqrstuvwxyz{|}~"
)
_IN_A_PHRASE = _AS_IT_IS - frozenset(b"\"#$%&'(),.:;<>@[\\]^`{|}~")
_LONGEST_WORD = 75  # RFC 2047 2
_LONGEST_LINE = 900  # RFC 5322 2.1.1 forbids more than 998
# International addresses, and commas with nothing between them.
_HARMLESS = (NonASCIILocalPartDefect, ObsoleteHeaderDefect)
_ADDRESSES = {"From", "To", "Cc", "Bcc", "Reply-To", "Sender"}


def canonical_name(name: str) -> str:
    """A header's name as it is usually written: ``x-foo`` is ``X-Foo``; what is no name stays as it is."""
    if not _TOKEN.fullmatch(name):
        return name
    return "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))


def parse_addresses(text: str, what: str) -> list[str]:
    """The mail addresses of a comma-separated list (RFC 5322 3.4); RejectedError when it is none.

    The error does not repeat the text: it may come from a template over secret data.
    """
    return [address for _, address in _address_pairs(text, what)]


# Reading them takes longer than the rest of a mail, and they hardly ever change.
@lru_cache(maxsize=256)
def _address_pairs(text: str, what: str) -> tuple[tuple[str, str], ...]:
    problem = f"parse '{what}' addresses: "
    if not text.strip():
        raise RejectedError(f"{problem}mail: no address")
    try:
        header = policy.header_factory("to", " ".join(text.split()))
    except (MessageError, ValueError, IndexError, AttributeError):
        raise RejectedError(f"{problem}mail: not a list of addresses") from None
    pairs = [(each.display_name, each.addr_spec) for each in header.addresses]
    wrong = [each for each in header.defects if not isinstance(each, _HARMLESS)]
    if not pairs or wrong or any("@" not in address for _, address in pairs):
        raise RejectedError(f"{problem}mail: not a list of addresses")
    return tuple(pairs)


def header_line(name: str, value: str) -> str:
    """A whole header with its line end. What is not printable ASCII is encoded, line breaks included."""
    if _PRINTABLE.fullmatch(value):
        return f"{name}: {_folded(value)}\r\n"
    if name in _ADDRESSES:
        try:
            addresses = [_encoded_address(*pair) for pair in _address_pairs(value, name)]
        except RejectedError:
            pass
        else:
            return f"{name}: " + ",\r\n ".join(addresses) + "\r\n"
    return f"{name}: {encoded_words(value)}\r\n"


def _encoded_address(display_name: str, address: str) -> str:
    if not display_name:
        return address
    if not _PRINTABLE.fullmatch(display_name):
        return f"{encoded_words(display_name, phrase=True)} <{address}>"
    shown = display_name if _ATOMS.fullmatch(display_name) else f'"{quote(display_name)}"'
    return f"{shown} <{address}>"


def encoded_words(text: str, *, phrase: bool = False) -> str:
    """RFC 2047 encoded words in UTF-8 and "Q", none of them splitting a character, one on a line.

    In a ``phrase``, the name of an address, fewer characters stand for themselves (5.3 there).
    """
    opening, closing = "=?utf-8?q?", "?="
    room = _LONGEST_WORD - len(opening) - len(closing)
    literal = _IN_A_PHRASE if phrase else _AS_IT_IS
    words: list[str] = []
    word = ""
    for character in text:
        encoded = "".join(
            "_" if byte == 0x20 else chr(byte) if byte in literal and byte != 0x5F else f"={byte:02X}"
            for byte in character.encode("utf-8", "replace")
        )
        if len(word) + len(encoded) > room:
            words.append(word)
            word = ""
        word += encoded
    words.append(word)
    return "\r\n ".join(f"{opening}{each}{closing}" for each in words)


def _folded(value: str) -> str:
    """A long value broken at its spaces, so that no server refuses the line."""
    lines: list[str] = []
    while len(value) > _LONGEST_LINE and (space := value.rfind(" ", 1, _LONGEST_LINE)) > 0:
        if not value[space:].strip():
            break
        lines.append(value[:space])
        value = value[space:]
    return "\r\n".join([*lines, value])


def multipart(parts: Sequence[tuple[str, str]], *, boundary: str) -> bytes:
    """The rest of the headers and the body: the same message in several forms, the best last."""
    lines = [
        f"Content-Type: multipart/alternative; boundary={boundary}\r\nMIME-Version: 1.0\r\n\r\n".encode()
    ]
    for content_type, text in parts:
        head = (
            f"--{boundary}\r\n"
            "Content-Transfer-Encoding: quoted-printable\r\n"
            f"Content-Type: {content_type}; charset=UTF-8\r\n\r\n"
        )
        lines += [head.encode(), quoted_printable(text), b"\r\n"]
    lines.append(f"--{boundary}--\r\n".encode())
    return b"".join(lines)


def quoted_printable(text: str) -> bytes:
    """RFC 2045 6.7: lines of at most 76 characters, line breaks kept as CR LF."""
    normal = text.replace("\r\n", "\n").replace("\r", "\n")
    encoded = binascii.b2a_qp(normal.encode("utf-8", "replace"), istext=True)
    return encoded.replace(b"\n", b"\r\n")
