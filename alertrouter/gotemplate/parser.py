"""Recursive descent from tokens to trees; each method's docstring is its rule."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NoReturn

from alertrouter.gotemplate.errors import ParseError
from alertrouter.gotemplate.floats import parse_float
from alertrouter.gotemplate.lexer import Token, Word, tokens
from alertrouter.gotemplate.nodes import (
    Action,
    Bool,
    Branch,
    Call,
    Chain,
    Command,
    Dot,
    Field,
    Identifier,
    Jump,
    Nil,
    Node,
    Number,
    Operand,
    Pipe,
    Source,
    String,
    Text,
    Tree,
    Variable,
)
from alertrouter.gotemplate.quoting import LiteralError, quote, unquote, unquote_character

if TYPE_CHECKING:
    from collections.abc import Container

MOST_NESTING: Final = 100
# Of fields in a chain and steps in an `else if` ladder: each nests in the one before, and stages of a pipeline more so.
MOST_LINKS: Final = 250
MOST_STAGES: Final = 100
MOST_CHARACTERS: Final = 1024 * 1024
# Compiling takes some tens of microseconds for each.
MOST_TOKENS: Final = 50_000
# Python allows twenty loops inside each other in one function.
MOST_NESTED_RANGES: Final = 16

_STARTS_OPERAND: Final = frozenset(
    {
        Word.BOOL,
        Word.CHARACTER,
        Word.COMPLEX,
        Word.DOT,
        Word.FIELD,
        Word.IDENTIFIER,
        Word.NUMBER,
        Word.NIL,
        Word.RAW_STRING,
        Word.STRING,
        Word.VARIABLE,
        Word.LEFT_PAREN,
    }
)
_INTEGER = re.compile(
    r"([+-]?)(?:(0[xX](?:_?[\da-fA-F])+)|(0[bB](?:_?[01])+)|(0[oO]?(?:_?[0-7])+)|(0|[1-9](?:_?\d)*))\Z",
    re.ASCII,
)
_COMPLEX = re.compile(r"(.*?[^eEpP+-])([+-].*)i\Z")


def parse(name: str, text: str, functions: Container[str]) -> dict[str, Tree]:
    """The trees of one unit by name; the unit's own top-level text is among them under `name`.

    Raises ParseError.
    """
    source = Source(name, text)
    parser = _Parser(source, functions)
    try:
        return parser.unit()
    except RecursionError:
        raise ParseError(
            "nested too deeply", name=name, line=source.line(parser.tokens[parser.seen].position)
        ) from None


class _End:
    """`{{end}}` or `{{else}}`, which close a list of statements; `follows` is the keyword right after `else`."""

    def __init__(self, keyword: str, position: int, follows: str = "") -> None:
        self.keyword = keyword
        self.position = position
        self.follows = follows

    def __str__(self) -> str:
        return f"{{{{{self.keyword}}}}}"


class _Parser:
    def __init__(self, source: Source, functions: Container[str]) -> None:
        self.source = source
        self.functions = functions
        self.tokens = (
            tokens(source.text) if len(source.text) <= MOST_CHARACTERS else [Token(Word.END_OF_TEXT, "", 0)]
        )
        self.at = 0  # the next token
        self.seen = 0  # the furthest token looked at: errors speak of its line
        self.end = len(self.tokens) - 1  # the end of the text, or an error: can be read again and again
        self.trees: dict[str, Tree] = {}
        self.variables = ["$"]
        self.ranges = 0
        self.nesting = 0
        self.action_line = 0
        if len(source.text) > MOST_CHARACTERS:
            self.fail(f"template is longer than {MOST_CHARACTERS} characters")
        if len(self.tokens) > MOST_TOKENS:
            self.seen = MOST_TOKENS
            self.fail(f"template has more than {MOST_TOKENS} words")

    # Tokens

    def next(self) -> Token:
        at = self.at
        if at > self.seen:  # noqa: PLR1730  # asked for every token; a call would cost more
            self.seen = at
        if at < self.end:
            self.at = at + 1
        return self.tokens[at]

    def peek(self) -> Token:
        at = self.at
        if at > self.seen:  # noqa: PLR1730  # as above
            self.seen = at
        return self.tokens[at]

    def next_word(self) -> Token:
        """The next token that is no space."""
        token = self.next()
        return token if token.word is not Word.SPACE else self.next()

    def peek_word(self) -> Token:
        """The same, left to be read; a space before it is gone."""
        token = self.peek()
        if token.word is Word.SPACE:
            self.at += 1
            token = self.peek()
        return token

    def fail(self, message: str) -> NoReturn:
        at = self.tokens[self.seen].position
        raise ParseError(
            message, name=self.source.name, line=self.source.line(at), column=self.source.column(at)
        )

    def unexpected(self, token: Token, context: str) -> NoReturn:
        if token.word is not Word.ERROR:
            self.fail(f"unexpected {token} in {context}")
        started = ""
        if self.action_line and self.action_line != self.source.line(token.position):
            started = f" in action started at {self.source.name}:{self.action_line}"
            if token.text.endswith(" action"):
                started = started.removeprefix(" in action")
        self.fail(f"{token}{started}")

    def expect(self, word: Word, context: str) -> Token:
        token = self.next_word()
        if token.word is not word:
            self.unexpected(token, context)
        return token

    def deeper(self) -> None:
        self.nesting += 1
        if self.nesting > MOST_NESTING:
            self.fail(f"exceeded maximum nesting depth ({MOST_NESTING})")

    def check_links(self, count: int, what: str, most: int = MOST_LINKS) -> None:
        if count > most:
            self.fail(f"more than {most} {what} in a row")

    # Statements

    def unit(self) -> dict[str, Tree]:
        """unit = { define | statement }"""
        body: list[Node] = []
        while self.peek().word is not Word.END_OF_TEXT:
            if self.peek().word is Word.LEFT:
                left = self.at
                self.next()
                word = self.next_word()
                if word.word is Word.KEYWORD and word.text == "define":
                    self.define()
                    continue
                self.at = left
            node = self.statement()
            if isinstance(node, _End):
                self.fail(f"unexpected {node}")
            body.append(node)
        self.add(Tree(self.source.name, self.source, body))
        return self.trees

    def define(self) -> None:
        """define = "{{define" string "}}" list "{{end}}" """
        context = "define clause"
        # Compat: an action's line is not noted for `define`, so its errors never say where it began.
        name = self.template_name(self.next_word(), context)
        self.expect(Word.RIGHT, context)
        self.subtree(name, context)

    def subtree(self, name: str, context: str) -> None:
        """The body of a template inside this unit: no variables, no loop around it."""
        outer = self.variables, self.ranges
        self.variables, self.ranges = ["$"], 0
        self.deeper()
        body, end = self.list()
        self.nesting -= 1
        if end.keyword != "end":
            self.fail(f"unexpected {end} in {context}")
        self.variables, self.ranges = outer
        self.add(Tree(name, self.source, body))

    def add(self, tree: Tree) -> None:
        known = self.trees.get(tree.name)
        if known is None or known.is_blank:
            self.trees[tree.name] = tree
        elif not tree.is_blank:
            self.fail(f"template: multiple definition of template {quote(tree.name)}")

    def list(self) -> tuple[list[Node], _End]:
        """list = { statement }, to its `end` or `else`"""
        body: list[Node] = []
        while True:
            if self.peek_word().word is Word.END_OF_TEXT:
                self.fail("unexpected EOF")
            node = self.statement()
            if isinstance(node, _End):
                return body, node
            body.append(node)

    def statement(self) -> Node | _End:
        """statement = text | "{{" action"""
        token = self.next_word()
        if token.word is Word.TEXT:
            return Text(token.position, token.text)
        if token.word is not Word.LEFT:
            self.unexpected(token, "input")
        self.action_line = self.source.line(token.position)
        node = self.action()
        self.action_line = 0
        return node

    def action(self) -> Node | _End:  # noqa: PLR0911  # one line for each keyword
        """action = control | pipeline "}}" """
        token = self.peek_word()
        if token.word is Word.KEYWORD:
            start = self.at
            self.next()
            match token.text:
                case "if" | "with" | "range":
                    return self.branch(token.text)
                case "template":
                    return self.template()
                case "block":
                    return self.block()
                case "break" | "continue":
                    return self.jump(token)
                case "end":
                    return _End("end", self.expect(Word.RIGHT, "end").position)
                case "else":
                    return self.otherwise()
            self.at = start
        return Action(token.position, self.pipeline("command", Word.RIGHT))

    def otherwise(self) -> _End:
        """else = "else" ( "}}" | "if" … | "with" … )"""
        token = self.peek_word()
        if token.word is Word.KEYWORD and token.text in ("if", "with"):
            return _End("else", token.position, token.text)
        return _End("else", self.expect(Word.RIGHT, "else").position)

    def jump(self, token: Token) -> Jump:
        following = self.next_word()
        if following.word is not Word.RIGHT:
            self.unexpected(following, f"{{{{{token.text}}}}}")
        if not self.ranges:
            self.fail(f"{{{{{token.text}}}}} outside {{{{range}}}}")
        return Jump(token.position, token.text)

    def branch(self, keyword: str) -> Branch:
        """branch = keyword pipeline "}}" list [ "{{else}}" list | "{{else" branch ] "{{end}}" """
        mark = len(self.variables)
        self.deeper()
        first = current = self.branch_body(keyword)
        steps = 0
        while True:
            steps += 1
            self.check_links(steps, "branches")
            end = self.closing
            if end.keyword == "end":
                break
            if end.follows == keyword != "range":
                # `else if` shares the end of the first; a loop here, so that a long ladder is no deep nest.
                self.next_word()
                following = self.branch_body(keyword)
                current.otherwise = [following]
                current = following
                continue
            current.otherwise, end = self.list()
            if end.keyword != "end":
                self.fail(f"expected end; found {end}")
            break
        self.nesting -= 1
        del self.variables[mark:]
        return first

    def branch_body(self, keyword: str) -> Branch:
        """The header and the first list of a branch; `closing` tells how the list ended."""
        pipe = self.pipeline(keyword, Word.RIGHT)
        if keyword == "range":
            self.ranges += 1
            if self.ranges > MOST_NESTED_RANGES:
                self.fail(f"exceeded maximum depth of nested ranges ({MOST_NESTED_RANGES})")
        body, self.closing = self.list()
        if keyword == "range":
            self.ranges -= 1
        return Branch(pipe.position, keyword, pipe, body)

    closing: _End

    def block(self) -> Call:
        """block = "block" string pipeline "}}" list "{{end}}" """
        context = "block clause"
        token = self.next_word()
        name = self.template_name(token, context)
        pipe = self.pipeline(context, Word.RIGHT)
        self.subtree(name, context)
        return Call(token.position, name, pipe, name)

    def template(self) -> Call:
        """template = "template" string [ pipeline ] "}}" """
        context = "template clause"
        token = self.next_word()
        name = self.template_name(token, context)
        pipe = None
        if self.peek_word().word is Word.RIGHT:
            self.next()
        else:
            pipe = self.pipeline(context, Word.RIGHT)
        return Call(token.position, name, pipe, name)

    def template_name(self, token: Token, context: str) -> str:
        if token.word not in (Word.STRING, Word.RAW_STRING):
            self.unexpected(token, context)
        return self.literal(token.text)

    def literal(self, text: str) -> str:
        try:
            return unquote(text)
        except LiteralError as error:
            self.fail(str(error))

    # Pipelines

    def pipeline(self, context: str, closing: Word) -> Pipe:
        """pipeline = [ variable [ "," variable ] ( ":=" | "=" ) ] command { "|" command }"""
        pipe = Pipe(self.peek_word().position)
        self.declarations(pipe, context)
        while True:
            token = self.peek_word()
            if token.word is closing:
                self.next()
                break
            if token.word not in _STARTS_OPERAND:
                self.unexpected(token, context)
            pipe.commands.append(self.command())
            self.check_links(len(pipe.commands), "stages", MOST_STAGES)
        if not pipe.commands:
            self.fail(f"missing value for {context}")
        for stage, command in enumerate(pipe.commands[1:], 2):
            if isinstance(command.operands[0], (Bool, Dot, Nil, Number, String)):
                self.fail(f"non executable command in pipeline stage {stage}")
        return pipe

    def declarations(self, pipe: Pipe, context: str) -> None:
        while self.peek_word().word is Word.VARIABLE:
            start = self.at
            variable = self.next()
            following = self.next_word()
            comma = following.word is Word.OTHER and following.text == ","
            if not comma and following.word not in (Word.ASSIGN, Word.DECLARE):
                self.at = start
                return
            pipe.variables.append(Variable(variable.position, variable.text))
            self.variables.append(variable.text)
            if not comma:
                pipe.assigns = following.word is Word.ASSIGN
                return
            if context != "range" or len(pipe.variables) > 1:
                self.fail(f"too many declarations in {context}")
            if self.peek_word().word not in (Word.VARIABLE, Word.RIGHT, Word.RIGHT_PAREN):
                self.fail("range can only initialize variables")

    def command(self) -> Command:
        """command = operand { space operand }, to a pipe or the end of the pipeline"""
        command = Command(self.peek_word().position, [])
        while True:
            self.peek_word()
            operand = self.operand()
            if operand is not None:
                command.operands.append(operand)
            token = self.peek()
            if token.word is Word.SPACE:
                self.next()
                continue
            if token.word is Word.PIPE:
                self.next()
            elif token.word not in (Word.RIGHT, Word.RIGHT_PAREN):
                self.unexpected(token, "operand")
            break
        if not command.operands:
            self.fail("empty command")
        return command

    def operand(self) -> Operand | None:
        """operand = term { field }, nothing between them"""
        term = self.term()
        if term is None or self.peek().word is not Word.FIELD:
            return term
        position = self.peek().position
        names: list[str] = []
        while self.peek().word is Word.FIELD:
            names.append(self.next().text[1:])
            self.check_links(len(names), "fields")
        if isinstance(term, (Bool, String, Number, Nil, Dot)):
            self.fail(f"unexpected . after term {quote(str(term))}")
        match term:
            case Field():
                return Field(position, (*term.names, *names))
            case Variable():
                return Variable(position, term.name, tuple(names))
            case _:
                return Chain(position, term, tuple(names))

    def term(self) -> Operand | None:  # noqa: C901, PLR0911  # one line for each word
        """term = literal | function | "." | field | variable | "(" pipeline ")" """
        token = self.peek_word()
        if token.word not in _STARTS_OPERAND:
            return None
        self.next()
        position, text = token.position, token.text
        match token.word:
            case Word.IDENTIFIER:
                if text not in self.functions:
                    self.fail(f"function {quote(text)} not defined")
                return Identifier(position, text)
            case Word.DOT:
                return Dot(position)
            case Word.NIL:
                return Nil(position)
            case Word.VARIABLE:
                if text not in self.variables:
                    self.fail(f"undefined variable {quote(text)}")
                return Variable(position, text)
            case Word.FIELD:
                return Field(position, (text[1:],))
            case Word.BOOL:
                return Bool(position, text == "true")
            case Word.NUMBER | Word.COMPLEX | Word.CHARACTER:
                return self.number(token)
            case Word.STRING | Word.RAW_STRING:
                return String(position, text, self.literal(text))
            case _:
                self.deeper()
                pipe = self.pipeline("parenthesized pipeline", Word.RIGHT_PAREN)
                self.nesting -= 1
                return pipe

    def number(self, token: Token) -> Number:
        """A constant has no type of its own: it keeps every reading that is exact."""
        text = token.text
        number = Number(token.position, text)
        if token.word is Word.CHARACTER:
            try:
                number.integer = number.unsigned = unquote_character(text)
            except LiteralError as error:
                self.fail(str(error))
            number.real = float(number.integer)
            return number
        if text.endswith("i"):
            return self.imaginary(number)
        integer = _integer(text)
        if integer is not None:
            number.integer = integer if -(1 << 63) <= integer < 1 << 63 else None
            # Go reads no sign here, save for -0.
            unsigned = 0 <= integer < 1 << 64 and (text[0] not in "+-" or integer == 0)
            number.unsigned = integer if unsigned else None
        if number.integer is not None or number.unsigned is not None:
            number.real = float(number.integer if number.integer is not None else number.unsigned or 0)
            return number
        real = parse_float(text)
        if real is None:
            self.fail(f"illegal number syntax: {quote(text)}")
        if not any(c in text for c in ".eEpP"):
            self.fail(f"integer overflow: {quote(text)}")
        number.real = real
        _add_integers(number)
        return number

    def imaginary(self, number: Number) -> Number:
        match = _COMPLEX.match(number.text)
        first, second = (match[1], match[2]) if match else ("0", number.text[:-1])
        real, imaginary = parse_float(first), parse_float(second)
        if real is None or imaginary is None:
            self.fail(f"illegal number syntax: {quote(number.text)}")
        number.imaginary = complex(real, imaginary)
        if not imaginary:
            number.real = real
            _add_integers(number)
        return number


def _add_integers(number: Number) -> None:
    if number.real is not None and number.real.is_integer():
        integer = int(number.real)
        number.integer = integer if -(1 << 63) <= integer < 1 << 63 else None
        number.unsigned = integer if 0 <= integer < 1 << 64 else None


def _integer(text: str) -> int | None:
    match = _INTEGER.match(text)
    if match is None:
        return None
    sign, hexadecimal, binary, octal, decimal = match.groups()
    base = 16 if hexadecimal else 2 if binary else 8 if octal else 10
    digits = (hexadecimal or binary or octal or decimal).replace("_", "").lower()
    digits = digits.removeprefix("0x").removeprefix("0b" if binary else "").removeprefix("0o")
    if len(digits) > 70:
        return 1 << 64 if sign != "-" else -(1 << 64)  # whatever it is, it is too large
    return int(digits, base) * (-1 if sign == "-" else 1)
