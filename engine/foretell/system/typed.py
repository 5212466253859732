"""JSON as types: dataclasses, numbers, texts, tuples and mappings, exactly as their annotations say and nothing beside them."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from foretell.errors import ForetellError

T = TypeVar("T")

_SHOWN: Final = 60  # characters of a value that a message repeats
_WORDS: Final = {
    int: "a whole number",
    float: "a finite number",
    str: "a text",
    bool: "true or false",
    type(None): "null",
}


@dataclass(frozen=True, slots=True)
class Within:
    """The range of a number, both ends included: `Annotated[int, Within(1, 9)]`.

    Example:
        >>> from typing import Annotated
        >>> from foretell.recipe import Within
        >>> Layers = Annotated[int, Within(1, 9)]  # the type of a recipe's field; 0 and 10 are refused by name
        >>> Layers.__metadata__
        (Within(least=1, most=9),)
    """

    least: float
    most: float


def typed(kind: type[T], value: Any, where: str = "") -> T:
    """`value`, made of JSON's types, as the dataclass or other type `kind`.

    A list may become a tuple, an object a dataclass or a mapping, a whole number a float; nothing else is converted. Raises
    ForetellError naming the first field that is missing, not known, of another type, out of range, or refused by its class.
    """
    found: T = _read(kind, value, where)
    return found


def _read(kind: Any, value: Any, where: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin is Annotated:
        return _in_range(_read(arguments[0], value, where), arguments[1], where)
    if origin in (Union, types.UnionType):
        return _one_of(arguments, value, where)
    if origin is Literal:
        if not any(type(value) is type(each) and value == each for each in arguments):
            raise _refused(where, " or ".join(map(repr, arguments)), value)
        return value
    if origin is tuple:
        return _tuple(arguments, value, where)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(arguments, value, where)
    if is_dataclass(kind):
        return _record(kind, value, where)
    return _scalar(kind, value, where)


def _scalar(kind: Any, value: Any, where: str) -> Any:
    expected = _WORDS[kind]
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind or (kind is float and not math.isfinite(value)):
        raise _refused(where, expected, value)
    return value


def _in_range(value: Any, within: Within, where: str) -> Any:
    if not within.least <= value <= within.most:
        raise _refused(where, f"from {within.least} to {within.most}", value)
    return value


def _one_of(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    """The value as the first of several kinds that takes it; null is never the kind that an error speaks of."""
    errors = []
    for kind in kinds:
        try:
            return _read(kind, value, where)
        except ForetellError as error:
            if kind is not type(None):
                errors.append(error)
    raise errors[-1]


def _tuple(arguments: tuple[Any, ...], value: Any, where: str) -> Any:
    if not isinstance(value, list):
        raise _refused(where, "a list", value)
    kinds = arguments[:1] * len(value) if len(arguments) == 2 and arguments[1] is Ellipsis else arguments
    if len(kinds) != len(value):
        raise _refused(where, f"a list of {len(kinds)}", value)
    return tuple(
        _read(kind, part, f"{where}[{i}]") for i, (kind, part) in enumerate(zip(kinds, value, strict=True))
    )


def _mapping(arguments: tuple[Any, ...], value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise _refused(where, "an object", value)
    return {key: _read(arguments[1], part, _under(where, key)) for key, part in value.items()}


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _record(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise _refused(where, "an object", value)
    known = {field.name: field for field in fields(kind) if field.init}
    strange = [name for name in value if name not in known]
    if strange:
        names = ", ".join(sorted(map(_short, strange))[:3])
        raise ForetellError(f"{where or 'it'} has fields that this version does not know: {names}")
    for name, field in known.items():
        if name not in value and field.default is MISSING and field.default_factory is MISSING:
            raise ForetellError(f"{_under(where, name)} is missing")
    hints = _hints(kind)
    found = {name: _read(hints[name], part, _under(where, name)) for name, part in value.items()}
    try:
        return kind(**found)
    except ForetellError as error:
        raise ForetellError(f"{where + ': ' if where else ''}{error}") from error


def _under(where: str, name: str) -> str:
    return f"{where}.{_short(name)}" if where else _short(name)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _refused(where: str, expected: str, value: object) -> ForetellError:
    return ForetellError(f"{where or 'it'} must be {expected}, got {_short(repr(value))}")
