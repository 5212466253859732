"""`IngestContext`: what every step of reading the tables needs, and `Names`, the columns of the target table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from foretell.data.findings import Findings
from foretell.data.frequency import Frequency
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
            decimal=o.decimal,
            thousands=o.thousands,
            partitions=o.partitions,
        )
        table = without_row_numbers(self.store, table, wanted=self._wanted(table), findings=self.findings)
        return as_declared(table, o) if self.schema is None else as_trained(table, self.schema)

    def _wanted(self, table: Table) -> set[str]:
        """The columns of a table that an option names, a model was trained on, or that are recognised."""
        o, usual = self.options, {*ID_NAMES, *TIME_NAMES, *TARGET_NAMES}
        named = {o.item_id, o.timestamp, o.target, o.open, *o.dimensions, *o.known, *o.past}
        named |= {*o.categorical, *o.numeric, *(self.schema.roles if self.schema else ())}
        return {c for c in table.kinds if c in named or c.lower() in usual}

    def names(self, table: Table) -> Names:
        """The columns of the target table; raises ForetellError for one that is not there."""
        o = self.options
        key = {"item_id": table.require(o.item_id, ID_NAMES, "item_id=")}
        for dimension in o.dimensions:
            if dimension in ("item_id", key["item_id"]):
                raise ForetellError(
                    f"dimensions are columns of the key besides the item, which {dimension!r} is. Leave it out of dimensions=."
                )
            key[dimension] = table.require(dimension, (), "dimensions=")
        timestamp = table.require(o.timestamp, TIME_NAMES, "timestamp=")
        target = table.require(o.target, TARGET_NAMES, "target_column=")
        if table.kinds[target] in ("time", "other"):
            raise ForetellError(
                f"{target!r} of {table.label} must hold numbers. Name the right one with target_column=."
            )
        return Names(key, timestamp, target)

    def key_in(self, table: Table, names: Names) -> dict[str, str]:
        """Which parts of the item's key another table has, and in which columns."""
        found = table.find(names.key["item_id"], ()) or table.find(None, ID_NAMES)
        key = {} if found is None else {"item_id": table.whole(found)}
        return key | {d: table.whole(d) for d in self.options.dimensions if d in table.kinds}

    def report_thousands(self, table: Table, columns: Iterable[str]) -> None:
        """Warn of columns whose decimal marks may stand between thousands."""
        o = self.options
        for column in columns:
            value = table.grouped.get(column)
            if value is not None and table.kinds[column] == "number":
                whole = value.replace(o.decimal, "")
                other = "," if o.decimal == "." else "."
                self.findings.warn(
                    "thousands",
                    f"{table.label}: the values of {column!r} have three digits behind each {o.decimal!r}, such as {value}, read"
                    f" as {value.replace(',', '.')}; if it is {whole}, ask for thousands={o.decimal!r} and decimal={other!r}",
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
