"""Go's fmt.Sprintf: verbs, flags, width, precision, argument indexes, and its way of reporting faults in the text."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from alertrouter.gotemplate.faults import OverLimit
from alertrouter.gotemplate.floats import format_float, special
from alertrouter.gotemplate.printing import MOST, go_string, joined
from alertrouter.gotemplate.quoting import can_backquote, quote, quote_character, to_character
from alertrouter.gotemplate.utf8 import to_bytes
from alertrouter.gotemplate.values import NO_VALUE, fields_of, kind_of, sorted_keys, type_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_MOST = 1_000_000
_DIRECTIVE = re.compile(r"%([-+# 0]*)([1-9]\d{0,5})?(?:\.(\d{0,6}))?([a-zA-Z])", re.ASCII)


def sprintf(format: str, arguments: Sequence[object]) -> str:  # noqa: A002  # Go's own word
    """Go's fmt.Sprintf. Faults never raise; they appear in the text as Go writes them (`%!d(string=x)`)."""
    pieces = _simple_pieces(format)
    if pieces is None:
        return _Printer(arguments).run(format)
    written: list[str] = []
    number = room = 0
    for piece in pieces:
        if isinstance(piece, str):
            written.append(piece)
        elif number < len(arguments):
            room += (piece.width or 0) + (piece.precision or 0)
            if room > MOST:
                raise OverLimit(f"text is longer than {MOST} characters")
            written.append(piece.write(arguments[number]))
            number += 1
        else:
            written.append(f"%!{piece.verb}(MISSING)")
    if number < len(arguments):
        written.append(_extra(arguments[number:]))
    return joined(written)


def _extra(arguments: Sequence[object]) -> str:
    texts = [
        "<nil>" if is_nil(argument) else f"{type_name(argument)}={Directive('v').write(argument)}"
        for argument in arguments
    ]
    return f"%!(EXTRA {', '.join(texts)})"


def is_nil(value: object) -> bool:
    return value is None or value is NO_VALUE


@lru_cache(maxsize=2048)
def _simple_pieces(text: str) -> tuple[str | Directive, ...] | None:
    """Literal text and directives, when none of them counts arguments by itself (`*`, `[n]`) or is malformed."""
    pieces: list[str | Directive] = []
    position = 0
    while (start := text.find("%", position)) >= 0:
        if start > position:
            pieces.append(text[position:start])
        if text.startswith("%%", start):
            pieces.append("%")
            position = start + 2
            continue
        match = _DIRECTIVE.match(text, start)
        if match is None:
            return None
        flags, width, precision, verb = match.groups()
        pieces.append(
            Directive(
                verb,
                flags=flags,
                width=int(width) if width else None,
                precision=None if precision is None else int(precision or 0),
            )
        )
        position = match.end()
    if position < len(text):
        pieces.append(text[position:])
    return tuple(pieces)


