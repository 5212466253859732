"""`Dataset`: the three tables of a forecasting problem, read onto a panel."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pandas as pd

from foretell.data.columns import names_of
from foretell.data.findings import Finding
from foretell.data.frequency import Frequency, names_anchor
from foretell.data.future_plan import FuturePlan
from foretell.data.panel import Panel
from foretell.data.reading import names_by_table
from foretell.data.schema import Ends, Partial, Schema
from foretell.errors import ForetellError
from foretell.ingest.context import Names
from foretell.ingest.fixed_options import following, remembering
from foretell.ingest.holidays import MOST_DAYS, holiday_columns, parse_holidays
from foretell.ingest.ingest import Ingested, ingest
from foretell.ingest.options import Options, column_names, filling_rules, season_lengths
from foretell.ingest.panel_folder import Saved, fingerprint, is_panel, read_panel, verify_panel, write_panel
from foretell.system.listener import heed
from foretell.system.whole_numbers import whole_number

logger = logging.getLogger(__name__)


def check_dataset(data: object) -> Dataset:
    """`data` itself; raises ForetellError when it is something else, such as a bare table."""
    if not isinstance(data, Dataset):
        raise ForetellError(
            f"data must be a foretell.Dataset, got {type(data).__name__}. Wrap your tables: foretell.Dataset(target,"
            ' related=..., items=..., freq="D")'
        )
    wrong = next((finding for finding in data.findings if finding.severity == "error"), None)
    if wrong is not None:
        raise ForetellError(wrong.message)
    return data


class Dataset:
    """Three tables - target series, related series, item metadata - on one regular grid.

    Each table is a pandas, polars or Arrow table, the path of a CSV, Parquet or Excel file
    (`sales.xlsx#Sheet1`), a folder of CSV or Parquet files, a table of Delta Lake, a glob, or a query (`foretell.Sql`). A related table is keyed by what it has of the item's key (item_id and `dimensions`), else of the metadata's columns
    (a region), else by time alone. The tables are read when the data set is made; what was found and decided is in `findings`.

    Args:
        target: one row an item and time; also a list of paths. Columns `item_id, timestamp, target`, or other usual names.
        related: one row an item (or group) and time, any columns; a table or a list of tables with different keys.
        items: one row an item, any columns.
        freq: D, W-MON, MS, 15min, ...; "1" is integer time. Default: the one that all items of the target have.
        item_id: the column of the item, if it has no usual name; by table where they differ: {"target": "sku", "related": "article",
            "items": "code"}, a list for several related tables.
        timestamp: the column of the time, likewise: {"target": "date", "related": "week"}.
        target_column: the column of the target, likewise.
        date_format: of dates that are not ISO, as strptime spells it: "%d.%m.%Y".
        decimal: the decimal mark of numbers in text, "." or ",". Default: ".".
        thousands: the mark between thousands there: "," "." "'" or a blank. Default: there is none.
        dimensions: further columns of the key.
        known: related columns whose values through the horizon are there before the forecast is made.
        past: related columns that are known only when they have happened.
        open: a known 0/1 column: where it is 0 the item cannot sell.
        categorical: columns whose numbers are codes: the order of 3 and 4 means nothing.
        numeric: columns that hold numbers: a word among them is an error, not a text.
        text_values: values of a text column that get a column of their own. Default: 32, and all seen on 5 steps or more.
        season: seasonal period in steps, one or several. Default: the frequency's.
        ends: "last": all series end at the target's last timestamp; "own": each at its own last observation.
        partial: "drop" leaves out a step at the end that is not whole (July, of which there are three days); "keep" keeps it.
        aggregation: of repeated rows: column -> sum, mean, median, min, max, first, last.
        filling: of gaps: column -> front, middle, back, future -> method; a number is a value.
        holidays: countries, such as "DE" or ["DE", "US-CA"]; "@country": of that column of the metadata.
        holiday_days: days before and after a holiday that have a column each.
        strict: times off the frequency, guessed roles and undeclared codes of CSV files are errors.
        tolerant: rows that cannot be read become findings of `check`; nothing trains on such data.
        timezone: the zone in which times with an offset or a zone are read. Default: their own.
        partitions: folders named column=value are columns of the files in them.
        schema: a model's, whose columns and categories are reproduced; what is left out is as its training had it.
        scratch: a folder for what does not fit into memory. Default: the temporary one.

    Raises:
        ForetellError: for options that contradict each other, and for tables that cannot be read, naming the first row or item.

    Example:
        >>> foretell.Dataset(
        ...     "data/retail/sales.csv",
        ...     related=["data/retail/related.csv", "data/retail/calendar.csv"],
        ...     items="data/retail/items.csv",
        ...     freq="D",
        ...     known=["open", "before_holiday", "weeks_to_christmas"],
        ...     past=["price"],
        ...     open="open",
        ... ).schema.static_cat
        ('family', 'colour', 'price_band')
    """

    def __init__(  # noqa: PLR0913  # every argument is one decision about the data, named by the user
        self,
        target: object,
        related: object = None,
        items: object = None,
        *,
        # D, W-MON, MS, 15min, ...; 1 is integer time; default: what all items have
        freq: str | Frequency | None = None,
        # names of columns; default: the usual ones are recognised
        item_id: str | Mapping[str, Any] | None = None,
        timestamp: str | Mapping[str, Any] | None = None,
        target_column: str | None = None,
        date_format: str | None = None,  # of dates that are not ISO, as strptime spells it: %d.%m.%Y
        decimal: str | None = None,  # the decimal mark of numbers in text: . (the default) or ,
        thousands: str
        | None = None,  # the mark between thousands there: , . ' or a blank; default: there is none
        dimensions: Sequence[str] = (),  # further columns of the key
        known: Sequence[str] = (),  # related columns that are known ahead
        past: Sequence[str] = (),  # related columns that are known only when they have happened
        open: str | None = None,  # a known 0/1 column: where it is 0 the item cannot sell
        categorical: Sequence[
            str
        ] = (),  # columns whose numbers are codes: the order of 3 and 4 means nothing
        numeric: Sequence[str] = (),  # columns that hold numbers: a word among them is an error, not a text
        # values of a text column that get a column of their own; default: 32, and all that are seen on 5 steps or more
        text_values: int | None = None,
        # seasonal period in steps, one or several; default: the frequency's
        season: int | Sequence[int] | None = None,
        ends: Ends = "last",  # all series end at the target's last timestamp, or each at its own ("own")
        # a step at the end of the data that is not whole (July, of which there are three days) is left out, or kept
        partial: Partial = "drop",
        # column -> sum, mean, median, min, max, first, last
        aggregation: Mapping[str, str] | None = None,
        # column -> front, middle, back, future -> method; a number is a value
        filling: Mapping[str, Mapping[str, Any]] | None = None,
        # countries: DE, US-CA; @country: of that metadata column
        holidays: str | Sequence[str] | None = None,
        holiday_days: int = 1,  # days before and after a holiday that have a column each
        # timestamps off the frequency are an error, as are undeclared whole numbers of CSV files, which may be codes, and
        # related columns that are declared neither known nor past
        strict: bool = False,
        tolerant: bool = False,  # rows that cannot be read become findings of `check`; nothing trains on such data
        # the zone in which times with an offset or a zone are read; default: their own
        timezone: str | None = None,
        partitions: bool = False,  # folders named column=value are columns of the files in them
        schema: Schema | None = None,  # a model's: its columns and categories are reproduced
        # folder for what does not fit into memory; default: the temporary one
        scratch: str | os.PathLike[str] | None = None,
    ) -> None:
        """Read the tables. Raises ForetellError for options that contradict each other and for tables that cannot be read."""
        if is_panel(target):
            raise ForetellError(
                f"{str(target)!r} is a saved panel: open it with foretell.Dataset.open({str(target)!r})"
            )
        self._saved: str | None = None  # the folder that the panel was opened from
        self._scratch = scratch
        self._told: dict[Finding, None] = {}
        self._done: set[Hashable] = set()
        self._numeric = None if schema is not None else frozenset(column_names("numeric", numeric))
        self._target, self._items = _rereadable(target), _rereadable(items)
        self._related = tuple(map(_rereadable, _tables(related)))
        if freq is None and schema is not None:
            freq = schema.frequency
        frequency = (
            Frequency("D") if freq is None else Frequency.parse(freq)
        )  # of the rows, if it is not given
        holiday_days = whole_number("holiday_days", holiday_days, least=0, most=MOST_DAYS)
        countries = parse_holidays(holidays, holiday_days, frequency)
        count = len(self._related)
        options = Options(
            frequency=frequency,
            open_frequency=freq is None,
            anchored=freq is None or names_anchor(freq),
            item_id=names_by_table("item_id", item_id, related=count, items=True),
            timestamp=names_by_table("timestamp", timestamp, related=count, items=False),
            target=target_column,
            dimensions=column_names("dimensions", dimensions),
            known=(*column_names("known", known), *holiday_columns(countries, holiday_days)),
            past=column_names("past", past),
            open=open,
            categorical=column_names("categorical", categorical),
            numeric=column_names("numeric", numeric),
            text_values=text_values,
            seasons=season_lengths(season, None if freq is None else frequency),
            ends=ends,
            partial=partial,
            date_format=date_format,
            aggregation=dict(aggregation or {}),
            filling=filling_rules(filling, target_column),
            strict=strict,
            tolerant=tolerant,
            timezone=timezone,
            holidays=countries,
            holiday_days=holiday_days,
            decimal=decimal,
            thousands=thousands,
            partitions=partitions,
        )
        if schema is not None:
            options = remembering(options, schema)
        asked = options if schema is None else following(options, schema)
        self._read = ingest(self._target, self._related, self._items, asked, scratch=scratch)
        self.options: Final = options.at(self.panel.frequency) if freq is None else options

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Dataset:
        """The data set that `save` wrote, at once and of any size: its arrays are mapped, not read.

        Raises ForetellError when the folder is damaged, cut short, or from a newer foretell.
        """
        saved, data = read_panel(Path(folder)), cls.__new__(cls)
        data._saved, data._numeric, data._told, data._done = os.fspath(folder), None, {}, set()
        data._read = Ingested(saved.panel, saved.names, saved.findings, saved.rows, saved.fingerprint)
        return data

    def save(self, folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the panel to `folder`, whole or not at all, for `Dataset.open`.

        To `overwrite` replaces a result of foretell that is there. Raises ForetellError when `folder` holds a result and that
        is not asked, when it holds anything else, when the disk is full, and when another process writes it.
        """
        read = self._read
        saved = Saved(read.panel, read.names, read.findings, read.rows, self.fingerprint)
        write_panel(saved, Path(folder), overwrite=overwrite)

    def verify(self) -> int:
        """Read every file of the folder that it was opened from, and compare all checksums; the bytes that were compared.

        Raises ForetellError naming the file that differs, and for data that were not opened from a folder.
        """
        if self._saved is None:
            raise ForetellError(
                "only a saved panel has checksums: open one with foretell.Dataset.open(folder)"
            )
        return verify_panel(self._saved)

    @property
    def panel(self) -> Panel:
        """All series on one grid."""
        return self._read.panel

    @property
    def names(self) -> Names:
        """The columns of the target table, as the user calls them."""
        return self._read.names

    @property
    def schema(self) -> Schema:
        """What the panel's columns mean."""
        return self._read.panel.schema

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What reading the tables found and decided."""
        return self._read.findings

    @property
    def rows(self) -> Mapping[str, int]:
        """How many rows each table has, by the name that messages give it."""
        return self._read.rows

    def _untold(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """As `untold`."""
        new = tuple(finding for finding in dict.fromkeys(findings) if finding not in self._told)
        self._told.update(dict.fromkeys(new))
        return new

    def _first_time(self, what: Collection[Hashable]) -> bool:
        """As `first_time`."""
        new = self._done.isdisjoint(what)
        self._done.update(islice(what, 1))
        return new

    def _encode(self, schema: Schema, *, horizon: int = 0) -> Panel:
        """As `encoded`."""
        panel = self.panel
        capped = bool(schema.holidays) or int(panel.lengths.max(initial=0)) < horizon  # more could be had
        alike = schema == self.schema and (schema.merged == self.schema.merged or self._saved is not None)
        if alike and (panel.future >= horizon or not capped or self._saved is not None):
            self._log_unseen()
            return panel
        if self._saved is not None:
            raise ForetellError(
                f"{self._saved} was ingested with other columns, categories or options than the model was trained on."
                " Ingest the tables again with the model's: foretell ingest ... --model MODEL, or"
                " foretell.Dataset(..., schema=model.schema).save(...)."
            )
        options = following(self.options, schema, ahead=horizon)
        read = ingest(self._target, self._related, self._items, options, scratch=self._scratch)
        new = [f for f in read.findings if f.severity == "warning" and f not in self.findings]
        self._read = replace(self._read, findings=(*self.findings, *new))
        self._log_unseen()
        return read.panel

    def _log_unseen(self) -> None:
        for finding in self.findings:
            if (finding.severity, finding.code) == ("warning", "unseen"):
                logger.warning("%s", finding.message)
                self._told[finding] = None

    @cached_property
    def fingerprint(self) -> str:
        """A sha256 over keys, times and values, in hex: equal for equal data."""
        return self._read.fingerprint or fingerprint(self.panel)

    def __repr__(self) -> str:
        panel = self.panel
        return (
            f"Dataset({len(panel)} items, {len(panel.target):,} steps of {panel.frequency.alias},"
            f" known={list(names_of(panel.schema.known))}, past={list(names_of(panel.schema.past))})"
        )

    def _repr_html_(self) -> str:
        from foretell.reporting.notebook import dataset_html

        return dataset_html(self)


def encoded(data: Dataset, schema: Schema, *, horizon: int = 0) -> Panel:
    """The tables of `data` with another schema's columns and categories (a model's); what it has not seen is unknown.

    Known covariates reach as far as `horizon` where their tables do. What reading them so found and decided joins
    `data.findings`; categories that the model has not seen are logged as well. Raises ForetellError when a column that the
    schema needs is not there.
    """
    return data._encode(schema, horizon=horizon)


def untold(data: Dataset, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those of `findings` that were not told before of these data; they count as told from here on."""
    return data._untold(findings)


