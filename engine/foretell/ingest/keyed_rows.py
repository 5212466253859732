"""The rows of a table with their key, step and values, and what one pass of grouping finds in them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Final, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.findings import Findings
from foretell.data.frequency import Frequency, spell
from foretell.data.reading import Aggregation
from foretell.errors import ForetellError
from foretell.ingest.store import Store
from foretell.ingest.table import FROM_1970, Table
from foretell.system.sql_text import file_pattern, literal, quoted

# how the rows within one step become one, as SQL
METHODS: Final[dict[str, str]] = {
    "sum": "sum({0})",
    "mean": "avg({0})",
    "median": "median({0})",
    "min": "min({0})",
    "max": "max({0})",
    "first": "arg_min({0}, instant)",
    "last": "arg_max({0}, instant)",
}
assert set(METHODS) == set(get_args(Aggregation))

# of integer time, and of dates: what float64 counts, what nanoseconds reach
# between which integer times and timestamps lie: what float64 counts, and what nanoseconds reach
LIMITS: Final = (f"{-(2**53)} AND {2**53}", "TIMESTAMP '1678-01-01' AND TIMESTAMP '2261-12-31'")
_AT_ONCE: Final = 256  # columns that one query of pass one looks at


@dataclass(frozen=True, slots=True)
class KeyedRows:
    """A DuckDB view of a table: k0, k1, ... (its key as text), moment, step (the ordinal), v0, v1, ... (its values).

    `moment` is the local time, `instant` the point in time (two may share a local time), `zoned` whether a row has an
    offset or zone. A number is a DOUBLE, NULL where it is missing; a text is a VARCHAR.
    """

    table: Table
    view: str
    key: Mapping[str, str]  # name of each part of the key -> column of the table
    timestamp: str
    dated: bool  # time is dates, not integers
    columns: tuple[str, ...]  # the columns behind v0, v1, ...
    texts: frozenset[str]  # those of `columns` that are text
    # column -> how rows within one step become one
    aggregation: Mapping[str, str] = field(default_factory=dict)
    allowed: bool = False  # several rows of one key and timestamp are aggregated as well
    tolerant: bool = False  # or else they are found, not refused
    stamped: str = "true"  # SQL, true where `moment` is the timestamp of its step
    places: Mapping[str, int] = field(init=False, repr=False, compare=False)  # column -> where it stands

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", {column: i for i, column in enumerate(self.columns)})

    def value(self, column: str) -> str:
        """The name of a column's values in the view."""
        return f"v{self.places[column]}"

    @property
    def keys(self) -> list[str]:
        """The names of the key's parts in the view."""
        return [f"k{i}" for i in range(len(self.key))]


def read_rows(
    store: Store,
    table: Table,
    *,
    key: Mapping[str, str],
    timestamp: str,
    frequency: Frequency,
    columns: Sequence[str],
    texts: Sequence[str] = (),
    aggregation: Mapping[str, str] | None = None,
) -> KeyedRows:
    """The `KeyedRows` of `table`; `aggregation` says how the rows within one step become one."""
    parts = [f"{table.text(column)} AS k{i}" for i, column in enumerate(key.values())]
    parts += _time_parts(table, timestamp, frequency)
    parts.append(f"{table.file} AS file")
    for i, column in enumerate(columns):
        parts += _value_parts(table, column, i, is_text=column in texts)
    view = table.view.replace("raw_", "rows_")
    inner = f"SELECT {', '.join(parts)} FROM {table.view}"
    store.execute(
        f"CREATE OR REPLACE VIEW {view} AS SELECT *, {frequency.sql('moment')} AS step FROM ({inner})"
    )
    return KeyedRows(
        table=table,
        view=view,
        key=dict(key),
        timestamp=timestamp,
        dated=frequency.unit != "step",
        columns=tuple(columns),
        texts=frozenset(texts),
        aggregation=aggregation or {},
        stamped=frequency.stamped_sql("moment"),
    )


def restepped(store: Store, rows: KeyedRows, frequency: Frequency) -> KeyedRows:
    """The same rows, after pass one, with the steps of another frequency; they are not spooled again."""
    view = f"{rows.view}_restepped"
    store.execute(
        f"CREATE OR REPLACE VIEW {view} AS SELECT * REPLACE ({frequency.sql('moment')} AS step) FROM {rows.view}"
    )
    table = replace(rows.table, costly=False)
    return replace(rows, table=table, view=view, stamped=frequency.stamped_sql("moment"))


def _time_parts(table: Table, timestamp: str, frequency: Frequency) -> list[str]:
    """SQL of moment, instant, zoned, and of the time as it is written, for messages."""
    moment = table.moment(timestamp, frequency)
    instant, zoned = table.instant(timestamp, frequency, moment)
    limits = LIMITS[frequency.unit != "step"]
    return [
        f"CASE WHEN {moment} BETWEEN {limits} THEN {moment} END AS moment",
        f"{instant} AS instant",
        f"{zoned} AS zoned",
        f"CAST({quoted(timestamp)} AS VARCHAR) AS written",
    ]


