"""How well totals are forecast: coverage and energy score of joint paths, beside draws that are independent.

`python -m benchmarks.accuracy.totals --task favorita_transactions_1D --recipe boosting` trains once, calibrated, before the first of
the task's windows, prints a line a way to draw paths, and puts them into totals.csv beside this file. `--before K` judges on the K
windows before the task's own, by which the way was chosen.

A way is scored by the 80 % intervals of each item's total over the horizon, of the total of all items in each window, and by
the energy score (Gneiting and Raftery 2007, J. Amer. Statist. Assoc. 102) of the vector of item totals and of the vector of daily totals of
all items, each relative to the actual's mean size.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.measure import Loaded, parse_recipe
from benchmarks.accuracy.suites import read_suites
from foretell.data.panel import Panel
from foretell.hierarchy.learning import learn_dependence, reference_scores
from foretell.models.fitted_model import FittedModel
from foretell.models.fitting import fit_model
from foretell.recipe.dependence import Dependence
from foretell.recipe.forecast import Forecast
from foretell.recipe.levels import interpolate
from foretell.recipe.task import Run, Task

TABLE: Final = Path(__file__).with_name("totals.csv")
PATHS: Final = 200
INTERVAL: Final = (0.1, 0.9)
Paths = NDArray[np.float32]  # [N, S, H]
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Windows:
    """Forecasts of windows, earliest first, and the truth."""

    forecasts: list[Forecast]
    actual: list[Numbers]  # [N, H] each, NaN where not observed


def forecast_windows(panel: Panel, model: FittedModel, *, count: int, first: int) -> Windows:
    """Those of `count` windows, the earliest of which begins `first` horizons before the end of `panel`."""
    horizon = model.task.horizon
    panels = [panel.before((first - k) * horizon) for k in range(count)]
    made = [model.forecast_in_arrays(each, joint=True) for each in panels]
    ahead, items = np.arange(horizon), np.arange(len(panel))
    truth = [panel.target_at(items, each.origin[:, None] + ahead).astype(float) for each in panels]
    return Windows(made, truth)


def ways(windows: Windows, learnt: Dependence, panel: Panel) -> Iterator[tuple[str, list[Paths]]]:
    """The ways to draw paths by name, with those of each window."""
    alone = replace(learnt, shared=(), own=(1.0, *[0.0] * (len(learnt.own) - 1)))
    for name, dependence in (
        ("learnt", learnt),
        ("steps alone", replace(learnt, shared=())),
        ("independent", alone),
    ):
        drawn = [replace(each, dependence=dependence).paths(PATHS, seed=1) for each in windows.forecasts]
        yield name, drawn
    yield "reordered", [reordered(each, panel) for each in windows.forecasts]


def reordered(forecast: Forecast, panel: Panel) -> Paths:
    """Paths in the order of the errors of past windows, one a window (after the Schaake shuffle: Clark et al. 2004)."""
    margins = forecast.margins
    assert margins is not None
    scores = reference_scores(panel, np.arange(len(panel)), forecast.horizon)  # [K, N, H]
    count = len(scores)
    rising = interpolate(margins.quantiles, margins.levels, ((np.arange(count) + 0.5) / count).tolist())
    out = np.empty_like(rising)
    order = np.argsort(np.moveaxis(np.nan_to_num(scores), 0, -1), axis=-1, kind="stable")
    np.put_along_axis(out, order, rising, axis=-1)
    return np.asarray(out.transpose(0, 2, 1))


def scored(paths: list[Paths], windows: Windows) -> dict[str, float | str]:
    """The scores of one way."""
    inside, held, energies, daily = [], [], [], []
    for drawn, actual in zip(paths, windows.actual, strict=True):
        seen = ~np.isnan(actual)
        totals = (drawn * seen[:, None]).sum(2)  # [N, S]
        truth = np.where(seen, actual, 0).sum(1)
        inside.append(_inside(totals, truth)[seen.any(1)])
        held.append(bool(_inside(totals.sum(0, keepdims=True), truth.sum(keepdims=True))[0]))
        energies.append(energy(totals.T, truth))
        daily.append(energy((drawn * seen[:, None]).sum(0), np.where(seen, actual, 0).sum(0)))
    return {
        "items' totals in 80 %": round(float(np.concatenate(inside).mean()), 3),
        "all items in 80 %": f"{sum(held)} of {len(held)}",
        "energy of items": round(float(np.mean(energies)), 5),
        "energy of days": round(float(np.mean(daily)), 5),
    }


def _inside(totals: NDArray[np.floating], truth: Numbers) -> NDArray[np.bool_]:
    low, high = np.quantile(totals, INTERVAL, axis=1, method="hazen")
    return np.asarray((truth >= low) & (truth <= high))


def energy(drawn: NDArray[np.floating], truth: Numbers) -> float:
    """The energy score of a vector [D] for draws [S, D], divided by the norm of the truth."""
    apart = np.linalg.norm(drawn - truth, axis=1).mean()
    pairs = [np.linalg.norm(drawn - np.roll(drawn, shift, axis=0), axis=1).mean() for shift in range(1, 20)]
    return float((apart - np.mean(pairs) / 2) / max(np.linalg.norm(truth), 1e-9))


def naive(windows: Windows) -> dict[str, float | str]:
    """The same of intervals from the sum of the p10 to the sum of the p90."""
    inside, held = [], []
    for forecast, actual in zip(windows.forecasts, windows.actual, strict=True):
        seen = ~np.isnan(actual)
        ends = (forecast.at(INTERVAL) * seen[..., None]).sum(1)  # [N, 2]
        truth = np.where(seen, actual, 0).sum(1)
        inside.append(((truth >= ends[:, 0]) & (truth <= ends[:, 1]))[seen.any(1)])
        held.append(bool(ends[:, 0].sum() <= truth.sum() <= ends[:, 1].sum()))
    return {
        "items' totals in 80 %": round(float(np.concatenate(inside).mean()), 3),
        "all items in 80 %": f"{sum(held)} of {len(held)}",
        "energy of items": "",
        "energy of days": "",
    }


def steps_in_80(windows: Windows) -> float:
    """The share of the actuals, step by step, inside their own 80 % interval."""
    found = []
    for forecast, actual in zip(windows.forecasts, windows.actual, strict=True):
        ends = forecast.at(INTERVAL)
        judged = ~np.isnan(actual) & ~_closed(forecast)
        found.append(((actual >= ends[..., 0]) & (actual <= ends[..., 1]))[judged])
    return float(np.concatenate(found).mean())


def _closed(forecast: Forecast) -> NDArray[np.bool_]:
    assert forecast.history is not None
    return forecast.history.closed(forecast.horizon)


def rows(asked: argparse.Namespace) -> Iterator[Mapping[str, object]]:
    """A row a way to draw paths."""
    task = read_suites()[asked.task]
    panel, horizon = Loaded(task).data.panel, task.horizon
    if asked.before:
        panel = panel.before(task.windows * horizon)
    count = asked.before or task.windows
    early = panel.before(count * horizon)
    asked_of = Task(horizon, tuple(task.levels))
    model = fit_model(parse_recipe(asked.recipe), early, asked_of, Run(seed=asked.seed), calibrate=True)
    learnt = learn_dependence(early, asked_of, held=model.held, seed=asked.seed)
    print(learnt, f"{model.fit_seconds:.0f} s", file=sys.stderr, flush=True)
    windows = forecast_windows(panel, replace(model, dependence=learnt), count=count, first=count)
    head = {"task": asked.task, "recipe": asked.recipe, "seed": asked.seed, "windows": count}
    head |= {"before": bool(asked.before), "steps in 80 %": round(steps_in_80(windows), 3)}
    for name, drawn in ways(windows, learnt, early):
        yield head | {"way": name} | scored(drawn, windows)
    yield head | {"way": "sum of quantiles"} | naive(windows)


def keep(found: list[dict[str, object]]) -> None:
    """Put rows into the table, in the place of those of the same task, recipe, seed and windows."""
    name = ("task", "recipe", "seed", "before")
    kept: list[dict[str, object]] = []
    if TABLE.exists():
        with TABLE.open(newline="", encoding="utf-8") as file:
            kept = [dict(row) for row in csv.DictReader(file)]
    mine = tuple(str(found[0][column]) for column in name)
    kept = [row for row in kept if tuple(str(row[column]) for column in name) != mine]
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(found[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows([*kept, *found])


def main() -> None:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--task", required=True)
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--before", type=int, default=0, metavar="K", help="judge on K windows before the task's own"
    )
    asked = parser.parse_args()
    found = []
    for row in rows(asked):
        print(*row.values(), sep="\t", flush=True)
        found.append(dict(row))
    keep(found)


if __name__ == "__main__":
    main()
