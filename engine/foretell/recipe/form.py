"""Whether a class is a recipe: a frozen dataclass with a name, `fit` and `load`, whose fields are hyperparameters."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

_SINGLE = (bool, int, float, str)
_LISTS = tuple(tuple[kind, ...] for kind in (int, float, str))  # type: ignore[valid-type]
_TYPES = "bool, int, float, str, Literal[...], tuple[int, ...], tuple[float, ...], tuple[str, ...], or one of them | None"


@cache
def fault_of(kind: type) -> str | None:
    """Why a class is no recipe, as the end of a sentence; None when it is one."""
    return _fault_of_class(kind) or _fault_of_fields(kind)


def _fault_of_class(kind: type) -> str | None:
    if not is_dataclass(kind):
        return "it is no dataclass; write @dataclass(frozen=True, kw_only=True) above the class"
    if not kind.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        return "its dataclass is not frozen; write @dataclass(frozen=True, kw_only=True) above the class"
    if any(field.name == "name" for field in fields(kind)):
        return "its name is a field; write name: ClassVar[str] = ..."
    name = getattr(kind, "name", None)
    if not isinstance(name, str) or not re.fullmatch(r"[\w-]+", name):
        return f"its name must be letters, digits, _ and -, got {name!r}; write name: ClassVar[str] = ..."
    missing = [method for method in ("fit", "load") if not callable(getattr(kind, method, None))]
    return f"it has no method {missing[0]}" if missing else None


def _fault_of_fields(kind: type) -> str | None:
    try:
        hints = get_type_hints(kind)
    except NameError as error:
        return f"the types of its fields cannot be read: {error}"
    for field in fields(kind):
        if field.default is MISSING and field.default_factory is MISSING:
            return f"its field {field.name!r} has no default"
        if not _is_hyperparameter(hints[field.name]):
            shown = getattr(field.type, "__name__", field.type)
            return f"its field {field.name!r} is of the type {shown}; a hyperparameter is {_TYPES}"
    return None


def _is_hyperparameter(kind: Any) -> bool:
    """Whether a value of this type can be read from text."""
    if get_origin(kind) in (Union, UnionType):
        options = [option for option in get_args(kind) if option is not NoneType]
        return len(options) == 1 and _is_hyperparameter(options[0])
    return kind in _SINGLE or kind in _LISTS or get_origin(kind) is Literal
