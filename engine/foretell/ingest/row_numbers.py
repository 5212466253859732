"""Columns that number the rows: the index of a pandas frame, written out with its columns."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from typing import Final

from foretell.data.findings import Findings
from foretell.ingest.store import Store
from foretell.ingest.table import Table

_UNNAMED: Final = re.compile(r"__index_level_\d+__")  # what pandas calls an index without a name in Parquet
_READ_AGAIN: Final = re.compile(r"Unnamed: \d+")  # and what it calls a CSV column without one
_IN_DATABASES: Final = "index"  # and an index in a database


def without_row_numbers(store: Store, table: Table, *, wanted: Collection[str], findings: Findings) -> Table:
    """`table` without the columns that number its rows, each with a note; those that are `wanted` by name stay.

    An index without a name is left out, whatever it holds; a CSV column without a name where it holds whole numbers or
    nothing; an index with a name where it holds a whole number for each row, no two alike in one file.
    """
    found = {}
    for column in table.kinds:
        if column not in wanted:
            why = _why(store, table, column)
            if why:
                found[column] = why
    for column, why in found.items():
        findings.note("row_numbers", f"{table.label}: {column!r} left out, {why}", 1)
    kinds = {column: kind for column, kind in table.kinds.items() if column not in found}
    return replace(table, kinds=kinds, left_out=frozenset(found)) if found else table


def _why(store: Store, table: Table, column: str) -> str:
    """Why a column is no data; '' where it is."""
    if _UNNAMED.fullmatch(column):
        return "it is the index of a pandas frame"
    unnamed = column in table.unnamed or _READ_AGAIN.fullmatch(column)
    named = column in table.indexes or column.lower() == _IN_DATABASES
    if not (unnamed or named) or table.kinds[column] != "number":
        return ""
    whole, distinct, gapless = _numbering(store, table, column)
    if unnamed:
        return "it has no name and holds whole numbers or nothing" if whole else ""
    numbers = distinct if column in table.indexes else gapless
    return "it numbers the rows, as the index of a pandas frame does" if numbers else ""


def _numbering(store: Store, table: Table, column: str) -> tuple[bool, bool, bool]:
    """Whether a column's values are whole numbers or missing; one for each row of a file; and these 0, 1, ... to the last row."""
    inner = f"SELECT {table.file} AS file, {table.number(column)} AS v FROM {table.view}"
    whole, distinct, last = store.rows(
        "SELECT bool_and(whole), bool_and(d = n), bool_and(last = n) FROM"
        " (SELECT coalesce(bool_and(v >= 0 AND v = floor(v)), true) AS whole, count(DISTINCT v) AS d, count(*) AS n,"
        f" max(v) + 1 AS last FROM ({inner}) GROUP BY file)"
    )[0]
    numbers = bool(whole and distinct)
    return bool(whole), numbers, numbers and bool(last)
