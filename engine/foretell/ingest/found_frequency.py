"""The frequency of the target's rows, where none was asked for: taken where all items have one, else refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from foretell.data.common_frequency import Found, Grid, Times, Whole, find_frequency
from foretell.data.frequency import Frequency, spell
from foretell.errors import ForetellError
from foretell.ingest.context import IngestContext, Names
from foretell.ingest.holidays import parse_holidays
from foretell.ingest.keyed_rows import spell_key
from foretell.ingest.table import Table
from foretell.system.sql_text import integer

_MOST_ROWS: Final = 1 << 20  # that are looked at: all of a table, or those of some items
_ONE_OF: Final = 64  # items of a large text that is looked at
_YEARS: Final = (1900, 2100)
_EXCEL: Final = (36_526, 54_789)  # days that Excel counts: 2000 to 2049
_MONTH: Final = range(28, 32)  # days
_NAMED: Final = 3  # groups of items in a message
_SAY: Final = "Give freq=, such as freq='D'"


def with_found_frequency(context: IngestContext, table: Table, names: Names) -> IngestContext:
    """The context with the frequency that the rows of the target table have, and a finding of which that is.

    Raises ForetellError where the items have several, where it cannot be told, and where options do not go with it.
    """
    sample = _Sample.of(context, table, names)
    if not len(sample.times.moment):
        frequency, told = Frequency("D"), False  # of a table without times, which is refused for them
    else:
        frequency, told = sample.frequency(), True
    options = context.options
    parse_holidays(options.holidays, options.holiday_days, frequency)
    if told:
        part = f", of {len(sample.codes):,} items that were looked at" if sample.part else ""
        context.findings.note(
            "frequency_found",
            f"freq={frequency.alias!r} is what the rows of {table.label} have: not asked for{part}",
            len(sample.codes),
        )
    return replace(context, options=options.at(frequency), frequency=frequency)


@dataclass(frozen=True, slots=True)
class _Sample:
    """Rows of the target table: all, or those of some items."""

    context: IngestContext
    table: Table
    names: Names
    times: Times
    codes: Whole  # [N] of the items, hashes of their keys
    part: bool

    @classmethod
    def of(cls, context: IngestContext, table: Table, names: Names) -> _Sample:
        """What is looked at; the view `timed` of a row's item, the parts of its key, and its time goes with it."""
        dated = _is_dated(table, names.timestamp)
        frequency = Frequency("Y" if dated else "step")  # months and years may be written without their days
        moment = table.moment(names.timestamp, frequency)
        count = f"epoch_us({moment})" if dated else moment
        parts = [f"{table.text(column)} AS k{i}" for i, column in enumerate(names.key.values())]
        keys = [f"k{i}" for i in range(len(parts))]
        inner = f"SELECT {', '.join(parts)}, {count} AS moment FROM {table.view}"
        item = f"CAST(hash({', '.join(keys)}) >> 1 AS BIGINT)"
        context.store.execute(
            f"CREATE OR REPLACE VIEW timed AS SELECT {item} AS item, * FROM ({inner}) WHERE moment IS NOT NULL"
        )
        item_codes, moments, part = _rows(context, table)
        times, codes = Times.of(item_codes, moments, dated=dated)
        return cls(context, table, names, times, codes, part)

    def frequency(self) -> Frequency:
        """The frequency found; raises ForetellError where there is none to take."""
        if not self.times.dated:
            self._refuse_numbers()
        found = find_frequency(self.times)
        if found.fault or found.grid is None:
            raise ForetellError(f"freq is missing, and {self._why(found)}")
        return found.grid.frequency()

    def _refuse_numbers(self) -> None:
        """Raises ForetellError for whole numbers that are probably years or days."""
        low, high = int(self.times.moment.min()), int(self.times.moment.max())
        what = ""
        if _YEARS[0] <= low <= high <= _YEARS[1]:
            what = "years are freq='YS', numbered steps freq='1'"
        elif low > 1900_00_00 and high < 2100_00_00 and all(_is_date(each) for each in (low, high)):
            what = "dates without marks need date_format='%Y%m%d', numbered steps are freq='1'"
        elif _EXCEL[0] <= low <= high <= _EXCEL[1]:
            what = "days that Excel counts need the format of a date there, numbered steps are freq='1'"
        if what:
            raise ForetellError(
                f"freq is missing, and the times of {self.table.label} are whole numbers from {low} to {high}: {what}."
            )

    def _why(self, found: Found) -> str:
        label = self.table.label
        if found.fault == "few":
            return (
                f"{label} has too few times to tell: {len(self.times.moment):,} of {len(self.codes):,} items, of which most"
                f" have {int(self.times.count.max())}. {_SAY}."
            )
        if found.fault == "seconds":
            where = self._where(int(np.flatnonzero(self.times.moment % 60_000_000 != 0)[0]))
            return f"{label} has times within a minute ({where}), which no step begins at. {_SAY}, to put them into steps."
        if found.fault == "several":
            return self._several(found)
        grid = found.grid
        assert grid is not None
        if found.fault == "other" and found.other is not None:
            return self._other(found, grid, found.other)
        return (
            f"the times of {label} are rarely a step of {grid.frequency().alias!r} apart, as those of single events are."
            f" {_SAY}, to put them into steps."
        )

    def _other(self, found: Found, grid: Grid, other: Grid) -> str:
        if grid.kind == "D" and other.step in _MONTH:
            return (
                f"the times of {self.table.label} lie a month apart, on other days than the first or the last, such as"
                f" {self._where(0)}. freq='MS' puts each into its month."
            )
        where = f", not {self._where(found.off)}" if found.off >= 0 else ""
        zone = ", or read them in their zone with timezone=" if grid.kind == "min" else ""
        return (
            f"{found.share:.0%} of the times of {self.table.label} follow each other by one step of"
            f" {other.frequency().alias!r}{where}; all fit {grid.frequency().alias!r}. Say which with freq=, or correct"
            f" them{zone}."
        )

    def _several(self, found: Found) -> str:
        spelt = [
            f"{grid.frequency().alias!r} ({len(items):,} items, such as {self._name(int(items[0]))})"
            for grid, items in found.groups[:_NAMED]
        ]
        more = f" and {len(found.groups) - _NAMED} more" if len(found.groups) > _NAMED else ""
        off = (
            f". Off {found.other.frequency().alias!r} is {self._where(found.off)}"
            if found.other and found.off >= 0
            else ""
        )
        return (
            f"the items of {self.table.label} have several frequencies: {', '.join(spelt)}{more}{off}. Give freq=, to put"
            " all into the same steps, or make a data set of each."
        )

    def _where(self, place: int) -> str:
        """An item and a time of it."""
        item = int(np.searchsorted(self.times.begin, place, side="right")) - 1
        moment = self.times.moment[place]
        spelt = spell(moment.astype("datetime64[us]")) if self.times.dated else str(moment)
        return f"{self._name(item)} at {spelt}"

    def _name(self, item: int) -> str:
        keys = [f"k{i}" for i in range(len(self.names.key))]
        row: Sequence[object] = self.context.store.rows(
            f"SELECT {', '.join(keys)} FROM timed WHERE item = {integer(int(self.codes[item]))} LIMIT 1"
        )[0]
        return spell_key(self.names.key, row)


def _is_date(number: int) -> bool:
    return 1 <= number // 100 % 100 <= 12 and 1 <= number % 100 <= 31


def _is_dated(table: Table, timestamp: str) -> bool:
    """Whether the times are dates; raises ForetellError for a column that holds neither dates nor whole numbers."""
    kind = table.kinds[timestamp]
    return kind != "number" or table.dates is not None


def _rows(context: IngestContext, table: Table) -> tuple[Whole, Whole, bool]:
    """The items and times of all rows of the view; of a large one those of items that their hashes choose."""
    store = context.store
    some = store.frame(f"SELECT item, moment FROM timed LIMIT {_MOST_ROWS + 1}")
    large = len(some) > _MOST_ROWS
    if large:
        # text is not read once more to be counted
        total = 0 if table.costly else int(store.rows(f"SELECT count(*) FROM {table.view}")[0][0])
        one_of = -(-total // _MOST_ROWS) or _ONE_OF
        chosen = store.frame(
            f"SELECT item, moment FROM timed WHERE item % {integer(one_of)} = 0 LIMIT {_MOST_ROWS}"
        )
        some = chosen if len(chosen) else some
    return some["item"].to_numpy(np.int64), some["moment"].to_numpy(np.int64), large
