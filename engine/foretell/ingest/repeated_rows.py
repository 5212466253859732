"""What rows of one key and time probably are: items in several stores, a file that is there twice, or parts to be added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from foretell.ingest.keyed_rows import KeyedRows
from foretell.ingest.store import Store
from foretell.system.sql_text import quoted

_NEARLY_ALL: Final = 0.999  # share of the rows that columns must tell apart
_TWICE: Final = 0.5  # share of the times with copies from which a file is there twice
_MOST: Final = 12  # columns that are looked at
_MOST_NAMED: Final = 3
_VALUES: Final = 1000  # of a whole number that may name a store


def advice_on_repeated(store: Store, rows: KeyedRows) -> str:
    """What to do about them, by what tells them apart: other columns of the table, or nothing at all."""
    telling = _telling_columns(store, rows)
    if telling:
        one = len(telling) == 1
        return (
            f" {', '.join(map(repr, telling))} {'tells' if one else 'tell'} such rows apart: an item of each is"
            f" dimensions={telling!r}. Otherwise remove the extra rows, or say how to join them:"
            f" aggregation={{{rows.columns[0]!r}: 'sum'}}."
        )
    join = f"aggregation={{{rows.columns[0]!r}: 'sum'}}"
    copies = _share_of_copies(store, rows)
    if copies >= _TWICE:
        return " All such rows are copies of each other, as of a file that is there twice: remove the copies, a sum would count them twice."
    if copies:
        return f" All such rows are copies of each other: remove the copies, or where each is a sale of its own, say so: {join}."
    return f" Remove the extra ones, or say how to join them: {join}."


def _telling_columns(store: Store, rows: KeyedRows) -> list[str]:
    """Texts of the target table, or else also whole numbers, that make its rows unique beside key and time; none of other tables."""
    table = rows.table
    if not table.label.startswith("the target"):
        return []
    spare = [c for c in table.kinds if c not in (*rows.key.values(), rows.timestamp, *rows.columns)]
    texts = [c for c in spare if table.is_text(c) or table.kinds[c] == "boolean"][:_MOST]
    whole = [c for c in spare if table.kinds[c] == "number" and _is_code(store, rows, c)][:_MOST]
    return _fewest(store, rows, texts) or _fewest(store, rows, [*texts, *whole])


def _is_code(store: Store, rows: KeyedRows, column: str) -> bool:
    value = rows.table.number(column)
    whole, many = store.rows(
        f"SELECT bool_and({value} = floor({value})), count(DISTINCT {value}) FROM {rows.table.view}"
    )[0]
    return bool(whole) and 1 < many <= _VALUES


def _fewest(store: Store, rows: KeyedRows, candidates: Sequence[str]) -> list[str]:
    """Of the candidates as few as tell nearly all rows apart, each the one that tells most; none where they do not."""
    chosen: list[str] = []
    base = [*(rows.table.text(column) for column in rows.key.values()), quoted(rows.timestamp)]
    while len(chosen) < _MOST_NAMED and len(chosen) < len(candidates):
        left = [c for c in candidates if c not in chosen]
        with_it = (", ".join([*base, *map(quoted, (*chosen, column))]) for column in left)
        counts = ", ".join(f"count(DISTINCT hash({columns}))" for columns in with_it)
        total, *apart = store.rows(f"SELECT count(*), {counts} FROM {rows.table.view}")[0]
        chosen.append(left[max(range(len(left)), key=apart.__getitem__)])
        if max(apart) >= _NEARLY_ALL * total:
            return chosen
    return []


def _share_of_copies(store: Store, rows: KeyedRows) -> float:
    """Of which share of the times there are copies, alike in every column of the table; 0 where any repeated rows differ."""
    table = rows.table
    columns = ", ".join(quoted(c) for c in table.kinds)
    base = ", ".join([*(table.text(column) for column in rows.key.values()), quoted(rows.timestamp)])
    groups = f"SELECT count(*) AS n, count(DISTINCT hash({columns})) AS d FROM {table.view} GROUP BY {base}"
    several, copies, total = store.rows(
        f"SELECT count(*) FILTER (WHERE n > 1), count(*) FILTER (WHERE n > 1 AND d = 1), count(*) FROM ({groups})"
    )[0]
    return float(copies / total) if several and several == copies else 0.0
