"""One model a series: across processes, each with a time limit, with seasonal naive to fall back on.

A recipe of this kind is a `SeriesRecipe`, or a `LocalRecipe` where all series are forecast at once; `LocalPredictor` makes
forecasts of it, with the pooled regression taken out of each series first and put back afterwards.
"""

from __future__ import annotations

import logging
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Final, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Floats
from foretell.data.item_floors import item_floors, reached_floors
from foretell.data.panel import Panel
from foretell.data.plausible_range import PlausibleRange
from foretell.data.schema import Schema
from foretell.local.cut_at_floor import with_mean_kept
from foretell.local.item_effects import ItemEffects
from foretell.local.least_width import with_least_width, with_rounding
from foretell.local.pooled_regression import (
    LEAST_OBSERVED,
    Explained,
    Pooled,
    chunks,
    pooled_regression,
    unexplained,
)
from foretell.local.seasonal_naive import LocalForecast, seasonal_naive
from foretell.local.statsforecast_adapter import fill_gaps
from foretell.recipe.author_code import note_the_cpu
from foretell.recipe.forecast import Forecast, Piece
from foretell.recipe.hyperparameters import Count
from foretell.recipe.levels import QUANTILE_LEVELS, check_levels
from foretell.recipe.protocols import State
from foretell.recipe.task import Run, Task
from foretell.recipe.variants import Variants
from foretell.system.identity import This
from foretell.system.listener import heed, tell
from foretell.system.processes import across_processes, cores
from foretell.system.time_limit import TimeUp, time_limit
from foretell.system.typed import Within

Covariates = Literal["pooled", "none"]  # a regression over all items first, or the plain model

logger = logging.getLogger(__name__)

_FEW: Final = 24  # series that are done before a second process would have started
_NO_WIDTH: Final = (
    1e-6  # part of what was seen of a series that p1 and p99 differ by: the rounding of float32
)
_AT_ONCE: Final = 16  # series sent to a process together, at most


