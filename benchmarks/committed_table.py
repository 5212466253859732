"""The committed CSV tables of results: a line that is no row is refused, with the file's name and the line's number."""

from __future__ import annotations

import csv
from collections.abc import Collection
from pathlib import Path

from foretell.errors import ForetellError


def check_rows(path: Path, *, key: Collection[str], numbers: Collection[str]) -> None:
    """Raises ForetellError for the first line without a value for every column of `key`, or with text for a number.

    So a merge's conflict markers, a torn line and a line of another table are no rows. A number may be empty unless it is
    in `key` too.
    """
    with path.open(newline="", encoding="utf-8") as file:
        lines = csv.reader(file)
        header = next(lines, [])
        missing = [column for column in key if column not in header]
        if missing:
            raise ForetellError(f"{path}, line 1: expected a column {missing[0]!r}, got {', '.join(header)}")
        for line in lines:
            fault = _fault(line, header, key, numbers)
            if fault:
                raise ForetellError(f"{path}, line {lines.line_num}: {fault}, got {','.join(line)[:60]!r}")


def _fault(line: list[str], header: list[str], key: Collection[str], numbers: Collection[str]) -> str | None:
    if len(line) != len(header):
        return f"a row has {len(header)} values"
    row = dict(zip(header, line, strict=True))
    empty = [column for column in key if not row[column]]
    if empty:
        return f"a row has a value for {empty[0]!r}"
    text = [column for column in numbers if not _is_number(row.get(column, ""))]
    return f"{text[0]!r} is a number" if text else None


def _is_number(text: str) -> bool:
    try:
        float(text or "nan")
    except ValueError:
        return False
    return True
