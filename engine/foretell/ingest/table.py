"""`Table`: a table in a `Store`, and the SQL that reads its columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from foretell.data.frequency import Frequency
from foretell.errors import ForetellError, nearest
from foretell.ingest.time_zones import carries_zone, spelt_instant, spelt_wall, stored_wall
from foretell.system.sql_text import literal, quoted

Kind = Literal["number", "boolean", "text", "time", "other"]
# read as "no value" in a column of numbers
MISSING: Final = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")

FROM_1970: Final = "make dates of them first: datetime(t, 'unixepoch') in SQLite, to_timestamp(t) in PostgreSQL, pd.to_datetime(t, unit='s')."


@dataclass(frozen=True, slots=True)
class Table:
    """A table in a `Store`. Tables from CSV hold nothing but text; `kinds` says what the text spells."""

    label: str  # how messages call it, "the target table (sales.csv)"
    view: str  # its name in DuckDB, quoted
    kinds: dict[str, Kind]  # column -> kind, in order
    textual: frozenset[str]  # columns that are stored as text
    fractional: frozenset[str] = frozenset()  # columns that are stored as floating point, or with decimals
    zones: Mapping[str, str] = field(default_factory=dict)  # columns stored as instants -> their time zone
    local: str | None = None  # the zone that times with an offset or a zone are read in; None: their own
    file: str = "NULL"  # SQL of the file that a row is from
    # column -> the first file of several that lacks it
    lacking: Mapping[str, str] = field(default_factory=dict)
    costly: bool = False  # a large text file, whose rows take longer to read than to write and read again
    dates: str | None = None  # the format of dates in text, where they are not ISO
    decimal: str = "."  # the decimal mark of numbers in text
    thousands: str | None = None  # the mark between thousands there
    # columns of numbers in text of which all have three digits behind the decimal mark, or no mark: one of them
    grouped: Mapping[str, str] = field(default_factory=dict)
    categorical: frozenset[str] = frozenset()  # columns that were declared to be categories
    indexes: frozenset[str] = frozenset()  # columns that were the index of a pandas frame
    unnamed: frozenset[str] = frozenset()  # columns whose place in the header is empty
    left_out: frozenset[str] = frozenset()  # columns that number the rows, and are not among `kinds`

    def is_text(self, column: str) -> bool:
        """Whether a column's values are names: texts, and numbers that were declared to be categories."""
        kind = self.kinds[column]
        return kind == "text" or (column in self.categorical and kind in ("number", "boolean"))

    def find(self, given: str | None, recognised: Sequence[str]) -> str | None:
        """The column that `given` names, or the first recognised one; None when there is none."""
        if given is not None:
            return given if given in self.kinds else None
        for name in recognised:
            if name in self.kinds:
                return name
        folded = {name.lower(): name for name in reversed(self.kinds)}
        return next((folded[name] for name in recognised if name in folded), None)

    def require(self, given: str | None, recognised: Sequence[str], argument: str) -> str:
        """As `find`; raises ForetellError with the nearest name when there is no such column."""
        found = self.find(given, recognised)
        if found is None:
            wanted = given or recognised[0]
            raise ForetellError(
                f"{self.label} has no column {wanted!r}.{nearest(wanted, self.kinds)}"
                f" It has: {', '.join(self.kinds)}. {self._hint() or f'Name the right one with {argument}.'}"
            )
        return self.whole(found)

    def _hint(self) -> str:
        """What to do where the first row stands in for the header, or where an index was left out; '' else."""
        index = f"The index {min(self.left_out)!r} is not read: give it a name." if self.left_out else ""
        return _without_header(self.kinds) or self._title() or index or self._wide()

    def _title(self) -> str:
        """What to do where most columns have no name: the first line is a title."""
        if not self.unnamed or 2 * len(self.unnamed) < len(self.kinds):
            return ""
        titles = ", ".join(repr(name) for name in self.kinds if name not in self.unnamed)
        return (
            f"The first line, {titles}, looks like a title: remove it, so that the columns' names come first."
        )

    def _wide(self) -> str:
        """What to do where each column may be an item."""
        times = [name for name, kind in self.kinds.items() if kind == "time"]
        numbers = [name for name, kind in self.kinds.items() if kind == "number"]
        if len(times) != 1 or len(numbers) < 3 or len(numbers) + 1 < len(self.kinds):
            return ""
        return f"If each column is an item, make them rows of {times[0]!r}, item and value: pandas' melt does it."

    def whole(self, column: str) -> str:
        """`column`; raises ForetellError when one of several files lacks it."""
        if column in self.lacking:
            raise ForetellError(
                f"{self.lacking[column]} has no column {column!r}, which other files of {self.label} have."
                f" Add it, or leave that file out."
            )
        return column

    def text(self, column: str) -> str:
        """SQL of a column as text: 7 and 7.0 are one id, as are the NFC and NFD spellings of "é"; NaN and '' are none."""
        text = self.raw_text(column)
        if column not in self.textual:
            return text
        return f"CASE WHEN strlen({text}) = length({text}) THEN {text} ELSE nfc_normalize({text}) END"

    def raw_text(self, column: str) -> str:
        """SQL of a column as text, in Unicode's composed or decomposed characters as they are written."""
        name = quoted(column)
        if column in self.textual and column in self.categorical and self.kinds.get(column) == "number":
            code = f"trim({name})"  # 7.0 is how pandas writes a 7 beside a gap
            return f"CASE WHEN {code} NOT IN {missing_words()} THEN regexp_replace({code}, '\\.0+$', '') END"
        if column not in self.fractional:
            return f"nullif(CAST({name} AS VARCHAR), '')"
        real = f"nullif(CAST({name} AS DOUBLE), 'NaN'::DOUBLE)"
        whole = f"TRY_CAST({real} AS BIGINT)"  # rounds, or is NULL where it does not fit
        return (
            f"coalesce(CAST(CASE WHEN {whole} = {real} THEN {whole} END AS VARCHAR), CAST({real} AS VARCHAR))"
        )

    def number(self, column: str) -> str:
        """SQL of a column as DOUBLE; NULL where it is missing, NaN, or no number."""
        name = quoted(column)
        if self.kinds[column] == "boolean":
            return f"CAST(TRY_CAST({name} AS BOOLEAN) AS DOUBLE)"
        cast = "TRY_CAST" if column in self.textual else "CAST"
        return f"nullif({cast}({self.spelt(column)} AS DOUBLE), 'NaN'::DOUBLE)"

    def spelt(self, column: str) -> str:
        """SQL of a column's numbers as SQL spells them."""
        name = quoted(column)
        return _with_point(name, self.decimal, self.thousands) if column in self.textual else name

    def misspelt(self, column: str) -> str | None:
        """SQL that is true where the text of a column should be a number and is not; None where it cannot be."""
        if column not in self.textual:
            return None
        name = quoted(column)
        wanted = (
            f"{name} AS BOOLEAN" if self.kinds[column] == "boolean" else f"{self.spelt(column)} AS DOUBLE"
        )
        return f"({name} IS NOT NULL AND TRY_CAST({wanted}) IS NULL AND trim(CAST({name} AS VARCHAR)) NOT IN {missing_words()})"

    def moment(self, column: str, frequency: Frequency) -> str:
        """SQL of the TIMESTAMP (BIGINT for integer time) that a column holds; NULL where it does not parse.

        Raises ForetellError for a column that cannot hold times.
        """
        name, kind = quoted(column), self.kinds[column]
        if frequency.unit == "step":
            if kind not in ("number", "text"):
                raise ForetellError(
                    f"freq='1' means integer time, but {column!r} of {self.label} holds {_in_words(kind)}."
                    f" Give the frequency of the dates, such as freq='D'."
                )
            real = f"TRY_CAST({name} AS DOUBLE)"  # 2.5 is no step: a plain cast would round it
            return f"CASE WHEN {real} = floor({real}) THEN TRY_CAST({name} AS BIGINT) END"
        if self.dates is not None and (column in self.textual or kind == "number"):
            return self._formatted_moment(self.raw_text(column), self.dates)
        if column not in self.textual:
            return self._stored_moment(name, column, frequency)
        tails = {"Y": ("-01", "-01-01"), "Q": ("-01",), "M": ("-01",)}.get(frequency.unit, ())
        return spelt_wall(name, tails, self.local)

    def instant(self, column: str, frequency: Frequency, moment: str) -> tuple[str, str]:
        """SQL of the point in time (two may share their `moment`), and of whether a row carries a zone."""
        name = quoted(column)
        plain = frequency.unit == "step" or self.dates is not None  # a format of the user's has no zones
        if plain or not (column in self.textual or column in self.zones):
            return moment, "false"
        if column in self.zones:
            return f"timezone('UTC', CAST({name} AS TIMESTAMPTZ))", f"{name} IS NOT NULL"
        zoned = carries_zone(name)
        return (
            f"CASE WHEN {zoned} THEN coalesce(timezone('UTC', {spelt_instant(name)}), {moment}) ELSE {moment} END",
            zoned,
        )

    def _formatted_moment(self, text: str, form: str) -> str:
        """As the format says; ISO dates too, unless the format begins with a year and they could be taken for it."""
        moment = f"try_strptime(trim({text}), {literal(form)})"
        if form.lstrip().startswith(("%Y", "%G")):
            return moment
        return f"CASE WHEN regexp_matches({text}, '^\\s*\\d{{4}}-') THEN TRY_CAST({text} AS TIMESTAMP) ELSE {moment} END"

    def _stored_moment(self, name: str, column: str, frequency: Frequency) -> str:
        kind = self.kinds[column]
        if column in self.zones:
            return stored_wall(name, self.zones[column], self.local)
        if kind == "time":
            return f"CAST({name} AS TIMESTAMP)"
        if kind == "number" and frequency.unit == "Y":
            year = f"CASE WHEN {name} BETWEEN 1678 AND 2261 AND {name} = floor({name}) THEN CAST({name} AS BIGINT) END"
            return f"make_timestamp({year}, 1, 1, 0, 0, 0.0)"
        raise ForetellError(
            f"{column!r} of {self.label} holds {_in_words(kind)}, expected dates. For integer time give freq='1'. Where they count"
            f" from 1970, {FROM_1970}"
        )


