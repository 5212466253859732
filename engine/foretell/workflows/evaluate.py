"""`evaluate`: the scores of anybody's forecast table, by the code that scores foretell's own."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from foretell.checks.check import check
from foretell.data.findings import Findings
from foretell.data.panel import Panel
from foretell.errors import ForetellError
from foretell.evaluation.forecast_table import (
    ForecastRows,
    complete,
    placed,
    read_forecast_rows,
    with_skipped_hours,
)
from foretell.evaluation.judged_columns import JudgedColumns
from foretell.evaluation.outcome import Outcome, Window
from foretell.evaluation.row_counts import RowCounts
from foretell.ingest.dataset import check_dataset
from foretell.reporting.report import Report
from foretell.system.folder_lock import claiming_out
from foretell.system.listener import interruptible, shielded, tell
from foretell.system.results import may_replace

if TYPE_CHECKING:
    from foretell.ingest.dataset import Dataset


@interruptible()
@claiming_out
def evaluate(
    forecasts: object,
    data: Dataset,
    *,
    item_id: str | None = None,
    timestamp: str | None = None,
    mean: str | None = None,
    out: str | Path | None = None,
    spreadsheet: bool = False,
    overwrite: bool = False,
) -> Report:
    """Score a table of forecasts, whoever made them, on the actuals of `data`, as `backtest` scores its own.

    A row is an item and a step: the item's key, its timestamp, `mean`, and quantiles as `p10` or `0.1`, in any order. Optional columns:
    `recipe`, and `origin` (the first step forecast) or `window` where there are several. Every item needs every step, and the recipes
    the same items. Without `mean` the median is judged in its place, without `p50` the mean. `settings["rows"]` of the report says how
    many rows were scored, and why others were not.

    Args:
        forecasts: the table: a frame, a path or a glob.
        data: the actuals, a `foretell.Dataset`. What lies before a window also scales MASE.
        item_id: the column of the item, if it is called otherwise than in the data.
        timestamp: the column of the time, likewise.
        mean: the column of the forecast itself, if it is not called mean.
        out: a folder that the report is saved to (`Report.save`).
        spreadsheet: in its CSV, put an apostrophe in front of texts that a spreadsheet would compute.
        overwrite: replace a result of foretell that `out` holds.

    Raises:
        ForetellError: naming the first item or step that is missing, and for tables that cannot be read.

    Example:
        >>> sales = pd.read_csv("data/retail/sales.csv", nrows=2952)  # four items
        >>> data = foretell.Dataset(sales, freq="D")
        >>> past = foretell.Dataset(sales[sales["timestamp"] < "2011-12-01"], freq="D")
        >>> forecast = foretell.train(past, recipe="seasonal_naive", horizon=7).predict()
        >>> foretell.evaluate(forecast.to_frame(), data).horizon
        7
    """
    data, found = check_dataset(data), Findings()
    if out is not None:
        may_replace(out, "report", overwrite=overwrite)
    rows = read_forecast_rows(forecasts, data, item_id, timestamp, found, mean=mean)
    panel, given = data.panel, len(rows.ordinal)
    rows = placed(rows, panel, found)
    counts = RowCounts.of(rows, panel, given=given)
    rows = with_skipped_hours(rows, panel)
    horizon = complete(rows, panel)
    columns = JudgedColumns.of(rows, found)
    outcomes = _outcomes(rows, panel, horizon, columns, found)
    asked = {
        "title": "Evaluation",
        "horizon": horizon,
        "levels": list(columns.levels),
        "windows": len(set(rows.window.tolist())),
        "origins": list(dict.fromkeys(outcome.window.day for outcome in outcomes)),
        "frequency": panel.frequency.alias,
        "season": panel.season,
        "items": len(panel),
        "rows": asdict(counts),
        "open": panel.schema.open,
        "fingerprint": data.fingerprint,
    }
    checkup = check(data)
    findings = (*found.all(), *checkup.findings)
    report = Report(tuple(outcomes), asked, findings, data_tables=checkup.tables, remarks=found.all())
    if out is not None:
        with shielded():
            report.save(out, overwrite=overwrite, spreadsheet=spreadsheet)
    return report


def _outcomes(
    rows: ForecastRows, panel: Panel, horizon: int, columns: JudgedColumns, found: Findings
) -> list[Outcome]:
    """The scores of each recipe in each window, the earliest window first."""
    outcomes: list[Outcome] = []
    numbers = sorted(set(rows.window.tolist()))
    total = sum(len(set(rows.recipe[rows.window == number].tolist())) for number in numbers)
    for number in numbers:
        inside = rows.select(rows.window == number)
        window = _window(number + 1, inside, panel, horizon, found)
        for recipe in dict.fromkeys(inside.recipe.tolist()):
            tell("score", len(outcomes), total, recipe=recipe)
            outcome = _outcome(recipe, inside.select(inside.recipe == recipe), window, columns)
            outcomes.append(outcome)
    return outcomes


def _window(number: int, rows: ForecastRows, panel: Panel, horizon: int, found: Findings) -> Window:
    """The window that `rows` forecast, over the items they have; each recipe must have them all."""
    items, where = np.unique(rows.item, return_index=True)
    for recipe in dict.fromkeys(rows.recipe.tolist()):
        lacking = np.setdiff1d(items, rows.item[rows.recipe == recipe])
        if len(lacking):
            raise ForetellError(
                f"recipe {recipe!r} has no forecast of item {panel.names[lacking[0]]!r}, which another recipe forecasts"
                f" ({len(lacking)} items in all): they would not be scored on the same actuals"
            )
    origin = rows.origin[where]
    truth = panel.target_at(items, origin[:, None] + np.arange(horizon))
    if np.isnan(truth).all():
        span = f"{panel.frequency.spell(origin.min())} to {panel.frequency.spell(origin.max() + horizon - 1)}"
        end = panel.frequency.spell((panel.start + panel.lengths).max() - 1)
        raise ForetellError(f"the forecasts cover {span}, of which the data have no actuals: they end {end}")
    _report_unscored(number, panel, items, origin, horizon=horizon, found=found)
    if len(items) < len(panel):
        first = panel.names[np.setdiff1d(np.arange(len(panel)), items)[0]]
        found.note(
            "items",
            f"window {number}: {len(items)} of the data's {len(panel)} items are forecast; {first!r} is not",
            len(panel) - len(items),
        )
    some = panel if len(items) == len(panel) else panel.take(items)
    return Window.at(number, some.at(origin), truth)


def _report_unscored(
    number: int,
    panel: Panel,
    items: NDArray[np.int64],
    origin: NDArray[np.int64],
    *,
    horizon: int,
    found: Findings,
) -> None:
    """Count the rows that lie beyond the end of the actuals; `items` and `origin` are [n]."""
    end = (panel.start + panel.lengths)[items]
    beyond = np.clip(origin + horizon - end, 0, horizon)
    if beyond.any():
        first = int(np.flatnonzero(beyond)[0])
        found.warn(
            "unscored",
            f"window {number}: {int(beyond.sum()):,} of {len(items) * horizon:,} rows lie beyond the actuals and are not scored,"
            f" first item {panel.names[int(items[first])]!r} from {panel.frequency.spell(int(max(end[first], origin[first])))} on",
            int(beyond.sum()),
        )


def _outcome(recipe: str, rows: ForecastRows, window: Window, columns: JudgedColumns) -> Outcome:
    forecast, median = columns.forecast(rows, window.panel)
    return Outcome.of(recipe, window, forecast, median=median)
