"""Related tables that list only the days on which something is so: an average over the rows of a week says 1 for one day and for seven."""

from __future__ import annotations

from typing import Final

from foretell.ingest.context import IngestContext
from foretell.ingest.keyed_rows import KeyedRows, KeySpans

_AT_ONCE: Final = 256  # columns that one query looks at
_PLACES: Final = ("front", "middle", "back", "future")


def report_listed_days(context: IngestContext, rows: KeyedRows, spans: KeySpans) -> None:
    """Warn of columns that are 1 in every row, where rows are averaged over longer steps and not all steps have as many."""
    if context.frequency.unit == "step" or spans.off == 0:
        return
    averaged = [
        column
        for column in rows.columns
        if column not in rows.texts
        and column != context.options.open
        and rows.aggregation.get(column, "mean") == "mean"
    ]
    for column in _flags(context, rows, averaged):
        if _is_list(context, rows, column):
            filled = ", ".join(f"'{place}': 'zero'" for place in _PLACES)
            context.findings.warn(
                "listed_days",
                f"{rows.table.label} lists {column!r} only where it is 1, and a step of {context.frequency.alias!r} with one such"
                f" row counts as much as one with all. Give the other rows as 0, or count them:"
                f" aggregation={{{column!r}: 'sum'}} filling={{{column!r}: {{{filled}}}}}",
                1,
            )


def _flags(context: IngestContext, rows: KeyedRows, columns: list[str]) -> list[str]:
    """Those of `columns` that are 1 wherever they have a value."""
    found = []
    for first in range(0, len(columns), _AT_ONCE):
        part = columns[first : first + _AT_ONCE]
        ends = ", ".join(f"min({rows.value(column)}), max({rows.value(column)})" for column in part)
        said = context.store.rows(f"SELECT {ends} FROM {rows.view}")[0]
        found += [
            column for column, low, high in zip(part, said[::2], said[1::2], strict=True) if low == high == 1
        ]
    return found


def _is_list(context: IngestContext, rows: KeyedRows, column: str) -> bool:
    """Whether steps of a key have more and fewer rows with a value, or none."""
    by = ", ".join([*rows.keys, "step"])
    keys = f" GROUP BY {', '.join(rows.keys)}" if rows.keys else ""
    each = f"SELECT {by}, count(*) AS n FROM {rows.view} WHERE {rows.value(column)} IS NOT NULL GROUP BY {by}"
    apart = f"SELECT max(n) > min(n) OR count(*) < max(step) - min(step) + 1 AS apart FROM ({each}){keys}"
    return bool(context.store.rows(f"SELECT coalesce(bool_or(apart), false) FROM ({apart})")[0][0])
