"""A panel as rows of (item, origin, step): what a model of a table, such as boosted trees, learns and forecasts from.

A row describes one step ahead of an origin, by what was seen before that origin and what is known of the step. Its target is
the distance from the latest values of the same phase of the season, in units of how much these change from one season to
the next: trees cannot extrapolate, and so they need not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from foretell.data.arrays import Array, Floats
from foretell.data.large_values import too_large
from foretell.data.panel import Panel
from foretell.data.static_scale import StaticScale
from foretell.errors import ForetellError
from foretell.system.time_budget import Budget
from foretell.windows.covariate_scale import CovariateScale
from foretell.windows.lags import seasonal_lags
from foretell.windows.sampling import SHUT, sample_windows, training_spans
from foretell.windows.target_scale import item_scale
from foretell.windows.windows import Windows

# Axes in names: B row, T step of the context, L lag, S season, F feature.

REPEATS: Final = 4  # seasons whose values of the same phase are looked at
NEIGHBOURS: Final = (
    -2,
    -1,
    1,
    2,
)  # steps around the one that is forecast whose known covariates are looked at
FARTHEST: Final = (
    20.0  # units that a target lies from its base, at most: one slip must not rule the squared error
)
MAKING: Final = 0.35  # share of a time limit after which no more training rows are made
_NUMBERS = 8_000_000  # of contexts gathered at a time
_EVER: Final = torch.iinfo(torch.int64).max // 2  # longer than any history


class Rows(NamedTuple):
    """B rows; a forecast is location + scale * what the model says of the features.

    Example:
        >>> from foretell.tabular import Rows
        >>> rows = Rows(np.zeros((2, 5), np.float32), location=np.array([10.0, 0.0]), scale=np.array([2.0, 1.0]))
        >>> rows.location + rows.scale * np.array([0.5, 0.5])  # what a model said of each row
        array([11. ,  0.5])
    """

    features: Array  # [B, F], NaN where missing; the codes of the static categories first
    location: Floats  # [B]
    scale: Floats  # [B]


class _Places(NamedTuple):
    """Where B rows are."""

    items: Tensor  # [B]
    origins: Tensor  # [B] ordinals
    steps: Tensor  # [B] from the origin on
    seen: Tensor  # [B] steps before the origin that are looked at
    shut: Tensor  # [B] whether the others were observed when its scale was taken: the item has closed since

    def part(self, rows: Tensor | slice) -> _Places:
        """Some of the rows."""
        return _Places(*(each[rows] for each in self))


class _View(NamedTuple):
    """What is seen from the origins of B rows, standardised by mean and deviation of their contexts."""

    mean: Tensor  # [B]
    deviation: Tensor  # [B]
    own: Tensor  # [B] whether these are the item's own
    context: Tensor  # [B, T] NaN where not seen
    back: Tensor  # [B, L] steps from the one forecast back to each lag
    lags: Tensor  # [B, L] NaN where not seen
    errors: Tensor  # [B, S] mean change from one season to the next, NaN where none is seen
    base: Tensor  # [B] mean of the lags of the season that errs least, 0 where none is seen
    unit: Tensor  # [B] its error


class PanelRows:
    """The rows of a panel, made when they are asked for, a bounded number at a time.

    Features, in order: codes of the static categories, static numbers, the step, base and unit of the target, steps seen,
    relative deviation, error of each season, seasonal lags, means and deviations of the last steps, known covariates of the
    step and around it, calendar, phase of each season, past covariates just before the origin, whether the scale is the
    item's own.

    Args:
        panel: N series on one grid.
        horizon: H, steps ahead that rows are made for.
        context: steps before an origin that the features are made from.
        covariates: as training saw them.
        scale: the guess at items without a history.

    Raises:
        ForetellError: by `training`, where there is nothing to learn from.

    Example:
        >>> from foretell.tabular import CovariateScale, PanelRows, StaticScale
        >>> data = foretell.Dataset(pd.read_csv("data/retail/sales.csv", nrows=2952), freq="D")  # four items
        >>> covariates, scale = CovariateScale.of(data.panel), StaticScale.fit(data.panel)
        >>> rows = PanelRows(data.panel, horizon=7, context=14, covariates=covariates, scale=scale)
        >>> items, ahead = next(rows.forecast())
        >>> items, len(ahead.features)  # four items of seven steps
        (slice(0, 4, None), 28)
    """

    def __init__(
        self, panel: Panel, *, horizon: int, context: int, covariates: CovariateScale, scale: StaticScale
    ) -> None:
        self.panel, self.horizon, self.context = panel, horizon, context
        self._windows = Windows(panel, covariates, horizon=horizon, context=context)
        self._scale = torch.from_numpy(scale.predict(panel))
        self._seasons, season = panel.schema.seasons, panel.season
        self._pairs = torch.tensor(seasonal_lags(panel.schema, repeats=REPEATS))  # [L, 2]
        self._calendar = len(panel.frequency.calendar_names())
        self._spans = [n for n in sorted({1, 3, *(season * k for k in (1, 2, 4, 8))}) if n <= context]

    def forecast(self) -> Iterator[tuple[slice, Rows]]:
        """Some items at a time, and the rows of their steps from their origins on, item by item: B = items * horizon."""
        size = max(1, self._size() // self.horizon)
        for begin in range(0, len(self.panel), size):
            chosen = slice(begin, min(begin + size, len(self.panel)))
            items = torch.arange(chosen.start, chosen.stop).repeat_interleave(self.horizon)
            steps = torch.arange(self.horizon).repeat(chosen.stop - begin)
            yield chosen, self.make(items, self._windows.origin[items], steps)

    def training(
        self, *, most: int, cold_share: float, seed: int, budget: Budget | None = None
    ) -> tuple[Array, Floats]:
        """Features [B, F] and target [B] of at most `most` random rows before the origins, observed ones only.

        Of a `cold_share` of them the history is hidden or cut short, as a new item's is. They are fewer where histories are
        short, or a `budget` ends. Raises ForetellError where there is nothing to learn from.
        """
        places = self._sampled(most, cold_share, seed)
        parts: list[tuple[Array, Floats]] = []
        for begin in range(0, len(places.items), self._size()):
            if parts and budget is not None and budget.left(MAKING) == 0:
                break
            parts.append(self._observed(places.part(slice(begin, begin + self._size()))))
        features, target = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        if len(target) == 0:
            raise ForetellError("there is no observed step with a step before it to learn from")
        if not np.isfinite(target).all():
            why = too_large(self.panel, least=0)
            assert why is not None, "there is an item"
            raise why
        features[:, np.isnan(features).all(0)] = 0  # scikit-learn cannot bin a column of nothing
        return features, target

    def make(self, items: Tensor, origins: Tensor, steps: Tensor, seen: Tensor | None = None) -> Rows:
        """The rows of `items`, `origins` and `steps` [B]; only the last `seen` [B] steps before an origin are looked at."""
        seen = torch.full_like(items, _EVER) if seen is None else seen
        return self._made(_Places(items, origins, steps, seen, torch.zeros_like(items, dtype=torch.bool)))

    def _made(self, places: _Places) -> Rows:
        items, origins, steps, seen, _ = places
        view = self._view(places)
        features = [
            self._windows.static_cat[items].float(),
            self._windows.static_real[items],
            torch.stack([steps.float(), view.base, view.unit], 1),
            (~torch.isnan(view.context)).sum(1, keepdim=True).float(),
            view.deviation[:, None] / view.mean[:, None].abs().clamp(min=1e-9),
            view.errors,
            (view.lags - view.base[:, None]) / view.unit[:, None],
            self._recent(view),
            self._known(items, origins, steps, view.back),
            torch.where(
                (seen > 0)[:, None], self._windows.past(items, origins[:, None] - 1)[:, 0], torch.nan
            ),
            view.own[:, None].float(),
        ]
        return Rows(
            features=torch.cat(features, dim=1).numpy().astype(np.float32),
            location=(view.mean.double() + view.deviation.double() * view.base).numpy(),
            scale=(view.deviation.double() * view.unit).numpy(),
        )

    def _size(self) -> int:
        """Rows made at a time, so that their contexts fit memory."""
        return max(256, _NUMBERS // self.context)

    def _sampled(self, most: int, cold_share: float, seed: int) -> _Places:
        """Random rows."""
        stop = self.panel.stop
        count = min(most, int(np.where(stop > 1, stop, 0).sum()) * self.horizon)
        if count == 0:
            raise ForetellError("at least one item with two steps of history is needed to learn from")
        generator = torch.Generator().manual_seed(seed)
        items, origins = sample_windows(training_spans(self.panel), count, generator)
        draws = torch.rand(4, count, generator=generator)
        ahead = torch.minimum(self._windows.origin[items] - origins, torch.tensor(self.horizon))
        short = torch.where(draws[2] < 0.5, 0, (draws[3] * self.context).long())
        seen = torch.where(draws[1] < cold_share, short, _EVER)
        return _Places(
            items, origins, (draws[0] * ahead).long(), seen, (draws[1] < cold_share * SHUT) & (seen == 0)
        )

    def _observed(self, places: _Places) -> tuple[Array, Floats]:
        """Features and target of those rows whose step was observed."""
        truth, there = self._windows.target(places.items, places.origins + places.steps)
        chosen = torch.nonzero(there)[:, 0]
        rows = self._made(places.part(chosen))
        target = (truth[chosen].double().numpy() - rows.location) / rows.scale
        return rows.features, target.clip(-FARTHEST, FARTHEST)

    def _view(self, places: _Places) -> _View:
        items, origins, steps, seen, shut = places
        before = torch.arange(-self.context, 0)
        values, observed = self._windows.target(items, origins[:, None] + before)
        there = observed & (before >= -seen[:, None])
        shown, guess = there | (observed & shut[:, None]), self._scale[items]
        scale = item_scale(self._windows, items, origins, values, shown, guess, since=origins - seen)
        mean, deviation = scale.moments[:, :1], scale.moments[:, 1:]
        context = torch.where(there, (values - mean) / deviation, torch.nan)
        season, repeat = self._pairs.T
        back = season * (steps[:, None] // season + 1 + repeat)
        values, observed = self._windows.target(items, (origins + steps)[:, None] - back)
        there = observed & (back - steps[:, None] <= seen[:, None])
        lags = torch.where(there, ((values - mean) / deviation).clamp(-20, 20), torch.nan)
        errors = torch.stack([_season_error(context, season) for season in self._seasons], 1)
        base = self._base(errors, lags)
        return _View(mean[:, 0], deviation[:, 0], scale.own, context, back, lags, errors, *base)

    def _base(self, errors: Tensor, lags: Tensor) -> tuple[Tensor, Tensor]:
        """[B] base and [B] unit of each row: those of the season that errs least among those with a value."""
        seasons = len(self._seasons)
        phases = lags[:, : seasons * REPEATS].unflatten(1, (seasons, REPEATS)).nanmean(2)
        rank = torch.where(torch.isnan(phases), torch.inf, torch.nan_to_num(errors, nan=1e6))
        best = rank.argmin(1, keepdim=True)
        base, unit = phases.gather(1, best)[:, 0], errors.gather(1, best)[:, 0]
        return torch.nan_to_num(base, nan=0.0), torch.nan_to_num(unit, nan=1.0).clamp(0.01, 3)

    def _recent(self, view: _View) -> Tensor:
        """[B, F] mean of the last steps of the context, from the base in its units, and their deviation."""
        columns = []
        for span in self._spans:
            last = view.context[:, -span:]
            mean = last.nanmean(1)
            columns += [(mean - view.base) / view.unit, ((last - mean[:, None]) ** 2).nanmean(1).sqrt()]
        return torch.stack(columns, 1)

    def _known(self, items: Tensor, origins: Tensor, steps: Tensor, back: Tensor) -> Tensor:
        """[B, F] known covariates of the step, of its neighbours, and against the lags'; calendar and phases.

        Neighbours beyond the horizon are missing: a forecast from this origin knows nothing of them.
        """
        around, when = torch.tensor([0, *NEIGHBOURS]), origins + steps
        here = self._windows.covariates(items, when[:, None] + around)
        here = here * (steps[:, None] + around < self.horizon)[..., None]
        width = here.shape[-1] - self._calendar
        then = self._windows.covariates(items, when[:, None] - back[:, :REPEATS])[..., :width].mean(1)
        phases = torch.stack([when % season for season in self._seasons], 1).float()
        return torch.cat([here[:, 0], here[:, 1:, :width].flatten(1), here[:, 0, :width] - then, phases], 1)


def _season_error(context: Tensor, season: int) -> Tensor:
    """[B] mean absolute change over a season of `context` [B, T]; NaN where no pair of steps is seen."""
    if context.shape[1] <= season:
        return torch.full((len(context),), torch.nan)
    return (context[:, season:] - context[:, :-season]).abs().nanmean(1)
