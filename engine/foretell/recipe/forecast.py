"""`Forecast`: what a predictor returns; quantiles and mean of every item and step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from unicodedata import normalize

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.arrays import Array
from foretell.data.findings import Finding
from foretell.data.panel import Panel
from foretell.data.schema import Schema
from foretell.data.wall_times import wall_times
from foretell.errors import ForetellError, nearest
from foretell.recipe.dependence import Dependence, NormalPaths
from foretell.recipe.fan import Fan
from foretell.recipe.item_groups import names_of_items, values_of_items
from foretell.recipe.levels import check_levels, interpolate, level_name
from foretell.recipe.paths import PATHS, Margins, draw_paths, slices
from foretell.system.tabular_result import Tabular
from foretell.system.whole_numbers import whole_number

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from foretell.system.frame_writers import Destination


MOST_PATHS: Final = 100_000


class Piece(NamedTuple):
    """The forecast of some items of a panel.

    Example:
        >>> from foretell.tabular import Forecast, Piece
        >>> data = foretell.Dataset(pd.read_csv("data/retail/sales.csv", nrows=2952), freq="D")  # four items
        >>> pieces = [Piece(slice(0, 2), np.zeros((2, 7)), np.zeros((2, 7, 1))), Piece(slice(2, 4), np.ones((2, 7)), np.ones((2, 7, 1)))]
        >>> Forecast.joined(data.panel, [0.5], 7, pieces).mean[:, 0]
        array([0., 0., 1., 1.], dtype=float32)
    """

    items: slice | NDArray[np.int64]  # [n] their positions
    mean: NDArray[Any]  # [n, H]
    quantiles: NDArray[Any]  # [n, H, Q]
    failed: NDArray[np.bool_] | bool = False  # [n] items whose own model failed


_NO_DEPENDENCE: Final = (
    "the model has learnt no dependence between errors, as models of foretell 0.1 have none. Train it again."
)


def check_paths(paths: int) -> int:
    """How many paths are asked; raises ForetellError for what is no such number."""
    return whole_number("paths", paths, least=2, most=MOST_PATHS)


def check_unit(unit: float | None) -> None:
    """Raises ForetellError unless numbers can be rounded to multiples of `unit`; None stands for no rounding."""
    number = isinstance(unit, (int, float)) and not isinstance(unit, bool) and 0 < unit < math.inf
    if unit is not None and not number:
        raise ForetellError(f"unit must be a number above 0, such as 1 or 0.5, got {unit!r}")


@dataclass(frozen=True, slots=True)
class Forecast(Tabular):
    """Quantiles and mean of N items over H steps; step 0 is at `origin`.

    `to_frame` makes a table of it, `plot` draws an item, `total` and `paths` forecast sums and joint courses.

    Example:
        >>> sales = pd.read_csv("data/retail/sales.csv", nrows=2952)  # four items
        >>> data = foretell.Dataset(sales, freq="D")
        >>> forecast = foretell.train(data, recipe="seasonal_naive", horizon=7).predict()
        >>> forecast.quantiles.shape  # [N, H, Q]
        (4, 7, 3)
        >>> list(forecast.to_frame().columns)
        ['item_id', 'timestamp', 'mean', 'p10', 'p50', 'p90']
    """

    keys: pd.DataFrame  # [N] item_id and dimensions
    origin: NDArray[np.int64]  # [N] ordinals
    levels: tuple[float, ...]  # [Q], rising
    quantiles: Array  # [N, H, Q], non-decreasing along Q
    mean: Array  # [N, H]
    schema: Schema
    fallbacks: NDArray[np.bool_]  # [N] items whose own model failed and that a simpler one forecast
    history: Panel | None = None  # the panel it was made from, for plots
    # [N, H, Q] the quantiles before their calibration, where they were calibrated
    before: Array | None = None
    findings: tuple[Finding, ...] = ()  # how the data were read for it
    margins: Margins | None = None  # its distribution, finer than `levels`, for paths; None in a total
    dependence: Dependence | None = (
        None  # how errors hang together, for paths; None where the model has learnt none
    )
    span: int = 1  # steps that each value is the sum of

    def __post_init__(self) -> None:
        n, q = len(self.keys), len(self.levels)
        shape, means = self.quantiles.shape, self.mean.shape
        if len(means) == 2 and means[0] == n and (len(shape) != 3 or (shape[0], shape[2]) != (n, q)):
            raise ForetellError(f"quantiles must have shape [N={n}, H={means[1]}, Q={q}], got {list(shape)}")
        if len(shape) != 3 or (shape[0], shape[2]) != (n, q):
            raise ForetellError(f"quantiles must have shape [N={n}, H, Q={q}], got {list(shape)}")
        if means != shape[:2]:
            raise ForetellError(
                f"the mean must have shape [N={n}, H={shape[1]}] beside quantiles {list(shape)}, got {list(means)}"
            )

    @classmethod
    def build(
        cls,
        panel: Panel,
        levels: Sequence[float],
        quantiles: NDArray[Any],  # [N, H, Q]
        mean: NDArray[Any],  # [N, H]
        *,
        fallbacks: NDArray[np.bool_] | None = None,  # [N]
    ) -> Forecast:
        """The forecast of every item of `panel` from its origin on."""
        return cls(
            keys=panel.keys,
            origin=panel.origin,
            levels=tuple(levels),
            quantiles=np.asarray(quantiles, np.float32),
            mean=np.asarray(mean, np.float32),
            schema=panel.schema,
            fallbacks=np.zeros(len(panel), bool) if fallbacks is None else fallbacks,
            history=panel,
        )

    @classmethod
    def joined(cls, panel: Panel, levels: Sequence[float], horizon: int, pieces: Iterable[Piece]) -> Forecast:
        """The forecast of every item of `panel` over H = `horizon` steps, from pieces that hold each item once."""
        n = len(panel)
        mean = np.empty((n, horizon), np.float32)
        quantiles = np.empty((n, horizon, len(levels)), np.float32)
        failed = np.zeros(n, bool)
        for piece in pieces:
            mean[piece.items], quantiles[piece.items] = piece.mean, piece.quantiles
            failed[piece.items] = piece.failed
        return cls.build(panel, levels, quantiles, mean, fallbacks=failed)

    def __repr__(self) -> str:
        levels = ", ".join(f"{level:g}" for level in self.levels)
        return f"Forecast({len(self)} items, {self.horizon} steps, levels {levels})"

    def _repr_html_(self) -> str:
        from foretell.reporting.notebook import forecast_html

        return forecast_html(self)

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def horizon(self) -> int:
        """H, the steps that it covers."""
        return int(self.mean.shape[1])

    def at(self, levels: Sequence[float]) -> Array:
        """[N, H, len(levels)] quantiles at `levels`, linear between the levels at hand and flat beyond the outermost."""
        return interpolate(self.quantiles, self.levels, check_levels(levels))

    def only(self, levels: Sequence[float]) -> Forecast:
        """This forecast at `levels` alone, which must be among its own."""
        at = [self.levels.index(level) for level in levels]
        before = None if self.before is None else self.before[..., at]
        return replace(self, levels=tuple(levels), quantiles=self.quantiles[..., at], before=before)

    def first(self, steps: int) -> Forecast:
        """The first `steps` of this forecast, 1 to its horizon; paths and totals are those of these steps too.

        Raises ForetellError for a number of steps that it does not have.
        """
        cut = whole_number("steps", steps, least=1, most=self.horizon)
        before = None if self.before is None else self.before[:, :cut]
        margins = self.margins and Margins(self.margins.levels, self.margins.quantiles[:, :cut])
        quantiles, mean = self.quantiles[:, :cut], self.mean[:, :cut]
        return replace(self, quantiles=quantiles, mean=mean, before=before, margins=margins)

    def paths(self, n: int = PATHS, *, seed: int = 0) -> Array:
        """[N, S=n, H] sample paths, joint over steps and items, whose margins are this forecast's quantiles.

        They follow from the names of the items and the seed: those of an item are the same whatever other items are beside it.
        Raises ForetellError where the model has learnt no dependence: one of an older foretell, or a total.
        """
        out = np.empty((len(self), check_paths(n), self.horizon), np.float32)
        for part in slices(len(self), paths=n, horizon=self.horizon):
            out[part] = self._paths_of(np.arange(part.start, part.stop), paths=n, seed=seed)
        return out

    def _paths_of(self, items: NDArray[np.int64], *, paths: int, seed: int = 0) -> Array:
        """As `forecast_parts.paths_of`."""
        if self.margins is None or self.dependence is None:
            raise ForetellError(
                "this forecast has no joint distribution: "
                + ("it is a total already" if self.margins is None else _NO_DEPENDENCE)
            )
        groups = {
            part.by: values_of_items(self.keys, self.history, part.by, items).tolist()
            for part in self.dependence.shared
            if part.by
        }
        normal = NormalPaths(self.dependence, horizon=self.horizon, paths=check_paths(paths), seed=seed)
        return draw_paths(self.margins.of(items), normal, names_of_items(self.keys.iloc[items]), groups)

    def total(
        self,
        *,
        steps: int | slice | None = None,
        by: Sequence[str] | None = None,
        levels: Sequence[float] | None = None,
        paths: int | None = None,
        seed: int = 0,
    ) -> Forecast:
        """The forecast of sums: over the first `steps`, over the items of each group of `by`, or over both.

        What is not asked stays apart: steps by default, items where `by` is None; `by=[]` adds all of them up. `by` names
        columns of the key and of the metadata, one group for each combination of their values. The mean is the sum of the
        means; quantiles, at any `levels`, are those of the sums of joint `paths` (default: 200 to 1,000, by their size).
        Raises ForetellError where neither is asked, where items of a group begin at different times, and where the model
        has learnt no dependence.
        """
        from foretell.hierarchy.totals import total

        return total(self, steps=steps, by=by, levels=levels, paths=paths, seed=seed)

    def hierarchy(
        self,
        *,
        by: Sequence[str],
        steps: int | slice | None = None,
        levels: Sequence[float] | None = None,
        paths: int | None = None,
        seed: int = 0,
    ) -> Any:
        """The forecasts of every level of a hierarchy, a `foretell.Hierarchy`: those of `total` made of the same paths, so that they add up.

        `by` has paths of columns: `["region/store", "category"]` makes the levels all items, region, region/store, category, and
        the items. Raises ForetellError as `total` does.
        """
        from foretell.hierarchy.coherent import hierarchy

        return hierarchy(self, by=by, steps=steps, levels=levels, paths=paths, seed=seed)

    def to_frame(self) -> pd.DataFrame:
        """One row an item and step: the key, timestamp, mean, p10, p50, ...; none of an hour that the clock skips in spring."""
        steps = self.origin[:, None] + np.arange(self.horizon)
        own = [self.schema.timestamp, "steps", "mean", *map(level_name, self.levels)]
        if taken := [str(column) for column in self.keys.columns if column in own]:
            raise ForetellError(
                f"a table of forecasts has the column {taken[0]!r} for something else than what items are. Rename that of the"
                " data."
            )
        frame = self.keys.loc[self.keys.index.repeat(self.horizon)].reset_index(drop=True)
        stamps, there = wall_times(self.schema.frequency, self.schema.timezone, steps.ravel())
        frame[self.schema.timestamp] = stamps
        if self.span > 1:
            frame["steps"] = self.span
        frame["mean"] = self.mean.ravel()
        for q, level in enumerate(self.levels):
            frame[level_name(level)] = self.quantiles[:, :, q].ravel()
        return frame if there.all() else frame[there].reset_index(drop=True)

    def save(self, path: Destination, *, spreadsheet: bool = False, overwrite: bool = False) -> None:
        """Write `to_frame` to a .csv, .parquet or .xlsx file, a .delta folder or a `foretell.SqlTable`, whole or not at all.

        Raises ForetellError where it holds something already; to `overwrite` replaces a table of forecasts, and nothing else. An
        `SqlTable` says itself what it replaces.
        In a CSV for a `spreadsheet`, texts that it would compute (=, +, -, @ or a tab first) get an apostrophe in front.
        """
        from foretell.system.frame_writers import write_frame
        from foretell.system.results import free_for_forecasts

        with free_for_forecasts(path, overwrite=overwrite):
            write_frame(self.to_frame(), path, spreadsheet=spreadsheet)

    def rounded(self, unit: float = 1.0) -> Forecast:
        """This forecast with mean and quantiles at the nearest multiples of `unit` (halves go up): 1 for whole units, 6 for boxes of six.

        For what is printed: rounded numbers do not add up to rounded totals, so ask for `total` and `paths` before. Raises
        ForetellError unless `unit` is a number above 0.
        """
        check_unit(unit)
        at = [np.floor(each.astype(np.float64) / unit + 0.5) * unit for each in (self.quantiles, self.mean)]
        quantiles, mean = (np.asarray(each, np.float32) for each in at)
        return replace(self, quantiles=quantiles, mean=mean)

    def save_report(
        self, path: str | Path, *, by: Sequence[str] | None = None, why: Any = None, overwrite: bool = False
    ) -> None:
        """Write a page of this forecast to an .html file: totals and groups by week, each item with its picture and known columns.

        `by` are the paths of columns by which it groups, as in `hierarchy`; by default up to three columns, one by one. `why`, a
        `foretell.Explanation` of some of its items, adds what their forecasts are made of.
        One file that opens without a network. Raises ForetellError where it is there already; to `overwrite` replaces a page of
        foretell, and nothing else.
        """
        from foretell.reporting.forecast_page import save_report

        return save_report(self, path, by=by, why=why, overwrite=overwrite)

    def position(self, item: str | Sequence[object]) -> int:
        """Where an item stands; raises ForetellError with the nearest name when it is absent."""
        wanted = (
            [str(item)]
            if isinstance(item, str) or not isinstance(item, Sequence)
            else [str(part) for part in item]
        )
        wanted = [normalize("NFC", part) for part in wanted]
        match = np.ones(len(self.keys), bool)
        for column, part in zip(self.keys.columns, wanted, strict=False):
            match &= (self.keys[column].astype(str) == part).to_numpy()
        found = np.flatnonzero(match)
        if len(found) == 0:
            name = " / ".join(wanted)
            raise ForetellError(
                f"no item {name!r} in this forecast.{nearest(wanted[0], self.keys.iloc[:, 0].astype(str))}"
            )
        return int(found[0])

    def _fan(self, position: int) -> Fan:
        """As `forecast_parts.fan_of`."""
        steps, past = np.zeros(0, np.int64), np.zeros(0, np.float32)
        ahead, actual = self.origin[position] + np.arange(self.horizon), None
        if self.history is not None:
            panel = self.history
            past = panel.history(position)[-max(2 * self.horizon, 2 * panel.season, 8) :]
            steps = panel.start[position] + panel.stop[position] + np.arange(-len(past), 0)
            actual = panel.target_at(np.array([position]), ahead[None])[0]
        return Fan(
            name=" / ".join(str(part) for part in self.keys.iloc[position]),
            target=self.schema.target,
            frequency=self.schema.frequency,
            steps=ahead,
            levels=self.levels,
            quantiles=self.quantiles[position],
            median=interpolate(self.quantiles[position], self.levels, (0.5,))[:, 0],
            past_steps=steps,
            past=past,
            mean=self.mean[position],
            actual=None if actual is None or np.isnan(actual).all() else actual,
        )

    def plot(self, *items: str | Sequence[object], axes: Axes | None = None) -> Axes:
        """Forecasts as fans with their mean, the end of the history before them, and in a backtest what happened.

        Several items stand below each other; without any the six largest are drawn. On matplotlib axes (new ones unless given, for one
        item); `axes.figure` is what to show or save. Raises ForetellError for an item that the forecast does not have.
        """
        from foretell.recipe.fan_chart import plot_forecast

        return plot_forecast(self, items, axes=axes)
