"""The texts of messages as the source writes them: an ellipsis stands for each value that is known only when it is said."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise, product
from typing import Final

Function = ast.FunctionDef | ast.AsyncFunctionDef
UNKNOWN: Final = "…"
_MOST: Final = 6  # texts of one message that are told apart
_DEEPEST: Final = 6  # names and functions that are followed
_WRAPS: Final = ("str", "ForetellError")  # whose first argument is the text
_KEEPS: Final = ("strip", "rstrip", "capitalize")  # methods that leave a text nearly as it is


class Texts:
    """The texts of the expressions of one module, which may call functions of the `others`."""

    def __init__(self, module: ast.Module, others: Mapping[str, Function] | None = None) -> None:
        self._functions = {**(others or {}), **functions_of([module])}

    def of(self, node: ast.expr, inside: Function | None = None, depth: int = 0) -> tuple[str, ...]:
        """What `node`, an expression in the function `inside`, may say; `UNKNOWN` where that is made elsewhere."""
        if depth > _DEEPEST:
            return (UNKNOWN,)
        found: list[str] = []
        for part in self._alternatives(node, inside):
            found += [part] if isinstance(part, str) else self.of(part[0], part[1], depth + 1)
        return tuple(dict.fromkeys(found))[:_MOST] or (UNKNOWN,)

    def _alternatives(
        self, node: ast.expr, inside: Function | None
    ) -> Iterator[str | tuple[ast.expr, Function | None]]:
        """Texts, or expressions in whose place the node stands."""
        if isinstance(node, ast.Constant):
            yield str(node.value) if isinstance(node.value, str) else UNKNOWN
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(p.value) if isinstance(p, ast.Constant) else UNKNOWN for p in node.values)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            yield from map("".join, product(self.of(node.left, inside, 1), self.of(node.right, inside, 1)))
        elif isinstance(node, ast.IfExp):
            yield from ((node.body, inside), (node.orelse, inside))
        elif isinstance(node, ast.Name):
            yield from ((value, inside) for value in _assigned(node.id, inside))
        elif isinstance(node, ast.Call):
            yield from self._called(node, inside)

    def _called(self, node: ast.Call, inside: Function | None) -> Iterator[tuple[ast.expr, Function | None]]:
        name = getattr(node.func, "id", "")
        if name in _WRAPS and node.args:
            yield node.args[0], inside
        elif name in self._functions:
            made = self._functions[name]
            yield from (
                (each.value, made) for each in ast.walk(made) if isinstance(each, ast.Return) and each.value
            )
        elif isinstance(node.func, ast.Attribute) and node.func.attr in _KEEPS:
            yield node.func.value, inside


def functions_of(modules: Iterable[ast.Module]) -> dict[str, Function]:
    """The functions and methods of some modules, by name."""
    return {node.name: node for module in modules for node in ast.walk(module) if isinstance(node, Function)}


def in_tuples(module: ast.Module, word: str) -> Iterator[ast.expr]:
    """What follows a word in the tuples of a module, where that is a text with values."""
    for node in ast.walk(module):
        elements = node.elts if isinstance(node, ast.Tuple) else []
        for element, following in pairwise(elements):
            if (
                isinstance(element, ast.Constant)
                and element.value == word
                and isinstance(following, ast.JoinedStr)
            ):
                yield following


def in_functions(module: ast.Module) -> Iterator[tuple[ast.Call, Function | None]]:
    """Every call of a module, and the innermost function that it stands in."""

    def walk(node: ast.AST, inside: Function | None) -> Iterator[tuple[ast.Call, Function | None]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                yield child, inside
            yield from walk(child, child if isinstance(child, Function) else inside)

    return walk(module, None)


def _assigned(name: str, inside: Function | None) -> Iterator[ast.expr]:
    """What a name of a function is given there."""
    for node in ast.walk(inside) if inside is not None else ():
        if isinstance(node, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == name for t in node.targets
        ):
            yield node.value


def severities_of(name: str, inside: Function | None, by_method: dict[str, str]) -> tuple[str, ...]:
    """The severities of a name that was given methods such as `findings.warn`."""
    methods = [
        node.attr
        for value in _assigned(name, inside)
        for node in ast.walk(value)
        if isinstance(node, ast.Attribute) and node.attr in by_method
    ]
    return tuple(dict.fromkeys(by_method[method] for method in methods))
