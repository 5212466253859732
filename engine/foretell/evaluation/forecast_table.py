"""Reads anybody's forecast table: its rows, and which item, step, recipe and window each belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.findings import Findings
from foretell.data.frequency import Frequency, spell
from foretell.data.panel import Panel
from foretell.data.reading import Reading
from foretell.data.wall_times import skipped, wall_times
from foretell.errors import ForetellError
from foretell.ingest.context import ID_NAMES, TIME_NAMES
from foretell.ingest.keyed_rows import LIMITS
from foretell.ingest.sources import files_of, open_table
from foretell.ingest.store import Store
from foretell.ingest.table import Table
from foretell.system.sql_text import literal, quoted

if TYPE_CHECKING:
    from foretell.ingest.dataset import Dataset

RECIPE_NAMES = ("recipe", "model")
_QUANTILE: Final = re.compile(r"[qQ]?(?P<share>0?\.\d+)|[pPqQ](?P<percent>\d{1,2}(?:\.\d+)?)")
# of a central interval: Nixtla's AutoETS-lo-80, R's Lo 80 and Lo.80
_INTERVAL: Final = re.compile(
    r"(?:(?P<model>.+)[-_. ])?(?P<side>lo|Lo|hi|Hi)[-_. ](?P<percent>\d{1,2}(?:\.\d+)?)"
)


@dataclass(frozen=True, slots=True)
class ForecastRows:
    """The rows of a forecast table, column by column."""

    keys: pd.DataFrame  # [R] text, as in Panel.keys
    ordinal: NDArray[np.int64]  # [R]
    recipe: NDArray[Any]  # [R] text
    group: NDArray[Any]  # [R] what the table says about the window: a text, or the origin's ordinal
    by_origin: bool  # whether it is the latter
    values: pd.DataFrame  # [R] mean and quantile columns, under their own names
    item: NDArray[np.int64]  # [R] position in the panel; -1 where it has no such item
    origin: NDArray[np.int64]  # [R] ordinal
    window: NDArray[np.int64]  # [R] 0 is the earliest

    def select(self, some: NDArray[np.bool_] | NDArray[np.int64]) -> ForecastRows:
        """These rows alone, in the order given."""
        return ForecastRows(
            self.keys.iloc[some],
            self.ordinal[some],
            self.recipe[some],
            self.group[some],
            self.by_origin,
            self.values.iloc[some],
            self.item[some],
            self.origin[some],
            self.window[some],
        )

    def name(self, row: int) -> str:
        """Recipe and item of a row, for a message."""
        return f"recipe {self.recipe[row]!r}, item {' / '.join(map(str, self.keys.iloc[row]))!r}"


@dataclass(frozen=True, slots=True)
class _Columns:
    """Which column of a forecast table holds what."""

    key: dict[str, str]  # column of the data's key -> the table's
    moment: str
    recipe: str | None
    origin: str | None
    window: str | None
    values: list[str]  # mean and quantiles
    point: str | None  # of them, the one of the mean
    ignored: list[str]  # those that nothing is read from

    @classmethod
    def of(
        cls, table: Table, data: Dataset, item_id: str | None, timestamp: str | None, mean: str | None
    ) -> _Columns:
        names = data.names
        key = {
            column: table.require(
                item_id if k == 0 else None,
                (names.key[column], column, *(ID_NAMES if k == 0 else ())),
                "item_id=",
            )
            for k, column in enumerate(data.schema.key)
        }
        moment = table.require(timestamp, (names.timestamp, *TIME_NAMES), "timestamp=")
        recipe, origin, window = (table.find(None, n) for n in (RECIPE_NAMES, ("origin",), ("window",)))
        quantiles = [column for column in table.kinds if level_of(column) is not None]
        point = _point_column(table.kinds, quantiles) if mean is None else table.require(mean, (), "mean=")
        if mean is not None and point in quantiles:
            raise ForetellError(f"mean={mean!r} is the column of a quantile by its name. Leave mean= out.")
        values = [column for column in table.kinds if column == point or column in quantiles]
        taken = {*key.values(), moment, recipe, origin, window, *values, "actual", names.target}
        ignored = [column for column in table.kinds if column not in taken]
        return cls(key, moment, recipe, origin, window, values, point, ignored)

    def rows_sql(self, table: Table, frequency: Frequency) -> str:
        """SQL of the columns key0, .., recipe, window, value0, .., ordinal, origin (an ordinal), off (a time that is not its step's)."""
        parts = {f"key{k}": table.text(column) for k, column in enumerate(self.key.values())}
        parts["moment"] = _possible(table.moment(self.moment, frequency), frequency)
        parts["recipe"] = table.text(self.recipe) if self.recipe else "'forecast'"
        parts["origin"] = (
            _possible(table.moment(self.origin, frequency), frequency) if self.origin else "NULL"
        )
        parts["window"] = table.text(self.window) if self.window else "''"
        parts |= {f"value{k}": table.number(column) for k, column in enumerate(self.values)}
        listed = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in parts.items())
        return (
            f"SELECT * EXCLUDE (moment, origin), {frequency.sql('moment')} AS ordinal,"
            f" {frequency.sql('origin') if self.origin else 'NULL'} AS origin,"
            f" CASE WHEN NOT ({frequency.stamped_sql('moment')}) THEN moment END AS off"
            f" FROM (SELECT {listed} FROM {table.view})"
        )

    def rows(self, frame: pd.DataFrame) -> ForecastRows:
        """What `rows_sql` gave, as rows."""
        by_origin = self.origin is not None
        group = frame["origin"].to_numpy(np.int64) if by_origin else frame["window"].astype(str).to_numpy()
        keys = frame[[f"key{k}" for k in range(len(self.key))]].astype(str)
        values = frame[[f"value{k}" for k in range(len(self.values))]].astype(float)
        nothing = np.zeros(len(frame), np.int64)
        return ForecastRows(
            keys.set_axis(list(self.key), axis=1),
            frame["ordinal"].to_numpy(np.int64),
            frame["recipe"].astype(str).to_numpy(),
            group,
            by_origin,
            values.set_axis(["mean" if column == self.point else column for column in self.values], axis=1),
            nothing,
            nothing,
            nothing,
        )


