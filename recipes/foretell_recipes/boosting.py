"""Boosted trees, direct quantiles of every step, one model a level over all items (Friedman 2001, Annals of Statistics 29(5)).

A row of the table that the trees learn from is an item, an origin and a step ahead of it. Its target is the distance from
the latest values of the same phase of the season, in units of how much these change from one season to the next: trees
cannot extrapolate, and so they need not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from torch import Tensor

from foretell.data.arrays import Array
from foretell.data.panel import Panel
from foretell.data.schema import Schema
from foretell.data.static_scale import StaticScale
from foretell.errors import ForetellError
from foretell.recipe.forecast import Forecast
from foretell.recipe.hyperparameters import settings_of
from foretell.recipe.protocols import Abilities, State
from foretell.recipe.task import Run, Task
from foretell.system.processes import CPU_THREADS
from foretell.system.time_budget import Budget
from foretell.tabular.tree_arrays import MOST_CODES, MOST_LEAVES, Trees
from foretell.windows.covariate_scale import CovariateScale
from foretell.windows.lags import seasonal_lags
from foretell.windows.sampling import sample_windows, training_spans
from foretell.windows.target_scale import window_scale
from foretell.windows.windows import Windows

# Axes in names: B row, T step of the context, L lag, S season, F feature.

LEVELS = (0.025, 0.1, 0.3, 0.5, 0.7, 0.9, 0.975)  # that have trees of their own; others lie between these
REPEATS = 4  # seasons whose values of the same phase are looked at
NEIGHBOURS = (-2, -1, 1, 2)  # steps around the one that is forecast whose known covariates are looked at
LONGEST_CONTEXT = 2000
FARTHEST = 20.0  # units that a target lies from its base, at most: one slip must not rule the squared error
TABLE = 0.35  # share of a time limit after which no more rows are made
GROWN = 0.9  # share of it at which the last model should be grown; the rest is for a machine that slows down
PILOT = 10_000  # rows that a first model is grown from, to see how long it takes
_NUMBERS = 8_000_000  # of contexts gathered at a time
_EVER = torch.iinfo(torch.int64).max // 2  # longer than any history


@dataclass(frozen=True, slots=True, kw_only=True)
class Boosting:
    """Histogram gradient boosting (scikit-learn) on lags, recent levels, covariates, calendar and statics."""

    name: ClassVar[str] = "boosting"
    # within a time limit it learns from fewer rows
    abilities: ClassVar[Abilities] = Abilities(time_limit=True, ensemble=True, cost=20)
    context_length: int | None = None  # steps before an origin; default: two horizons or two longest seasons
    max_steps: int = 100  # boosting rounds, a tree each, of every model
    learning_rate: float = 0.1  # share of each tree that counts
    max_leaf_nodes: int = 31  # leaves of a tree, at most 32
    min_samples_leaf: int = 40  # rows of a leaf, at least
    max_rows: int = 200_000  # rows learnt from, at most
    cold_share: float = 0.1  # share of those whose history is hidden or cut short, as a new item's is

    def fit(self, panel: Panel, task: Task, run: Run) -> BoostingPredictor:
        """Train on what lies before each item's origin."""
        budget = Budget(run.time_limit or math.inf)
        if not 2 <= self.max_leaf_nodes <= MOST_LEAVES:
            raise ForetellError(
                f"boosting.max_leaf_nodes must be from 2 to {MOST_LEAVES}, got {self.max_leaf_nodes}"
            )
        context = self.context_length or max(2 * task.horizon, 2 * max(panel.schema.seasons), 8)
        recipe = replace(self, context_length=min(context, LONGEST_CONTEXT))
        moments, scale = CovariateScale.of(panel), StaticScale.fit(panel)
        features, target = _Table(recipe, panel, task, moments, scale).training(run.seed, budget)
        ranks = _ranks(features, panel.static_cat.shape[1])
        features = _ranked(features, ranks)
        # on a machine that does other work too, threads that wait for one another take a hundred times as long
        with threadpool_limits(run.threads or CPU_THREADS):
            rows = _affordable(recipe, features, target, len(ranks), budget)
            models = [
                _grown(recipe, features[:rows], target[:rows], level, len(ranks), run.seed)
                for level in (None, *LEVELS)
            ]
        return BoostingPredictor(recipe, Trees.of(models), LEVELS, ranks, moments, scale, task)

    def load(self, schema: Schema, task: Task, state: State, run: Run) -> BoostingPredictor:
        """The predictor whose `state` this is."""
        facts, arrays = state
        return BoostingPredictor(
            replace(self, **facts["settings"]),
            Trees.of_arrays(arrays),
            tuple(facts["levels"]),
            arrays["ranks"],
            CovariateScale.of_arrays(arrays),
            StaticScale.of_arrays(arrays),
            task,
        )


