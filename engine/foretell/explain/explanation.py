"""`Explanation`: what each driver adds to a forecast, item by item and step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.arrays import Floats
from foretell.data.findings import Finding
from foretell.data.panel import Panel
from foretell.data.schema import Schema
from foretell.data.wall_times import wall_times
from foretell.errors import ForetellError, nearest
from foretell.explain.drivers import Driver
from foretell.models.item_lookup import find_items
from foretell.recipe.item_groups import columns_of_items, values_of_items
from foretell.recipe.levels import level_name
from foretell.system.frame_writers import Destination

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from foretell.explain.explanation_chart import Stack


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """What each driver adds to the forecasts of N items, or groups of items, over H steps.

    `forecast` = `baseline` + the sum of `contributions` over the drivers, cell by cell. `Model.explain` makes one.

    Example:
        >>> days = pd.date_range("2024-01-01", periods=120)
        >>> promo = pd.DataFrame({"timestamp": days, "promo": [float(day % 9 == 0) for day in range(120)]})
        >>> sales = pd.DataFrame({"item_id": "mug", "timestamp": days[:106], "target": 5.0 + 20 * promo["promo"][:106]})
        >>> data = foretell.Dataset(sales, related=promo, freq="D", known=["promo"])
        >>> model = foretell.train(data, recipe="theta", horizon=14)
        >>> explained = model.explain(data)
        >>> [driver.name for driver in explained.drivers]
        ['history', 'promo', 'calendar']
        >>> explained.impact()["driver"][0]
        'promo'
    """

    keys: pd.DataFrame  # [N]
    origin: NDArray[np.int64]  # [N] ordinals
    drivers: tuple[Driver, ...]  # [D]
    contributions: Floats = field(repr=False)  # [N, H, D]
    errors: Floats = field(
        repr=False
    )  # [N, H, D] standard errors of these, from drawing permutations and other dates
    baseline: Floats = field(repr=False)  # [N, H] the forecast of the level when no driver counts
    forecast: Floats = field(repr=False)  # [N, H] what is explained
    level: float | None  # of the quantile that is explained; None: the mean
    permutations: int
    schema: Schema = field(repr=False)
    panel: Panel | None = field(default=None, repr=False)  # of the items; None of groups
    findings: tuple[Finding, ...] = ()

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def horizon(self) -> int:
        """H, the steps that are explained."""
        return int(self.forecast.shape[1])

    @property
    def names(self) -> list[str]:
        """[D] the names of the drivers."""
        return [driver.name for driver in self.drivers]

    @property
    def by_importance(self) -> list[int]:
        """[D] the drivers, those first whose contributions are largest over all items and steps: the order of their colours."""
        sizes = np.abs(self.contributions).sum(axis=(0, 1))
        return [int(k) for k in np.argsort(-sizes, kind="stable")]

    def to_frame(self) -> pd.DataFrame:
        """One row an item, step and driver: its contribution and the error of it, and of the cell baseline and forecast."""
        cells, count = self.forecast.size, len(self.drivers)
        steps = np.repeat((self.origin[:, None] + np.arange(self.horizon)).ravel(), count)
        frame = self.keys.loc[self.keys.index.repeat(self.horizon * count)].reset_index(drop=True)
        stamps, there = wall_times(self.schema.frequency, self.schema.timezone, steps)
        frame[self.schema.timestamp] = stamps
        frame["driver"] = np.tile(np.array(self.names, object), cells)
        frame["contribution"] = self.contributions.ravel()
        frame["error"] = self.errors.ravel()
        frame["baseline"] = np.repeat(self.baseline.ravel(), count)
        frame["forecast"] = np.repeat(self.forecast.ravel(), count)
        return frame if there.all() else frame[there].reset_index(drop=True)

    def impact(self, by: Sequence[str] = ()) -> pd.DataFrame:
        """One row a driver (and group), the most important first: `impact` from -1 to 1, `share`, and the summed `contribution`.

        The impact is the sum of a driver's contributions over items and steps, in units of the largest sum of sizes that any driver
        has: at 1 all that the most important driver does raises the forecast, at -1 all lowers it, near 0 it does little, or as much of
        both. The share is that of the driver in the sizes of all contributions.

        Args:
            by: columns of the key and of the metadata, and the timestamp; scores of all groups are in the same unit.

        Raises:
            ForetellError: for another column.
        """
        columns = [by] if isinstance(by, str) else list(by)
        count = len(self.drivers)
        table = pd.DataFrame({name: np.repeat(self._values(name).ravel(), count) for name in columns})
        table["driver"] = np.tile(np.array(self.names, object), self.forecast.size)
        table["contribution"] = self.contributions.ravel()
        table["size"] = np.abs(table["contribution"])
        sums = (
            table.groupby([*columns, "driver"], sort=False, dropna=False)[["contribution", "size"]]
            .sum()
            .reset_index()
        )
        whole = (
            sums.groupby(columns, dropna=False)["size"].transform("sum") if columns else sums["size"].sum()
        )
        sums["impact"] = sums["contribution"] / (float(sums["size"].max()) or 1.0)
        sums["share"] = sums["size"] / np.where(whole == 0, 1.0, whole)
        order = sums.sort_values(
            [*columns, "share"], ascending=[True] * len(columns) + [False], kind="stable"
        )
        return order.reset_index(drop=True)[[*columns, "driver", "impact", "share", "contribution"]]

    def save(self, path: Destination, *, spreadsheet: bool = False, overwrite: bool = False) -> None:
        """Write `to_frame` to wherever `Forecast.save` can, under the same rules."""
        from foretell.system.frame_writers import write_frame
        from foretell.system.results import free_for_forecasts

        with free_for_forecasts(path, overwrite=overwrite):
            write_frame(self.to_frame(), path, spreadsheet=spreadsheet)

    def plot(self, item: str | Sequence[object] | None = None, *, axes: Axes | None = None) -> Axes:
        """The contributions to an item's forecast (or to the sum of all) as bars on its baseline, step by step.

        Raises ForetellError for an item that is not explained, and where items begin apart and their sum is asked.
        """
        from foretell.explain.explanation_chart import plot_stack

        return plot_stack(self._stack(None if item is None else self.position(item)), axes=axes)

    def save_report(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write a page of the contributions to an .html file: by driver, over time, by group, and each item with its picture.

        One file that opens without a network. Raises ForetellError where it is there already; to `overwrite` replaces a page of
        foretell, and nothing else.
        """
        from foretell.reporting.why_page import save_report

        return save_report(self, path, overwrite=overwrite)

    def position(self, item: str | Sequence[object]) -> int:
        """Where an item or group stands; raises ForetellError with the nearest name when it is absent."""
        return int(find_items(self.keys, [item])[0])

    @property
    def explained(self) -> str:
        """What is explained, in words: mean, or p90."""
        return "mean" if self.level is None else level_name(self.level)

    def _stack(self, position: int | None) -> Stack:
        """What is drawn of the item at a position, or of the sum of all."""
        from foretell.explain.explanation_chart import Stack

        if position is None and len(set(self.origin.tolist())) > 1:
            raise ForetellError(
                "items begin at different times, so that their steps do not add up. Draw one of them: plot(item)"
            )
        some = slice(None) if position is None else slice(position, position + 1)
        name = f"all {len(self):,}" if position is None else " / ".join(map(str, self.keys.iloc[position]))
        parts, baseline, forecast = (
            each[some].sum(0) for each in (self.contributions, self.baseline, self.forecast)
        )
        return Stack(
            name,
            self.schema.target,
            self.explained,
            self.schema.frequency,
            int(self.origin[some][0]),
            [self.names[k] for k in self.by_importance],
            parts[:, self.by_importance],
            baseline,
            forecast,
        )

    def _values(self, column: str) -> NDArray[Any]:
        """[N, H] a column that scores are grouped by."""
        steps = self.origin[:, None] + np.arange(self.horizon)
        if column == self.schema.timestamp:
            return wall_times(self.schema.frequency, self.schema.timezone, steps.ravel())[0].reshape(
                steps.shape
            )
        known = [*columns_of_items(self.keys, self.panel), self.schema.timestamp]
        if column not in known:
            raise ForetellError(
                f"there is no column {column!r} to group by.{nearest(column, known)} There are: {', '.join(known)}."
            )
        return np.broadcast_to(values_of_items(self.keys, self.panel, column)[:, None], steps.shape)

    def _repr_html_(self) -> str:
        return self.impact().to_html(index=False, float_format="{:,.3g}".format, na_rep="")

    def __repr__(self) -> str:
        what = "items" if self.panel is not None else "groups"
        return f"Explanation({len(self)} {what}, {self.horizon} steps, {self.explained}; drivers: {', '.join(self.names)})"