def _value_parts(table: Table, column: str, i: int, *, is_text: bool) -> list[str]:
    """SQL of a column's values, and where its text may be no number, of which rows are wrong and what they say."""
    value = f"{table.text(column) if is_text else table.number(column)} AS v{i}"
    misspelt = None if is_text else table.misspelt(column)
    return (
        [value] if misspelt is None else [value, f"{misspelt} AS wrong{i}", f"{quoted(column)} AS spelt{i}"]
    )


def _spool(store: Store, rows: KeyedRows) -> None:
    """Replace a view whose rows are costly to read by a file, so that they are read once for both passes.

    What only messages show, the text of a time or number that does not parse, is kept for those rows alone.
    """
    wrong = [i for i, column in enumerate(rows.columns) if _may_be_wrong(rows, column)]
    shown = ["CASE WHEN step IS NULL THEN written END AS written"]
    shown += [f"CASE WHEN wrong{i} THEN spelt{i} END AS spelt{i}" for i in wrong]
    file = store.spooled(f"{rows.view}.parquet")
    query = f"SELECT * REPLACE ({', '.join(shown)}) FROM {rows.view}"
    store.execute(f"COPY ({query}) TO {literal(file)} (FORMAT parquet, COMPRESSION snappy)")
    store.execute(
        f"CREATE OR REPLACE VIEW {rows.view} AS SELECT * FROM read_parquet({literal(file_pattern(file))}, hive_partitioning = false)"
    )


@dataclass(frozen=True, slots=True)
class KeySpans:
    """What pass one found: one entry a key."""

    keys: pd.DataFrame  # [G], a column a part of the key, as text
    rows: NDArray[np.int64]  # [G]
    final: NDArray[np.int64]  # [G] the last step that has a row
    first: NDArray[np.int64]  # [G, C] the first step with a value of each column; -1 where `seen` is 0
    last: NDArray[np.int64]  # [G, C] the last one (for text the last row)
    seen: NDArray[np.int64]  # [G, C] how many values
    zoned: int = 0  # rows whose time carries an offset or a zone
    off: int = 0  # rows whose time is not the timestamp of their step
    # [G] the step behind the last one, where partial steps were left out; else None
    ends: NDArray[np.int64] | None = None


def find_spans(store: Store, rows: KeyedRows, findings: Findings) -> KeySpans:
    """Pass one: group by key. Rows without key or time, and text among numbers, are faults; a tolerant reading drops them.

    Raises ForetellError for faults where the reading is not tolerant, and where no row is left.
    """
    if rows.table.costly:
        _spool(store, rows)
    found = _grouped(store, rows)
    if not rows.key and found["n"].sum() == 0:
        found = found.iloc[:0]
    some = len(found) > 0
    found = _readable(store, rows, found, findings)
    report_twins(store, rows.table, rows.key, found[rows.keys], findings)
    if not len(found):
        raise ForetellError(f"{rows.table.label} has no rows{' that can be read' if some else ''}.")
    first, last, seen = (_matrix(found, name, len(rows.columns)) for name in ("first", "last", "seen"))
    return KeySpans(
        keys=found[rows.keys].set_axis(list(rows.key), axis=1).astype(object),
        rows=_whole(found["n"]),
        final=_whole(found["final"]),
        first=first,
        last=last,
        seen=seen,
        zoned=int(found["zoned"].sum()),
        off=int(found["off"].sum()),
    )


def report_twins(
    store: Store, table: Table, key: Mapping[str, str], keys: pd.DataFrame, findings: Findings
) -> None:
    """Report ids that are not spelt in Unicode's composed characters (NFC), above all those spelt both ways."""
    for part, column in zip(keys, key.values(), strict=True):
        if column not in table.textual or all(map(str.isascii, keys[part].dropna().unique())):
            continue
        text = table.raw_text(column)
        spelt = store.rows(
            f"SELECT id, count(DISTINCT raw) FROM (SELECT {table.text(column)} AS id, {text} AS raw FROM {table.view})"
            f" WHERE strlen(raw) > length(raw) GROUP BY id HAVING bool_or(raw <> id) ORDER BY id"
        )
        twins = [name for name, ways in spelt if ways > 1]
        if twins:
            findings.warn(
                "twin_ids",
                f"{len(twins):,} values of {column!r} in {table.label} are spelt in two ways that look alike (Unicode NFC and"
                f" NFD), first {twins[0]!r}: each counts as one",
                len(twins),
            )
        elif spelt:
            findings.note(
                "decomposed_ids",
                f"{len(spelt):,} values of {column!r} in {table.label} are spelt in decomposed characters (Unicode NFD), first"
                f" {spelt[0][0]!r}: read as composed ones (NFC)",
                len(spelt),
            )


