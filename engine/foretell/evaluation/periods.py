"""Forecast against actual by week (or day, or step): of all items, or of groups of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.arrays import Floats
from foretell.data.frequency import Frequency
from foretell.data.wall_times import wall_times
from foretell.evaluation.metrics import ratio
from foretell.evaluation.outcome import Outcome
from foretell.recipe.forecast import Forecast
from foretell.recipe.item_groups import Texts, columns_of_items, parse_columns, values_of_items
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
    known = [columns_of_items(each.forecast.keys, each.forecast.history) for each in outcomes[:1]]
    columns = list(parse_columns(by, *known))
    frames = [_of_window(outcome, columns) for outcome in outcomes]
    frame = pd.concat(frames, ignore_index=True)
    frame["difference"] = frame["forecast"] - frame["actual"]
    frame["bias"] = ratio(frame["difference"].to_numpy(), frame["actual"].abs().to_numpy())
    return frame


def _of_window(outcome: Outcome, columns: Sequence[str]) -> pd.DataFrame:
    forecast, truth = outcome.forecast, outcome.window.actual

    def cells(items: slice) -> dict[str, NDArray[Any]]:
        actual = truth[items].astype(np.float64)
        seen = ~np.isnan(actual)
        return {"actual": np.where(seen, actual, 0), "forecast": np.where(seen, forecast.mean[items], 0)}

    frame = sums_by_period(forecast, columns, cells)
    frame.insert(0, "window", outcome.window.number)
    return frame


def sums_by_period(
    forecast: Forecast,
    by: Sequence[str] | Mapping[str, Texts],
    cells: Callable[[slice], Mapping[str, NDArray[Any]]],
) -> pd.DataFrame:
    """A row a group of `by` (columns, or the group [N] of each item by name) and period: `items`, `period` (1 is the first), `timestamp` (its first step), and sums of `cells` [n, H]."""
    steps, _ = period_of(forecast.schema.frequency, forecast.horizon)
    begins = np.arange(0, forecast.horizon, steps)
    if not isinstance(by, Mapping):
        by = {name: values_of_items(forecast.keys, forecast.history, name) for name in by}
    values = dict(by)
    grouped = pd.DataFrame(values or {"all": np.full(len(forecast), ALL, object)}).groupby(
        [*values] or ["all"]
    )
    code, groups = grouped.ngroup().to_numpy(), grouped.size().reset_index(name="items")
    sums: dict[str, Floats] = {}
    for items in pieces(len(forecast), max(_CELLS // forecast.horizon, 1)):
        for name, values_of in cells(items).items():
            total = sums.setdefault(name, np.zeros((len(groups), len(begins))))
            np.add.at(total, code[items], np.add.reduceat(values_of, begins, axis=1, dtype=np.float64))
    schema = forecast.schema
    stamps = wall_times(schema.frequency, schema.timezone, int(forecast.origin.min()) + begins)[0]
    frame = groups.loc[groups.index.repeat(len(begins))].reset_index(drop=True)
    return frame.drop(columns=[] if values else ["all"]).assign(
        period=np.tile(np.arange(1, len(begins) + 1), len(groups)),
        timestamp=np.tile(stamps, len(groups)),
        **{name: total.ravel() for name, total in sums.items()},
    )
