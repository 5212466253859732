"""Related tables as the user gives them: which items a row is about, and which columns it has."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.reading import NamesByTable, Place
from foretell.data.schema import Schema
from foretell.errors import ForetellError, nearest
from foretell.ingest.context import IngestContext, Names, argument_of
from foretell.ingest.item_metadata import Metadata, match
from foretell.ingest.keyed_rows import KeyedRows, KeySpans, find_spans, spell_key
from foretell.ingest.stamps import refuse_off_grid
from foretell.ingest.table import Table
from foretell.system.repeated import first_repeated

_OF_TEXT: Final = ("first", "last", "min", "max")
_NEVER: Final = np.iinfo(np.int64).min // 2


@dataclass(frozen=True, slots=True)
class Related:
    """A related table after pass one."""

    rows: KeyedRows
    spans: KeySpans
    item_keyed: bool  # its key is the items' whole key: every row is about one item


@dataclass(frozen=True, slots=True)
class Joined:
    """A related table and the items it is about."""

    rows: KeyedRows
    spans: KeySpans
    item_keyed: bool
    group: NDArray[np.int64]  # [N] which key of `spans` each item has; -1 for none

    def reach(self, column: str) -> NDArray[np.int64]:
        """[N] the last ordinal at which a column has a value for each item; very early where it has none."""
        position = self.rows.places[column]
        last = np.where(self.spans.seen[:, position] > 0, self.spans.last[:, position], _NEVER)
        return np.append(last, _NEVER)[self.group]  # the appended entry answers for -1


MOST_COLUMNS: Final = 2000  # of one related table: the plans of the queries grow faster than their number


def read_related(
    context: IngestContext,
    source: object,
    *,
    name: str,
    names: Names,
    metadata: Metadata | None,
    place: Place,
) -> Related:
    """Open a related table, find its key and columns, and group it. Raises ForetellError for what cannot be read."""
    options = context.options
    table = context.open(source, name)
    timestamp = context.time_in(table, names, place)
    key = _key_of(context, table, names, metadata, place)
    if not key and name != "holidays":
        context.findings.note(
            "by_time", f"{table.label} has no column of the item's key: its values count for every item"
        )
    columns = _value_columns(context, table, {*key.values(), timestamp}, names)
    if len(columns) > MOST_COLUMNS:
        raise ForetellError(
            f"{table.label} has {len(columns):,} columns to learn from, more than the {MOST_COLUMNS:,} that one table may have."
            " Leave out those that say little, or give the table in parts, each with the key and the time: related=[one, other]."
        )
    context.report_lacking(table, columns)
    context.report_kinds(table, columns)
    texts = [c for c in columns if _is_text(table, c, context.schema)]
    asked = _asked_aggregation(options.aggregation, columns, texts)
    # open at some time of a step is open
    usual = {options.open: "max"} if options.open is not None and options.open in columns else {}
    rows = context.rows(table, key, timestamp, columns=columns, texts=texts, usual=usual, asked=asked)
    shared = context.shared
    if shared is not None and shared.is_source(source):
        spans = shared.join(rows)
    else:
        spans = find_spans(context.store, rows, context.findings)
        if options.strict and spans.off:
            refuse_off_grid(context, rows)
    return Related(rows, spans, tuple(key) == tuple(names.key))


def _key_of(
    context: IngestContext, table: Table, names: Names, metadata: Metadata | None, place: Place
) -> dict[str, str]:
    """What the rows are keyed by: parts of the item's key, else columns of the metadata, else nothing."""
    key, options = context.key_in(table, names, place), context.options
    if key or metadata is None:
        return key
    declared = {*options.known, *options.past, options.open}
    return {c: c for c in metadata.texts.columns if c in table.kinds and c not in declared}


def _asked_aggregation(
    asked: Mapping[str, str], columns: Sequence[str], texts: Sequence[str]
) -> dict[str, str]:
    """The aggregation of the table's columns; raises ForetellError for one that text cannot have."""
    mine = {column: method for column, method in asked.items() if column in columns}
    for column, method in mine.items():
        if column in texts and method not in _OF_TEXT:
            raise ForetellError(
                f"aggregation= of {column!r}: {method!r} needs numbers, the column holds text."
                f" For text there are: {', '.join(_OF_TEXT)}."
            )
    return mine