def read_forecast_rows(
    forecasts: object,
    data: Dataset,
    item_id: str | None,
    timestamp: str | None,
    found: Findings,
    *,
    mean: str | None = None,
) -> ForecastRows:
    """The rows of `forecasts`; items and windows are not worked out yet. Times that are not their step's are counted.

    Raises ForetellError for what cannot be read.
    """
    with Store(data.schema.timezone, files=files_of(forecasts)) as store:
        reading = data.schema.reading
        table = open_table(store, forecasts, name="forecast", dates=reading.date_format)
        if store.rows(f"SELECT count(*) FROM {table.view}")[0][0] == 0:
            raise ForetellError(f"{table.label} has no rows")
        columns = _Columns.of(table, data, item_id, timestamp, mean)
        if _has_marks(store, table, columns.values, reading):
            table = replace(table, decimal=reading.decimal or ".", thousands=reading.thousands)
        frame = store.frame(columns.rows_sql(table, data.panel.frequency))
    if columns.ignored:
        found.warn(
            "ignored_columns",
            f"{table.label}: {', '.join(map(repr, columns.ignored))} not judged; quantiles are recognised as p10, q0.1, 0.1 or"
            " lo-80, and mean= names the column of the mean",
            len(columns.ignored),
        )
    _check_read(frame, table, columns.moment, columns.origin)
    _report_stamps(frame, table, data.panel, found)
    return columns.rows(frame)


def _possible(moment: str, frequency: Frequency) -> str:
    """SQL of a moment, NULL where timestamps do not reach: 31/12/24 is read as a day of the year 31."""
    limits = LIMITS[frequency.unit != "step"]
    return f"(SELECT CASE WHEN m BETWEEN {limits} THEN m END FROM (SELECT {moment} AS m))"


