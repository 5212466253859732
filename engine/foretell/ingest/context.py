"""`IngestContext`: what every step of reading the tables needs, and `Names`, the columns of the target table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from foretell.data.findings import Findings
from foretell.data.frequency import Frequency
from foretell.data.reading import NamesByTable, Place
from foretell.data.schema import Schema
from foretell.errors import ForetellError
from foretell.ingest.column_kinds import as_declared, as_trained, report_kinds
from foretell.ingest.keyed_rows import KeyedRows, read_rows
from foretell.ingest.options import Options
from foretell.ingest.row_numbers import without_row_numbers
from foretell.ingest.sources import open_table
from foretell.ingest.store import Store
from foretell.ingest.table import Table

if TYPE_CHECKING:
    from foretell.ingest.shared_table import SharedTable

ID_NAMES: Final = ("item_id", "unique_id")
TIME_NAMES: Final = ("timestamp", "ds")
TARGET_NAMES: Final = ("target", "y", "demand", "target_value", "value")


def argument_of(what: str, place: Place) -> str:
    """The argument that names a column of one of the tables."""
    if place == "target":
        return f"{what}="
    return f"{what}={{'{'items' if place == 'items' else 'related'}': ...}}"


def _usual(remembered: str | None, names: tuple[str, ...]) -> tuple[str, ...]:
    """The names that a column is looked for by: that of a training before the usual ones."""
    return names if remembered is None else (remembered, *names)


@dataclass(frozen=True, slots=True)
class Names:
    """The columns of the target table, as the user calls them."""

    key: Mapping[str, str]  # item_id and dimensions -> column
    timestamp: str  # column
    target: str  # column


@dataclass(frozen=True, slots=True)
class IngestContext:
    """An open store, the options for reading its tables, and the findings so far."""

    store: Store
    options: Options
    findings: Findings
    frequency: Frequency
    shared: SharedTable | None = None  # the target table, where it is a related table too
    related: int = 0  # how many related tables there are

    @property
    def schema(self) -> Schema | None:
        """A model's schema to be reproduced; None when the data make their own."""
        return self.options.schema

    def open(self, source: object, name: str) -> Table:
        """The table that messages call `name`, read as the options say. Raises ForetellError for what cannot be read."""
        o = self.options
        dates = None if name == "items" else o.date_format
        table = open_table(
            self.store,
            source,
            name=name,
            dates=dates,
            decimal=o.mark,
            thousands=o.thousands,
            partitions=o.partitions,
        )
        table = without_row_numbers(self.store, table, wanted=self._wanted(table), findings=self.findings)
        return as_declared(table, o) if self.schema is None else as_trained(table, self.schema)

    def _wanted(self, table: Table) -> set[str]:
        """The columns of a table that an option names, a model was trained on, or that are recognised."""
        o, usual = self.options, {*ID_NAMES, *TIME_NAMES, *TARGET_NAMES}
        named = {o.target, o.remembered.target, o.open, *o.dimensions, *o.known, *o.past}
        for names in (o.item_id, o.timestamp, o.remembered.item_id, o.remembered.timestamp):
            named |= names.said
        named |= {*o.categorical, *o.numeric, *(self.schema.roles if self.schema else ())}
        return {c for c in table.kinds if c in named or c.lower() in usual}

    def names(self, table: Table) -> Names:
        """The columns of the target table; raises ForetellError for one that is not there."""
        o, had = self.options, self.options.remembered
        key = {"item_id": table.require(o.item_id.target, _usual(had.item_id.target, ID_NAMES), "item_id=")}
        for dimension in o.dimensions:
            if dimension in ("item_id", key["item_id"]):
                raise ForetellError(
                    f"dimensions are columns of the key besides the item, which {dimension!r} is. Leave it out of dimensions=."
                )
            key[dimension] = table.require(dimension, (), "dimensions=")
        timestamp = table.require(o.timestamp.target, _usual(had.timestamp.target, TIME_NAMES), "timestamp=")
        target = table.require(o.target, _usual(had.target, TARGET_NAMES), "target_column=")
        if table.kinds[target] in ("time", "other"):
            raise ForetellError(
                f"{target!r} of {table.label} must hold numbers. Name the right one with target_column=."
            )
        return Names(key, timestamp, target)

    def time_in(self, table: Table, names: Names, place: Place) -> str:
        """The column of the time in a related table; raises ForetellError where there is none."""
        return self._named(table, "timestamp", names.timestamp, TIME_NAMES, place) or table.require(
            None, TIME_NAMES, argument_of("timestamp", place)
        )

    def key_in(self, table: Table, names: Names, place: Place) -> dict[str, str]:
        """Which parts of the item's key another table has, and in which columns."""
        found = self._named(table, "item_id", names.key["item_id"], ID_NAMES, place)
        key = {} if found is None else {"item_id": found}
        return key | {d: table.whole(d) for d in self.options.dimensions if d in table.kinds}

    def _named(
        self,
        table: Table,
        what: Literal["item_id", "timestamp"],
        targets: str,
        usual: Sequence[str],
        place: Place,
    ) -> str | None:
        """The column that was named for another table, that of the training, the target's, or a usual one; None where there is none.

        Raises ForetellError where the named one is not there.
        """
        asked: NamesByTable = getattr(self.options, what)
        had: NamesByTable = getattr(self.options.remembered, what)
        given = asked.of(place)
        if given is not None and (place == "items" or len(asked.related) == self.related):
            return table.require(given, (), argument_of(what, place))
        names = (name for name in (given, had.of(place), targets) if name in table.kinds)
        found = next(names, None) or table.find(None, usual)
        return None if found is None else table.whole(found)

    def report_thousands(self, table: Table, columns: Iterable[str]) -> None:
        """Warn of columns whose decimal marks may stand between thousands."""
        o = self.options
        for column in columns:
            value = table.grouped.get(column)
            if value is not None and table.kinds[column] == "number":
                mark = o.thousands or o.mark
                whole, part = value.replace(mark, ""), value.replace(",", ".")
                other = "," if mark == "." else "."
                marks = f"thousands={mark!r} and decimal={other!r}"
                readings = (
                    f"read as {part}; if it is {whole}, ask for {marks}"
                    if o.thousands is None
                    else f"read as {whole}; if it is {part}, write all tables with one mark, or leave out {marks}"
                )
                self.findings.warn(
                    "thousands",
                    f"{table.label}: the values of {column!r} have three digits behind each {mark!r}, such as {value}, {readings}",
                    1,
                )

    def report_kinds(self, table: Table, columns: Sequence[str]) -> None:
        """Say what the kinds of a table's columns were guessed from; a model's schema leaves nothing to guess."""
        self.report_thousands(table, [c for c in columns if c not in self.options.categorical])
        if self.schema is None:
            report_kinds(self.store, table, columns, options=self.options, findings=self.findings)

    def report_lacking(self, table: Table, columns: Iterable[str]) -> None:
        """Report which of a table's files lack which of these columns."""
        for column in columns:
            if column in table.lacking:
                self.findings.warn(
                    "lacking",
                    f"{table.lacking[column]} has no column {column!r}: its rows count as missing there",
                )

    def aligned(self, table: Table, timestamp: str) -> IngestContext:
        """This context with the frequency's multiples counted from the first timestamp, unless a model fixed them."""
        frequency = self.frequency
        if self.schema is not None or frequency.multiple == 1 or frequency.unit in ("min", "h", "step"):
            return self
        first = self.store.rows(f"SELECT min({table.moment(timestamp, frequency)}) FROM {table.view}")[0][0]
        return self if first is None else replace(self, frequency=frequency.aligned(np.datetime64(first)))

    def rows(
        self,
        table: Table,
        key: Mapping[str, str],
        timestamp: str,
        *,
        columns: Sequence[str],
        texts: Sequence[str] = (),
        usual: Mapping[str, str] | None = None,
        asked: Mapping[str, str] | None = None,
    ) -> KeyedRows:
        """The rows of a table; rows of one step are aggregated as `asked`, else as `usual`."""
        rows = read_rows(
            self.store,
            table,
            key=key,
            timestamp=timestamp,
            frequency=self.frequency,
            columns=columns,
            texts=texts,
            aggregation={**(usual or {}), **(asked or {})},
        )
        return replace(rows, allowed=bool(asked), tolerant=self.options.tolerant)
