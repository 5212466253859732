"""Who imports whom, read from the source: every form of import, wherever it stands in a file.

Counted are `import a.b`, `from a import b`, relative imports, `importlib.import_module` and `__import__` of a literal (or of
a text that begins with one), those for types alone, those inside functions, and `foretell.x`, which the public face imports
when it is asked for. What a package's `__init__` imports by itself is its own import, not that of those who import a file
beside it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

FACE = "foretell"  # the module whose names are imported when they are first asked for
_IMPORTERS = ("import_module", "__import__")


@dataclass(frozen=True, slots=True)
class Import:
    """One file names another module."""

    source: str  # module, as `foretell.data.panel`
    target: str  # module; of a package, its `__init__`
    line: int
    where: str  # `Class.method` or function it stands in; empty at the top of the file


@dataclass(frozen=True)
class Tree:
    """The Python files of some packages, as modules."""

    packages: tuple[Path, ...]  # their folders

    @cached_property
    def files(self) -> dict[str, Path]:
        """Module -> file."""
        found = {}
        for package in self.packages:
            for path in sorted(package.rglob("*.py")):
                parts = path.relative_to(package.parent).with_suffix("").parts
                found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
        return found

    @cached_property
    def homes(self) -> dict[str, str]:
        """Name of the public face -> the module it comes from."""
        if FACE not in self.files:
            return {}
        for node in ast.parse(self.files[FACE].read_text()).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_HOME":
                return {name: f"{FACE}.{home}" for name, home in ast.literal_eval(node.value).items()}
        return {}

    @cached_property
    def imports(self) -> list[Import]:
        """Every import of every file, those of other libraries too."""
        return [each for module, path in self.files.items() for each in _Reader(self, module, path).imports()]

    def module_of(self, name: str) -> str:
        """The module that the dotted `name` lies in: the longest part of it that is a file, else `name`."""
        parts = name.split(".")
        if parts[0] == FACE and len(parts) > 1 and parts[1] in self.homes:
            return self.homes[parts[1]]
        for length in range(len(parts), 0, -1):
            if ".".join(parts[:length]) in self.files:
                return ".".join(parts[:length])
        return name


@dataclass(frozen=True)
class _Reader:
    tree: Tree
    module: str
    path: Path

    def imports(self) -> Iterator[Import]:
        syntax = ast.parse(self.path.read_text())
        faces = {
            alias.asname or alias.name.split(".")[0]
            for node in ast.walk(syntax)
            if isinstance(node, ast.Import)
            for alias in node.names
            if alias.name == FACE or (alias.name.startswith(f"{FACE}.") and not alias.asname)
        }
        for node, where in _nodes(syntax, ""):
            for name in self._names(node, faces):
                target = self.tree.module_of(name)
                if target != self.module:
                    yield Import(self.module, target, node.lineno, where)

    def _names(self, node: ast.AST, faces: set[str]) -> list[str]:
        """The dotted names that a node imports."""
        if isinstance(node, ast.Import):
            return [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            base = self._absolute("." * node.level + (node.module or ""))
            return [f"{base}.{alias.name}" if alias.name != "*" else base for alias in node.names]
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in _IMPORTERS and node.args:
            text = _beginning(node.args[0])
            return [self._absolute(text)] if text else []
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in faces:
            return [f"{FACE}.{node.attr}"]
        return []

    def _absolute(self, name: str) -> str:
        level = len(name) - len(name.lstrip("."))
        if not level:
            return name
        package = self.module.split(".")
        if self.path.name != "__init__.py":
            package = package[:-1]
        return ".".join([*package[: len(package) - level + 1], *filter(None, [name[level:]])])


def _beginning(node: ast.expr) -> str:
    """The literal text that an expression begins with; empty where there is none."""
    if isinstance(node, ast.JoinedStr) and node.values:
        node = node.values[0]
    if isinstance(node, ast.BinOp):
        return _beginning(node.left)
    text = node.value if isinstance(node, ast.Constant) else ""
    return text.rstrip(".") if isinstance(text, str) else ""


def _nodes(node: ast.AST, where: str) -> Iterator[tuple[ast.stmt | ast.expr, str]]:
    """Every statement and expression below `node`, and the function or method it stands in."""
    for child in ast.iter_child_nodes(node):
        inside = where
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            inside = f"{where}.{child.name}" if where else child.name
        if isinstance(child, (ast.stmt, ast.expr)):
            yield child, inside
        yield from _nodes(child, inside)


def circles(edges: set[tuple[str, str]]) -> list[list[str]]:
    """The groups of modules of which each reaches each other (strongly connected, two or more)."""
    after: dict[str, list[str]] = {}
    for source, target in sorted(edges):
        after.setdefault(source, []).append(target)
        after.setdefault(target, [])
    reach = {module: _reached(module, after) for module in after}
    groups = {tuple(sorted(m for m in reach[start] if start in reach[m])) for start in after}
    return sorted(list(group) for group in groups if len(group) > 1)


def _reached(start: str, after: dict[str, list[str]]) -> set[str]:
    seen: set[str] = set()
    open_ends = [start]
    while open_ends:
        for module in after[open_ends.pop()]:
            if module not in seen:
                seen.add(module)
                open_ends.append(module)
    return seen
