"""Boosted trees, direct quantiles of every step, one model a level over all items (Friedman 2001, Annals of Statistics 29(5)).

A row of the table that the trees learn from is an item, an origin and a step ahead of it. Its target is the distance from
the recent values of the same phase of the season, in units of how much these change: trees cannot extrapolate, and so they
need not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foretell.errors import ForetellError
from foretell.forecast import Forecast
from foretell.neural import seasonal_lags
from foretell.panel import Array, Panel, Schema
from foretell.recipe import State, settings_of
from foretell.scaling import StaticScale, window_scale
from foretell.task import Run, Task, check_levels
from foretell.trees import MOST_CODES, MOST_LEAVES, Trees
from foretell.windows import Moments, Windows, sample_windows, training_spans

QUANTILE_LEVELS = (0.025, 0.1, 0.3, 0.5, 0.7, 0.9, 0.975)
REPEATS = 4  # seasons whose values of the same phase are looked at
NEIGHBOURS = (-2, -1, 1, 2)  # steps around the one forecast whose known covariates are looked at
CHUNK = 20_000  # rows gathered at a time
EVENNESS = 0.25  # weight of a row against its unit, as in mqrnn


@dataclass(frozen=True, slots=True, kw_only=True)
class Boosting:
    """Histogram gradient boosting (scikit-learn) on lags, recent levels, covariates, calendar and statics."""

    name: ClassVar[str] = "boosting"
    context_length: int | None = None  # steps before an origin; default: two horizons or the longest season
    max_steps: int = 100  # boosting rounds, a tree each, of every model
    learning_rate: float = 0.1  # share of each tree that counts
    max_leaf_nodes: int = 31  # leaves of a tree, at most 32
    min_samples_leaf: int = 40  # rows of a leaf, at least
    max_rows: int = 200_000  # rows learnt from, at most
    cold_share: float = 0.1  # share of those whose history is hidden or cut short, as a new item's is

    def fit(self, panel: Panel, task: Task, run: Run) -> BoostingPredictor:
        """Train on what lies before each item's origin."""
        if not 2 <= self.max_leaf_nodes <= MOST_LEAVES:
            raise ForetellError(
                f"boosting.max_leaf_nodes must be from 2 to {MOST_LEAVES}, got {self.max_leaf_nodes}"
            )
        if not (panel.stop > 1).any():
            raise ForetellError("boosting needs at least one item with two steps of history to learn from")
        recipe = replace(self, context_length=self.context_length or _context(panel, task))
        moments, scale = Moments.of(panel), StaticScale.fit(panel)
        table = Table(recipe, panel, task, moments, scale)
        rows = table.training(run.seed)
        levels = tuple(sorted({*QUANTILE_LEVELS, *task.levels})) if False else QUANTILE_LEVELS
        codes = panel.static_cat.shape[1]
        models = [_grown(recipe, rows, level, codes, run.seed) for level in (None, *levels)]
        return BoostingPredictor(recipe, Trees.of(models), levels, moments, scale, task)

    def load(self, schema: Schema, task: Task, state: State, run: Run) -> BoostingPredictor:
        """The predictor whose `state` this is."""
        facts, arrays = state
        return BoostingPredictor(
            replace(self, **facts["settings"]), Trees.of_arrays(arrays), tuple(facts["levels"]),
            Moments.of_arrays(arrays), StaticScale.of_arrays(arrays), task,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class BoostingPredictor:
    """The trees of the mean and of each level, with what is needed to make their rows."""

    recipe: Boosting  # resolved
    trees: Trees  # of the mean, then of each level
    levels: tuple[float, ...]
    moments: Moments
    scale: StaticScale
    task: Task

    def predict(self, panel: Panel, *, levels: Sequence[float] | None = None) -> Forecast:
        """Forecast each item from its origin on."""
        wanted = self.task.levels if levels is None else check_levels(levels)
        n, horizon = len(panel), self.task.horizon
        table = Table(self.recipe, panel, self.task, self.moments, self.scale)
        out = np.empty((n * horizon, 1 + len(self.levels)))
        items, steps = torch.arange(n).repeat_interleave(horizon), torch.arange(horizon).repeat(n)
        for begin in range(0, n * horizon, CHUNK):
            part = slice(begin, begin + CHUNK)
            rows = table.rows(items[part], table.windows.origin[items[part]], steps[part])
            out[part] = rows.location[:, None] + rows.scale[:, None] * self.trees.predict(rows.features)
        out = out.reshape(n, horizon, -1)
        quantiles = between_levels(np.sort(out[..., 1:], axis=-1), self.levels, wanted)
        return Forecast.build(panel, wanted, quantiles, out[..., 0])

    def state(self) -> State:
        """The resolved hyperparameters and levels as JSON; trees, moments and scales as arrays."""
        facts: dict[str, Any] = {"settings": settings_of(self.recipe), "levels": list(self.levels)}
        return facts, {**self.trees.arrays(), **self.moments.arrays(), **self.scale.arrays()}


class Rows(NamedTuple):
    """B rows of the table; target = location + scale * what the trees say."""

    features: Array  # [B, F], NaN where missing; the categories first
    location: NDArray[np.float64]  # [B]
    scale: NDArray[np.float64]  # [B]
    target: NDArray[np.float64]  # [B] what the trees are to say
    weight: NDArray[np.float64]  # [B]


class Table:
    """A panel as rows of (item, origin, step ahead)."""

    def __init__(
        self, recipe: Boosting, panel: Panel, task: Task, moments: Moments, scale: StaticScale
    ) -> None:
        assert recipe.context_length is not None
        self.recipe, self.horizon, self.length = recipe, task.horizon, recipe.context_length
        self.windows = Windows(panel, moments, horizon=task.horizon, context=self.length)
        self.scale = torch.from_numpy(scale.predict(panel))
        self.seasons = panel.schema.seasons
        self.lags = torch.tensor(seasonal_lags(panel.schema, repeats=REPEATS))  # [L, 2]
        self.calendar = len(panel.frequency.calendar_names())
        self.spans = [s for s in self._recent(panel.season) if s <= self.length]

    @staticmethod
    def _recent(season: int) -> list[int]:
        return sorted({1, 3, season, 2 * season, 4 * season, 8 * season})

    def training(self, seed: int) -> Rows:
        """Random rows before the origins, `max_rows` of them or all that there are about."""
        recipe, windows = self.recipe, self.windows
        generator = torch.Generator().manual_seed(seed)
        count = int(min(recipe.max_rows, int(windows.panel.stop.sum()) * self.horizon))
        items, origins = sample_windows(training_spans(windows.panel), count, generator)
        draws = torch.rand(4, count, generator=generator)
        steps = (draws[0] * torch.minimum(windows.origin[items] - origins, torch.tensor(self.horizon))).long()
        short = torch.where(draws[2] < 0.5, 0, (draws[3] * self.length).long())
        kept = torch.where(draws[1] < recipe.cold_share, short, torch.iinfo(torch.int64).max // 2)
        parts = []
        for begin in range(0, count, CHUNK):
            part = slice(begin, begin + CHUNK)
            rows = self.rows(items[part], origins[part], steps[part], kept[part])
            there = ~np.isnan(rows.target)
            parts.append(Rows(*(column[there] for column in rows)))
        return Rows(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def rows(self, items: Tensor, origins: Tensor, steps: Tensor, kept: Tensor | None = None) -> Rows:
        """The rows of `items`, `origins` and `steps` [B]; only the last `kept` [B] steps before an origin are seen."""
        windows = self.windows
        kept = torch.full_like(items, torch.iinfo(torch.int64).max // 2) if kept is None else kept
        when = origins + steps
        before = torch.arange(-self.length, 0)
        values, observed = windows.target(items, origins[:, None] + before)
        seen = observed & (before >= -kept[:, None])
        moments = window_scale(values, seen, self.scale[items])
        middle, deviation = moments[:, :1], moments[:, 1:]
        context = torch.where(seen, (values - middle) / deviation, torch.nan)  # [B, T]
        ages, lags = self._lagged(items, origins, steps, kept)
        lags = ((lags - middle) / deviation).clamp(-20, 20)
        base, unit, errors = self._anchor(context, lags)
        truth, there = windows.target(items, when)
        z = (truth - middle[:, 0]) / deviation[:, 0]
        target = torch.where(there, ((z - base) / unit).clamp(-20, 20), torch.nan)
        known = self._covariates(items, when, ages)
        recent = self._recently(context, base, unit)
        features = [
            windows.static_cat[items].float(),
            torch.stack([steps.float(), base, unit, seen.sum(1).float(), (deviation / middle.abs().clamp(min=1e-9))[:, 0]], 1),
            errors, (lags - base[:, None]) / unit[:, None], recent, known,
            windows.static_real[items], self._past(items, origins, kept),
        ]  # fmt: skip
        return Rows(
            torch.cat(features, dim=1).numpy().astype(np.float32),
            (middle[:, 0] + deviation[:, 0] * base).double().numpy(),
            (deviation[:, 0] * unit).double().numpy(),
            target.double().numpy(), (unit ** (1 - EVENNESS)).double().numpy(),
        )  # fmt: skip

    def _lagged(self, items: Tensor, origins: Tensor, steps: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        """[B, L] how far back the latest values of the same phase lie, and these; NaN where not seen."""
        season, repeat = self.lags.T
        back = season * (steps[:, None] // season + 1 + repeat)
        values, observed = self.windows.target(items, (origins + steps)[:, None] - back)
        seen = observed & (back - steps[:, None] <= kept[:, None])
        return back, torch.where(seen, values, torch.nan)

    def _anchor(self, context: Tensor, lags: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[B] the base, [B] its unit, and [B, seasons] the season errors."""
        errors, bases = [], []
        for position, season in enumerate(self.seasons):
            change = (context[:, season:] - context[:, :-season]).abs()
            errors.append(torch.nanmean(change, 1) if change.shape[1] else context.new_full((len(context),), torch.nan))
            bases.append(torch.nanmean(lags[:, position * REPEATS : (position + 1) * REPEATS], 1))
        error, base = torch.stack(errors, 1), torch.stack(bases, 1)
        rank = torch.where(torch.isnan(base), torch.inf, torch.nan_to_num(error, nan=3.0))
        best = rank.argmin(1, keepdim=True)
        chosen = torch.nan_to_num(base.gather(1, best)[:, 0])
        unit = torch.nan_to_num(error.gather(1, best)[:, 0], nan=1.0).clamp(0.01, 3)
        return chosen, unit, error

    def _recently(self, context: Tensor, base: Tensor, unit: Tensor) -> Tensor:
        parts = []
        for span in self.spans:
            last = context[:, -span:]
            mean = torch.nanmean(last, 1)
            parts.append((mean - base) / unit)
            if span > 3:
                parts.append(torch.nanmean((last - mean[:, None]) ** 2, 1).sqrt())
        return torch.stack(parts, 1)

    def _covariates(self, items: Tensor, when: Tensor, ages: Tensor) -> Tensor:
        around = torch.tensor([0, *NEIGHBOURS])
        here = self.windows.covariates(items, when[:, None] + around)
        width = here.shape[-1] - self.calendar
        parts = [here[:, 0], here[:, 1:, :width].flatten(1)]
        if width:
            then = self.windows.covariates(items, when[:, None] - ages[:, :REPEATS])[..., :width]
            parts.append(here[:, 0, :width] - then.mean(1))
        phase = torch.stack([when % season for season in self.seasons], 1).float()
        return torch.cat([*parts, phase], 1)

    def _past(self, items: Tensor, origins: Tensor, kept: Tensor) -> Tensor:
        last = self.windows.past(items, origins[:, None] - 1)[:, 0]
        return torch.where((kept > 0)[:, None], last, torch.nan)


def between_levels(quantiles: NDArray[np.float64], have: Sequence[float], want: Sequence[float]) -> NDArray[np.float64]:
    """Rising quantiles [..., Q] at the levels `have` -> [..., len(want)], linear in the normal score, beyond the ends too."""
    from scipy.special import ndtri

    scores, asked = ndtri(np.asarray(have)), ndtri(np.asarray(want))
    right = np.clip(np.searchsorted(scores, asked), 1, len(scores) - 1)
    weight = (asked - scores[right - 1]) / (scores[right] - scores[right - 1])
    low, high = quantiles[..., right - 1], quantiles[..., right]
    return np.asarray(low + (high - low) * weight)


def _context(panel: Panel, task: Task) -> int:
    return max(2 * task.horizon, max(panel.schema.seasons) * 2, 8)


def _grown(recipe: Boosting, rows: Rows, level: float | None, codes: int, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    loss = {"loss": "squared_error"} if level is None else {"loss": "quantile", "quantile": level}
    model = HistGradientBoostingRegressor(
        **loss, max_iter=recipe.max_steps, learning_rate=recipe.learning_rate, max_leaf_nodes=recipe.max_leaf_nodes,
        min_samples_leaf=recipe.min_samples_leaf, early_stopping=False, random_state=seed,
    )  # fmt: skip
    return model.fit(rows.features, rows.target)
