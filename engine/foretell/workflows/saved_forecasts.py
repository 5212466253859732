"""A saved table of forecasts, whoever made it, as a `Forecast` with the history that it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from foretell.data.findings import Findings
from foretell.errors import ForetellError, nearest
from foretell.evaluation.forecast_table import complete, placed, read_forecast_rows, with_skipped_hours
from foretell.evaluation.judged_columns import JudgedColumns
from foretell.ingest.dataset import check_dataset
from foretell.recipe.forecast import Forecast

if TYPE_CHECKING:
    from foretell.ingest.dataset import Dataset


def read_forecast(forecasts: object, data: Dataset, *, recipe: str | None = None) -> Forecast:
    """The forecast of a table that `predict` or `backtest` wrote, or of anybody else's; `data` is its history, and what came after.

    Of several windows it is the last one, of several recipes the first unless `recipe` names one. Raises ForetellError for what cannot
    be read, and for a recipe that the table does not have.
    """
    data, found = check_dataset(data), Findings()
    rows = placed(read_forecast_rows(forecasts, data, None, None, found), data.panel, found)
    names = list(dict.fromkeys(map(str, rows.recipe.tolist())))
    chosen = names[0] if recipe is None else recipe
    if chosen not in names:
        raise ForetellError(
            f"no recipe {chosen!r} in the forecasts.{nearest(chosen, names)} They have: {', '.join(names)}"
        )
    mine = rows.select(rows.recipe == chosen)
    last = with_skipped_hours(mine.select(mine.window == mine.window.max()), data.panel)
    complete(last, data.panel)
    items, where = np.unique(last.item, return_index=True)
    panel = data.panel.take(items).at(last.origin[where])
    return JudgedColumns.of(last, found).forecast(last, panel)[0]