@dataclass(frozen=True, slots=True)
class BoostingPredictor:
    """The trees of the mean and of each level, with what is needed to make their rows."""

    recipe: Boosting  # resolved
    trees: Trees  # of the mean, then of each level
    levels: tuple[float, ...]
    ranks: Array  # [C, codes] what `_ranked` puts in place of a static category's code
    moments: CovariateScale
    scale: StaticScale
    task: Task

    def predict(self, panel: Panel, *, levels: Sequence[float]) -> Forecast:
        """Forecast each item from its origin on, a chunk of rows at a time."""
        wanted = tuple(levels)
        n, horizon = len(panel), self.task.horizon
        table = _Table(self.recipe, panel, self.task, self.moments, self.scale)
        items, steps = torch.arange(n).repeat_interleave(horizon), torch.arange(horizon).repeat(n)
        said = np.empty((n * horizon, 1 + len(self.levels)))
        for part in table.chunks(len(items)):
            rows = table.rows(items[part], table.windows.origin[items[part]], steps[part])
            out = self.trees.predict(_ranked(rows.features, self.ranks))
            said[part] = rows.location[:, None] + rows.scale[:, None] * out
        quantiles = between_levels(np.sort(said[:, 1:], axis=-1), self.levels, wanted)
        return Forecast.build(
            panel, wanted, quantiles.reshape(n, horizon, -1), said[:, 0].reshape(n, horizon)
        )

    def state(self) -> State:
        """The resolved hyperparameters and levels as JSON; trees, ranks, moments and scales as arrays."""
        facts: dict[str, Any] = {"settings": settings_of(self.recipe), "levels": list(self.levels)}
        arrays = {**self.trees.arrays(), **self.moments.arrays(), **self.scale.arrays()}
        return facts, {**arrays, "ranks": self.ranks}


class _Rows(NamedTuple):
    """B rows of the table; the forecast is location + scale * what the trees say."""

    features: Array  # [B, F], NaN where missing; the codes of the static categories first
    location: NDArray[np.float64]  # [B]
    scale: NDArray[np.float64]  # [B]


class _View(NamedTuple):
    """What is seen from the origins of B rows, standardised by the moments of their contexts."""

    middle: Tensor  # [B]
    deviation: Tensor  # [B]
    context: Tensor  # [B, T] NaN where not seen
    back: Tensor  # [B, L] steps from the one forecast back to each lag
    lags: Tensor  # [B, L] NaN where not seen
    errors: Tensor  # [B, S] mean change from one season to the next, NaN where none is seen
    base: Tensor  # [B] mean of the lags of the season that errs least, 0 where none is seen
    unit: Tensor  # [B] its error


