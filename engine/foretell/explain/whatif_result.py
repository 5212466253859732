"""`WhatIf`: a forecast and its scenarios, compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.findings import Finding
from foretell.data.future_plan import FuturePlan
from foretell.errors import ForetellError, nearest
from foretell.explain.plan_columns import PlanColumn, find_column
from foretell.explain.plan_table import cells_of
from foretell.recipe.forecast import Forecast
from foretell.system.tabular_result import Tabular

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from foretell.system.frame_writers import Destination

BASELINE: Final = "baseline"


@dataclass(frozen=True, slots=True, eq=False)
class Scenario:
    """The forecast of a plan with changes."""

    name: str
    forecast: Forecast
    touched: NDArray[np.bool_] = field(repr=False)  # [N, H] cells that its changes set
    findings: tuple[Finding, ...] = ()  # what there is to say about it
    changes: tuple[str, ...] = ()  # what was asked, one after the other, in words


@dataclass(frozen=True, slots=True, eq=False)
class WhatIf(Tabular):
    """The forecast of the plan as it stands, and those of the scenarios; a mapping of these by name.

    `Model.whatif` makes one.

    Example:
        >>> days = pd.date_range("2024-01-01", periods=120)
        >>> promo = pd.DataFrame({"timestamp": days, "promo": [float(day % 9 == 0) for day in range(120)]})
        >>> sales = pd.DataFrame({"item_id": "mug", "timestamp": days[:106], "target": 5.0 + 20 * promo["promo"][:106]})
        >>> data = foretell.Dataset(sales, related=promo, freq="D", known=["promo"])
        >>> model = foretell.train(data, recipe="theta", horizon=14)
        >>> list(model.whatif(data, {"always": "promo = 1"}))
        ['always']
    """

    baseline: Forecast
    scenarios: tuple[Scenario, ...]
    columns: Mapping[str, PlanColumn] = field(repr=False)  # that totals may be grouped by

    def __getitem__(self, name: str) -> Scenario:
        found = [each for each in self.scenarios if each.name == name]
        if not found:
            names = list(self)
            raise ForetellError(f"no scenario {name!r}.{nearest(name, names)} There are: {', '.join(names)}.")
        return found[0]

    def __iter__(self) -> Iterator[str]:
        return (each.name for each in self.scenarios)

    def __len__(self) -> int:
        return len(self.scenarios)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What there is to say about the scenarios."""
        return tuple(finding for each in self.scenarios for finding in each.findings)

    def totals(self, by: str | Sequence[str] = ()) -> pd.DataFrame:
        """One row a scenario (and group): the sums of the means over items and steps, their difference, in percent too.

        `by` names parts of the key, columns of the metadata, and the timestamp. `steps` counts the cells that were set. Raises
        ForetellError for another column.
        """
        names = [by] if isinstance(by, str) else list(by)
        groups = self._groups(names)
        frames = []
        for each in self.scenarios:
            cells = groups.assign(
                steps=each.touched.ravel(),
                baseline=self.baseline.mean.ravel().astype(np.float64),
                mean=each.forecast.mean.ravel().astype(np.float64),
            )
            sums = cells.groupby(names, dropna=False, sort=True).sum() if names else cells.sum().to_frame().T
            frames.append(sums.reset_index(drop=not names).assign(scenario=each.name))
        frame = pd.concat(frames, ignore_index=True)
        frame["difference"] = frame["mean"] - frame["baseline"]
        frame["percent"] = 100 * frame["difference"] / frame["baseline"].where(frame["baseline"] != 0)
        frame["steps"] = frame["steps"].astype(np.int64)
        return frame[["scenario", *names, "baseline", "mean", "difference", "percent", "steps"]]

    def to_frame(self) -> pd.DataFrame:
        """As `Forecast.to_frame`, of the baseline and each scenario below the other, with the difference of the means."""
        base = self.baseline.to_frame()
        frames = [base.assign(difference=0.0)]
        for each in self.scenarios:
            frame = each.forecast.to_frame()
            frames.append(frame.assign(difference=frame["mean"] - base["mean"]))
        names = [BASELINE, *self]
        for name, frame in zip(names, frames, strict=True):
            frame.insert(0, "scenario", name)
        return pd.concat(frames, ignore_index=True)

    def save(self, path: Destination, *, spreadsheet: bool = False, overwrite: bool = False) -> None:
        """Write `to_frame` to wherever `Forecast.save` can, under the same rules."""
        from foretell.system.frame_writers import write_frame
        from foretell.system.results import free_for_forecasts

        with free_for_forecasts(path, overwrite=overwrite):
            write_frame(self.to_frame(), path, spreadsheet=spreadsheet)

    def plot(self, item: str | Sequence[object] | None = None, *, axes: Axes | None = None) -> Axes:
        """The baseline and the scenarios of an item, or of all items together, on matplotlib axes (new ones unless given).

        Raises ForetellError for an item that the forecast does not have.
        """
        from foretell.explain.whatif_chart import plot_scenarios

        forecasts = {BASELINE: self.baseline, **{each.name: each.forecast for each in self.scenarios}}
        return plot_scenarios(forecasts, [each.touched for each in self.scenarios], item, axes=axes)

    def save_report(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write a page of the scenarios to an .html file: totals, weeks and groups beside the baseline, each item with its picture.

        One file that opens without a network. Raises ForetellError where it is there already; to `overwrite` replaces a page of
        foretell, and nothing else.
        """
        from foretell.reporting.whatif_page import save_report

        return save_report(self, path, overwrite=overwrite)

    def _repr_html_(self) -> str:
        return self.totals().to_html(index=False, float_format="{:,.1f}".format, na_rep="")

    def __repr__(self) -> str:
        names = ", ".join(self)
        return f"WhatIf({len(self.baseline)} items, {self.baseline.horizon} steps; scenarios: {names})"

    def _groups(self, names: Sequence[str]) -> pd.DataFrame:
        """[N x H] rows: what the cells are grouped by."""
        panel = self.baseline.history
        assert panel is not None, "a baseline knows what it was made from"
        plan = FuturePlan(panel, self.baseline.horizon)
        found: dict[str, Any] = {}
        for name in names:
            column = find_column(name, self.columns)
            if column.role not in ("key", "static", "time"):
                raise ForetellError(
                    f"by= takes parts of the key, columns of the metadata and the time, got {name!r}, which is"
                    f" {'known ahead' if column.role == 'known' else 'none of these'}."
                )
            found[name] = cells_of(plan, column).ravel()
        return pd.DataFrame(found, index=pd.RangeIndex(len(panel) * self.baseline.horizon))
