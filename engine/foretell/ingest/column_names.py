"""Names of columns as a table brings them: refused where DuckDB, files or messages would take them for others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from foretell.errors import ForetellError
from foretell.system.plain_text import is_storable
from foretell.system.repeated import first_repeated


def check_names(names: Sequence[str], where: str) -> None:
    """Raises ForetellError, which begins with `where`, for a name that cannot be stored, or that another column has too.

    DuckDB tells no capitals from small letters (of A to Z), and would rename the second of `price` and `Price`.
    """
    strange = next((name for name in names if not is_storable(name)), None)
    if strange is not None:
        raise ForetellError(
            f"{where} the column {strange!r} has a character that no file keeps (NUL, or half of one: U+D800 to U+DFFF)."
            " Rename it."
        )
    twice = first_repeated(names)
    if twice is not None:
        raise ForetellError(f"{where} the column {twice!r} is there twice. Rename one of them.")
    alike = first_repeated(map(_folded, names))
    if alike is not None:
        one, other = _spellings(alike, names)
        raise ForetellError(
            f"{where} the columns {one!r} and {other!r} differ in capitals alone. Rename one of them, or leave it out."
        )


def _folded(name: str) -> str:
    return name.encode().lower().decode()  # of bytes: A to Z alone


def _spellings(folded: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if _folded(name) == folded][:2]
