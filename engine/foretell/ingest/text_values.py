"""Which values of a text column get a column of their own; the others are merged, and that is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from foretell.data.columns import OTHER
from foretell.ingest.context import IngestContext
from foretell.ingest.keyed_rows import KeyedRows
from foretell.ingest.unseen import COMMONEST, commonest_beyond
from foretell.system.sql_text import integer, literal

_OFTEN: Final = 5  # distinct steps from which on a value is seen often enough to learn
_MOST: Final = 512  # values of a column, where nobody asks for more
_CELLS: Final = 1 << 28  # numbers that the values of one column may come to
_MOST_MERGED: Final = 10_000  # merged values of a column that a schema keeps
_LONGEST_MERGED: Final = 1 << 20  # characters that they may have together


@dataclass(frozen=True, slots=True)
class TextValues:
    """The values of a text column: those that have a column of their own, and those that were merged, each by name."""

    words: tuple[str, ...]
    merged: tuple[str, ...] | None  # None where they are too many to be kept


def text_values(context: IngestContext, rows: KeyedRows, column: str, *, cells: int) -> TextValues:
    """Which values of a text column get a column of their own; a value spelt "other" joins the others.

    As many of the commonest as `text_values` asks; by default the 32 commonest and those seen on 5 steps or more, up to a limit
    by the grid's `cells` that does not depend on the machine.
    """
    asked, value = context.options.text_values, rows.value(column)
    least = asked or COMMONEST
    most = asked or min(max(_CELLS // max(cells, 1), COMMONEST), _MOST)
    found = context.store.rows(
        f"SELECT word, place, among FROM (SELECT word, steps, count(*) OVER () AS among, row_number() OVER (ORDER BY times DESC, word) AS place"
        f" FROM (SELECT word, sum(n) AS times, count(*) AS steps"
        f" FROM (SELECT {value} AS word, step, count(*) AS n FROM {rows.view} WHERE {value} <> {literal(OTHER)}"
        f" GROUP BY {value}, step) GROUP BY word))"
        f" WHERE place <= {integer(least)} OR steps >= {integer(_OFTEN)} ORDER BY place LIMIT {integer(most)}"
    )
    words = tuple(sorted(str(row[0]) for row in found))
    merged = int(found[0][2]) - len(words) if found else 0
    if merged:
        _report_merged(context, rows, column, words)
        return TextValues(words, _merged(context, rows, column, words) if merged <= _MOST_MERGED else None)
    if len(words) > COMMONEST and asked is None:
        context.findings.note(
            "many_values",
            f"{rows.table.label}: all {len(words):,} values of {column!r} have a column of their own: more than {COMMONEST}, each"
            f" of them seen often enough, so that none is merged into {OTHER!r}",
            len(words),
        )
    return TextValues(words, ())


def _merged(
    context: IngestContext, rows: KeyedRows, column: str, words: tuple[str, ...]
) -> tuple[str, ...] | None:
    """The values beside `words`, by name; None where they are too long to be kept."""
    value, kept = rows.value(column), ", ".join(map(literal, (*words, OTHER)))
    found = context.store.rows(
        f"SELECT DISTINCT {value} AS word FROM {rows.view} WHERE {value} NOT IN ({kept}) ORDER BY word"
    )
    merged = tuple(str(row[0]) for row in found)
    return merged if sum(map(len, merged)) <= _LONGEST_MERGED else None


def _report_merged(context: IngestContext, rows: KeyedRows, column: str, words: tuple[str, ...]) -> None:
    merged = commonest_beyond(context.store, rows, column, words)
    if merged is None:
        return
    have = context.store.rows(f"SELECT count({rows.value(column)}) FROM {rows.view}")[0][0]
    context.findings.warn(
        "merged",
        f"{rows.table.label}: {merged.values:,} values of {column!r}, in {merged.rows / have:.1%} of its rows, have no"
        f" column of their own and are merged into {OTHER!r}, the commonest of them {merged.commonest!r};"
        f" {len(words):,} values have one",
        merged.values,
    )