class Directive:
    """One `%…verb`. Immutable once made, so that parsed formats can be shared."""

    __slots__ = (
        "_fast",
        "_fast_class",
        "minus",
        "plus",
        "plus_v",
        "precision",
        "sharp",
        "sharp_v",
        "space",
        "verb",
        "width",
        "zero",
    )

    def __init__(
        self, verb: str, *, flags: str = "", width: int | None = None, precision: int | None = None
    ) -> None:
        self.verb = verb
        self.sharp = "#" in flags
        self.plus = "+" in flags
        self.minus = "-" in flags
        self.space = " " in flags
        self.zero = "0" in flags
        self.width = width
        self.precision = precision
        self.sharp_v = self.plus_v = False
        if verb == "v":
            self.sharp_v, self.sharp = self.sharp, False
            self.plus_v, self.plus = self.plus, False
        self._fast_class, self._fast = self._shortcut(flags)

    def _shortcut(  # noqa: PLR0911  # one for each form
        self, flags: str
    ) -> tuple[type | None, Callable[[object], str] | None]:
        """Python's own formatting, for the class and the cases in which it provably writes the same."""
        if "#" in flags:
            return None, None
        width = "" if self.width is None else str(self.width)
        if self.verb in "feE" or (self.verb == "g" and self.precision is not None):
            return (
                float,
                f"%{flags}{width}.{6 if self.precision is None else self.precision}{self.verb}".__mod__,
            )
        if "0" in flags and self.precision is not None:
            return None, None
        if self.verb == "d" and self.precision is None:
            return int, f"%{flags}{width}d".__mod__
        if self.verb in "sv" and "0" not in flags:
            if not width and self.precision is None:
                return str, str
            dash = "-" if self.minus else ""
            cut = "" if self.precision is None else f".{self.precision}"
            return str, f"%{dash}{width}{cut}s".__mod__
        return None, None

    def write(self, value: object) -> str:
        if type(value) is self._fast_class and self._fast is not None:
            if self._fast_class is not float or math.isfinite(value):  # type: ignore[arg-type]
                return self._fast(value)
        elif self.verb == "v" and self.width is None and not (self.sharp_v or self.plus_v or self.space):
            return go_string(value) if self.precision is None else self._argument(value)
        return self._argument(value)

    def _argument(self, value: object, verb: str | None = None, *, erroring: bool = False) -> str:
        verb = verb or self.verb
        if is_nil(value):
            return self._pad("<nil>") if verb in "Tv" else f"%!{verb}(<nil>)"
        if verb == "T":
            return self._cut(type_name(value))
        if verb == "p":
            return self._bad(value, verb)
        return self._value(value, verb, erroring=erroring)

    def _value(  # noqa: C901, PLR0911  # one line for each kind
        self, value: object, verb: str, *, erroring: bool = False
    ) -> str:
        own = getattr(type(value), "__go_string__", None)
        if own is not None and not erroring and not self.sharp_v and verb in "vsxXq":
            return self._string(own(value), verb, value)
        match kind_of(value):
            case "nil":
                return "interface {}(nil)" if self.sharp_v else "<nil>"
            case "bool":
                return self._pad("true" if value else "false") if verb in "tv" else self._bad(value, verb)
            case "int":
                return self._integer(int(value), verb, value)  # type: ignore[call-overload]
            case "float":
                return self._float(float(value), verb, value)  # type: ignore[arg-type]
            case "complex":
                return self._complex(complex(value), verb, value)  # type: ignore[call-overload]
            case "string":
                return self._string(str.__str__(value), verb, value)
            case "slice":
                texts = [self._value(element, verb, erroring=erroring) for element in value]  # type: ignore[attr-defined]
                return self._bracketed(value, texts, "[", "]")
            case "map":
                texts = [
                    f"{self._value(key, verb, erroring=erroring)}:{self._value(value[key], verb, erroring=erroring)}"  # type: ignore[index]
                    for key in sorted_keys(value)  # type: ignore[arg-type]
                ]
                return self._bracketed(value, texts, "map[", "]")
            case _:
                texts = []
                for name, field in fields_of(value):
                    text = self._value(field, verb, erroring=erroring)
                    texts.append(f"{name}:{text}" if self.plus_v or self.sharp_v else text)
                return self._bracketed(value, texts, "{", "}")

    def _bracketed(self, value: object, texts: list[str], opening: str, closing: str) -> str:
        if self.sharp_v:
            return f"{type_name(value)}{{{', '.join(texts)}}}"
        return opening + " ".join(texts) + closing

    def _bad(self, value: object, verb: str) -> str:
        return f"%!{verb}({type_name(value)}={self._argument(value, 'v', erroring=True)})"

    # Texts, padded and cut

    def _padding(self, length: int) -> str:
        return ("0" if self.zero and not self.minus else " ") * length

    def _pad(self, text: str) -> str:
        missing = (self.width or 0) - len(text)
        if missing <= 0:
            return text
        return text + self._padding(missing) if self.minus else self._padding(missing) + text

    def _pad_with_spaces(self, text: str) -> str:
        width = self.width or 0
        return text.ljust(width) if self.minus else text.rjust(width)

    def _cut(self, text: str) -> str:
        return self._pad(text if self.precision is None else text[: self.precision])

    def _string(self, text: str, verb: str, value: object) -> str:
        match verb:
            case "v":
                return self._quoted(text) if self.sharp_v else self._cut(text)
            case "s":
                return self._cut(text)
            case "q":
                return self._quoted(text)
            case "x" | "X":
                return self._hexadecimal(to_bytes(text), verb)
            case _:
                return self._bad(value, verb)

    def _quoted(self, text: str) -> str:
        if self.precision is not None:
            text = text[: self.precision]
        if self.sharp and can_backquote(text):
            return self._pad(f"`{text}`")
        return self._pad(quote(text, ascii_only=self.plus))

    def _hexadecimal(self, raw: bytes, verb: str) -> str:
        if self.precision is not None:
            raw = raw[: self.precision]
        if not raw:
            return self._padding(self.width or 0)
        prefix = ("0" + verb) if self.sharp else ""
        text = " ".join(prefix + f"{byte:02x}" for byte in raw) if self.space else prefix + raw.hex()
        return self._pad(text.upper() if verb == "X" else text)

    # Numbers

    def _integer(self, number: int, verb: str, value: object) -> str:  # noqa: PLR0911  # one line per verb
        match verb:
            case "v" | "d":
                return self._digits(number, str(abs(number)))
            case "b":
                return self._digits(number, f"{abs(number):b}", "0b")
            case "o":
                return self._digits(number, f"{abs(number):o}", "0")
            case "O":
                return self._digits(number, f"{abs(number):o}", "0")
            case "x":
                return self._digits(number, f"{abs(number):x}", "0x")
            case "X":
                return self._digits(number, f"{abs(number):X}", "0X")
            case "c":
                return self._pad(to_character(number))
            case "q":
                return self._pad(quote_character(number, ascii_only=self.plus))
            case "U":
                return self._code_point(number)
            case _:
                return self._bad(value, verb)

    def _digits(self, number: int, digits: str, prefix: str = "") -> str:
        signed = number < 0 or self.plus or self.space
        if self.precision is not None:
            if self.precision == 0 and number == 0:
                return " " * (self.width or 0)
            digits = digits.rjust(self.precision, "0")
        elif self.zero and not self.minus and self.width is not None:
            digits = digits.rjust(self.width - signed, "0")
        if self.sharp and not (prefix == "0" and digits[0] == "0"):
            digits = prefix + digits
        if self.verb == "O":
            digits = "0o" + digits
        sign = "-" if number < 0 else "+" if self.plus else " " if self.space else ""
        return self._pad_with_spaces(sign + digits)

    def _code_point(self, number: int) -> str:
        code = number & 0xFFFFFFFFFFFFFFFF
        digits = f"{code:X}".rjust(max(4, self.precision or 0), "0")
        text = f"U+{digits}"
        if self.sharp and code <= 0x10FFFF and chr(code).isprintable():
            text += f" '{chr(code)}'"
        return self._pad_with_spaces(text)

    def _float(self, number: float, verb: str, value: object) -> str:
        if verb in "vgGbxX":
            return self._float_text(number, "g" if verb == "v" else verb, -1)
        if verb in "feEF":
            return self._float_text(number, "f" if verb == "F" else verb, 6)
        return self._bad(value, verb)

    def _complex(self, number: complex, verb: str, value: object) -> str:
        if verb not in "vbgGxXfFeE":
            return self._bad(value, verb)
        real = self._float(number.real, verb, value)
        # The sign of the second part is always written.
        signed = Directive(
            self.verb,
            flags="+" + "0" * self.zero + "-" * self.minus,
            width=self.width,
            precision=self.precision,
        )
        signed.plus = True
        return f"({real}{signed._float(number.imag, verb, value)}i)"

    def _float_text(self, number: float, verb: str, precision: int) -> str:
        if self.precision is not None:
            precision = self.precision
        text = format_float(number, verb, precision)
        sign, digits = (text[0], text[1:]) if text[0] in "+-" else ("+", text)
        if self.space and sign == "+" and not self.plus:
            sign = " "
        if special(number):
            unsigned = digits == "NaN" and not (self.space or self.plus)
            return self._pad_with_spaces(digits if unsigned else sign + digits)
        if self.sharp and verb != "b":
            digits = _with_point(digits, verb, precision)
        if sign == "+" and not self.plus:
            return self._pad(digits)
        if self.zero and not self.minus and self.width is not None:
            return sign + digits.rjust(self.width - 1, "0")
        return self._pad(sign + digits)