def _has_marks(store: Store, table: Table, columns: Sequence[str], reading: Reading) -> bool:
    """Whether the numbers of a forecast table are spelt as those of the data: its own forecasts foretell writes with a point.

    They are where one has a decimal comma, or where all that have a mark have it between thousands.
    """
    texts = [column for column in columns if column in table.textual]
    if not texts or (reading.decimal or ".", reading.thousands) == (".", None):
        return False
    values = " UNION ALL ".join(f"SELECT trim({quoted(column)}) AS v FROM {table.view}" for column in texts)
    mark, between = (re.escape(each or "") for each in (reading.decimal or ".", reading.thousands))
    grouped = f"^[-+]?[0-9]{{1,3}}({between}[0-9]{{3}})+$" if between else "^$"
    whole = f"^[-+]?[0-9]{{1,3}}({between}[0-9]{{3}})+{mark}[0-9]+$" if between else "^$"
    found = store.rows(
        f"SELECT count(*) FILTER (regexp_matches(v, {literal(whole)})),"
        f" count(*) FILTER (regexp_matches(v, {literal('^[-+]?[0-9]+' + mark + '[0-9]+$')})),"
        f" count(*) FILTER (regexp_matches(v, {literal(grouped)})),"
        f" count(*) FILTER (regexp_matches(v, '[.,]')) FROM ({values})"
    )[0]
    both, one, thousands, marked = (int(count) for count in found)
    if both:
        return True
    return (one > 0 and reading.decimal not in (None, ".")) or (0 < thousands == marked)


def _check_read(frame: pd.DataFrame, table: Table, moment: str, origin: str | None) -> None:
    for name, column in (("ordinal", moment), *((("origin", origin),) if origin else ())):
        missing = np.flatnonzero(frame[name].isna())
        if len(missing):
            item = frame["key0"].iloc[missing[0]]
            raise ForetellError(
                f"{table.label}: {column!r} is no date in {len(missing)} rows, first for item {item!r}. Write dates as 2024-12-31,"
                " or as date_format= says, which counts for the data and the forecasts."
            )


def _report_stamps(frame: pd.DataFrame, table: Table, panel: Panel, found: Findings) -> None:
    """Count the rows whose time is neither the timestamp of their step nor the first that the clock shows of it."""
    frequency = panel.frequency
    if frequency.unit == "step":
        return
    off = frame[frame["off"].notna()]
    shown = wall_times(frequency, panel.schema.timezone, off["ordinal"].to_numpy(np.int64))[0]
    off = off[off["off"].to_numpy().astype("datetime64[us]") != shown.astype("datetime64[us]")]
    if len(off):
        first = off.iloc[0]
        found.warn(
            "stamps",
            f"{len(off):,} of {len(frame):,} rows of {table.label} have another time than their step of"
            f" {frequency.alias!r}: item {first['key0']!r} at {spell(first['off'])} is judged on"
            f" {frequency.spell(int(first['ordinal']))}",
            len(off),
        )


def placed(rows: ForecastRows, panel: Panel, found: Findings) -> ForecastRows:
    """`rows` with item, origin and window worked out; those of items that the data lack are left out and reported."""
    item = pd.MultiIndex.from_frame(panel.keys).get_indexer(pd.MultiIndex.from_frame(rows.keys))
    rows = replace(rows, item=item.astype(np.int64))
    unknown = rows.item < 0
    if unknown.any():
        names = rows.keys[unknown].drop_duplicates()
        first = " / ".join(names.iloc[0])
        found.warn(
            "unknown_items",
            f"forecasts of {len(names)} items that the data lack are left out, first {first!r}",
            len(names),
        )
        rows = rows.select(~unknown)
    if len(rows.item) == 0:
        raise ForetellError(f"no item of the forecasts is in the data, which have {panel.names[0]!r}, ...")
    ends = (panel.start + panel.lengths)[rows.item]
    if rows.by_origin:  # windows are told apart by how far before an item's end they begin
        _, window = np.unique(-(ends - rows.group), return_inverse=True)
        return replace(rows, origin=rows.group.astype(np.int64), window=window)
    label, code = np.unique(rows.group, return_inverse=True)
    shared = code if panel.schema.ends == "last" else code * len(panel) + rows.item
    origin = _least(rows.ordinal, shared)
    earliest = _least(origin - ends, code)
    order = np.argsort([earliest[code == k][0] for k in range(len(label))], kind="stable")
    return replace(rows, origin=origin, window=np.argsort(order)[code])


