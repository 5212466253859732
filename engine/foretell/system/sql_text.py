"""Values as the text of SQL: the only ways by which names, texts and numbers get into a statement."""

from __future__ import annotations

import math
from collections.abc import Sequence

from foretell.errors import ForetellError
from foretell.system.plain_text import is_storable

_BITS = 63  # of an integer in SQL, its sign apart


def quoted(name: str) -> str:
    """`name` as an SQL identifier; raises ForetellError where it holds what SQL cannot."""
    return '"' + _whole(name).replace('"', '""') + '"'


def literal(text: str) -> str:
    """`text` as an SQL string; raises ForetellError where it holds what SQL cannot."""
    return "'" + _whole(text).replace("'", "''") + "'"


def literals(texts: Sequence[str]) -> str:
    """`texts` as an SQL list of strings."""
    return "[" + ", ".join(map(literal, texts)) + "]::VARCHAR[]"


def file_pattern(name: str) -> str:
    """The path of a file as DuckDB's pattern for that file alone: marks such as `*` in its name mean themselves.

    DuckDB takes a backslash for the end of a folder's name in a pattern, whatever the system: there any one mark fits.
    """
    if not any(mark in name for mark in "*?["):
        return name
    return "".join(f"[{mark}]" if mark in "*?[" else "?" if mark == "\\" else mark for mark in name)


def file_patterns(names: Sequence[str]) -> str:
    """The paths of files as an SQL list of patterns, each for that file alone."""
    return literals([file_pattern(name) for name in names])


def integer(value: int) -> str:
    """`value` as an SQL number; raises ForetellError for anything but an int of 64 bits."""
    if type(value) is not int or value.bit_length() > _BITS:
        raise ForetellError(f"expected a whole number of 64 bits, got {value!r}")
    return str(value) if value >= 0 else f"({value})"


def real(value: float) -> str:
    """`value` as an SQL DOUBLE; raises ForetellError for anything but a finite float."""
    if type(value) is not float or not math.isfinite(value):
        raise ForetellError(f"expected a finite number, got {value!r}")
    return f"({value!r}::DOUBLE)"


def _whole(text: str) -> str:
    """`text`, if it is one: without the character 0, which ends a statement, and without halves of characters."""
    if not isinstance(text, str) or not is_storable(text):
        raise ForetellError(
            f"expected a text without the characters NUL and U+D800 to U+DFFF, got {text!r}. Take them out."
        )
    return text
