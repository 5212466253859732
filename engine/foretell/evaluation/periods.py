"""Forecast against actual by week (or day, or step): of all items, or of groups of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from foretell.data.frequency import Frequency
from foretell.data.wall_times import wall_times
from foretell.evaluation.metrics import ratio
from foretell.evaluation.outcome import Outcome
from foretell.recipe.item_groups import parse_columns, values_of_items
from foretell.system.big_arrays import pieces

ALL: Final = "all items"
_CELLS: Final = 1 << 22  # looked at in one go
_LONGER: Final = {  # than a step, by unit: how many units, and the word
    "min": ((60, "hour"), (1440, "day"), (10080, "week")),
    "h": ((24, "day"), (168, "week")),
    "D": ((7, "week"),),
    "B": ((5, "week"),),
}


def period_of(frequency: Frequency, horizon: int) -> tuple[int, str]:
    """How many steps stand together in a plan, and the word for so many: the longest of which a horizon holds two."""
    fitting = [
        (units // frequency.multiple, word)
        for units, word in _LONGER.get(frequency.unit, ())
        if units % frequency.multiple == 0 and 2 * (units // frequency.multiple) <= horizon
    ]
    return fitting[-1] if fitting else (1, "step")


def periods(outcomes: Sequence[Outcome], by: Sequence[str] = ()) -> pd.DataFrame:
    """A row a window, group of `by` and period; only what was observed is compared.

    `timestamp` is the first step of the period, `bias` the difference over the actual (NaN where that is 0). Raises ForetellError
    for a column that items do not have.
    """
    columns = list(parse_columns(by))
    frames = [_of_window(outcome, columns) for outcome in outcomes]
    frame = pd.concat(frames, ignore_index=True)
    frame["difference"] = frame["forecast"] - frame["actual"]
    frame["bias"] = ratio(frame["difference"].to_numpy(), frame["actual"].abs().to_numpy())
    return frame


def _of_window(outcome: Outcome, columns: Sequence[str]) -> pd.DataFrame:
    forecast = outcome.forecast
    steps, _ = period_of(forecast.schema.frequency, forecast.horizon)
    begins = np.arange(0, forecast.horizon, steps)
    values = {name: values_of_items(forecast.keys, outcome.window.panel, name) for name in columns}
    table = pd.DataFrame(values or {"all": np.full(len(forecast), ALL, object)})
    grouped = table.groupby(list(table.columns), sort=True)
    code, groups = grouped.ngroup().to_numpy(), grouped.size().reset_index(name="items")
    sums = np.zeros((2, len(groups), len(begins)))
    for items in pieces(len(forecast), max(_CELLS // forecast.horizon, 1)):
        actual = outcome.window.actual[items].astype(np.float64)
        for k, cells in enumerate((actual, np.asarray(forecast.mean[items], np.float64))):
            inside = np.where(np.isnan(actual), 0, cells)
            np.add.at(sums[k], code[items], np.add.reduceat(inside, begins, axis=1))
    origin = outcome.window.panel.origin.min()
    stamps = wall_times(forecast.schema.frequency, forecast.schema.timezone, origin + begins)[0]
    frame = groups.loc[groups.index.repeat(len(begins))].reset_index(drop=True)
    frame.insert(0, "window", outcome.window.number)
    return frame.drop(columns=[] if columns else ["all"]).assign(
        period=np.tile(np.arange(1, len(begins) + 1), len(groups)),
        timestamp=np.tile(stamps, len(groups)),
        actual=sums[0].ravel(),
        forecast=sums[1].ravel(),
    )
