"""JSON that others may have written, read strictly: the one way by which a folder's JSON comes in. `typed` gives it types."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any, Final

from foretell.errors import ForetellError
from foretell.system.repeated import first_repeated

MOST_BYTES: Final = 1 << 28  # of a JSON file
DEEPEST: Final = 100  # lists and objects within each other
_DIGITS: Final = 20  # of a whole number of 64 bits, with its sign
_SHOWN: Final = 60  # characters of a value that a message repeats


def parse_json(data: bytes | str, *, special: bool = False) -> Any:
    """What `data` spells, as dict, list, str, int, float, bool and None.

    Raises ForetellError for anything but JSON, and for what JSON leaves open: a name that is there twice, NaN and infinite
    numbers (unless they are allowed as `special`), whole numbers beyond 64 bits, halves of characters, and nesting deeper than
    DEEPEST.
    """
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_whole,
            parse_float=_real,
            parse_constant=float if special else _no_constant,
        )
    except RecursionError as error:
        raise _too_deep() from error
    except UnicodeDecodeError as error:
        raise ForetellError(f"it is no UTF-8: {error.reason} at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise ForetellError(f"it is no JSON: {error}") from error
    _check_depth(value)
    if "\\u" in text:  # the only way by which halves of characters come in
        _check_characters(value)
    return value


def refuse_special(value: Any) -> None:
    """Raises ForetellError for a NaN or infinite number in what `parse_json` read."""
    if any(isinstance(each, float) and not math.isfinite(each) for each in _leaves(value)):
        _no_constant("NaN or an infinite number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = first_repeated(name for name, _ in pairs)
        raise ForetellError(f"it has the name {twice!r} twice in one object")
    return found


def _whole(text: str) -> int:
    value = int(text) if len(text) <= _DIGITS else 1 << 64
    if not -(1 << 63) <= value < 1 << 63:
        raise ForetellError(f"it has a whole number beyond 64 bits: {text[:_SHOWN]}")
    return value


def _real(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ForetellError(f"it has a number beyond all bounds: {text[:_SHOWN]}")
    return value


def _no_constant(text: str) -> Any:
    raise ForetellError(f"it has {text} where JSON has a number")


def _check_depth(value: Any) -> None:
    """Raises ForetellError for lists and objects deeper than DEEPEST; level by level, without recursion."""
    level: list[Any] = [[value]]
    for _ in range(DEEPEST + 1):
        level = [v for each in level for v in _inside(each) if isinstance(v, (dict, list))]
        if not level:
            return
    raise _too_deep()


def _too_deep() -> ForetellError:
    return ForetellError(f"it is nested deeper than {DEEPEST} levels")


def _check_characters(value: Any) -> None:
    """Raises ForetellError for texts with halves of characters (lone surrogates), which no file or terminal takes."""
    for each in _leaves(value):
        if isinstance(each, str) and any("\ud800" <= mark <= "\udfff" for mark in each):
            raise ForetellError(f"it has half a character in a text: {each[:_SHOWN]!r}")


def _leaves(value: Any) -> Iterator[Any]:
    """All names, texts, numbers and nulls in it."""
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, (dict, list)):
            left += [*each, *_inside(each)] if isinstance(each, dict) else each
        else:
            yield each


def _inside(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value