def _grouped(store: Store, rows: KeyedRows) -> pd.DataFrame:
    """What pass one finds, a row a key: so many columns a query as DuckDB plans in a time that grows with their number."""
    firsts = range(0, max(len(rows.columns), 1), _AT_ONCE)
    frames = [store.frame(_span_query(rows, first)) for first in firsts]
    return frames[0] if len(frames) == 1 else pd.concat(frames, axis=1)


def _span_query(rows: KeyedRows, first: int) -> str:
    """SQL of what pass one finds of the columns from the `first` on; beside the first ones, the keys and counts of rows."""
    places = range(len(rows.columns))[first : first + _AT_ONCE]
    parts = [*(() if first else (*rows.keys, *_row_counts(rows))), *_spans_of(rows, places)]
    group = f" GROUP BY {', '.join(rows.keys)}" if rows.key else ""
    order = f" ORDER BY {', '.join(rows.keys)}" if rows.key and len(rows.columns) > _AT_ONCE else ""
    return f"SELECT {', '.join(parts)} FROM {rows.view}{group}{order}"


def _row_counts(rows: KeyedRows) -> list[str]:
    return [
        "count(*) AS n",
        "max(step) AS final",
        "count(*) FILTER (WHERE step IS NULL) AS undated",
        "count(*) FILTER (WHERE zoned) AS zoned",
        f"count(*) FILTER (WHERE NOT ({rows.stamped})) AS off",
    ]


def _spans_of(rows: KeyedRows, places: Sequence[int]) -> list[str]:
    """SQL of the first and last step and the number of values of the columns at `places`.

    CASE does what FILTER would, of which DuckDB plans a thousand for minutes.
    """
    parts = []
    for i in places:
        text = rows.columns[i] in rows.texts
        step = "step" if text else f"CASE WHEN v{i} IS NOT NULL THEN step END"
        parts += [f"min({step}) AS first{i}", f"max({step}) AS last{i}"]
        parts.append(f"count({'*' if text else f'v{i}'}) AS seen{i}")
        if _may_be_wrong(rows, rows.columns[i]):
            parts.append(f"count(CASE WHEN wrong{i} THEN 1 END) AS wrong{i}")
    return parts


def _matrix(found: pd.DataFrame, name: str, columns: int) -> NDArray[np.int64]:
    """[G, C] of the frame's columns name0, name1, ..."""
    each = [_whole(found[f"{name}{i}"]) for i in range(columns)]
    return np.stack(each, axis=1) if each else np.zeros((len(found), 0), np.int64)


def _whole(column: pd.Series[Any]) -> NDArray[np.int64]:
    return column.fillna(-1).to_numpy(dtype=np.int64)


def _may_be_wrong(rows: KeyedRows, column: str) -> bool:
    return column not in rows.texts and rows.table.misspelt(column) is not None


def _readable(store: Store, rows: KeyedRows, found: pd.DataFrame, findings: Findings) -> pd.DataFrame:
    """The groups without the rows that have no key or no time: each such kind of row is a fault, as is text among numbers."""
    undated = int(found["undated"].sum())
    if undated:
        findings.fault("bad_time", _undated(store, rows, undated), undated)
    named = np.ones(len(found), bool)
    for part, column in zip(rows.keys, rows.key.values(), strict=True):
        nameless = found[part].isna()
        if nameless.any():
            count = int(found["n"][nameless].sum())
            findings.fault("no_key", _nameless(store, rows, part, column, count), count)
            named &= ~nameless.to_numpy()
    for i, column in enumerate(rows.columns):
        wrong = int(found[f"wrong{i}"].sum()) if _may_be_wrong(rows, column) else 0
        if wrong:
            findings.fault("bad_number", _misspelt(store, rows, i, wrong), wrong)
    return found.assign(n=found["n"] - found["undated"])[named & (found["n"] > found["undated"]).to_numpy()]


def _nameless(store: Store, rows: KeyedRows, part: str, column: str, count: int) -> ForetellError:
    moment, file = store.rows(
        f"SELECT moment, file FROM {rows.view} WHERE {part} IS NULL ORDER BY file, moment LIMIT 1"
    )[0]
    first = "" if moment is None else f", first at {spell(moment)}"
    return ForetellError(
        f"{rows.table.label}: {count} rows have no {column!r}{first}{within(file)}."
        f" Every row needs one: fill it in or drop these rows."
    )


def has_decimal_comma(text: str) -> bool:
    """Whether a text looks like a number with a decimal comma."""
    return re.fullmatch(r"\s*[-+]?\d+,\d+\s*", text) is not None


