"""Saved forecasts as runs: one file of `foretell predict` is one run, and so is each origin of a table that names origins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from foretell.data.findings import Finding, Findings
from foretell.data.panel import Panel
from foretell.errors import ForetellError, nearest
from foretell.evaluation.forecast_table import (
    ForecastRows,
    complete,
    placed,
    read_forecast_rows,
    with_skipped_hours,
)
from foretell.evaluation.judged_columns import JudgedColumns
from foretell.ingest.sources import files_of
from foretell.recipe.forecast import Forecast

if TYPE_CHECKING:
    from foretell.ingest.dataset import Dataset

_TABLES: Final = (".csv", ".parquet")
_NO_RECIPE: Final = "forecast"  # what a table without a column of recipes is read as


@dataclass(frozen=True, slots=True, eq=False)
class SavedRun:
    """The forecasts of one run: items in the order of the panel, every step of each."""

    name: str  # of the file, or of the origin in its table
    item: NDArray[np.int64]  # [N] positions in the panel
    origin: NDArray[np.int64]  # [N] ordinals
    levels: tuple[float, ...]  # [Q]
    mean: NDArray[Any]  # [N, H]
    quantiles: NDArray[Any]  # [N, H, Q]

    @property
    def horizon(self) -> int:
        """Steps of each forecast."""
        return int(self.mean.shape[1])

    @property
    def begin(self) -> int:
        """The earliest step forecast."""
        return int(self.origin.min())

    def at(self, levels: Sequence[float]) -> NDArray[Any]:
        """[N, H, len(levels)] its quantiles at some of its own levels."""
        return np.asarray(self.quantiles[..., [self.levels.index(level) for level in levels]])


def tables_in(forecasts: object) -> list[tuple[str, object]]:
    """The tables that `forecasts` stand for, each with a name: of a folder its .csv and .parquet files, of a glob its matches.

    A frame, a `Forecast` or a list of any of these stands for itself. Raises ForetellError where there is none.
    """
    if isinstance(forecasts, (list, tuple)):
        found = [table for each in forecasts for table in tables_in(each)]
    elif isinstance(forecasts, Forecast):
        found = [("", forecasts.to_frame())]
    elif isinstance(forecasts, (str, Path)):
        found = [(Path(file).name, file) for file in _files(Path(forecasts))]
    else:
        found = [("", forecasts)]
    if not found:
        raise ForetellError(
            f"there are no forecasts to judge in {forecasts!r}: give a folder, a glob or a list of files"
        )
    return found


def _files(path: Path) -> list[str]:
    if path.is_dir():
        return sorted(
            str(file) for file in path.iterdir() if file.suffix.lower() in _TABLES and file.is_file()
        )
    files = sorted(files_of(str(path)))
    if not files:
        raise ForetellError(f"no forecasts {path}. Save some: foretell predict MODEL SALES --out {path}")
    return files


def read_runs(
    forecasts: object, data: Dataset, panel: Panel, recipe: str | None, found: Findings
) -> Iterator[SavedRun]:
    """The runs in `forecasts`, table by table. Of a table with several recipes, that of `recipe`.

    What is found in several tables is told once. Raises ForetellError, naming the table, for one that cannot be judged.
    """
    said: dict[str, int] = {}
    for name, table in tables_in(forecasts):
        own = Findings()
        try:
            rows = read_forecast_rows(table, data, None, None, own)
            rows = placed(_of_recipe(rows, recipe), panel, own)
            runs = [_run(rows.select(rows.window == window), panel, name, own) for window in _windows(rows)]
        except ForetellError as error:
            raise ForetellError(
                f"{name}: {error}" if name and name not in str(error) else str(error)
            ) from error
        for finding in own.all():
            _tell_once(finding, said, found)
        yield from runs


def _windows(rows: ForecastRows) -> list[int]:
    return sorted(set(rows.window.tolist()))


def _tell_once(finding: Finding, said: dict[str, int], found: Findings) -> None:
    said[finding.code] = said.get(finding.code, 0) + 1
    if said[finding.code] == 1:
        tell = {"note": found.note, "warning": found.warn}.get(finding.severity, found.warn)
        tell(finding.code, finding.message, finding.count)


def _of_recipe(rows: ForecastRows, recipe: str | None) -> ForecastRows:
    """The rows of one recipe; raises ForetellError where it is not clear which."""
    names = list(dict.fromkeys(rows.recipe.tolist()))
    if names == [_NO_RECIPE] or (len(names) == 1 and recipe is None):
        return rows
    if recipe not in names:
        raise ForetellError(
            f"it has forecasts of {', '.join(names[:5])}, but none of {recipe!r}.{nearest(str(recipe), names)}"
            if recipe is not None
            else f"it has forecasts of several recipes: {', '.join(names[:5])}. Give those of one."
        )
    return rows.select(rows.recipe == recipe)


def _run(rows: ForecastRows, panel: Panel, name: str, found: Findings) -> SavedRun:
    rows = with_skipped_hours(rows, panel)
    horizon = complete(rows, panel)
    columns = JudgedColumns.of(rows, found)
    order = np.lexsort((rows.ordinal, rows.item))  # item by item, step by step
    items, first = np.unique(rows.item[order], return_index=True)
    values = rows.values.iloc[order]
    quantiles = values[list(columns.quantiles)].to_numpy(np.float64)
    begin = panel.frequency.spell(int(rows.origin.min()))
    return SavedRun(
        name if not rows.by_origin else f"{name} {begin}".strip(),
        items,
        rows.origin[order][first],
        columns.levels,
        values[columns.mean].to_numpy(np.float64).reshape(len(items), horizon),
        quantiles.reshape(len(items), horizon, len(columns.levels)),
    )


def in_order(runs: Sequence[SavedRun], panel: Panel) -> list[SavedRun]:
    """`runs` by their origins; those of one origin and other items are one run.

    Raises ForetellError for an item that two of them forecast from one origin: which of them was used is not known.
    """
    by_origin: dict[tuple[int, int], SavedRun] = {}
    for run in sorted(runs, key=lambda run: run.begin):
        key = (run.begin, run.horizon)
        by_origin[key] = _together(by_origin[key], run, panel) if key in by_origin else run
    return list(by_origin.values())


def _together(first: SavedRun, second: SavedRun, panel: Panel) -> SavedRun:
    twice = np.intersect1d(first.item, second.item)
    if len(twice):
        raise ForetellError(
            f"{first.name or 'a table'} and {second.name or 'another one'} both forecast item {panel.names[twice[0]]!r} from"
            f" {panel.frequency.spell(first.begin)} on: which of them was used is not known. Keep one of them."
        )
    levels = tuple(level for level in first.levels if level in second.levels)
    if not levels:
        raise ForetellError(f"{first.name} and {second.name} begin together, but have no level in common")
    item = np.concatenate([first.item, second.item])
    order = np.argsort(item, kind="stable")
    return SavedRun(
        f"{first.name}, {second.name}",
        item[order],
        np.concatenate([first.origin, second.origin])[order],
        levels,
        np.concatenate([first.mean, second.mean])[order],
        np.concatenate([first.at(levels), second.at(levels)])[order],
    )


def common_levels(runs: Sequence[SavedRun]) -> tuple[float, ...]:
    """The levels that all runs have; raises ForetellError where there is none."""
    shared = set(runs[0].levels).intersection(*(run.levels for run in runs))
    if not shared:
        raise ForetellError(
            f"the runs have no level in common: {runs[0].name} has {', '.join(map(str, runs[0].levels))}"
        )
    return tuple(sorted(shared))
