"""Categories that a model was not trained on: they count as unknown, and that is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from foretell.data.columns import OTHER
from foretell.data.findings import Findings
from foretell.ingest.keyed_rows import KeyedRows
from foretell.ingest.store import Store
from foretell.system.sql_text import literal

COMMONEST: Final = 32  # values of a text column that get a column of their own


@dataclass(frozen=True, slots=True)
class Beyond:
    """The texts of a column that are none of a vocabulary."""

    commonest: str
    values: int
    rows: int


def commonest_beyond(store: Store, rows: KeyedRows, column: str, words: Sequence[str]) -> Beyond | None:
    """What the rows have beyond `words` in a text column; None where that is nothing."""
    value = rows.value(column)
    known = ", ".join(literal(word) for word in (*words, OTHER))
    found = store.rows(
        f"SELECT {value}, count(*) AS n, count(*) OVER (), sum(count(*)) OVER () FROM {rows.view}"
        f" WHERE {value} NOT IN ({known}) GROUP BY {value} ORDER BY n DESC, {value} LIMIT 1"
    )
    return Beyond(str(found[0][0]), int(found[0][2]), int(found[0][3])) if found else None


def report_unseen_items(
    findings: Findings, table: str, column: str, values: pd.Series[Any], words: Sequence[str]
) -> None:
    """Say which `values` (one an item, of the items that have metadata) of a category are none of `words`."""
    counts = values[values.notna() & ~values.isin(words)].value_counts()
    if len(counts):
        commonest = min(counts.index[counts == counts.iloc[0]])
        items = int(counts.sum())
        findings.warn(
            "unseen",
            f"{table}: {column!r} of {items:,} items is a category that the model was not trained on, most often"
            f" {commonest!r}: it counts as unknown",
            items,
        )


def report_unseen_rows(
    findings: Findings,
    store: Store,
    rows: KeyedRows,
    column: str,
    words: Sequence[str],
    *,
    merged: Sequence[str] | None,
) -> None:
    """Say how many rows have a text that is none of `words`, and that training did not see and merge either.

    Where it is not kept what training merged, and a model has as many columns as a text gets, the text may be merged: a note.
    """
    found = commonest_beyond(store, rows, column, (*words, *(merged or ())))
    if found is None:
        return
    perhaps = merged is None and len(words) >= COMMONEST
    say = findings.note if perhaps else findings.warn
    what = "is none of the model's values" if perhaps else "is a category that the model was not trained on"
    say(
        "unseen",
        f"{rows.table.label}: {column!r} of {found.rows:,} rows {what}, most often {found.commonest!r}: it counts as"
        f" {OTHER!r}",
        found.rows,
    )
