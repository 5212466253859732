"""The hyperparameters of a recipe: found, described and read from text."""

from __future__ import annotations

import ast
import inspect
import io
import math
import textwrap
import tokenize
import types
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import lru_cache
from threading import Lock
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from foretell.errors import ForetellError
from foretell.recipe.protocols import Recipe
from foretell.system.typed import Within
from foretell.system.whole_numbers import as_whole

# held by what parses source: before 3.11.8 Python counts the depth of a syntax tree for all threads at once (gh-106905)
PARSING: Final = Lock()
_WORDS: Final = {int: "a whole number", float: "a number"}

_SHOWN: Final = 100  # characters of a value that a message repeats
# What Python's reader of literals raises for a text that is none, or one with more brackets than it can follow
_UNREADABLE: Final = (ValueError, SyntaxError, TypeError, RecursionError, MemoryError)

# What a hyperparameter may be, where its type alone says too little: `hidden_size: Count = 64`. Of other limits, write
# `Annotated[int, Within(1, 24)]`.
Count = Annotated[int, Within(1, 1_000_000)]  # of steps, rows, windows
Size = Annotated[int, Within(1, 65_536)]  # of a layer, of a batch
Share = Annotated[float, Within(0.0, 1.0)]  # of a whole
LearningRate = Annotated[float, Within(1e-12, 1.0)]  # of a training
Steps = Annotated[int, Within(1, 100_000_000)]  # of a training


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """One field of a recipe: what it is called, takes, is by default and means."""

    name: str
    kind: Any
    default: Any
    meaning: str


def settings_of(recipe: Recipe) -> dict[str, Any]:
    """The hyperparameters of a recipe as plain values."""
    return {parameter.name: getattr(recipe, parameter.name) for parameter in hyperparameters(type(recipe))}


def hyperparameters(recipe: type[Recipe]) -> list[Hyperparameter]:
    """The fields of a recipe in order, each with the comment that stands beside it."""
    declared = [base for base in reversed(recipe.__mro__) if is_dataclass(base)]
    meanings = {name: text for base in declared for name, text in _comments(base).items()}
    hints = get_type_hints(recipe, include_extras=True)
    return [
        Hyperparameter(
            f.name,
            hints[f.name],
            f.default_factory() if f.default_factory is not MISSING else f.default,
            meanings.get(f.name, ""),
        )
        for f in fields(recipe)  # type: ignore[arg-type]  # a Protocol cannot say that it is a dataclass
    ]


def _comments(recipe: type) -> dict[str, str]:
    """Field -> the comment beside its definition, or on the lines above it."""
    with PARSING:
        return _parsed_comments(recipe)


@lru_cache(maxsize=256)
def _parsed_comments(recipe: type) -> dict[str, str]:
    try:
        source = textwrap.dedent(inspect.getsource(recipe))
    except OSError:  # a class typed at the prompt has no source
        return {}
    lines = source.splitlines()
    beside: dict[int, str] = {}
    above: dict[int, str] = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            alone = not lines[token.start[0] - 1][: token.start[1]].strip()
            (above if alone else beside)[token.start[0]] = token.string.lstrip("# ")
    definition = ast.parse(source).body[0]
    assert isinstance(definition, ast.ClassDef)
    return {
        ast.unparse(node.target): _comment_of(node, beside, above)
        for node in definition.body
        if isinstance(node, ast.AnnAssign)
    }


def _comment_of(node: ast.AnnAssign, beside: dict[int, str], above: dict[int, str]) -> str:
    first = node.lineno
    while first - 1 in above:
        first -= 1
    return " ".join(
        [above[line] for line in range(first, node.lineno)]
        + [
            beside[line]
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
            if line in beside
        ]
    )


def read_value(where: str, kind: Any, value: Any) -> Any:
    """`value` as `kind`, the type of a field; text is read as the command line writes it, numpy's numbers as plain ones.

    Raises ForetellError, naming `where`, for a value of another type and for one beyond what the field declares.
    """
    value = value.item() if isinstance(value, np.generic) else value
    whole = as_whole(value)
    value = value if whole is None else whole
    if get_origin(kind) in (Union, types.UnionType):
        options = get_args(kind)
        if value is None or (isinstance(value, str) and value.lower() == "none" and type(None) in options):
            return None
        kind = next(option for option in options if option is not type(None))
    if get_origin(kind) is Annotated:
        base, limits = get_args(kind)[:2]
        return _within(where, base, limits, read_value(where, base, value), value)
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise _refused(where, " or ".join(map(repr, get_args(kind))), value)
        return value
    if get_origin(kind) is tuple:
        return _list(where, get_args(kind)[0], value)
    return _convert(where, kind, value)


def _bound(number: float) -> str:
    """0 for 0.0 too: typing takes Annotated types with equal limits for one, whichever of the two was written."""
    return f"{int(number) if number == int(number) else number:,}"


def _within(where: str, kind: Any, limits: Any, read: Any, value: object) -> Any:
    if isinstance(limits, Within) and not limits.least <= read <= limits.most:
        raise _refused(where, f"{_WORDS[kind]} from {_bound(limits.least)} to {_bound(limits.most)}", value)
    return read


def _list(where: str, element: Any, value: Any) -> tuple[Any, ...]:
    """Numbers or texts as they are, as Python writes a tuple or list of them, or separated by commas."""
    text = _bare(element) is str
    parts = value.tolist() if isinstance(value, np.ndarray) else value
    if isinstance(value, str):
        try:
            parts = ast.literal_eval(value)
        except _UNREADABLE as error:
            if not text:
                raise _refused(where, "numbers separated by commas", value) from error
            parts = [part.strip() for part in value.split(",") if part.strip()]
    parts = parts if isinstance(parts, (tuple, list)) else (parts,)
    if len(parts) == 0:
        raise _refused(where, "at least one text" if text else "at least one number", value)
    if text and not all(isinstance(part, str) for part in parts):
        raise _refused(where, "a list of texts", value)
    return tuple(read_value(where, element, part) for part in parts)


def _bare(kind: Any) -> Any:
    """A type without the limits that stand beside it."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _convert(where: str, base: Any, value: Any) -> Any:
    if base is bool:
        if isinstance(value, bool) or str(value).lower() in ("true", "false"):
            return value if isinstance(value, bool) else str(value).lower() == "true"
        raise _refused(where, "true or false", value)
    if base is str:
        return str(value)
    try:
        parsed = ast.literal_eval(value) if isinstance(value, str) else value
    except _UNREADABLE as error:
        raise _refused(where, _WORDS[base], value) from error
    if isinstance(parsed, bool) or not isinstance(parsed, (int, float)):
        raise _refused(where, _WORDS[base], value)
    if not math.isfinite(parsed):
        raise _refused(where, "a finite number", value)
    if base is int and parsed != int(parsed):
        raise _refused(where, _WORDS[base], value)
    return base(parsed)


def _refused(where: str, expected: str, value: object) -> ForetellError:
    got = repr(value)
    return ForetellError(
        f"{where} must be {expected}, got {got if len(got) <= _SHOWN else got[:_SHOWN] + '...'}"
    )