def told(data: Dataset) -> tuple[Finding, ...]:
    """What was told of these data so far."""
    return tuple(data._told)


def first_time(data: Dataset, what: Collection[Hashable]) -> bool:
    """Whether none of `what` was done with these data before; the first of it counts as done from here on."""
    return data._first_time(what)


def declared_numeric(data: Dataset) -> frozenset[str] | None:
    """The columns that were declared to hold numbers; None for a saved panel, which does not tell, and where a model decides."""
    return data._numeric


def make_future_frame(data: Dataset, horizon: int) -> pd.DataFrame:
    """The rows of known covariates that a forecast needs: each item's next `horizon` steps, with what is known of them already.

    Only the cells that the related tables, and the fillings asked for, leave open are empty: fill them in and append the frame to a
    related table. Its columns are called as in the target table; a value that was merged with others is "other".

    Args:
        data: the tables, a `foretell.Dataset`.
        horizon: how many steps.

    Raises:
        ForetellError: for a horizon below 1.

    Example:
        >>> sales = pd.read_csv("data/retail/sales.csv", nrows=2952)  # four items
        >>> data = foretell.Dataset(sales, freq="D")
        >>> list(foretell.make_future_frame(data, 28).columns)
        ['item_id', 'timestamp']
    """
    if horizon < 1:
        raise ForetellError(f"horizon must be a whole number of steps, at least 1, got {horizon!r}")
    panel, names = data.panel, data.names
    frame = FuturePlan(panel, horizon).to_frame()
    own = holiday_columns(panel.schema.holidays, panel.schema.holiday_days)
    frame = frame.drop(columns=[column for column in own if column in frame])
    return frame.rename(columns={**names.key, panel.schema.timestamp: names.timestamp})


def _tables(related: object) -> tuple[object, ...]:
    if related is None:
        return ()
    return tuple(related) if isinstance(related, (list, tuple)) else (related,)


def _rereadable(source: Any) -> object:
    """`source` so that it can be read again: an Arrow stream is read to its end and kept."""
    if not hasattr(source, "read_next_batch"):
        return source
    import pyarrow as pa

    batches = []
    for batch in source:
        heed()
        batches.append(batch)
    return pa.Table.from_batches(batches, source.schema)