def _least(values: NDArray[np.int64], groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """[R] the least value of each row's group."""
    _, code = np.unique(groups, return_inverse=True)
    least = np.full(code.max() + 1, np.iinfo(np.int64).max)
    np.minimum.at(least, code, values)
    return np.asarray(least[code])


def with_skipped_hours(rows: ForecastRows, panel: Panel) -> ForecastRows:
    """`rows` with those of hours that the clock skips in spring, which a forecast table cannot have: another of the forecast.

    They have no actual, so they count in no score.
    """
    zone, frequency = panel.schema.timezone, panel.frequency
    every = np.arange(rows.ordinal.min() - 1, rows.ordinal.max() + 2)
    missing = every[skipped(frequency, zone, every)]
    if not len(missing):
        return rows
    horizon = int((rows.ordinal - rows.origin).max()) + 1
    _, group = np.unique(_groups(rows, panel), return_inverse=True)
    last = np.full(group.max() + 1, np.iinfo(np.int64).min)
    np.maximum.at(last, group, rows.ordinal)
    origin = rows.origin.copy()
    while (late := np.isin(origin - 1, missing) & (last[group] < origin + horizon - 1)).any():
        origin -= late  # such a forecast begins within the hour
    _, one = np.unique(group, return_index=True)  # a row of each forecast
    added = [one[(origin[one] <= step) & (step < origin[one] + horizon)] for step in missing]
    added = [
        some[~np.isin(group[some], group[rows.ordinal == step])]
        for some, step in zip(added, missing, strict=True)
    ]
    again = replace(rows, origin=origin).select(np.concatenate([np.arange(len(origin)), *added]))
    again.ordinal[len(origin) :] = np.repeat(missing, [len(some) for some in added])
    return again


def _groups(rows: ForecastRows, panel: Panel) -> NDArray[np.int64]:
    """[R] a number for each recipe, window and item."""
    _, recipe = np.unique(rows.recipe, return_inverse=True)
    return np.asarray((recipe * (rows.window.max() + 1) + rows.window) * len(panel) + rows.item)


def complete(rows: ForecastRows, panel: Panel) -> int:
    """The horizon; raises ForetellError for a row that is there twice, before its origin, or missing."""
    step = rows.ordinal - rows.origin
    if step.min() < 0:
        row = int(np.argmin(step))
        raise ForetellError(
            f"{rows.name(row)}: the forecast for {panel.frequency.spell(rows.ordinal[row])} lies before its origin"
        )
    group = _groups(rows, panel)
    order = np.lexsort((step, group))
    twice = np.flatnonzero((np.diff(group[order]) == 0) & (np.diff(step[order]) == 0))
    if len(twice):
        row = int(order[twice[0]])
        raise ForetellError(
            f"{rows.name(row)}: two forecasts for {panel.frequency.spell(rows.ordinal[row])}. Where they come from several origins or"
            " recipes, say so in a column 'origin', 'window' or 'recipe'."
        )
    horizon = int(step.max()) + 1
    _check_whole(rows, panel, step, group, horizon)
    return horizon


def _check_whole(
    rows: ForecastRows, panel: Panel, step: NDArray[np.int64], group: NDArray[np.int64], horizon: int
) -> None:
    """Raises ForetellError unless each forecast, a number of `group` [R], has all steps; `step` [R] counts from 0."""
    first, count = np.unique(group, return_index=True, return_counts=True)[1:]
    short = np.flatnonzero(count < horizon)
    if len(short):
        row = int(first[short[0]])
        present = set(step[group == group[row]].tolist())
        lacking = next(k for k in range(horizon) if k not in present)
        raise ForetellError(
            f"{rows.name(row)}: no forecast for {panel.frequency.spell(rows.origin[row] + lacking)}; each item needs all {horizon}"
            f" steps from {panel.frequency.spell(rows.origin[row])} on ({len(short)} of {len(count)} forecasts are incomplete)"
        )


def _point_column(columns: Iterable[str], quantiles: Sequence[str]) -> str | None:
    """The column of the mean: `mean`, R's `Point Forecast`, or the model that Nixtla's interval columns are named after."""
    listed = list(columns)
    models = {match["model"] for column in quantiles if (match := _INTERVAL.fullmatch(column))} - {None, ""}
    wanted = ["mean", "Point Forecast", "Point.Forecast", *(sorted(models) if len(models) == 1 else ())]
    return next((name for name in wanted if name in listed), None)


def level_of(column: str) -> float | None:
    """The level that a column is called after: p10, P2.5, q10, q0.1, 0.1; lo-80 and hi-80 of intervals; None for other columns."""
    level = None
    if match := _QUANTILE.fullmatch(column):
        level = float(match["share"]) if match["share"] else float(match["percent"]) / 100
    elif match := _INTERVAL.fullmatch(column):
        half = float(match["percent"]) / 200
        level = 0.5 - half if match["side"].lower() == "lo" else 0.5 + half
    return round(level, 6) if level is not None and 0 < level < 1 else None