class _Table:
    """A panel as rows of (item, origin, step ahead)."""

    def __init__(
        self, recipe: Boosting, panel: Panel, task: Task, moments: CovariateScale, scale: StaticScale
    ) -> None:
        assert recipe.context_length is not None
        self.recipe, self.horizon, self.length = recipe, task.horizon, recipe.context_length
        self.windows = Windows(panel, moments, horizon=task.horizon + max(NEIGHBOURS), context=self.length)
        self.scale = torch.from_numpy(scale.predict(panel))
        self.seasons, season = panel.schema.seasons, panel.season
        self.pairs = torch.tensor(seasonal_lags(panel.schema, repeats=REPEATS))  # [L, 2]
        self.calendar = len(panel.frequency.calendar_names())
        self.spans = [
            n for n in sorted({1, 3, season, 2 * season, 4 * season, 8 * season}) if n <= self.length
        ]

    def chunks(self, count: int) -> Iterator[slice]:
        """`count` rows in parts that fit memory."""
        size = max(256, _NUMBERS // self.length)
        return (slice(begin, begin + size) for begin in range(0, count, size))

    def training(self, seed: int, budget: Budget) -> tuple[Array, NDArray[np.float64]]:
        """Features and target of random rows before the origins: `max_rows`, or fewer when histories or time are short."""
        windows, horizon = self.windows, torch.tensor(self.horizon)
        room = int(np.where(windows.panel.stop > 1, windows.panel.stop, 0).sum())
        count = min(self.recipe.max_rows, room * self.horizon)
        if count == 0:
            raise ForetellError("boosting needs at least one item with two steps of history to learn from")
        generator = torch.Generator().manual_seed(seed)
        items, origins = sample_windows(training_spans(windows.panel), count, generator)
        draws = torch.rand(4, count, generator=generator)
        steps = (draws[0] * torch.minimum(windows.origin[items] - origins, horizon)).long()
        short = torch.where(draws[2] < 0.5, 0, (draws[3] * self.length).long())
        kept = torch.where(draws[1] < self.recipe.cold_share, short, _EVER)
        parts: list[tuple[Array, NDArray[np.float64]]] = []
        for p in self.chunks(count):
            if parts and budget.left(TABLE) == 0:
                break
            parts.append(self._learnt(items[p], origins[p], steps[p], kept[p]))
        features, target = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        if len(target) == 0:
            raise ForetellError("boosting found no observed step with a step before it to learn from")
        features[:, np.isnan(features).all(0)] = 0  # scikit-learn cannot bin a column of nothing
        return features, target

    def _learnt(
        self, items: Tensor, origins: Tensor, steps: Tensor, kept: Tensor
    ) -> tuple[Array, NDArray[np.float64]]:
        """Features and target of those rows whose step was observed."""
        truth, there = self.windows.target(items, origins + steps)
        chosen = torch.nonzero(there)[:, 0]
        rows = self.rows(items[chosen], origins[chosen], steps[chosen], kept[chosen])
        target = (truth[chosen].double().numpy() - rows.location) / rows.scale
        return rows.features, target.clip(-FARTHEST, FARTHEST)

    def rows(self, items: Tensor, origins: Tensor, steps: Tensor, kept: Tensor | None = None) -> _Rows:
        """The rows of `items`, `origins` and `steps` [B]; only the last `kept` [B] steps before an origin are seen."""
        kept = torch.full_like(items, _EVER) if kept is None else kept
        view = self._view(items, origins, steps, kept)
        features = [
            self.windows.static_cat[items].float(),
            self.windows.static_real[items],
            torch.stack([steps.float(), view.base, view.unit], 1),
            (~torch.isnan(view.context)).sum(1, keepdim=True).float(),
            view.deviation[:, None] / view.middle[:, None].abs().clamp(min=1e-9),
            view.errors,
            (view.lags - view.base[:, None]) / view.unit[:, None],
            self._recent(view),
            self._covariates(items, origins + steps, view.back),
            torch.where((kept > 0)[:, None], self.windows.past(items, origins[:, None] - 1)[:, 0], torch.nan),
        ]
        return _Rows(
            features=torch.cat(features, dim=1).numpy().astype(np.float32),
            location=(view.middle.double() + view.deviation.double() * view.base).numpy(),
            scale=(view.deviation.double() * view.unit).numpy(),
        )

    def _view(self, items: Tensor, origins: Tensor, steps: Tensor, kept: Tensor) -> _View:
        before = torch.arange(-self.length, 0)
        values, observed = self.windows.target(items, origins[:, None] + before)
        seen = observed & (before >= -kept[:, None])
        moments = window_scale(values, seen, self.scale[items])
        middle, deviation = moments[:, :1], moments[:, 1:]
        context = torch.where(seen, (values - middle) / deviation, torch.nan)
        season, repeat = self.pairs.T
        back = season * (steps[:, None] // season + 1 + repeat)
        values, observed = self.windows.target(items, (origins + steps)[:, None] - back)
        seen = observed & (back - steps[:, None] <= kept[:, None])
        lags = torch.where(seen, ((values - middle) / deviation).clamp(-20, 20), torch.nan)
        errors = torch.stack([_season_error(context, season) for season in self.seasons], 1)
        return _View(middle[:, 0], deviation[:, 0], context, back, lags, errors, *self._anchor(errors, lags))

    def _anchor(self, errors: Tensor, lags: Tensor) -> tuple[Tensor, Tensor]:
        """[B] base and [B] unit of each row: those of the season that errs least among those with a value."""
        phases = lags[:, : len(self.seasons) * REPEATS].unflatten(1, (len(self.seasons), REPEATS)).nanmean(2)
        rank = torch.where(torch.isnan(phases), torch.inf, torch.nan_to_num(errors, nan=1e6))
        best = rank.argmin(1, keepdim=True)
        base, unit = phases.gather(1, best)[:, 0], errors.gather(1, best)[:, 0]
        return torch.nan_to_num(base, nan=0.0), torch.nan_to_num(unit, nan=1.0).clamp(0.01, 3)

    def _recent(self, view: _View) -> Tensor:
        """[B, F] mean of the last steps of the context, from the base in its units, and their deviation."""
        columns = []
        for span in self.spans:
            last = view.context[:, -span:]
            mean = last.nanmean(1)
            columns += [(mean - view.base) / view.unit, ((last - mean[:, None]) ** 2).nanmean(1).sqrt()]
        return torch.stack(columns, 1)

    def _covariates(self, items: Tensor, when: Tensor, back: Tensor) -> Tensor:
        """[B, F] known covariates of the step, of its neighbours, and against the lags'; calendar and phases."""
        here = self.windows.covariates(items, when[:, None] + torch.tensor([0, *NEIGHBOURS]))
        width = here.shape[-1] - self.calendar
        then = self.windows.covariates(items, when[:, None] - back[:, :REPEATS])[..., :width].mean(1)
        phases = torch.stack([when % season for season in self.seasons], 1).float()
        return torch.cat([here[:, 0], here[:, 1:, :width].flatten(1), here[:, 0, :width] - then, phases], 1)


def between_levels(
    quantiles: NDArray[np.float64], have: Sequence[float], want: Sequence[float]
) -> NDArray[np.float64]:
    """Rising quantiles [..., Q] at levels `have` -> [..., len(want)], linear in the normal score, beyond the ends as well."""
    from scipy.special import ndtri

    scores, asked = ndtri(np.asarray(have)), ndtri(np.asarray(want))
    right = np.clip(np.searchsorted(scores, asked), 1, len(scores) - 1)
    weight = (asked - scores[right - 1]) / (scores[right] - scores[right - 1])
    low, high = quantiles[..., right - 1], quantiles[..., right]
    return np.asarray(low + (high - low) * weight)


def _season_error(context: Tensor, season: int) -> Tensor:
    """[B] mean absolute change over a season of `context` [B, T]; NaN where no pair of steps is seen."""
    if context.shape[1] <= season:
        return torch.full((len(context),), torch.nan)
    return (context[:, season:] - context[:, :-season]).abs().nanmean(1)


def _ranks(features: Array, count: int) -> Array:
    """[C, codes]: the rank of each code among those that the first `count` features have; NaN for others, and for the rarest.

    scikit-learn numbers the codes it has seen in this way, and takes so many of them at most.
    """
    codes = features[:, :count].astype(np.int64)
    ranks = np.full((count, int(codes.max(initial=0)) + 1), np.nan, np.float32)
    for c in range(count):
        seen, often = np.unique(codes[:, c], return_counts=True)
        kept = np.sort(seen[np.argsort(-often, kind="stable")[:MOST_CODES]])
        ranks[c, kept] = np.arange(len(kept))
    return ranks


def _ranked(features: Array, ranks: Array) -> Array:
    """The features with the ranks of the static categories' codes in their place."""
    result = features.copy()
    for c, rank in enumerate(ranks):
        codes = features[:, c].astype(np.int64)
        result[:, c] = np.where(codes < len(rank), rank[np.minimum(codes, len(rank) - 1)], np.nan)
    return result


def _affordable(
    recipe: Boosting, features: Array, target: NDArray[np.float64], categorical: int, budget: Budget
) -> int:
    """How many of the rows all models can learn from in the time that is left."""
    if math.isinf(budget.limit) or len(target) <= PILOT:
        return len(target)
    before = budget.spent
    _grown(recipe, features[:PILOT], target[:PILOT], 0.5, categorical, 0)
    seconds = (budget.spent - before) * (1 + len(LEVELS))
    return int(np.clip(PILOT * budget.left(GROWN) / seconds, PILOT, len(target)))


def _grown(
    recipe: Boosting,
    features: Array,
    target: NDArray[np.float64],
    level: float | None,
    categorical: int,
    seed: int,
) -> Any:
    """scikit-learn's fitted model of one level, or of the mean."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    loss = {"loss": "squared_error"} if level is None else {"loss": "quantile", "quantile": level}
    model = HistGradientBoostingRegressor(
        **loss,
        max_iter=recipe.max_steps,
        learning_rate=recipe.learning_rate,
        max_leaf_nodes=recipe.max_leaf_nodes,
        min_samples_leaf=recipe.min_samples_leaf,
        categorical_features=list(range(categorical)),
        early_stopping=False,
        random_state=seed,
    )
    return model.fit(features, target)
