"""`Hierarchy`: forecasts of all levels, from all items to each, that add up; bottom-up, through joint paths of the items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

from foretell.errors import ForetellError, nearest
from foretell.hierarchy.groups import BY, ITEMS, levels_of, spelt_level
from foretell.hierarchy.totals import total
from foretell.recipe.forecast import Forecast
from foretell.recipe.item_groups import ALL, columns_of_items
from foretell.recipe.levels import check_levels, interpolate
from foretell.system.tabular_result import Tabular

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from foretell.system.frame_writers import Destination


@dataclass(frozen=True, eq=False)
class Hierarchy(Tabular):
    """Forecasts of every level of a hierarchy, from all items to each, that add up.

    All are sums of the same joint sample paths of the items: so they add up path by path, and in the mean. Quantiles do not.

    Example:
        >>> sales = pd.read_csv("data/retail/sales.csv", nrows=2952)  # four items
        >>> families = pd.read_csv("data/retail/items.csv")
        >>> data = foretell.Dataset(sales, items=families, freq="D")
        >>> forecast = foretell.train(data, recipe="seasonal_naive", horizon=7).predict()
        >>> tree = forecast.hierarchy(by=["family"])
        >>> tree.names
        ['all items', 'family', 'items']
        >>> bool(abs(tree["family"].mean.sum() - tree["all items"].mean.sum()) < 0.01)
        True
    """

    parts: Mapping[str, Forecast]  # by level, from the total to the items
    method: str = "paths"  # how they were made: "paths" or "mint"

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name} {len(part)}" for name, part in self.parts.items())
        return f"Hierarchy({self.method}: {sizes})"

    def __len__(self) -> int:
        return len(self.parts)

    def __iter__(self) -> Iterator[str]:
        return iter(self.parts)

    @property
    def names(self) -> list[str]:
        """The levels: "all items", "region", "region/store", ..., "items"."""
        return list(self.parts)

    def __getitem__(self, name: str) -> Forecast:
        """The forecast of a level; raises ForetellError with the nearest name where there is none."""
        if name not in self.parts:
            raise ForetellError(
                f"the hierarchy has no level {name!r}.{nearest(str(name), self.names)} It has: {', '.join(self.names)}."
            )
        return self.parts[name]

    def to_frame(self) -> pd.DataFrame:
        """A row a level, group and step: `by` (the level), its columns (empty where they are not of the level), timestamp, mean, p10, ..."""
        frames = [self._frame(name, part) for name, part in self.parts.items()]
        keys = list(dict.fromkeys(column for name in self.parts for column in self._keys(name)))
        whole = pd.concat(frames, ignore_index=True)
        return whole[[BY, *keys, *(column for column in frames[-1] if column not in (BY, *keys))]].fillna(
            dict.fromkeys(keys, "")
        )

    def rounded(self, unit: float = 1.0) -> Hierarchy:
        """Each level's `Forecast.rounded`, for what is printed: rounded numbers do not add up to rounded totals."""
        return replace(self, parts={name: part.rounded(unit) for name, part in self.parts.items()})

    def save(self, path: Destination, *, spreadsheet: bool = False, overwrite: bool = False) -> None:
        """Write `to_frame` to wherever `Forecast.save` can, under the same rules."""
        from foretell.system.frame_writers import write_frame
        from foretell.system.results import free_for_forecasts

        with free_for_forecasts(path, overwrite=overwrite):
            write_frame(self.to_frame(), path, spreadsheet=spreadsheet)

    def save_report(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write a page to an .html file: totals, every level of groups by week, each item with its picture.

        Raises ForetellError where the file is there already, and for sums over steps; to `overwrite` replaces a page of foretell,
        and nothing else.
        """
        by = [name for name in self.parts if name not in (ALL, ITEMS)]
        self.parts[ITEMS].save_report(path, by=by, overwrite=overwrite)

    def plot(self, level: str | None = None, *groups: str | Sequence[object]) -> Axes:
        """The fans of a level's `groups` (default: the largest), or of the largest group of each level, one below the other; the first axes.

        Raises ForetellError for a level or a group that is not there.
        """
        from matplotlib.figure import Figure

        from foretell.recipe.fan_chart import as_written

        if level is not None:
            return self[level].plot(*groups)
        figure = Figure(figsize=(8, 2.9 * len(self)), layout="constrained")
        grid: list[Axes] = figure.subplots(len(self), 1, squeeze=False)[:, 0].tolist()
        for axes, (name, part) in zip(grid, self.parts.items(), strict=True):
            largest = int(part.mean.sum(axis=1).argmax())
            part.plot(tuple(part.keys.iloc[largest]), axes=axes)
            if name != ALL:
                as_written(axes.set_title(f"{name}: {axes.get_title(loc='left')}", loc="left"))
        return grid[0]

    def _repr_html_(self) -> str:
        from foretell.reporting.notebook import hierarchy_html

        return hierarchy_html(self)

    def _keys(self, name: str) -> list[str]:
        return [] if name == ALL else list(map(str, self.parts[name].keys.columns))

    def _frame(self, name: str, part: Forecast) -> pd.DataFrame:
        frame = part.to_frame()
        if name == ALL:
            frame = frame.drop(columns=list(part.keys.columns))
        frame.insert(0, BY, name)
        return frame


def hierarchy(
    forecast: Forecast,
    *,
    by: Sequence[str],
    steps: int | slice | None = None,
    levels: Sequence[float] | None = None,
    paths: int | None = None,
    seed: int = 0,
    method: str = "paths",
) -> Hierarchy:
    """The forecasts of all levels of `by`, made of the same paths. Raises ForetellError as `total` does."""
    parts = {}
    for columns in levels_of(by, columns_of_items(forecast.keys, forecast.history)):
        parts[spelt_level(columns)] = total(
            forecast, steps=steps, by=list(columns), levels=levels, paths=paths, seed=seed
        )
    parts[ITEMS] = _items(forecast, steps, levels, paths, seed)
    return Hierarchy(parts, method)


def _items(
    forecast: Forecast,
    steps: int | slice | None,
    levels: Sequence[float] | None,
    paths: int | None,
    seed: int,
) -> Forecast:
    """The items themselves, or their sums over steps."""
    if steps is not None:
        return total(forecast, steps=steps, levels=levels, paths=paths, seed=seed)
    if levels is None:
        return forecast
    margins, wanted = forecast.margins, check_levels(levels)
    assert margins is not None
    quantiles = interpolate(margins.quantiles, margins.levels, wanted)
    return replace(forecast, levels=wanted, quantiles=quantiles, before=None)
