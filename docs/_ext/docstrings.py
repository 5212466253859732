"""What the reference says of a public name: read from its signature and its docstring, and refused where either is wanting."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, is_dataclass
from typing import Any, Final, Unpack, get_args, get_origin

SECTIONS: Final = ("Args", "Raises", "Example")
_HEAD: Final = re.compile(rf"^({'|'.join(SECTIONS)}):\n", re.MULTILINE)
_ENTRY: Final = re.compile(r"^\**(\w+): ")


class Undocumented(Exception):
    """A public name, an option or a message that the reference cannot explain; the text names it and what is missing."""


@dataclass(frozen=True)
class Docstring:
    """A docstring in its parts; those that are not there are empty."""

    text: str
    args: Mapping[str, str] = field(default_factory=dict)
    raises: Mapping[str, str] = field(default_factory=dict)
    example: str = ""


def parsed(docstring: str | None) -> Docstring:
    """A docstring whose sections `Args:`, `Raises:` and `Example:` stand at its end, each indented."""
    head, *rest = _HEAD.split(inspect.cleandoc(docstring or ""))
    parts = {name: inspect.cleandoc("\n" + body) for name, body in zip(rest[::2], rest[1::2], strict=True)}
    return Docstring(
        head.strip(),
        _entries(parts.get("Args", "")),
        _entries(parts.get("Raises", "")),
        parts.get("Example", "").strip(),
    )


def _entries(section: str) -> dict[str, str]:
    """`name: text` a line; what is indented below goes on with it."""
    found: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        entry = _ENTRY.match(line)
        if entry:
            name = entry[1]
            found[name] = line[entry.end() :]
        elif name:
            found[name] += " " + line.strip()
    return {name: " ".join(text.split()) for name, text in found.items()}


def parameters_of(function: Any) -> dict[str, inspect.Parameter]:
    """The parameters of a function or a class by name; those of `**run: Unpack[...]` one by one."""
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            unpacked = _unpacked(function, name)
            for inner in unpacked:
                found[inner] = inspect.Parameter(inner, inspect.Parameter.KEYWORD_ONLY, default=...)
            if not unpacked:
                found[name] = parameter
        else:
            found[name] = parameter
    return found


def _unpacked(function: Any, name: str) -> list[str]:
    code = inspect.unwrap(function)
    hint = code.__annotations__.get(name)
    if isinstance(
        hint, str
    ):  # that of this parameter alone: the others may name types that only checkers import
        hint = eval(hint, code.__globals__)
    if get_origin(hint) is Unpack:
        return list(get_args(hint)[0].__annotations__)
    return []


def signature_of(function: Any) -> str:
    """(data, *, recipe=None, ...): names and defaults, without the types that the arguments below explain."""
    plain = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in inspect.signature(function).parameters.values()
        if not parameter.name.startswith("_")
    ]
    return re.sub(r"<factory>", "...", str(inspect.Signature(plain)))


def members_of(kind: type) -> dict[str, Any]:
    """The public methods and properties of a class, by name, in the order of their definition; those of its bases first."""
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.split(".")[0] not in ("foretell", "foretell_recipes"):
            continue
        for name, member in vars(base).items():
            called = isinstance(member, (staticmethod, classmethod, property)) or inspect.isfunction(member)
            if called and not name.startswith("_"):
                found[name] = member
    return found


def checked(name: str, thing: Any, *, whole: bool) -> Docstring:
    """The docstring of a public name. Raises Undocumented where it has none; if `whole`, for an argument or an example that lacks."""
    own = thing.__doc__ if not is_dataclass(thing) or not _made_by_dataclass(thing) else None
    found = parsed(own)
    if not found.text:
        raise Undocumented(f"{name} has no docstring")
    if not whole:
        return found
    if not found.example and not (isinstance(thing, type) and issubclass(thing, BaseException)):
        raise Undocumented(f"the docstring of {name} has no section Example")
    made_here = is_dataclass(thing) and "Args:" not in (thing.__doc__ or "")  # by foretell, not by its users
    if inspect.isfunction(thing) or (_has_init(thing) and not made_here):
        expected = [p for p in parameters_of(thing) if not p.startswith("_")]
        described = set(found.args) | (set(field_comments(thing)) if is_dataclass(thing) else set())
        for parameter in expected:
            if parameter not in described:
                raise Undocumented(f"the docstring of {name} does not explain its argument {parameter!r}")
        for argument in found.args:
            if argument not in expected:
                raise Undocumented(f"the docstring of {name} explains {argument!r}, which is no argument")
    return found


def _has_init(thing: Any) -> bool:
    return isinstance(thing, type) and "__init__" in vars(thing) and not getattr(thing, "_is_protocol", False)


def _made_by_dataclass(kind: Any) -> bool:
    """Whether its docstring is the signature that `dataclass` writes where there is none."""
    return isinstance(kind, type) and str(kind.__doc__).startswith(f"{kind.__name__}(")


def field_comments(kind: Any) -> dict[str, str]:
    from foretell.recipe.hyperparameters import _comments

    found: dict[str, str] = {}
    bases: list[Any] = [b for b in reversed(kind.__mro__) if is_dataclass(b) or hasattr(b, "_fields")]
    for base in bases:
        found.update(_comments(base))
    return {name: text for name, text in found.items() if text}