def _with_point(text: str, decimal: str, thousands: str | None = None) -> str:
    """SQL of the text of a number as SQL spells it; one with a foreign mark, or marks between other than thousands, is none."""
    if thousands is not None:
        whole = f"^\\s*[-+]?[1-9]\\d{{0,2}}({re.escape(thousands)}\\d{{3}})+({re.escape(decimal)}\\d*)?\\s*$"
        bare = f"replace({text}, {literal(thousands)}, '')"
        grouped = f"regexp_matches({text}, {literal(whole)})"
        text = (
            f"CASE WHEN NOT contains({text}, {literal(thousands)}) THEN {text} WHEN {grouped} THEN {bare} END"
        )
    return (
        text if decimal == "." else f"CASE WHEN NOT contains({text}, '.') THEN replace({text}, ',', '.') END"
    )


def _without_header(columns: Iterable[str]) -> str:
    """What to do where some columns are called like a number or a date: the file begins with its first row."""
    values = [name for name in columns if re.fullmatch(r"[-+]?\d[\d.,:/ -]*", name)]
    return f"{values[0]!r} looks like a value: put a line with the columns' names first." if values else ""


def missing_words() -> str:
    """SQL of the texts that stand for no value."""
    return "(" + ", ".join(map(literal, MISSING)) + ")"


def _in_words(kind: Kind) -> str:
    return {"time": "dates", "number": "numbers", "boolean": "true and false"}.get(kind, kind)
