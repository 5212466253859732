"""Forecasts made at each level and reconciled by trace minimisation (Wickramasuriya, Athanasopoulos and Hyndman 2019, JASA 114).

The reconciliation is hierarchicalforecast's `MinTrace`; what goes into it are forecasts of a recipe that is trained at each level, and
their errors in windows of the past that it was not trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from foretell.data.arrays import Array, Floats
from foretell.data.item_floors import item_floors
from foretell.data.panel import Panel
from foretell.errors import ForetellError
from foretell.hierarchy.group_panel import group_panel
from foretell.hierarchy.groups import groups_of, levels_of
from foretell.models.fitting import fit_model
from foretell.recipe.extras import missing_library
from foretell.recipe.forecast import Forecast
from foretell.recipe.item_groups import ItemGroups, columns_of_items
from foretell.recipe.protocols import Recipe
from foretell.recipe.task import Run, Task

WINDOWS: Final = 4  # of the past, at most, whose errors say how levels err together
LEAST_WINDOWS: Final = 2
MOST_SERIES: Final = 5_000  # of all levels: a matrix has a row and a column for each


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """What one level says before anything is reconciled."""

    groups: ItemGroups
    mean: Floats  # [n, H]
    errors: Floats  # [n, W, H] actual - mean in windows of the past, earliest first; NaN where not observed


def with_reconciled_means(
    forecast: Forecast, panel: Panel, by: Sequence[str], recipe: Recipe, task: Task, run: Run
) -> Forecast:
    """The joint `forecast` of the items of `panel`, moved to the means that all levels of `by` agree on.

    Each item's quantiles move with its mean: in proportion where it was never negative, else by the difference. Raises
    ForetellError without hierarchicalforecast, where histories are too short for windows of the past, and for too many series.
    """
    items = groups_of(panel, None)
    levels = [groups_of(panel, columns) for columns in levels_of(by, columns_of_items(panel.keys, panel))]
    _check(panel, task, sum(map(len, levels)) + len(items))
    parts = [_level(panel, groups, recipe, task, run) for groups in levels]
    parts.append(Level(items, forecast.mean.astype(np.float64), _errors(panel, recipe, task, run)))
    return moved(forecast, panel, reconciled(parts, seed=run.seed))


def _check(panel: Panel, task: Task, series: int) -> None:
    """Raises ForetellError for what cannot be reconciled, before anything is trained."""
    try:
        import hierarchicalforecast  # noqa: F401
    except ImportError as error:
        raise missing_library("method='mint'", "hierarchicalforecast", extra="hierarchy") from error
    if series > MOST_SERIES:
        raise ForetellError(
            f"method='mint' reconciles {MOST_SERIES:,} series of all levels at most, and these are {series:,}: method='paths' has"
            " no such limit"
        )
    if _windows(panel, task) < LEAST_WINDOWS:
        raise ForetellError(
            f"histories are too short for method='mint': it needs {(LEAST_WINDOWS + 2) * task.horizon} steps, of which the longest"
            f" has {int(panel.stop.max(initial=0))}. Ask for a shorter horizon, or for method='paths'."
        )


def _windows(panel: Panel, task: Task) -> int:
    """Windows of the past: those that leave as much again as two of them to train on."""
    return min(int(panel.stop.max(initial=0)) // task.horizon - 2, WINDOWS)


def _level(panel: Panel, groups: ItemGroups, recipe: Recipe, task: Task, run: Run) -> Level:
    """The forecasts of one level, of the recipe trained there."""
    own = group_panel(panel, groups, task.horizon)
    mean = fit_model(recipe, own, task, run).forecast(own).mean
    return Level(groups, mean.astype(np.float64), _errors(own, recipe, task, run))


def _errors(panel: Panel, recipe: Recipe, task: Task, run: Run) -> Floats:
    """[N, W, H] actual - mean in windows of the past, earliest first, by the recipe trained on what came before them all."""
    count, horizon = _windows(panel, task), task.horizon
    model = fit_model(recipe, panel.before(count * horizon), task, run)
    errors = np.empty((len(panel), count, horizon))
    for k in range(count):
        there = panel.before((count - k) * horizon)
        truth = panel.target_at(np.arange(len(panel)), there.origin[:, None] + np.arange(horizon))
        errors[:, k] = truth - model.forecast(there).mean
    return errors


def reconciled(levels: Sequence[Level], *, seed: int) -> Floats:
    """[N, H] the means of the items, the last of `levels`, that agree best with those of all levels; some may be below 0.

    Raises ForetellError where hierarchicalforecast finds none.
    """
    from hierarchicalforecast.methods import MinTrace

    items = len(levels[-1].mean)
    sums = np.concatenate([np.eye(len(level.groups))[:, level.groups.group] for level in levels])
    mean = np.concatenate([level.mean for level in levels])
    errors = _usable(np.concatenate([level.errors for level in levels]), mean, seed)
    try:
        found = MinTrace("mint_shrink").fit_predict(
            S=sums, y_hat=mean, y_insample=errors, y_hat_insample=np.zeros_like(errors)
        )["mean"]
    except Exception as error:  # it raises plain Exceptions
        raise ForetellError(
            f"hierarchicalforecast cannot reconcile these forecasts: {error}. method='paths' does without it."
        ) from error
    if not np.isfinite(found).all():
        raise ForetellError(
            "hierarchicalforecast made means that are no numbers: method='paths' does without it"
        )
    return np.asarray(found[-items:], np.float64)


def _usable(errors: Floats, mean: Floats, seed: int) -> Floats:
    """[M, W * H] the errors, with those of series that have none, or always the same, made up: as large as the forecasts."""
    flat = errors.reshape(len(errors), -1).copy()
    seen = ~np.isnan(flat)
    largest = np.where(seen, np.abs(flat), 0).max(1)
    spread = np.where(seen, np.abs(flat - flat[:, :1]), 0).max(1)
    poor = np.flatnonzero(
        (seen.sum(1) < 3) | (spread <= 1e-6 * largest) | np.isnan(flat[:, 0]) & (largest == 0)
    )
    size = np.maximum(np.abs(mean[poor]).mean(1), 1e-3 * max(float(np.abs(mean).mean()), 1e-9))
    flat[poor] = np.random.default_rng(seed).standard_normal((len(poor), flat.shape[1])) * size[:, None]
    return flat


def moved(forecast: Forecast, panel: Panel, mean: Floats) -> Forecast:
    """`forecast`, each step moved to `mean` [N, H]; closed steps stay 0."""
    floor = item_floors(panel, new=0.0)[:, None]
    wanted = np.where(panel.closed(forecast.horizon), 0, np.maximum(mean, floor))
    old = forecast.mean.astype(np.float64)
    grown = (floor >= 0) & (old > 0)
    factor = np.divide(wanted, old, out=np.ones_like(old), where=grown)
    more = np.where(grown, 0, wanted - old)

    def move(values: Array) -> Array:
        return np.asarray(values * factor[..., None] + more[..., None], np.float32)

    margins = forecast.margins
    assert margins is not None
    return replace(
        forecast,
        mean=wanted.astype(np.float32),
        quantiles=move(forecast.quantiles),
        margins=replace(margins, quantiles=move(margins.quantiles)),
        before=None,
    )
