"""How well every level of a hierarchy is forecast: joint paths and trace minimisation, beside hierarchicalforecast on AutoETS.

`python -m benchmarks.accuracy.hierarchies` forecasts the last three windows of eight quarters of Australia's overnight trips (tourism_au:
304 series by region and purpose), trained anew for each, and puts wQL (nine levels) of each level of the hierarchy into hierarchies.csv
beside this file. `--windows 5,4` are the two windows before those, by which recipe and method were chosen.

The reference is what hierarchicalforecast's users write: statsforecast's AutoETS at each level, MinTrace(mint_shrink), intervals by its
bootstrap with 1,000 samples; its quantiles below 0 are put to 0, as ours.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any, Final

import numpy as np
import pandas as pd

import foretell
from benchmarks.accuracy.data_files import data_folder, read
from benchmarks.accuracy.measure import parse_recipe
from benchmarks.committed_table import check_rows
from foretell.data.panel import Panel
from foretell.hierarchy.coherent import Hierarchy, hierarchy
from foretell.hierarchy.groups import ITEMS, groups_of, levels_of, spelt_level
from foretell.hierarchy.learning import learn_dependence
from foretell.hierarchy.mint import with_reconciled_means
from foretell.models.fitting import fit_model
from foretell.recipe.task import Run, Task
from foretell.system.frame_writers import write_frame

TABLE: Final = Path(__file__).with_name("hierarchies.csv")
LEVELS: Final = tuple(round(k / 10, 1) for k in range(1, 10))
HORIZON: Final = 8
WINDOWS: Final = (3, 2, 1)  # the last three, counted from the end; those before them were for choosing
PATHS: Final = 1_000
BY: Final = ("State/Region", "Purpose", "State/Purpose")
REFERENCE: Final = "hierarchicalforecast"
KEY: Final = ("window", "origin", "method", "level")


def data_set() -> foretell.Dataset:
    """The series with their metadata. Raises NoData."""
    folder = data_folder()
    return foretell.Dataset(
        read(folder, "tourism_au/target.parquet"),
        items=read(folder, "tourism_au/metadata.parquet"),
        freq="QS",
    )


def ours(panel: Panel, recipe: str) -> Iterator[tuple[str, Hierarchy, float]]:
    """Both methods from the origin of `panel` on, and the seconds of processor time that each took."""
    made, task, run = parse_recipe(recipe), Task(HORIZON, LEVELS), Run(processes=1)
    began = process_time()
    model = fit_model(made, panel, task, run)
    joint = replace(model, dependence=learn_dependence(panel, task, held=model.held, seed=0))
    forecast = joint.forecast_in_arrays(panel, levels=LEVELS, joint=True)
    yield "paths", hierarchy(forecast, by=BY, paths=PATHS), process_time() - began
    forecast = with_reconciled_means(forecast, panel, BY, made, task, run)
    yield "mint", hierarchy(forecast, by=BY, paths=PATHS), process_time() - began


def reference(panel: Panel) -> dict[str, Any]:
    """[G, H, Q] quantiles by level of hierarchicalforecast, from the origin of `panel` on; groups as ours are sorted."""
    from hierarchicalforecast.core import HierarchicalReconciliation
    from hierarchicalforecast.methods import MinTrace
    from statsforecast import StatsForecast
    from statsforecast.models import AutoETS

    series, sums, tags = _tables(panel)
    engine = StatsForecast(models=[AutoETS(season_length=4)], freq="QS", n_jobs=1)
    ahead = engine.forecast(df=series, h=HORIZON, fitted=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = HierarchicalReconciliation([MinTrace("mint_shrink")]).reconcile(
            Y_hat_df=ahead,
            Y_df=engine.forecast_fitted_values(),
            S_df=sums,
            tags=tags,
            level=[0, 20, 40, 60, 80],
            intervals_method="bootstrap",
            num_samples=PATHS,
            seed=0,
        )
    name = "AutoETS/MinTrace_method-mint_shrink"
    ends = [*(f"lo-{width}" for width in (80, 60, 40, 20, 0)), *(f"hi-{width}" for width in (20, 40, 60, 80))]
    values = found.set_index("unique_id")[[f"{name}-{end}" for end in ends]]
    return {
        level: np.maximum(np.stack([values.loc[one].to_numpy() for one in ids]), 0)
        for level, ids in tags.items()
    }


def _tables(panel: Panel) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """The series of all levels before the origin, the summing matrix and the names by level, as the library wants them."""
    levels = {**{spelt_level(each): groups_of(panel, each) for each in levels_of(BY)}}
    levels[ITEMS] = groups_of(panel, None)
    history = np.stack([panel.history(item) for item in range(len(panel))]).astype(np.float64)
    tags = {name: np.array([f"{name} {k:03}" for k in range(len(groups))]) for name, groups in levels.items()}
    names = np.concatenate(list(tags.values()))
    values = np.concatenate([groups.summed(history) for groups in levels.values()])
    when = panel.frequency.timestamps(panel.start[:1] + np.arange(history.shape[1]))
    series = pd.DataFrame(
        {
            "unique_id": np.repeat(names, len(when)),
            "ds": pd.to_datetime(np.tile(when, len(names))),
            "y": values.ravel(),
        }
    )
    sums = np.concatenate([np.eye(len(groups))[:, groups.group] for groups in levels.values()])
    return (
        series,
        pd.DataFrame(sums, columns=tags[ITEMS]).assign(unique_id=names)[["unique_id", *tags[ITEMS]]],
        tags,
    )


def wql(actual: Any, quantiles: Any) -> float:
    """The weighted quantile loss, pooled over groups and steps and the mean over the levels."""
    difference, at = actual[..., None] - quantiles, np.array(LEVELS)
    loss = 2 * np.maximum(at * difference, (at - 1) * difference).sum((0, 1))
    return float(loss.mean() / np.abs(actual).sum())


def measure(recipe: str, window: int) -> Iterator[dict[str, Any]]:
    """A row a method and level of one window, counted from the end: wQL, and the seconds of processor time."""
    whole = data_set().panel
    panel = whole.until(HORIZON * window)
    when = panel.origin[:, None] + np.arange(HORIZON)
    truth = whole.target_at(np.arange(len(whole)), when).astype(np.float64)
    columns = {**{spelt_level(each): each for each in levels_of(BY)}, ITEMS: None}
    for method, quantiles, seconds in _forecasts(panel, recipe):
        for level, each in columns.items():
            groups = groups_of(panel, each)
            yield {
                "window": window,
                "origin": panel.frequency.spell(int(panel.origin[0])),
                "method": method,
                "level": level,
                "wQL": round(wql(groups.summed(truth), quantiles[level]), 5),
                "seconds": round(seconds, 1),
            }


def _forecasts(panel: Panel, recipe: str) -> Iterator[tuple[str, Mapping[str, Any], float]]:
    """The reference's quantiles by level, then ours, with the seconds that each took."""
    began = process_time()
    yield REFERENCE, reference(panel), process_time() - began
    for method, tree, seconds in ours(panel, recipe):
        yield f"{recipe}, {method}", {name: tree[name].quantiles for name in tree}, seconds


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """A row a set of windows (the last three; those before) and method: wQL over the reference's by level, mean over the windows.

    The last columns are the geometric mean over levels and the worst.
    """
    part = np.where(table["window"].isin(WINDOWS), "last three", "before")
    mean = table.assign(windows=part).groupby(["windows", "method", "level"], sort=False)["wQL"].mean()
    wide = mean.unstack("level", sort=False)
    values = wide.to_numpy()
    methods, windows = wide.index.get_level_values("method"), wide.index.get_level_values("windows")
    usual = {
        name: row for name, which, row in zip(windows, methods, values, strict=True) if which == REFERENCE
    }
    ratio = values / np.stack([usual[name] for name in windows])
    made = pd.DataFrame(ratio, index=wide.index, columns=wide.columns)
    return made.assign(**{"geometric mean": np.exp(np.log(ratio).mean(axis=1)), "worst": ratio.max(axis=1)})


def read_table(path: Path) -> pd.DataFrame:
    """The committed table; raises ForetellError for a line that is no row."""
    check_rows(path, key=KEY, numbers=("window", "wQL", "seconds"))
    return pd.read_csv(path)


def main() -> int:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipe", default="ets")
    parser.add_argument("--windows", default=",".join(map(str, WINDOWS)), help="counted from the end")
    asked = parser.parse_args()
    for window in map(int, asked.windows.split(",")):
        made = pd.DataFrame(measure(asked.recipe, window))
        if TABLE.is_file():
            made = pd.concat([read_table(TABLE), made]).drop_duplicates(list(KEY), keep="last")
        write_frame(made.sort_values("window", kind="stable", ascending=False), TABLE)
    print(summary(read_table(TABLE)).round(4).to_string())
    return 0


if __name__ == "__main__":
    sys.exit(main())