def _with_point(digits: str, verb: str, precision: int) -> str:
    """The `#` flag: always a decimal point, and trailing zeros kept for %g."""
    wanted = (6 if precision == -1 else precision) if verb in "gGx" else 0
    marks = "pP" if verb in "xX" else "eE"
    at = next((i for i, c in enumerate(digits) if c in marks), len(digits))
    number, tail = digits[:at], digits[at:]
    seen = False
    for c in number:
        if c == ".":
            continue
        seen = seen or c != "0"
        wanted -= seen
    if "." not in number:
        if number == "0":
            wanted -= 1
        number += "."
    return number + "0" * max(wanted, 0) + tail


class _Printer:
    """The long way: formats with `*`, explicit argument indexes, or faults."""

    def __init__(self, arguments: Sequence[object]) -> None:
        self.arguments = arguments
        self.number = 0
        self.room = 0
        self.reordered = False
        self.good = True
        self.after_index = False

    def run(self, text: str) -> str:
        out: list[str] = []
        position = 0
        while (start := text.find("%", position)) >= 0:
            out.append(text[position:start])
            position = self._directive(text, start + 1, out)
        out.append(text[position:])
        if not self.reordered and self.number < len(self.arguments):
            out.append(_extra(self.arguments[self.number :]))
        return joined(out)

    def _directive(self, text: str, position: int, out: list[str]) -> int:
        """What follows a `%`; returns where the next piece begins."""
        self.good, self.after_index = True, False
        start = position
        while position < len(text) and text[position] in "#0+- ":
            position += 1
        flags = text[start:position]
        width, position = self._width(text, position, out)
        if width is not None and width < 0:
            width, flags = -width, flags.replace("0", "") + "-"
        precision, position = self._precision(text, position, out)
        if not self.after_index:
            position = self._index(text, position)
        if position >= len(text):
            out.append("%!(NOVERB)")
            return position
        verb = text[position]
        if verb == "%":
            out.append("%")
        elif not self.good:
            out.append(f"%!{verb}(BADINDEX)")
        elif self.number >= len(self.arguments):
            out.append(f"%!{verb}(MISSING)")
        else:
            self.room += (width or 0) + (precision or 0)
            if self.room > MOST:
                raise OverLimit(f"text is longer than {MOST} characters")
            directive = Directive(verb, flags=flags, width=width, precision=precision)
            out.append(directive.write(self.arguments[self.number]))
            self.number += 1
        return position + 1

    def _width(self, text: str, position: int, out: list[str]) -> tuple[int | None, int]:
        position = self._index(text, position)
        if not text.startswith("*", position):
            width, position = _number(text, position)
            self.good = self.good and not (self.after_index and width is not None)
            return width, position
        width = self._from_argument()
        if width is None:
            out.append("%!(BADWIDTH)")
        self.after_index = False
        return width, position + 1

    def _precision(self, text: str, position: int, out: list[str]) -> tuple[int | None, int]:
        if not text.startswith(".", position):
            return None, position
        self.good = self.good and not self.after_index
        position = self._index(text, position + 1)
        if not text.startswith("*", position):
            precision, position = _number(text, position)
            return precision or 0, position
        precision = self._from_argument()
        if precision is None or precision < 0:
            precision = None
            out.append("%!(BADPREC)")
        self.after_index = False
        return precision, position + 1

    def _index(self, text: str, position: int) -> int:
        """An explicit argument index `[n]`, if there is one."""
        self.after_index = False
        if not text.startswith("[", position):
            return position
        self.reordered = True
        closing = text.find("]", position)
        if closing < 0:
            self.good = False
            return position + 1
        number, end = _number(text[:closing], position + 1)
        self.after_index = number is not None and end == closing
        if number is not None and self.after_index and 1 <= number <= len(self.arguments):
            self.number = number - 1
        else:
            self.good = False
        return closing + 1

    def _from_argument(self) -> int | None:
        if self.number >= len(self.arguments):
            return None
        value = self.arguments[self.number]
        self.number += 1
        if kind_of(value) != "int" or abs(int(value)) > _MOST:  # type: ignore[call-overload]
            return None
        return int(value)  # type: ignore[call-overload, no-any-return]


_DIGITS: Final = re.compile(r"\d+", re.ASCII)


def _number(text: str, position: int) -> tuple[int | None, int]:
    """A decimal number at this place. Compat: a crazily long one swallows the rest of the format."""
    match = _DIGITS.match(text, position)
    if match is None:
        return None, position
    number = 0
    for digit in match[0]:
        if number > _MOST:
            return None, len(text)
        number = number * 10 + int(digit)
    return number, match.end()
