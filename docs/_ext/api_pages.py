"""Pages of the reference on the public names of the library."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from importlib import import_module
from typing import Any, Final

from docstrings import Docstring, Undocumented, checked, field_comments, members_of, parsed, signature_of

# Module -> what its names are for. Those of the first have a page each, with all arguments and an example.
MODULES: Final = {
    "foretell": "For who forecasts.",
    "foretell.recipe": "For the author of a recipe: what is asked, what is given, what is returned. It loads no torch.",
    "foretell.networks": "For the author of a recipe that is a network.",
    "foretell.local": "For the author of a recipe that models one series at a time.",
    "foretell.tabular": "For the author of a recipe that learns from rows of a table.",
    "foretell.testing": "For the author of a recipe: whether it does all that a recipe must.",
}
GROUPS: Final = {
    "The data": ("Dataset", "Sql", "check", "make_future_frame", "Panel", "Schema"),
    "Train and forecast": ("train", "Model", "load", "Forecast"),
    "Score and watch": ("backtest", "evaluate", "tune", "Report", "monitor", "Monitor"),
    "Recipes": ("recipe_names", "make_recipe", "preset", "Task", "Run"),
    "Embedding": ("listening", "Listener", "Event", "CancelToken", "ForetellError", "Interrupted"),
}


def pages() -> Iterator[tuple[str, str]]:
    """(path below reference/, MyST) of each page; raises Undocumented for the first name that cannot be explained."""
    yield "api/index.md", _index()
    for name in public_names("foretell"):
        yield f"api/{name}.md", _page(name)
    for module in list(MODULES)[1:]:
        yield f"api/{module}.md", _module_page(module)


def public_names(module: str) -> list[str]:
    """The names that a module offers, without those that begin with an underscore."""
    loaded = import_module(module)
    if hasattr(loaded, "__all__"):
        return [name for name in loaded.__all__ if not name.startswith("_")]
    source = inspect.getsource(loaded)
    return re.findall(r"^from \S+ import \w+ as (\w+)$", source, re.MULTILINE)


def _index() -> str:
    grouped = [name for names in GROUPS.values() for name in names]
    rest = [name for name in public_names("foretell") if name not in grouped]
    parts = ["# Python: the public names", f"`import foretell`. {MODULES['foretell']}"]
    for title, names in {**GROUPS, **({"Others": tuple(rest)} if rest else {})}.items():
        there = [name for name in names if name in public_names("foretell")]
        parts.append(f"## {title}")
        parts.append(_table([(f"[`foretell.{name}`]({name}.md)", _first(name)) for name in there]))
        parts.append("```{toctree}\n:hidden:\n\n" + "\n".join(there) + "\n```")
    parts.append("## For the authors of recipes")
    modules = list(MODULES)[1:]
    parts.append(_table([(f"[`{module}`]({module}.md)", MODULES[module]) for module in modules]))
    parts.append("```{toctree}\n:hidden:\n\n" + "\n".join(modules) + "\n```")
    return "\n\n".join(parts) + "\n"


def _first(name: str) -> str:
    text = parsed(getattr(import_module("foretell"), name).__doc__).text
    return " ".join(text.partition("\n\n")[0].split())


def _table(rows: list[tuple[str, str]]) -> str:
    return "| name | |\n|---|---|\n" + "\n".join(f"| {name} | {cell(text)} |" for name, text in rows)


def cell(text: str) -> str:
    """A text as a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def _page(name: str) -> str:
    thing = getattr(import_module("foretell"), name)
    return f"# {name}\n\n{described(f'foretell.{name}', thing, whole=True)}"


def _module_page(module: str) -> str:
    parts = [f"# {module}", MODULES[module]]
    for name in public_names(module):
        thing = getattr(import_module(module), name)
        home = next((m for m in list(MODULES)[:2] if m != module and name in public_names(m)), None)
        if home:
            page = f"{name}.md" if home == "foretell" else f"{home}.md"
            parts.append(f"## {name}\n\nThat of [`{home}.{name}`]({page}).")
        elif inspect.isfunction(thing) or isinstance(thing, type):
            parts.append(f"## {name}\n\n{described(f'{module}.{name}', thing, whole=True)}")
        else:
            parts.append(f"## {name}\n\n{_value(module, name)}")
    return "\n\n".join(parts) + "\n"


