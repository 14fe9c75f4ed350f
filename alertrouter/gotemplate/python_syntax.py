"""Python's syntax tree, written with fewer words: every node is made at the current line."""

from __future__ import annotations

import ast
from typing import Any

LOAD, STORE = ast.Load(), ast.Store()


class Syntax:
    """Makes nodes; `line` is the line they all get."""

    line = 1

    def load(self, name: str) -> ast.expr:
        return ast.Name(name, LOAD, lineno=self.line, col_offset=0)

    def const(self, value: Any) -> ast.expr:
        return ast.Constant(value, lineno=self.line, col_offset=0)

    def call(self, function: ast.expr | str, *arguments: ast.expr) -> ast.expr:
        if isinstance(function, str):
            function = self.load(function)
        return ast.Call(function, list(arguments), [], lineno=self.line, col_offset=0)

    def run_method(self, name: str, *arguments: ast.expr) -> ast.expr:
        attribute = ast.Attribute(self.load("run"), name, LOAD, lineno=self.line, col_offset=0)
        return self.call(attribute, *arguments)

    def walrus(self, name: str, value: ast.expr) -> ast.expr:
        target = ast.Name(name, STORE, lineno=self.line, col_offset=0)
        return ast.NamedExpr(target, value, lineno=self.line, col_offset=0)

    def either(self, test: ast.expr, then: ast.expr, otherwise: ast.expr) -> ast.expr:
        return ast.IfExp(test, then, otherwise, lineno=self.line, col_offset=0)

    def compare(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> ast.expr:
        return ast.Compare(left, [operator], [right], lineno=self.line, col_offset=0)

    def assign(self, name: str, value: ast.expr) -> ast.stmt:
        target = ast.Name(name, STORE, lineno=self.line, col_offset=0)
        return ast.Assign([target], value, lineno=self.line, col_offset=0)

    def do(self, value: ast.expr) -> ast.stmt:
        return ast.Expr(value, lineno=self.line, col_offset=0)

    def is_type(self, name: str, value: ast.expr, python_type: str) -> ast.expr:
        """type(name := value) is python_type"""
        return self.compare(self.call("type", self.walrus(name, value)), ast.Is(), self.load(python_type))

    def tuple(self, *values: ast.expr) -> ast.expr:
        return ast.Tuple(list(values), LOAD, lineno=self.line, col_offset=0)
