"""`Results`: what a backtest found, as tables."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from foretell.data.findings import Finding
from foretell.data.wall_times import wall_times
from foretell.errors import ForetellError, nearest
from foretell.evaluation.item_table import item_table
from foretell.evaluation.metrics import score_columns
from foretell.evaluation.open_coverage import open_coverage
from foretell.evaluation.outcome import Outcome, Window
from foretell.evaluation.periods import periods
from foretell.evaluation.ranking import ranking
from foretell.evaluation.segments import segments
from foretell.recipe.forecast import Forecast
from foretell.recipe.levels import level_column, level_name
from foretell.recipe.protocols import Summary
from foretell.system.big_arrays import pieces

logger = logging.getLogger(__name__)

_ROWS = 1 << 20  # of forecasts.parquet held at a time


@dataclass(frozen=True)
class Results:
    """The outcomes of a backtest: scores as tables, forecasts, and what was found in the data."""

    outcomes: tuple[Outcome, ...] = field(repr=False)  # each recipe in each window
    # JSON: what was asked, and of which data
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    findings: tuple[Finding, ...] = field(default=(), repr=False)
    data_tables: Summary = field(default_factory=dict, repr=False)  # sizes and coverage of the data, by title
    # the findings about forecasts that were given
    remarks: tuple[Finding, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if not self.outcomes:
            raise ForetellError("there is nothing to report: no recipe made a forecast")

    def __repr__(self) -> str:
        names = ", ".join(dict.fromkeys(outcome.recipe for outcome in self.outcomes))
        windows = f"{len(self.windows)} window{'s' if len(self.windows) > 1 else ''}"
        return f"{type(self).__name__}({names}; {windows} of {self.horizon} steps)"

    @property
    def levels(self) -> tuple[float, ...]:
        """The levels of the forecasts."""
        return self.outcomes[0].forecast.levels

    @property
    def horizon(self) -> int:
        """Steps of each forecast."""
        return self.outcomes[0].forecast.horizon

    @property
    def recipes(self) -> list[str]:
        """The recipes, best wQL first."""
        return list(self.leaderboard["recipe"])

    @property
    def windows(self) -> list[Window]:
        """The windows, earliest first."""
        return list({outcome.window.number: outcome.window for outcome in self.outcomes}.values())

    @cached_property
    def leaderboard(self) -> pd.DataFrame:
        """A row a recipe, best wQL first: the unweighted mean of each score over the windows where it is defined.

        Items without history are not in it (see `new_items`). Seconds and fallbacks are sums over the windows.
        """
        rows = [
            {
                "recipe": recipe,
                **_mean_over_windows([outcome.scores.pooled for outcome in outcomes]),
                "fit_seconds": sum(outcome.fit_seconds for outcome in outcomes),
                "predict_seconds": sum(outcome.predict_seconds for outcome in outcomes),
                "fallbacks": sum(int(outcome.forecast.fallbacks.sum()) for outcome in outcomes),
            }
            for recipe, outcomes in self._by_recipe.items()
        ]
        return pd.DataFrame(rows).sort_values("wQL", kind="stable", ignore_index=True)

    @cached_property
    def new_items(self) -> pd.DataFrame:
        """As `leaderboard`, for the items without history at their origin; no rows when there are none."""
        rows = []
        for recipe in self.recipes:
            scores = [o.new_items for o in self._by_recipe[recipe] if o.new_items is not None]
            if scores:
                count = sum(int(np.isfinite(each.items["RMSE"]).sum()) for each in scores)
                rows.append(
                    {"recipe": recipe, "items": count, **_mean_over_windows([s.pooled for s in scores])}
                )
        return pd.DataFrame(rows, columns=["recipe", "items", *score_columns(self.levels)]).sort_values(
            "wQL", kind="stable", ignore_index=True
        )

    @cached_property
    def groups(self) -> pd.DataFrame:
        """A row a recipe and level of the hierarchy that was asked for: each score's mean over the windows; no rows without one.

        `by` is the level, from "all items" to "items".
        """
        rows: list[dict[str, Any]] = []
        for recipe in self.recipes:
            outcomes = [o for o in self._by_recipe[recipe] if o.groups]
            for level in outcomes[0].groups if outcomes else ():
                found = [o.groups[level] for o in outcomes if level in o.groups]
                rows.append({"recipe": recipe, "by": level, **_mean_over_windows(found)})
            if outcomes:
                pooled = [o.scores.pooled for o in outcomes]
                rows.append({"recipe": recipe, "by": "items", **_mean_over_windows(pooled)})
        return pd.DataFrame(rows, columns=["recipe", "by", *score_columns(self.levels)])

    @cached_property
    def scores(self) -> pd.DataFrame:
        """A row a recipe and window: the scores pooled over the window's items with history."""
        rows = [{**o.identity, **o.scores.pooled} for o in self._in_order]
        return pd.DataFrame(rows)

    @cached_property
    def steps(self) -> pd.DataFrame:
        """A row a recipe, window and step ahead (1 is the origin): scores pooled over the items with history."""
        frames = []
        for outcome in self._in_order:
            frame = pd.DataFrame({"step": np.arange(1, self.horizon + 1), **outcome.scores.steps})
            frames.append(_prefixed(frame, outcome.identity))
        return pd.concat(frames, ignore_index=True)

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """A row a recipe, window and item; `has_history` is False where the item was new at the origin."""
        return pd.concat(self.metric_frames(), ignore_index=True)

    def metric_frames(self, rows: int = _ROWS) -> Iterator[pd.DataFrame]:
        """`metrics` in pieces of at most `rows` rows."""
        schema = self.outcomes[0].forecast.schema
        for outcome in self._in_order:
            for items in pieces(len(outcome.forecast), rows):
                frame = outcome.forecast.keys.iloc[items].reset_index(drop=True)
                scores = {name: column[items] for name, column in outcome.scores.items.items()}
                frame = frame.assign(has_history=outcome.window.has_history[items], **scores)
                origin = wall_times(schema.frequency, schema.timezone, outcome.forecast.origin[items])[0]
                yield _prefixed(frame, {**outcome.identity, "origin": origin})

    @cached_property
    def calibration(self) -> pd.DataFrame:
        """A row a recipe and level: coverage and wQL before and after calibration; no rows where none was asked for."""
        rows = []
        for recipe in self.recipes:
            outcomes = [o for o in self._by_recipe[recipe] if o.before is not None]
            if not outcomes:
                continue
            before = _mean_over_windows([o.before.pooled for o in outcomes if o.before is not None])
            after = _mean_over_windows([o.scores.pooled for o in outcomes])
            rows += [
                {
                    "recipe": recipe,
                    "level": level,
                    "coverage before": before[level_column("coverage", level)],
                    "coverage after": after[level_column("coverage", level)],
                    "wQL before": before[level_column("wQL", level)],
                    "wQL after": after[level_column("wQL", level)],
                }
                for level in self.levels
            ]
        return pd.DataFrame(rows)

    @cached_property
    def ranking(self) -> pd.DataFrame:
        """How sure the order of the leaderboard is: a row a recipe and the next, with the 95 % interval of their difference."""
        return ranking({recipe: self._by_recipe[recipe] for recipe in self.recipes})

    @cached_property
    def items(self) -> pd.DataFrame:
        """A row an item, over all windows of the best recipe, the largest error in units first (see `item_table`)."""
        return self.item_table()

    @cached_property
    def segments(self) -> pd.DataFrame:
        """Accuracy by volume, zeros, length of the history and known 0/1 columns: a row a recipe, kind and class."""
        return segments({recipe: self._by_recipe[recipe] for recipe in self.recipes})

    @cached_property
    def coverage(self) -> pd.DataFrame:
        """A row a recipe: the share of actuals at or below each level, and inside each central interval, over all windows.

        Closed steps, whose 0 is known, are left out; `leaderboard` counts them. Items without history are left out too.
        """
        return pd.DataFrame(
            {"recipe": recipe, **open_coverage(self._by_recipe[recipe])} for recipe in self.recipes
        )

    def item_table(self, recipe: str | None = None) -> pd.DataFrame:
        """A row an item, over all windows of a recipe (default: the best one), the largest error in units first.

        Beside the key: `actual`, `forecast` (of the mean), `difference`, `bias` (difference over actual), `error` (sum of the
        absolute errors), `share` (of all actuals), `zero_share` (of its history), `against_naive` (error over that of repeating the
        last season, less 1), `has_history`. Raises ForetellError for a recipe that the report does not have.
        """
        return item_table(self._by_recipe[self.outcome(recipe).recipe])

    def periods(self, by: Sequence[str] = (), *, recipe: str | None = None) -> pd.DataFrame:
        """Forecast (of the mean) against actual by week, day or step: a row a window, group of `by` and period.

        `by` names columns of the key and of the metadata; without it all items are one group. Raises ForetellError for a column or
        a recipe that there is not.
        """
        return periods(self._by_recipe[self.outcome(recipe).recipe], by)

    @property
    def summaries(self) -> list[tuple[str, Window, Summary]]:
        """What predictors say of how they were fitted: recipe, window, and tables by their titles; mostly nothing."""
        return [(o.recipe, o.window, o.summary) for o in self._in_order if o.summary]

    @property
    def forecasts(self) -> pd.DataFrame:
        """A row a recipe, window, item and step: the key, timestamp, actual, mean, p10, ...; built anew at each call."""
        return pd.concat(self.forecast_frames(), ignore_index=True)

    def forecast_frames(self, rows: int = _ROWS) -> Iterator[pd.DataFrame]:
        """`forecasts` in pieces of about `rows` rows."""
        items = max(rows // self.horizon, 1)
        for outcome in self._in_order:
            for first in range(0, len(outcome.forecast), items):
                yield _forecast_frame(outcome, slice(first, first + items))

    def forecast(self, recipe: str | None = None, *, window: int | None = None) -> Forecast:
        """A recipe's forecast (default: the best one's) of a window (default: the last one)."""
        return self.outcome(recipe, window=window).forecast

    def outcome(self, recipe: str | None = None, *, window: int | None = None) -> Outcome:
        """A recipe's outcome (default: the best one's) in a window (default: the last one)."""
        name = self.recipes[0] if recipe is None else recipe
        if name not in self._by_recipe:
            raise ForetellError(
                f"no recipe {name!r} in this report.{nearest(name, self.recipes)} It has: {', '.join(self.recipes)}"
            )
        found = {o.window.number: o for o in self._by_recipe[name]}
        number = max(found) if window is None else window
        if number not in found:
            raise ForetellError(f"no window {number} in this report: it has {', '.join(map(str, found))}")
        return found[number]

    def beside(self, outcome: Outcome) -> dict[str, Outcome]:
        """The outcomes of the recipes that forecast the same window, best wQL first; `outcome` itself among them."""
        return {
            recipe: found
            for recipe in self.recipes
            for found in self._by_recipe[recipe]
            if found.window.number == outcome.window.number
        }

    @cached_property
    def _by_recipe(self) -> dict[str, list[Outcome]]:
        grouped: dict[str, list[Outcome]] = {}
        for outcome in sorted(self.outcomes, key=lambda o: o.window.number):
            grouped.setdefault(outcome.recipe, []).append(outcome)
        return grouped

    @property
    def _in_order(self) -> list[Outcome]:
        return [outcome for recipe in self.recipes for outcome in self._by_recipe[recipe]]


def _mean_over_windows(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The unweighted mean of each score over the windows in which it is defined; NaN where it is in none."""
    table = np.array([list(each.values()) for each in scores], np.float64)
    defined = ~np.isnan(table)
    total, count = np.where(defined, table, 0).sum(axis=0), defined.sum(axis=0)
    means = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return dict(zip(scores[0], means.tolist(), strict=True))


def _prefixed(frame: pd.DataFrame, values: Mapping[str, Any]) -> pd.DataFrame:
    for position, (name, value) in enumerate(values.items()):
        frame.insert(position, name, value)
    return frame


def _forecast_frame(outcome: Outcome, items: slice) -> pd.DataFrame:
    forecast, horizon = outcome.forecast, outcome.forecast.horizon
    frequency, zone = forecast.schema.frequency, forecast.schema.timezone
    origin = forecast.origin[items]
    stamps, there = wall_times(frequency, zone, (origin[:, None] + np.arange(horizon)).ravel())
    keys = forecast.keys.iloc[items]
    columns = {
        "recipe": outcome.recipe,
        "window": outcome.window.number,
        "origin": np.repeat(wall_times(frequency, zone, origin)[0], horizon),
        **{name: np.repeat(keys[name].to_numpy(), horizon) for name in keys.columns},
        forecast.schema.timestamp: stamps,
        "actual": outcome.window.actual[items].ravel(),
        "mean": forecast.mean[items].ravel(),
    }
    for q, level in enumerate(forecast.levels):
        columns[level_name(level)] = forecast.quantiles[items, :, q].ravel()
    frame = pd.DataFrame(columns)
    return frame if there.all() else frame[there].reset_index(drop=True)
