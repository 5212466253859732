"""The holidays that are asked for, read as a related table: of which countries, and from which step to which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from foretell.errors import ForetellError, nearest
from foretell.ingest.context import IngestContext, Names
from foretell.ingest.holidays import by_column, country_code, holiday_columns, holiday_table
from foretell.ingest.item_metadata import Metadata
from foretell.ingest.keyed_rows import KeySpans, spell_key
from foretell.ingest.related_tables import Related, read_related

_HOLIDAYS_AHEAD: Final = (64, 400)  # steps that holidays reach past the end: a year where it lies between


def read_holidays(
    context: IngestContext,
    spans: KeySpans,
    tables: Sequence[Related],
    *,
    names: Names,
    metadata: Metadata | None,
) -> Related:
    """The holidays that are asked for as a related table, from the first step of the target on, as far as needed."""
    asked, days = context.options.holidays, context.options.holiday_days
    column, countries, described = by_column(asked), [], ", ".join(asked)
    if column is not None:
        countries = _countries(column, spans, metadata)
        described = f"{len(set(countries)):,} countries in {column!r}"
    span = _holiday_span(context, spans, tables)
    frame = holiday_table(asked, days, frequency=context.frequency, span=span, countries=countries)
    made = ", ".join(holiday_columns(asked, days))
    context.findings.note("holidays", f"holidays of {described} are known: {made}")
    return read_related(context, frame, name="holidays", names=names, metadata=metadata, place="holidays")


def _holiday_span(context: IngestContext, spans: KeySpans, tables: Sequence[Related]) -> tuple[int, int]:
    """The first and the last step of the holidays: as far ahead as other tables reach, within limits, and as is asked."""
    last = int(spans.final.max())
    first = int(spans.first[spans.seen > 0].min(initial=last))
    usual = min(max(context.frequency.year or 0, _HOLIDAYS_AHEAD[0]), _HOLIDAYS_AHEAD[1])
    others = max((int(table.spans.last.max(initial=last)) for table in tables), default=last) - last
    return first, last + max(usual, context.options.ahead, min(others, last - first + 1))


def _countries(column: str, spans: KeySpans, metadata: Metadata | None) -> list[str]:
    """The values of the column that says each item's country; raises ForetellError for what is none."""
    table = spans.keys if column in spans.keys.columns else None if metadata is None else metadata.texts
    if table is None or column not in table.columns:
        have = [*spans.keys.columns[1:], *(metadata.texts.columns if metadata is not None else ())]
        raise ForetellError(
            f"holidays by {column!r}: neither the item metadata nor the dimensions have that column."
            f"{nearest(column, have)} They have: {', '.join(have) or 'none'}."
        )
    keys = spans.keys if table is spans.keys or metadata is None else metadata.keys
    first = np.flatnonzero((table[column].notna() & ~table[column].duplicated()).to_numpy())
    spelt = [str(table[column].iloc[row]) for row in first]
    for row, name in zip(first, spelt, strict=True):
        country_code(name, f"{spell_key(tuple(keys.columns), list(keys.iloc[row]))}, column {column!r}")
    return spelt