# history [L] without NaN, season, horizon, levels -> mean [H], quantiles [H, Q]
SeriesModel = Callable[[Floats, int, int, Sequence[float]], tuple[Floats, Floats]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRecipe(ABC):
    """A recipe that forecasts series one by one, or all alike; a subclass names itself and writes `forecast_all`.

    Example:
        >>> from dataclasses import dataclass
        >>> from foretell.local import LocalForecast, LocalRecipe
        >>> @dataclass(frozen=True, kw_only=True)
        ... class Zero(LocalRecipe):
        ...     name = "zero"
        ...
        ...     def forecast_all(self, history, season, horizon, levels, run):
        ...         n = len(history)
        ...         return LocalForecast(np.zeros((n, horizon)), np.zeros((n, horizon, len(levels))), np.zeros(n, bool))
        >>> data = foretell.Dataset(pd.read_csv("data/retail/sales.csv", nrows=2952), freq="D")  # four items
        >>> foretell.backtest(data, horizon=7, recipes=[Zero(covariates="none")]).leaderboard["WAPE"].tolist()
        [1.0]
    """

    name: ClassVar[str]
    textbook: ClassVar[bool] = (
        False  # whether its median must stay what it says, also where levels are cut at a floor
    )
    season: Count | None = None  # seasonal period in steps; default: the season of the data
    covariates: Covariates = "pooled"  # none: the plain textbook model; pooled: on top of the regression

    def fit(self, panel: Panel, task: Task, run: Run) -> LocalPredictor:
        """Learn the pooled regression; a series is looked at when it is forecast."""
        note_the_cpu(self, run)
        return LocalPredictor(self, pooled_regression(panel, task.horizon, run.seed), task, run)

    def load(self, schema: Schema, task: Task, state: State, run: Run) -> LocalPredictor:
        """The predictor whose `state` this is."""
        return LocalPredictor(self, Pooled.of_state(*state), task, run)

    @property
    def points(self) -> bool:
        """Whether its levels are all alike because they were asked to be."""
        return False

    @abstractmethod
    def forecast_all(
        self, history: Floats, season: int, horizon: int, levels: Sequence[float], run: Run
    ) -> LocalForecast:
        """The forecast of each row of `history` [n, L]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesRecipe(LocalRecipe):
    """A recipe that fits a model to one series at a time, across processes; a subclass writes `forecast_one`.

    Example:
        >>> from dataclasses import dataclass
        >>> from foretell.local import SeriesRecipe
        >>> @dataclass(frozen=True, kw_only=True)
        ... class Median(SeriesRecipe):
        ...     name = "median"
        ...
        ...     def forecast_one(self, values, season, horizon, levels):
        ...         return np.full(horizon, values.mean()), np.tile(np.quantile(values, levels), (horizon, 1))
        >>> Median().forecast_one(np.array([1.0, 2.0, 6.0]), 1, 2, [0.5])[1].tolist()
        [[2.0], [2.0]]
    """

    time_limit: Annotated[float, Within(0.001, 1e6)] = (
        20.0  # seconds a series, after which seasonal naive takes its place
    )

    @abstractmethod
    def forecast_one(
        self, values: Floats, season: int, horizon: int, levels: Sequence[float]
    ) -> tuple[Floats, Floats]:
        """[H] mean and [H, Q] quantiles of one series: `values` [L], without NaN, end at the origin.

        They are what the pooled regression leaves, so negative ones may be among them. A series for which this raises is
        forecast by seasonal naive, and so is one that takes longer than `time_limit`.
        """

    def forecast_all(
        self, history: Floats, season: int, horizon: int, levels: Sequence[float], run: Run
    ) -> LocalForecast:
        """The forecast of each row of `history` [n, L]."""
        return fit_each(self.forecast_one, history, season, horizon, levels, run, limit=self.time_limit)


class _Fitted(NamedTuple):
    """Items with what the regression explains of them, and what the series models forecast of the rest."""

    explained: Explained
    left: LocalForecast

    def take(self, which: NDArray[np.int64], items: NDArray[np.int64]) -> _Fitted:
        """Those at `which` [v], perhaps again and again, as `items` [v] of another panel; without the residuals."""
        said, left = self.explained, self.left
        none = said.residual[:0]
        explained = Explained(
            items, said.location[which], said.scale[which], none, said.ahead[which], said.count[which]
        )
        return _Fitted(explained, LocalForecast(left.mean[which], left.quantiles[which], left.failed[which]))


class Learnt(Protocol):
    """What a recipe has learnt of all series at once, and forecasts each of them by.

    Example:
        >>> from foretell.local import Learnt
        >>> [name for name in vars(Learnt) if name in ("forecast_all", "state")]  # what it must have
        ['forecast_all', 'state']
    """

    def forecast_all(
        self, history: Floats, season: int, horizon: int, levels: Sequence[float], run: Run
    ) -> LocalForecast:
        """The forecast of each row of `history` [n, L]."""
        ...

    def state(self) -> State:
        """JSON and arrays by names of its own, to be kept in the model."""
        ...


@dataclass(frozen=True, slots=True)
class LocalPredictor:
    """A fitted recipe of local models: it forecasts what the pooled regression leaves of each series.

    Example:
        >>> from foretell.recipe import Run, Task
        >>> data = foretell.Dataset(pd.read_csv("data/retail/sales.csv", nrows=2952), freq="D")  # four items
        >>> fitted = foretell.make_recipe("seasonal_naive").fit(data.panel, Task(horizon=7), Run())  # a LocalPredictor
        >>> fitted.predict(data.panel, levels=[0.9]).quantiles.shape
        (4, 7, 1)
    """

    recipe: LocalRecipe
    pooled: Pooled
    task: Task
    run: Run
    learnt: Learnt | None = None  # of a recipe that learns of all series at once

    def predict(self, panel: Panel, *, levels: Sequence[float]) -> Forecast:
        """Fit each series of the panel and forecast it from its origin on."""
        asked = check_levels((*levels, *QUANTILE_LEVELS))
        pieces = (self._piece(panel, fitted, asked) for fitted in self._fitted(panel, asked))
        return self._finished(panel, asked, pieces).only(levels)

    def predict_variants(self, variants: Variants, *, levels: Sequence[float]) -> Forecast:
        """Forecast each variant: the series of each item is fitted once, the pooled regression says how a variant differs."""
        asked = check_levels((*levels, *QUANTILE_LEVELS))
        base, panel = variants.base, variants.panel
        fitted = base.once(("fitted series", This(self), asked), lambda: list(self._fitted(base, asked)))
        if variants.plain:
            pieces = [self._piece(base, each, asked) for each in fitted]
        else:
            pieces = [self._variants(variants, each, asked) for each in fitted]
        return self._finished(panel, asked, pieces).only(levels)

    def state(self) -> State:
        """The pooled regression, and what else was learnt of all; nothing of a series is kept."""
        plain, arrays = self.pooled.state()
        if self.learnt is None:
            return plain, arrays
        more, further = self.learnt.state()
        return {**plain, **more}, {**arrays, **further}

    @property
    def _regresses(self) -> bool:
        return self.recipe.covariates == "pooled" and self.pooled.useful

    def _fitted(self, panel: Panel, levels: Sequence[float]) -> Iterator[_Fitted]:
        """All items, some at a time, with what the series models forecast of them."""
        horizon, season = self.task.horizon, self.recipe.season or panel.season
        models = self.learnt or self.recipe
        for explained in self.explained(panel):
            left = models.forecast_all(explained.residual, season, horizon, levels, self.run)
            yield _Fitted(explained, left)

    def explained(self, panel: Panel) -> Iterator[Explained]:
        """All items, some at a time, with what the regression leaves of them to the series models."""
        horizon = self.task.horizon
        explain = self.pooled.explain if self._regresses else unexplained
        for items in chunks(panel, horizon, len(self.pooled.mean)):
            explained = explain(panel, items, horizon)
            moving = (explained.scale > 0)[:, None]  # of a constant all that is left counts for nothing
            yield replace(explained, residual=np.where(moving, explained.residual, 0 * explained.residual))

    def _finished(self, panel: Panel, levels: tuple[float, ...], pieces: Iterable[Piece]) -> Forecast:
        whole = Forecast.joined(panel, levels, self.task.horizon, pieces)
        if not self.recipe.textbook:
            whole = with_mean_kept(whole, floor=reached_floors(panel))
        floor = item_floors(panel, new=None)
        whole = with_least_width(whole, panel, floor=floor)
        return whole if self.recipe.points else with_rounding(whole, panel, floor=floor)

    def _variants(self, variants: Variants, fitted: _Fitted, levels: Sequence[float]) -> Piece:
        """The variants of some items."""
        place = np.full(len(variants.base), -1)
        place[fitted.explained.items] = np.arange(len(fitted.explained.items))
        rows = np.flatnonzero(place[variants.of] >= 0)
        of = place[variants.of[rows]]
        some = fitted.take(of, rows)
        if self._regresses and len(rows):
            base, items = variants.base, fitted.explained.items
            effects = base.once(
                ("item effects", This(self), int(items[0])),
                lambda: ItemEffects.of(self.pooled, base, items, self.task.horizon),
            )
            ahead = effects.ahead(variants.panel, rows, of, self.task.horizon)
            some = _Fitted(replace(some.explained, ahead=ahead), some.left)
        return self._piece(variants.panel, some, levels)

    def _piece(self, panel: Panel, fitted: _Fitted, levels: Sequence[float]) -> Piece:
        explained, left = fitted.explained, fitted.left
        items = explained.items
        mean = explained.location[:, None] + explained.scale[:, None] * (explained.ahead + left.mean)
        quantiles = explained.location[:, None, None] + explained.scale[:, None, None] * (
            explained.ahead[..., None] + left.quantiles
        )
        for some, forecast in (
            (explained.count == 0, self._without_history),
            (explained.brief & (explained.count > 0), self._seen_once_or_twice),
        ):
            rows = np.flatnonzero(some)
            if len(rows):
                mean[rows], quantiles[rows] = forecast(panel, items[rows], levels)
        return Piece(items, mean, quantiles, left.failed & ~explained.brief)

    def _without_history(
        self, panel: Panel, items: NDArray[np.int64], levels: Sequence[float]
    ) -> tuple[Floats, Floats]:
        """[n, H] and [n, H, Q]: the regression plus the residuals that items had when treated as new."""
        guess: Explained = self.pooled.explain(panel, items, self.task.horizon)
        location, scale = guess.location[:, None], guess.scale[:, None]
        middle = location + scale * guess.ahead
        spread = scale[..., None] * self.pooled.quantiles(levels)
        return middle + scale * self.pooled.bias, middle[..., None] + spread

    def _seen_once_or_twice(
        self, panel: Panel, items: NDArray[np.int64], levels: Sequence[float]
    ) -> tuple[Floats, Floats]:
        """[n, H] and [n, H, Q]: the regression around what was seen, with normal levels.

        What one or two values leave unknown is the spread that is typical of items of their size; two values count as
        much as that. The residuals of items without history are of another kind: those do not know how large the item is.
        """
        from scipy.special import ndtri

        guess: Explained = self.pooled.explain(panel, items, self.task.horizon)
        seen = unexplained(panel, items, self.task.horizon).residual
        apart = np.nanmax(seen, axis=1) - np.nanmin(seen, axis=1)
        own = np.where(guess.count > 1, (guess.scale**2 + apart**2 / 2) / 2, guess.scale**2)
        middle = guess.location[:, None] + guess.scale[:, None] * guess.ahead
        width = np.sqrt(own * (1 + 1 / guess.count))[:, None, None]
        return middle, middle[..., None] + width * ndtri(np.asarray(levels, float))


def fit_each(
    model: SeriesModel,
    history: Floats,
    season: int,
    horizon: int,
    levels: Sequence[float],
    run: Run,
    *,
    limit: float,
) -> LocalForecast:
    """Forecast each row of `history` [n, L] by a model of its own, given at most `limit` seconds.

    Rows whose model fails, or whose forecast is not plausible, are forecast by seasonal naive and marked. Across `run.processes` processes when there are
    enough rows; a model must then be importable by name.
    """
    naive = seasonal_naive(history, season, horizon, levels)
    rows = np.flatnonzero((~np.isnan(history)).sum(1) >= LEAST_OBSERVED)
    batches = [rows[i : i + _AT_ONCE] for i in range(0, len(rows), _AT_ONCE)]
    calls = (
        (model, [_trimmed(history[i]) for i in batch], season, horizon, levels, limit) for batch in batches
    )
    workers = min(run.processes or cores(), len(batches))
    if workers > 1 and len(rows) >= _FEW:
        parts: Generator[list[_Fit], None, None] = across_processes(_fit_batch, calls, workers=workers)
    else:
        parts = (_fit_batch(*call) for call in calls)
    done = 0
    with closing(parts):  # a cancel leaves no process at work
        for batch, part in zip(batches, parts, strict=True):
            done += len(batch)
            tell("fit series", done, len(rows))
            _put(part, batch, naive, size=np.nanmax(np.abs(history[batch]), axis=1))
    return naive


_Fit = tuple[Floats, Floats] | None


def _put(fits: Sequence[_Fit], rows: NDArray[np.int64], forecast: LocalForecast, *, size: Floats) -> None:
    """Put the fits into their `rows` [n] of seasonal naive's forecast, and mark those that failed.

    A fit without any width, such as one that went through each of a few points, takes that of seasonal naive; `size` [n] is
    the largest value that was seen of each.
    """
    for row, fit, largest in zip(rows, fits, size, strict=True):
        forecast.failed[row] = fit is None
        if fit is not None:
            mean, quantiles = fit
            spread = forecast.quantiles[row] - forecast.mean[row][:, None]  # of seasonal naive
            none = np.ptp(quantiles, axis=1, keepdims=True) <= _NO_WIDTH * largest
            forecast.mean[row], forecast.quantiles[row] = mean, quantiles + np.where(none, spread, 0)


def _fit_batch(
    model: SeriesModel, series: list[Floats], season: int, horizon: int, levels: Sequence[float], limit: float
) -> list[_Fit]:
    """What a process does: one series after the other."""
    fits = []
    for values in series:
        heed()
        fits.append(_fit_one(model, values, season, horizon, levels, limit))
    return fits


def _fit_one(
    model: SeriesModel, values: Floats, season: int, horizon: int, levels: Sequence[float], limit: float
) -> _Fit:
    """Mean and quantiles, or None where the model failed, ran out of time or gave something that is no number."""
    seen = values[~np.isnan(values)]
    if np.ptp(seen) <= 1e-9 * np.abs(seen).max():  # a constant has an exact forecast
        return np.full(horizon, seen[-1]), np.full((horizon, len(levels)), seen[-1])
    try:
        with time_limit(limit), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            mean, quantiles = model(fill_gaps(values, season), season, horizon, levels)
    except (Exception, TimeUp) as error:  # whatever it is, the other series go on, and the forecast says so
        logger.debug("%s: %s", type(error).__name__, error)
        return None
    if not (np.isfinite(quantiles).all() and np.isfinite(mean).all()):
        logger.debug("a forecast that is not a finite number")
        return None
    if not plausible(seen, quantiles, levels):
        logger.debug("a forecast far outside of what was observed")
        return None
    return mean, quantiles


def plausible(seen: Floats, quantiles: Floats, levels: Sequence[float]) -> bool:
    """Whether quantiles [H, Q] of a series stay near to what was `seen` [L] of it and how it moved."""
    reach = PlausibleRange.around(
        seen.min(keepdims=True), seen.max(keepdims=True), np.array([len(seen)]), len(quantiles)
    )
    return bool(reach.holds(quantiles[None], levels)[0])


def _trimmed(history: Floats) -> Floats:
    """A history from its first observation on."""
    return history[int((~np.isnan(history)).argmax()) :]