def _value_columns(context: IngestContext, table: Table, taken: set[str], names: Names) -> list[str]:
    columns = [c for c in table.kinds if c not in taken]
    schema, options = context.schema, context.options
    if schema is not None:
        columns = [c for c in columns if schema.roles.get(c) in ("known", "past")]
    elif names.target in columns and names.target not in (*options.known, *options.past):
        columns.remove(names.target)
        context.findings.note(
            "unused", f"{table.label}: {names.target!r} not used, it is the target's name", 1
        )
    for column in columns:
        named = (
            schema is not None and column in schema.vocabularies
        )  # a model's text may be spelt like a date
        if table.kinds[column] in ("time", "other") and not (named and table.kinds[column] == "time"):
            what = "dates" if table.kinds[column] == "time" else "something else"
            raise ForetellError(
                f"column {column!r} of {table.label} must hold numbers, true and false, or text; it holds {what}."
                f" Turn it into a number (days since then) or drop it."
            )
    return columns


def _is_text(table: Table, column: str, schema: Schema | None) -> bool:
    return table.is_text(column) if schema is None else column in schema.vocabularies


def check_columns(context: IngestContext, tables: Sequence[Related], target: Table) -> None:
    """Raises ForetellError for a column that an option or a model names and that is not there."""
    columns = [column for table in tables for column in table.rows.columns]
    have = dict.fromkeys(columns)  # a thousand columns that were declared are looked up in them
    if context.schema is not None:
        _check_schema(have, [column for table in tables for column in table.rows.table.kinds], context.schema)
        return
    twice = first_repeated(sorted(columns))
    if twice is not None:
        raise ForetellError(f"column {twice!r} is in two related tables. Rename one of them.")
    o = context.options
    declared = {"known": o.known, "past": o.past, "open": (o.open,) if o.open else ()}
    for argument, names in declared.items():
        for name in names:
            if name not in have:
                raise _undeclared(argument, name, have, target)
    if o.open and any(o.open in table.rows.texts for table in tables):
        raise ForetellError(f"the open column {o.open!r} must be 0 or 1, but it holds text.")
    for argument, asked in (("aggregation", o.aggregation), ("filling", o.filling)):
        for name in asked:
            if name not in (*have, *target.kinds, "target"):
                raise ForetellError(
                    f"{argument} names {name!r}, which is neither the target nor a related column."
                    f"{nearest(name, have)} There are: {', '.join(dict.fromkeys(('target', *have)))}."
                )


def _undeclared(argument: str, name: str, have: Collection[str], target: Table) -> ForetellError:
    hint = nearest(name, have)
    if name in target.kinds:
        hint = " It is in the target table: give that table as related= too."
    listed = (
        f"They have: {', '.join(have)}."
        if have
        else "No related column was given: give its table with related=."
    )
    return ForetellError(f"{argument} column {name!r} is in no related table.{hint} {listed}")


def _check_schema(have: Collection[str], given: Sequence[str], schema: Schema) -> None:
    for column, role in schema.roles.items():
        if role in ("known", "past") and column not in have:
            raise ForetellError(
                f"the model was trained with the {role} column {column!r}, which no related table has."
                f"{nearest(column, given)} Give it as it was given in training."
            )


def check_names_found(context: IngestContext, tables: Sequence[Related]) -> None:
    """Raises ForetellError for a column of the time or the item that was named for several related tables, and is in none."""
    for what in ("timestamp", "item_id"):
        asked: NamesByTable = getattr(context.options, what)
        if len(asked.related) != 1 or not tables:
            continue
        name, have = asked.related[0], {c for each in tables for c in each.rows.table.kinds}
        if name is not None and name not in have:
            raise ForetellError(
                f"no related table has a column {name!r}.{nearest(name, have)} Name the right one with"
                f" {argument_of(what, 0)}."
            )


def join(
    context: IngestContext, tables: Sequence[Related], keys: pd.DataFrame, metadata: Metadata | None
) -> list[Joined]:
    """The tables with the group that each item of `keys` belongs to; items that a table lacks are reported."""
    identity = _with_metadata(keys, metadata, tables)
    joined = []
    for table in tables:
        group = match(identity, table.spans.keys)
        absent = np.flatnonzero(group < 0)
        if len(absent):
            first = spell_key(list(keys.columns), list(keys.iloc[absent[0]]))
            context.findings.warn(
                "no_related",
                f"{len(absent):,} items have no rows in {table.rows.table.label}, first {first}: they count as missing",
                len(absent),
            )
        joined.append(Joined(table.rows, table.spans, table.item_keyed, group))
    return joined


def _with_metadata(keys: pd.DataFrame, metadata: Metadata | None, tables: Sequence[Related]) -> pd.DataFrame:
    """The keys with those columns of the metadata beside them that a related table is keyed by."""
    needed = {part for table in tables for part in table.rows.key} - set(keys.columns)
    if not needed or metadata is None:
        return keys
    row = match(keys, metadata.keys)
    # -1: no metadata
    rows = metadata.texts[list(needed)].take(np.maximum(row, 0)).where((row >= 0)[:, None], None)
    return keys.assign(**{name: rows[name].to_numpy(object) for name in needed})
