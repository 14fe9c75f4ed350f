"""From a tree to one Python function.

The function is built as a Python syntax tree, never as text: what the template says enters it only as constants, and
every name in it is chosen here. The "line" of each expression is a number in the table of sites; when something fails,
the innermost generated frame's line says which node it was, so nothing is kept on the way.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from alertrouter.gotemplate import access
from alertrouter.gotemplate.builtins import BUILTINS, RESULTS, VALUE
from alertrouter.gotemplate.faults import Fault, OverLimit
from alertrouter.gotemplate.functions import ANY, STRING, Function, Kind
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
    String,
    Text,
    Tree,
    Variable,
)
from alertrouter.gotemplate.python_syntax import LOAD, STORE, Syntax
from alertrouter.gotemplate.running import LONG
from alertrouter.gotemplate.sites import FILE, UNIT, Site, Unit
from alertrouter.gotemplate.values import NO_VALUE, truth

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from alertrouter.gotemplate.running import Run
    from alertrouter.gotemplate.values import MissingKey

_LITERALS = (Bool, Number, String, Nil)

if TYPE_CHECKING:
    Body = Callable[[Run, Callable[[str], object], object], None]


# Where generated code looks last. It stands in the place of Python's built-ins, of which none can be reached.
_HELPERS: Final[dict[str, Any]] = {
    "NO_VALUE": NO_VALUE,
    "type": type,
    "str": str,
    "len": len,
    "truth": truth,
    "fault": access.fault,
    "printed": access.printed,
    "converted": access.converted,
    "converted_piped": access.converted_piped,
    "elements": access.elements,
    "pairs": access.pairs,
    "bind_method": access.bind_method,
    "call_method": access.call_method,
}


def compile_tree(
    tree: Tree,
    functions: Mapping[str, Function],
    missing_key: MissingKey,
    escapers: Mapping[str, Callable[[Any], str]],
) -> Body:
    """The Python function of a tree: it gets the run, a way to write, and dot. Raises OverLimit."""
    return _Compiler(tree, functions, missing_key, escapers).compile()


@dataclass(slots=True)
class _Value:
    """An expression and what is known of its value: its Go type, or "any"."""

    code: ast.expr
    type: str = "any"


class _Compiler(Syntax):
    def __init__(
        self,
        tree: Tree,
        functions: Mapping[str, Function],
        missing_key: MissingKey,
        escapers: Mapping[str, Callable[[Any], str]],
    ) -> None:
        self.tree = tree
        self.functions = functions
        self.missing_key = missing_key
        self.escapers = escapers
        self.unit = Unit(tree)
        self.lines: dict[tuple[Any, ...], int] = {}
        self.globals: dict[str, Any] = {"__builtins__": _HELPERS, UNIT: self.unit}
        self.named: dict[tuple[str, Any], str] = {}
        self.scopes: list[dict[str, str]] = [{"$": "dot"}]
        self.dot = "dot"
        self.count = 0
        self.calls = 0
        self.line = 1

    # The function

    def compile(self) -> Body:
        try:
            self.line = self.site(Text(0, ""))
            body = self.statements(self.tree.body)
            arguments = ast.arguments(
                posonlyargs=[],
                args=[ast.arg(name, lineno=1, col_offset=0) for name in ("run", "write", "dot")],
                kwonlyargs=[],
                kw_defaults=[],
                defaults=[],
            )
            function = ast.FunctionDef(
                name="template", args=arguments, body=body, decorator_list=[], lineno=1, col_offset=0
            )
            # Asked for from Python 3.12 on, and let pass before.
            function.type_params = []  # type: ignore[attr-defined]
            module = ast.Module(body=[function], type_ignores=[])
            code = compile(module, FILE, "exec", dont_inherit=True)
        except (RecursionError, MemoryError):
            raise OverLimit(f'template "{self.tree.name}" is nested too deeply') from None
        exec(code, self.globals)  # noqa: S102  # made above from nodes; no text of the template is in it as code
        made: Body = self.globals["template"]
        return made

    def site(self, node: Any, calls: str = "", arguments: tuple[Any, ...] = ()) -> int:
        """The line number that stands for this place."""
        key = (id(node), calls, tuple(map(id, arguments)))
        line = self.lines.get(key)
        if line is None:
            self.unit.sites.append(Site(node, calls, arguments))
            line = self.lines[key] = len(self.unit.sites)
        return line

    def fresh(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def keep(self, letter: str, value: Any) -> str:
        """The global name of an object of ours."""
        key = (letter, id(value) if not isinstance(value, str) else value)
        name = self.named.get(key)
        if name is None:
            name = self.named[key] = self.fresh(letter)
            self.globals[name] = value
        return name

    # Statements

    def statements(self, nodes: Sequence[Node]) -> list[ast.stmt]:
        body: list[ast.stmt] = []
        for node in nodes:
            self.line = self.site(node)
            match node:
                case Text():
                    body.append(self.do(self.call("write", self.const(node.text))))
                case Action():
                    self.action(node, body)
                case Branch(keyword="range"):
                    self.loop(node, body)
                case Branch():
                    self.branch(node, body)
                case Call():
                    self.template(node, body)
                case Jump():
                    kind = ast.Break if node.keyword == "break" else ast.Continue
                    body.append(kind(lineno=self.line, col_offset=0))
            if self.calls > 32:  # a long stretch without loops must look at the clock as well
                body.append(self.do(self.run_method("spend", self.const(self.calls))))
                self.calls = 0
        if not body:
            body.append(ast.Pass(lineno=self.line, col_offset=0))
        return body

    def action(self, node: Action, body: list[ast.stmt]) -> None:
        value = self.pipeline(_without_last(node.pipe) if node.drops_last else node.pipe)
        self.line = self.site(node)
        if node.pipe.variables:
            body.append(self.do(value.code))
            return
        code = value.code
        for escaper in node.escapers:
            code = self.call(self.keep("e", self.escapers[escaper]), code)
            value = _Value(code, "string")
        if node.escapers:
            code = self.measured(code)
        if value.type != "string":
            kept = self.fresh("t")
            code = self.either(
                self.is_type(kept, code, "str"), self.load(kept), self.call("printed", self.load(kept))
            )
        body.append(self.do(self.call("write", code)))

    def branch(self, node: Branch, body: list[ast.stmt]) -> None:
        """`if` and `with`. A ladder of `else if` is followed in a loop; each step is nested in the last."""
        self.scopes.append({})
        depth = 1
        outer = self.dot
        while True:
            self.line = self.site(node)
            value = self.pipeline(node.pipe)
            self.line = self.site(node)
            test = value
            if node.keyword == "with":
                inner = self.fresh("d")
                body.append(self.assign(inner, value.code))
                test = _Value(self.load(inner), value.type)
                self.dot = inner
            test_code = self.truth_of(test)
            self.scopes.append({})
            then = self.statements(node.body)
            self.scopes.pop()
            self.dot = outer
            otherwise: list[ast.stmt] = []
            self.line = self.site(node)
            body.append(ast.If(test_code, then, otherwise, lineno=self.line, col_offset=0))
            ladder = node.otherwise
            if ladder is None:
                break
            if len(ladder) == 1 and isinstance(ladder[0], Branch) and ladder[0].keyword == node.keyword:
                self.scopes.append({})
                depth += 1
                node, body = ladder[0], otherwise
                continue
            otherwise += self.statements(ladder)
            break
        del self.scopes[-depth:]

    def loop(self, node: Branch, body: list[ast.stmt]) -> None:
        self.scopes.append({})
        variables = node.pipe.variables
        value = self.pipeline(node.pipe)
        self.line = self.site(_last_in_pipe(node.pipe))
        source, element = self.fresh("s"), self.fresh("d")
        two = len(variables) == 2
        body.append(self.assign(source, self.call("pairs" if two else "elements", value.code)))
        self.line = self.site(node)
        targets = [element]
        inside: list[ast.stmt] = []
        if two:
            targets = [self.fresh("k"), element]
        for variable, name in zip(variables, targets, strict=bool(variables)):
            local = self.variable(variable.name)
            if local is None:
                inside.append(self.do(self.undefined(variable)))
            else:
                inside.append(self.assign(local, self.load(name)))
        self.line = self.site(node)
        outer, self.dot = self.dot, element
        calls, self.calls = self.calls, 0
        self.scopes.append({})
        turn = self.statements(node.body)
        self.scopes.pop()
        self.line = self.site(node)
        cost = self.const(self.calls + 2)
        self.calls = calls
        self.dot = outer
        inside.insert(0, self.do(self.run_method("tick", cost)))
        stores: list[ast.expr] = [ast.Name(name, STORE, lineno=self.line, col_offset=0) for name in targets]
        target = stores[0] if not two else ast.Tuple(stores, STORE, lineno=self.line, col_offset=0)
        turns = ast.For(target, self.load(source), inside + turn, [], lineno=self.line, col_offset=0)
        otherwise = [] if node.otherwise is None else self.statements(node.otherwise)
        self.line = self.site(node)
        if otherwise:
            body.append(ast.If(self.load(source), [turns], otherwise, lineno=self.line, col_offset=0))
        else:
            body.append(turns)
        self.scopes.pop()

    def template(self, node: Call, body: list[ast.stmt]) -> None:
        entered = self.fresh("c")
        # Compat: the name is looked up, and the depth counted, before the argument is evaluated.
        body.append(self.assign(entered, self.run_method("enter", self.const(node.target))))
        argument = self.load("NO_VALUE")
        if node.pipe is not None:
            argument = self.settled(self.pipeline(node.pipe))
        self.line = self.site(node)
        body.append(self.do(self.call(entered, self.load("run"), self.load("write"), argument)))
        depth = ast.Attribute(self.load("run"), "depth", STORE, lineno=self.line, col_offset=0)
        body.append(ast.AugAssign(depth, ast.Sub(), self.const(1), lineno=self.line, col_offset=0))
        self.calls += 8

    # Values

    def truth_of(self, value: _Value) -> ast.expr:
        return value.code if value.type != "any" else self.call("truth", value.code)

    def settled(self, value: _Value) -> ast.expr:
        """Compat: at the end of a pipeline nil turns into no value, of which any field may be asked."""
        if value.type != "any":
            return value.code
        kept = self.fresh("t")
        test = self.compare(self.walrus(kept, value.code), ast.Is(), self.const(None))
        return self.either(test, self.load("NO_VALUE"), self.load(kept))

    def variable(self, name: str) -> str | None:
        """The Python name of the innermost visible variable."""
        return next((scope[name] for scope in reversed(self.scopes) if name in scope), None)

    def undefined(self, variable: Variable) -> ast.expr:
        self.line = self.site(variable)
        return self.call("fault", self.const(f"undefined variable: {variable.name}"))

    def pipeline(self, pipe: Pipe) -> _Value:
        value: _Value | None = None
        at: Any = pipe
        for command in pipe.commands:
            value = self.command(command, value, at)
            at = _last_in_command(command)
        assert value is not None  # the parser lets no empty pipeline through
        for variable in pipe.variables:
            code = self.settled(value)
            if pipe.assigns:
                local = self.variable(variable.name)
                if local is None:
                    self.line = self.site(at)
                    message = self.const(f"undefined variable: {variable.name}")
                    value = _Value(self.call("fault", message, code))
                    continue
            else:
                local = self.scopes[-1][variable.name] = self.fresh("v")
            value = _Value(self.walrus(local, code), value.type)
        return value

    def command(self, command: Command, piped: _Value | None, at: Any) -> _Value:
        """One stage; `at` is the node that was met last before it."""
        first, *arguments = command.operands
        match first:
            case Identifier():
                return self.function(first, command, arguments, piped)
            case Field() | Chain():
                return self.chain(first, arguments, piped)
            case Variable() if first.names:
                return self.chain(first, arguments, piped)
        if arguments or piped is not None:
            # Compat: a parenthesis is not noted as met before the complaint.
            self.line = self.site(at if isinstance(first, Pipe) else first)
            message = self.const(f"can't give argument to non-function {first}")
            return _Value(self.call("fault", message, *([piped.code] if piped else [])))
        if isinstance(first, Nil):
            self.line = self.site(first)
            return _Value(self.call("fault", self.const("nil is not a command")))
        return self.operand(first)

    def operand(self, node: Operand) -> _Value:  # noqa: PLR0911  # one line for each kind
        """The value of an operand whose type nobody asks for."""
        match node:
            case Dot():
                return _Value(self.load(self.dot))
            case Nil():
                return _Value(self.const(None))
            case Bool():
                return _Value(self.const(node.value), "bool")
            case String():
                return _Value(self.const(node.value), "string")
            case Number():
                self.line = self.site(node)
                try:
                    number = access.ideal_number(node)
                except Fault as problem:
                    return _Value(self.call("fault", self.const(str(problem))))
                return _Value(self.const(number), type(number).__name__)
            case Identifier():
                return self.function(node, node, [], None)
            case Variable() if not node.names:
                local = self.variable(node.name)
                return _Value(self.undefined(node) if local is None else self.load(local))
            case Pipe():
                value = self.pipeline(node)
                return _Value(self.settled(value), value.type)
            case _:
                return self.chain(node, [], None)

    def chain(
        self, node: Field | Variable | Chain, arguments: Sequence[Operand], piped: _Value | None
    ) -> _Value:
        """Fields one after the other; only the last may have arguments."""
        at: Any = node
        match node:
            case Field():
                code = self.load(self.dot)
            case Variable():
                local = self.variable(node.name)
                code = self.undefined(node) if local is None else self.load(local)
            case Chain():
                if isinstance(node.base, Nil):
                    self.line = self.site(node)
                    message = f"indirection through explicit nil in {node}"
                    return _Value(self.call("fault", self.const(message)))
                code = self.operand(node.base).code
                at = _last_in(node.base)
        *middle, last = node.names
        for name in middle:
            code = self.get(code, name, at)
        if not arguments and piped is None:
            return _Value(self.get(code, last, at))
        return self.method(code, last, node, at, arguments, piped)

    def get(self, code: ast.expr, name: str, at: Any) -> ast.expr:
        self.line = self.site(at, name)
        key = ("get", name)
        getter = self.named.get(key)
        if getter is None:
            getter = self.named[key] = self.fresh("g")
            self.globals[getter] = access.make_getter(name, self.missing_key)
        return self.call(getter, code)

    def method(
        self,
        code: ast.expr,
        name: str,
        node: Any,
        at: Any,
        arguments: Sequence[Operand],
        piped: _Value | None,
    ) -> _Value:
        first = None
        if piped is not None:
            first, piped = self.evaluated_first(piped)
        self.line = self.site(at, name)
        counts = [
            self.const(len(arguments)),
            self.const(int(piped is not None)),
            self.const(self.missing_key),
        ]
        bound = self.call("bind_method", code, self.const(name), *counts)
        values = [
            self.load(self.keep("n", access.Constant(argument)))
            if isinstance(argument, _LITERALS)
            else self.operand(argument).code
            for argument in arguments
        ]
        self.calls += 1
        # A call that fails names the chain, an argument that does not fit the node met last.
        nodes = tuple(_last_in(argument) for argument in arguments)
        self.line = self.site(node if isinstance(at, type(node)) else at, name, nodes)
        call = self.call(
            "call_method", bound, self.tuple(*values), self.tuple(*([piped.code] if piped else []))
        )
        return self.after(first, _Value(self.measured(call)))

    def evaluated_first(self, piped: _Value) -> tuple[ast.expr, _Value]:
        """What is piped is evaluated before the stage it is piped into: an expression that keeps it, and its name."""
        kept = self.fresh("p")
        return self.walrus(kept, piped.code), _Value(self.load(kept), piped.type)

    def after(self, first: ast.expr | None, value: _Value) -> _Value:
        """The value, once the other expression has been evaluated."""
        if first is None:
            return value
        both = self.tuple(first, value.code)
        return _Value(ast.Subscript(both, self.const(1), LOAD, lineno=self.line, col_offset=0), value.type)

    def measured(self, code: ast.expr) -> ast.expr:
        """The result of a function of others, measured when it is not a short text."""
        kept = self.fresh("t")
        short = self.compare(self.call("len", self.load(kept)), ast.Lt(), self.const(LONG))
        test = ast.BoolOp(ast.And(), [self.is_type(kept, code, "str"), short], lineno=self.line, col_offset=0)
        return self.either(test, self.load(kept), self.run_method("result", self.load(kept)))

    # Functions

    def function(
        self, identifier: Identifier, command: Any, arguments: Sequence[Operand], piped: _Value | None
    ) -> _Value:
        name = identifier.name
        function = self.functions[name]
        fixed, variadic = function.fixed_kinds, function.variadic_kind
        count = len(arguments) + (piped is not None)
        if (count != len(fixed)) if variadic is None else (count < len(fixed)):
            self.line = self.site(identifier)
            want = f"at least {len(fixed)} got {len(arguments)}" if variadic else f"{len(fixed)} got {count}"
            message = self.const(f"wrong number of args for {name}: want {want}")
            return _Value(self.call("fault", message, *([piped.code] if piped else [])))
        builtin = BUILTINS.get(name) is function
        if builtin and name in ("and", "or"):
            return self.short_circuit(name, arguments, piped)
        kinds = access.parameter_kinds(function, count)
        first = None
        if piped is not None and not all(map(_is_plain, arguments, kinds)):
            first, piped = self.evaluated_first(piped)
        values = [self.argument(one, kind) for one, kind in zip(arguments, kinds, strict=False)]
        if piped is not None:
            last = _last_in(arguments[-1]) if arguments else identifier
            self.line = self.site(last)
            values.append(self.convert(piped, kinds[-1], "converted_piped"))
        self.calls += 1
        if builtin and name in ("eq", "ne") and count == 2:
            self.line = self.site(command, name)
            value = self.equality(name, values)
        elif builtin and name == "not":
            self.line = self.site(command, name)
            negated = ast.UnaryOp(ast.Not(), self.truth_of(values[0]), lineno=self.line, col_offset=0)
            value = _Value(negated, "bool")
        else:
            codes = [value.code for value in values]
            self.line = self.site(command, name)
            if builtin and name == "call":
                codes.insert(0, self.const(str(arguments[0]) if arguments else ""))
            if function.pass_environment:
                codes.insert(
                    0, ast.Attribute(self.load("run"), "environment", LOAD, lineno=self.line, col_offset=0)
                )
            called = self.call(self.keep("f", function.call), *codes)
            type_ = RESULTS.get(name, "any") if builtin else "any"
            if not builtin or type_ == "string":
                called = self.measured(called)
            value = _Value(called, type_)
        return self.after(first, value)

    def short_circuit(self, name: str, arguments: Sequence[Operand], piped: _Value | None) -> _Value:
        """`and` gives the first false argument, `or` the first true one, else the last; no later one is evaluated."""
        first: ast.expr | None = None
        values: list[_Value] = []
        if piped is not None and arguments:
            first, piped = self.evaluated_first(piped)
        values = [self.argument(argument, VALUE) for argument in arguments]
        if piped is not None:
            values.append(piped)
        result = values[-1].code
        type_ = values[-1].type
        for value in reversed(values[:-1]):
            if value.type != type_:
                type_ = "any"
            kept = self.fresh("t")
            test = self.truth_of(_Value(self.walrus(kept, value.code), value.type))
            if name == "or":
                result = self.either(test, self.load(kept), result)
            else:
                result = self.either(test, result, self.load(kept))
        return self.after(first, _Value(result, type_))

    def equality(self, name: str, values: list[_Value]) -> _Value:
        """Two texts are compared on the spot, anything else by the function."""
        left, right = values
        function = self.keep("f", BUILTINS[name].call)
        operator = ast.Eq() if name == "eq" else ast.NotEq()
        if left.type == right.type == "string":
            return _Value(self.compare(left.code, operator, right.code), "bool")
        if "string" not in (left.type, right.type):
            return _Value(self.call(function, left.code, right.code), "bool")
        a, b = self.fresh("t"), self.fresh("t")
        unknown, known = (a, b) if right.type == "string" else (b, a)
        both = ast.Tuple(
            [self.walrus(a, left.code), self.walrus(b, right.code)], LOAD, lineno=self.line, col_offset=0
        )
        text = values[0 if known == a else 1].code
        if isinstance(text, ast.Constant):
            other = values[1 if known == a else 0].code
            quick = self.compare(self.load(unknown), operator, text)
            slow = self.call(
                function, *([text, self.load(unknown)] if known == a else [self.load(unknown), text])
            )
            return _Value(self.either(self.is_type(unknown, other, "str"), quick, slow), "bool")
        first = ast.Subscript(
            both, self.const(0 if unknown == a else 1), LOAD, lineno=self.line, col_offset=0
        )
        test = self.compare(self.call("type", first), ast.Is(), self.load("str"))
        quick = self.compare(self.load(a), operator, self.load(b))
        return _Value(self.either(test, quick, self.call(function, self.load(a), self.load(b))), "bool")

    def argument(self, node: Operand, kind: Kind) -> _Value:
        if isinstance(node, _LITERALS):
            if kind.constant == "any":
                return self.operand(node)
            self.line = self.site(node)
            try:
                value = access.constant(node, kind)
            except Fault as problem:
                return _Value(self.call("fault", self.const(str(problem))))
            return _Value(self.const(value), "string" if type(value) is str else "any")
        value = self.operand(node)
        self.line = self.site(_last_in(node))
        return self.convert(value, kind, "converted")

    def convert(self, value: _Value, kind: Kind, converter: str) -> _Value:
        if kind is VALUE:
            return value
        if kind is ANY:
            if value.type != "any":
                return value
            kept = self.fresh("t")
            test = self.compare(self.walrus(kept, value.code), ast.Is(), self.load("NO_VALUE"))
            return _Value(self.either(test, self.const(None), self.load(kept)))
        if kind is STRING:
            if value.type == "string":
                return value
            kept = self.fresh("t")
            slow = self.call(converter, self.load(kept), self.load(self.keep("k", kind)))
            return _Value(self.either(self.is_type(kept, value.code, "str"), self.load(kept), slow), "string")
        return _Value(self.call(converter, value.code, self.load(self.keep("k", kind))))


def _is_plain(node: Operand, kind: Kind) -> bool:
    """Whether an argument is a constant that fits, so that nobody can tell when it was evaluated."""
    return isinstance(node, String) and kind.constant in ("any", "string")


def _without_last(pipe: Pipe) -> Pipe:
    """The pipeline whose last stage, `html` or `urlquery`, is left to the escapers; its arguments are not."""
    *commands, last = pipe.commands
    if not commands:
        # The same joined text that the function would have made of them.
        joined = Identifier(last.operands[0].position, "print")
        commands = [Command(last.position, [joined, *last.operands[1:]])]
    return Pipe(pipe.position, [], pipe.assigns, commands)


def _last_in(node: Any) -> Any:
    """The node Go looked at last when it evaluated this operand; it names that one in errors that follow."""
    while True:
        if isinstance(node, Chain):
            node = node.base
        elif isinstance(node, Pipe):
            node = _last_in_pipe(node)
        else:
            return node


def _last_in_pipe(pipe: Pipe) -> Any:
    return _last_in_command(pipe.commands[-1])


def _last_in_command(command: Command) -> Any:
    first, *arguments = command.operands
    return _last_in(arguments[-1] if arguments else first)
