"""Which columns of a forecast table are judged as mean, median and quantiles, and whether what they hold can be judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foretell.data.findings import Findings
from foretell.data.panel import Panel
from foretell.errors import ForetellError
from foretell.evaluation.forecast_table import ForecastRows, level_of
from foretell.recipe.forecast import Forecast
from foretell.recipe.levels import level_name


@dataclass(frozen=True, slots=True)
class JudgedColumns:
    """Which columns of the table are what."""

    levels: tuple[float, ...]
    quantiles: tuple[str, ...]  # [Q] columns
    mean: str
    median: str

    @classmethod
    def of(cls, rows: ForecastRows, found: Findings) -> JudgedColumns:
        """Raises ForetellError where there is nothing to judge, two columns of one level, or a value missing."""
        columns = _quantile_columns(rows)
        mean, median = "mean" if "mean" in rows.values else None, columns.get(0.5)
        if mean is None and median is None:
            raise ForetellError(
                "the forecasts need a column 'mean' or 'p50'; quantiles are recognised as p10, p2.5 or 0.1. Where the forecast"
                " stands in a column of another name, give that with mean="
            )
        _check_finite(rows)
        if not columns:
            found.note("point_forecast", "no quantile columns: the mean is scored as the median too")
            return cls((0.5,), ("mean",), "mean", "mean")
        if mean is None:
            found.warn(
                "no_mean", "no column 'mean': RMSE, WAPE, MAPE and sMAPE judge the median in its place"
            )
        if median is None:
            found.warn("no_median", "no column 'p50': MASE judges the mean in its place")
        levels = tuple(sorted(columns))
        ordered = tuple(columns[level] for level in levels)
        _report_crossing(rows.values[list(ordered)].to_numpy(), levels, found)
        return cls(levels, ordered, mean or str(median), median or str(mean))

    def forecast(self, rows: ForecastRows, panel: Panel) -> tuple[Forecast, NDArray[np.float64]]:
        """The forecast of every item of `panel`, from rows that have each of them whole, and its median [N, H]."""
        values = rows.values.iloc[np.lexsort((rows.ordinal, rows.item))]  # item by item, step by step
        shape = (len(panel), len(values) // max(len(panel), 1))
        quantiles = values[list(self.quantiles)].to_numpy().reshape(*shape, len(self.levels))
        mean, median = (values[column].to_numpy().reshape(shape) for column in (self.mean, self.median))
        return Forecast.build(panel, self.levels, quantiles, mean), median


def _quantile_columns(rows: ForecastRows) -> dict[float, str]:
    """Level -> the column of its quantile; ForetellError where two columns hold one level."""
    columns: dict[float, str] = {}
    for column in map(str, rows.values):
        level = level_of(column)
        if level in columns:
            raise ForetellError(
                f"columns {columns[level]!r} and {column!r} both hold the quantile at {level}"
            )
        if level is not None:
            columns[level] = column
    return columns


def _check_finite(rows: ForecastRows) -> None:
    for column in map(str, rows.values):
        bad = np.flatnonzero(~np.isfinite(rows.values[column]))
        if len(bad):
            raise ForetellError(
                f"{rows.name(int(bad[0]))}: column {column!r} is missing or no finite number ({len(bad)} rows)"
            )


def _report_crossing(quantiles: NDArray[np.float64], levels: Sequence[float], found: Findings) -> None:
    crossing = np.flatnonzero((np.diff(quantiles, axis=1) < 0).any(axis=0))
    if len(crossing):
        low, high = level_name(levels[crossing[0]]), level_name(levels[crossing[0] + 1])
        rows = int((np.diff(quantiles, axis=1) < 0).any(axis=1).sum())
        found.warn(
            "crossing", f"quantiles cross in {rows} rows, first {low} above {high}; scored as they are", rows
        )