def _value(module: str, name: str) -> str:
    """A constant or a type: its definition, and the comment beside it or above."""
    source = inspect.getsource(import_module(module))
    where = re.search(rf"^ *from (\S+) import {name} as {name}$", source, re.MULTILINE)
    home = inspect.getsource(import_module(where[1])) if where else ""
    node = next((node for node in ast.parse(home).body if name in _assigned(node)), None)
    if node is None:
        raise Undocumented(f"{module}.{name} is not defined in {where and where[1]}")
    lines = home.splitlines()
    beside = lines[(node.end_lineno or node.lineno) - 1].partition("# ")[2]
    above = lines[node.lineno - 2].partition("# ")[2] if lines[node.lineno - 2].startswith("# ") else ""
    if not (beside or above):
        raise Undocumented(f"{module}.{name} has no comment that says what it is")
    assert isinstance(node, (ast.Assign, ast.AnnAssign))
    assert node.value is not None
    return f"```python\n{name} = {ast.unparse(node.value)}\n```\n\n{beside or above}"


def _assigned(node: ast.stmt) -> list[str]:
    """The names that a statement defines."""
    if isinstance(node, ast.Assign):
        return [ast.unparse(target) for target in node.targets]
    return [ast.unparse(node.target)] if isinstance(node, ast.AnnAssign) and node.value else []


def described(name: str, thing: Any, *, whole: bool) -> str:
    """A function or class as a directive of Sphinx, with its arguments, errors, example and members."""
    found = checked(name, thing, whole=whole)
    if isinstance(thing, type):
        return _class(name, thing, found)
    return _directive("function", f"{name}{signature_of(thing)}", body(found))


def _class(name: str, kind: type, found: Docstring) -> str:
    plain = issubclass(kind, BaseException) or getattr(kind, "_is_protocol", False)
    signature = name if plain else f"{name}{_own_signature(kind)}"
    if is_dataclass(kind) or issubclass(kind, tuple):
        comments = field_comments(kind)
        own = (
            [f.name for f in fields(kind) if f.init]
            if is_dataclass(kind)
            else list(getattr(kind, "_fields", ()))
        )
        own = [each for each in own if not each.startswith("_")]
        args = {each: found.args.get(each) or comments.get(each, "") for each in own}
        found = Docstring(found.text, {k: v for k, v in args.items() if v}, found.raises, found.example)
    parts = [_directive("exception" if issubclass(kind, BaseException) else "class", signature, body(found))]
    for member, value in members_of(kind).items():
        function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        told = checked(f"{name}.{member}", function, whole=False)
        short = f"{name}.{member}"
        if isinstance(value, property):
            parts.append(_directive("property", short, body(told)))
        else:
            parts.append(_directive(_sort(value), f"{short}{_without_self(function, value)}", body(told)))
    return "\n\n".join(parts)


def _sort(value: Any) -> str:
    return {staticmethod: "staticmethod", classmethod: "classmethod"}.get(type(value), "method")


def _own_signature(kind: type) -> str:
    try:
        return signature_of(kind)
    except ValueError:
        return ""


def _without_self(function: Any, value: Any) -> str:
    text = signature_of(function)
    return text if isinstance(value, staticmethod) else re.sub(r"^\((self|cls)(, /)?(, )?", "(", text)


def body(found: Docstring) -> str:
    """The parts of a docstring as MyST."""
    parts = [found.text]
    if found.args:
        parts.append("\n".join(f":param {name}: {text}" for name, text in found.args.items()))
    if found.raises:
        parts.append("\n".join(f":raises {name}: {text}" for name, text in found.raises.items()))
    if found.example:
        parts.append(f"```pycon\n{found.example}\n```")
    return "\n\n".join(parts)


def _directive(kind: str, signature: str, text: str) -> str:
    return f"````{{py:{kind}}} {signature}\n\n{text}\n````"