def report_commas(findings: Findings, column: str, values: Sequence[str]) -> None:
    """Say so where all values of a column of text look like numbers, some of them with a decimal comma."""
    numbers = all(has_decimal_comma(value) or value.strip().isdigit() for value in values)
    if numbers and any(map(has_decimal_comma, values)):
        findings.warn(
            "decimal_comma",
            f"{column!r} is read as text: its values look like numbers with a decimal comma, such as"
            f" {next(filter(has_decimal_comma, values))!r}",
            len(values),
        )


def _misspelt(store: Store, rows: KeyedRows, position: int, count: int) -> ForetellError:
    where, value = first_row(store, rows, f"wrong{position}", f"spelt{position}")
    hint = _marks_hint(str(value), rows.table.decimal, rows.table.thousands)
    return ForetellError(
        f"{where}: {rows.columns[position]!r} must be a number, got {value!r} ({count} such rows in {rows.table.label})."
        f" Correct it, or leave it empty where nothing was observed.{hint}"
    )


_GROUPED = re.compile(r"[-+]?\d{1,3}(?:([,.' ])\d{3})(?:\1\d{3})*(?:([,.])\d+)?")


def _marks_hint(text: str, decimal: str, thousands: str | None) -> str:
    """The options with which a text would be a number, if it has marks that other countries put into numbers."""
    ways = []
    grouped = _GROUPED.fullmatch(text.strip())
    if grouped and thousands is None and grouped[1] != (grouped[2] or decimal):
        other = f" and decimal={grouped[2]!r}" if grouped[2] not in (None, decimal) else ""
        ways.append(
            f"Where {grouped[1]!r} stands between thousands, say so: thousands={grouped[1]!r}{other}."
        )
    if decimal == "." and has_decimal_comma(text):
        ways.append("Where a comma is the decimal mark, say so: decimal=','.")
    return "".join(f" {way}" for way in ways)


def _undated(store: Store, rows: KeyedRows, count: int) -> ForetellError:
    where, written = first_row(store, rows, "step IS NULL", "written", dated=False)
    got = "is empty" if written is None else f"{written!r} does not parse"
    kind = "a whole number"
    if rows.dated:
        form = rows.table.dates
        spelling = f"the format {form!r} says" if form else "2024-12-31 or 2024-12-31 18:00"
        kind = f"{spelling}, from 1678 to 2261{'' if form else '; other formats need date_format='}"
    return ForetellError(
        f"{where}: {rows.timestamp!r} {got} ({count} such rows in {rows.table.label}).{_as_number(written) if rows.dated else ''}"
        f" Write it as {kind}."
    )


def _as_number(written: Any) -> str:
    """What a time that is a number probably is: a day that Excel counts from 1900, or a date without marks; '' else."""
    text = str(written).strip()
    if re.fullmatch(r"[2-6]\d{4}(\.\d+)?", text):
        day = date(1899, 12, 30) + timedelta(days=int(float(text)))
        return f" It looks like Excel's day number, of {day}: give the column the format of a date, and save again."
    if re.fullmatch(r"(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])", text):
        return " It looks like a date without marks: date_format='%Y%m%d'."
    if re.fullmatch(r"[1-4]\d{9}(\d{3}){0,3}(\.\d+)?", text):
        return f" It looks like a count since 1970: {FROM_1970}"
    return ""


def first_row(
    store: Store, rows: KeyedRows, condition: str, value: str, *, dated: bool = True
) -> tuple[str, Any]:
    """The first row (by key, then time) where `condition` holds: "item 'a' at 2024-01-01 in a.csv", and its `value`."""
    keys = [*rows.keys, "moment"] if dated else [*rows.keys, "written"]
    found = store.rows(
        f"SELECT {', '.join(keys)}, {value}, file FROM {rows.view} WHERE {condition}"
        f" ORDER BY {', '.join(keys)}, file LIMIT 1"
    )[0]
    where = spell_key(rows.key, found[: len(rows.key)])
    if dated and found[-3] is not None:  # its time may be what cannot be read
        where = f"{where} at {spell(found[-3])}".strip()
    return (where or rows.table.label) + within(found[-1]), found[-2]


def within(*files: str | None) -> str:
    """The files for a message: " in a.csv", nothing where a table is no file."""
    return " in " + " and ".join(sorted(set(map(str, files)))) if None not in files else ""


def spell_key(key: Mapping[str, str] | Sequence[str], values: Sequence[object]) -> str:
    """A key for a message: item 'a' / 'north'; a region of its own name where the key is not the item's."""
    names = list(key)
    if not names:
        return ""
    what = "item" if names[0] == "item_id" else names[0]
    return f"{what} {' / '.join(str(value) for value in values)!r}"
