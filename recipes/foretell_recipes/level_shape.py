"""Level times shape: what a season sums to, and how it is spread over its steps, forecast apart (Honda 2026, arXiv:2605.07222).

Cut into seasons, a series is a matrix of seasons by places that is nearly of rank one: a level for each season times a shape that all
share. A level is the mean of so many steps that most noise is gone from it, and a shape is an average, so little has to be learnt.

The code is our own, and differs from the paper's. Levels are smoothed at several paces, with and without a trend; shapes are averages
over several spans; seasons of seasons (the hours of a week) are tried beside the season. All ways forecast from the past origins of a
series, and their average weighs each by its errors there, its own and those of all series. A series that is negative somewhere, such
as what the pooled regression leaves, is level plus shape.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from foretell.local import (
    Abilities,
    Floats,
    ForetellError,
    LearningRecipe,
    LocalForecast,
    Run,
    State,
    fill_gaps,
    seasonal_naive,
)
from foretell.system.typed import typed

_MULTIPLES: Final = (1, 7)  # of the season that a shape may span: of hours the day and the week
_LEAST_DAY: Final = 13  # steps of a season that may be a day, of which a week is tried
_PACES: Final = (0.1, 0.2, 0.4, 0.7, 1.0)  # share that the newest season has in a smoothed level
_TRENDS: Final = ((0.3, 0.2, 0.9), (0.7, 0.2, 0.9), (0.9, 0.1, 0.98))  # of the level, of the trend, damping
_SPANS: Final = (2.0, 5.0, 12.0, 40.0)  # seasons after which one counts half in a shape
_LEVELS: Final = len(_PACES) + len(_TRENDS)
_WAYS: Final = len(_MULTIPLES) * len(_SPANS) * _LEVELS
_ORIGINS: Final = 60  # past ones from which a series is forecast, at most
_SHARPNESS: Final = 20.0  # power of the errors by which weights fall
_PRIOR: Final = 60.0  # past origins that the errors of all series stand for
_ENOUGH: Final = 8  # past origins from which on a series' own errors make half of its levels
_GROWTH: Final = 0.5  # power of the level by which errors grow
_MOST_GROWTH: Final = 5.0  # of the level since a past origin that counts
_LEAST_SHARE: Final = 0.3  # of the weights that ways with a forecast from a past origin must have
_LEARNT: Final = 500  # series that the errors of all are learnt from, at most
_AT_ONCE: Final = 4_000_000  # numbers in one array
_KEPT: Final = tuple(k / 100 for k in range(1, 100))  # levels at which the errors of all series are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelShape(LearningRecipe):
    """A level for each season times a shape that all share, of what the pooled regression leaves."""

    name: ClassVar[str] = "level_shape"
    abilities: ClassVar[Abilities] = Abilities(ensemble=True, cost=4)

    def learn(self, series: Sequence[Floats], season: int, horizon: int, run: Run) -> Typical:
        """How wrong each way is for a typical series; ForetellError where no history has two seasons."""
        step = -(-len(series) // _LEARNT)
        some = [values for values in series[:: max(step, 1)] if len(values) >= 2 * season]
        if not some:
            longest = max(map(len, series), default=0)
            raise ForetellError(
                f"level_shape needs two whole seasons of {season} steps, {2 * season} in all; the longest history has {longest}."
                " Give more history, or say another season."
            )
        history = _aligned(some)
        past = [_Past.of(history[rows], plan) for rows, plan in _chunks(history, season, horizon)]
        losses = _typical(past)
        errors, sizes = zip(*(each.errors(losses) for each in past), strict=True)
        return Typical(losses, _errors_of_all(np.concatenate(errors)), _median(np.concatenate(sizes)))

    def learnt_of(self, state: State, horizon: int) -> Typical:
        """What `Typical.state` kept."""
        return Typical.of_state(state, horizon)


@dataclass(frozen=True, slots=True)
class Typical:
    """What is known of a series before it is looked at."""

    losses: Floats  # [W] logarithm of each way's error, less the mean over all ways
    errors: Floats  # [H, 99] quantiles of the errors of the average, in units of a series' own size of errors
    size: float  # of the errors, in deviations of the series

    def forecast_all(
        self, history: Floats, season: int, horizon: int, levels: Sequence[float], run: Run
    ) -> LocalForecast:
        """The forecast of each row of `history` [n, L]; seasonal naive where it has no two seasons."""
        made = seasonal_naive(history, season, horizon, levels)
        made.failed[:] = (~np.isnan(history)).any(1)
        for rows, plan in _chunks(history, season, horizon):
            mean, quantiles = self._forecast(_Past.of(history[rows], plan), levels)
            good = np.isfinite(mean).all(1) & np.isfinite(quantiles).all((1, 2))
            into = rows[good]
            made.mean[into], made.quantiles[into], made.failed[into] = mean[good], quantiles[good], False
        return made

    def _forecast(self, past: _Past, levels: Sequence[float]) -> tuple[Floats, Floats]:
        """[n, H] and [n, H, Q]; NaN where there is none."""
        forecasts = past.average(past.weights(self.losses))
        errors = past.errors_of(forecasts)
        size = _sizes(errors)
        size = np.where(np.isnan(size), self.size * past.scale, size)[:, None, None]
        spread = size * np.stack([np.interp(levels, _KEPT, step) for step in self.errors])
        half = ((~np.isnan(errors)).sum(1) >= _ENOUGH)[..., None]
        spread = np.where(half, (spread + _quantiles(errors, levels)) / 2, spread)
        mean = forecasts[:, 0]
        return mean, np.sort(mean[..., None] + spread, axis=2)

    def state(self) -> State:
        """Its arrays by name."""
        return {"level_shape": {"size": self.size}}, {
            "level_shape.losses": self.losses,
            "level_shape.errors": self.errors,
        }

    @classmethod
    def of_state(cls, state: State, horizon: int) -> Typical:
        """What `state` gave; raises ForetellError for anything else."""
        plain, arrays = state
        size = typed(float, plain["level_shape"]["size"], "level_shape.size")
        losses, errors = arrays["level_shape.losses"], arrays["level_shape.errors"]
        if losses.shape != (_WAYS,) or errors.shape != (horizon, len(_KEPT)):
            raise ForetellError("the arrays of level_shape have other shapes")
        return cls(losses, errors, size)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is looked at of a series; it follows from its length alone, so that others beside it change nothing."""

    season: int
    horizon: int
    multiples: tuple[int, ...]  # of the season, for shapes
    stride: int  # steps between origins

    @classmethod
    def of(cls, length: int, season: int, horizon: int) -> _Plan:
        """That of a series of `length` steps: origins are a divisor of the season apart, about as many as are looked at."""
        days = season >= _LEAST_DAY
        able = tuple(m for m in _MULTIPLES if m == 1 or (days and 2 * m * season + horizon <= length))
        fitting = (
            each for each in range(1, season) if season % each == 0 and each * 1.7 * _ORIGINS >= length
        )
        return cls(season, horizon, able, next(fitting, season))


@dataclass(frozen=True, slots=True)
class _Past:
    """How each way forecast some series from their past origins. Origins are counted back: 0 is the series' end."""

    values: Floats  # [n, L] filled; NaN before the first observation
    plan: _Plan
    actual: Floats  # [n, K, H] what followed each origin; NaN where it is not known
    losses: Floats  # [n, W] logarithm of each way's error, less the series' mean; NaN where there is none
    count: Floats  # [n, W] origins it is of
    able: NDArray[np.bool_]  # [n, W] whether the way has a forecast from the end

    @classmethod
    def of(cls, history: Floats, plan: _Plan) -> _Past:
        """Of the rows of `history` [n, L], which end at the origin."""
        values = _filled(history, plan.season)
        actual = _actual(values, plan)
        losses, count = np.full((len(values), _WAYS), np.nan), np.zeros((len(values), _WAYS))
        able = np.zeros((len(values), _WAYS), bool)
        for way, forecast in _forecasts(values, plan):
            apart = np.abs(actual[:, 1 : forecast.shape[1]] - forecast[:, 1:])
            losses[:, way], count[:, way] = _mean(apart, 2), (~np.isnan(apart)).sum((1, 2)) / plan.horizon
            able[:, way] = np.isfinite(forecast[:, 0]).all(1)
        scale = _deviation(values)
        logs = np.log(losses / scale[:, None] + 1e-9)
        return cls(values, plan, actual, logs - _mean(logs, 1)[:, None], count, able)

    @property
    def scale(self) -> Floats:
        """[n] the deviation of each series."""
        return _deviation(self.values)

    def weights(self, typical: Floats) -> Floats:
        """[n, W] of the average: 0 for ways without a forecast; those of all series count the more the fewer origins there are."""
        own = self.count / (self.count + _PRIOR)
        expected = own * np.nan_to_num(self.losses) + (1 - own) * typical
        best = np.where(self.able, expected, np.inf).min(1, keepdims=True)
        weights = np.where(
            self.able, np.exp(-_SHARPNESS * (expected - np.where(np.isfinite(best), best, 0))), 0
        )
        return np.asarray(weights / np.maximum(weights.sum(1, keepdims=True), 1e-12))

    def average(self, weights: Floats) -> Floats:
        """[n, K, H] the forecasts by `weights` [n, W] from all origins; NaN where too few ways have any."""
        total, share = np.zeros_like(self.actual), np.zeros_like(self.actual)
        for way, forecast in _forecasts(self.values, self.plan):
            part = weights[:, way, None, None] * np.isfinite(forecast)
            total[:, : forecast.shape[1]] += part * np.nan_to_num(forecast)
            share[:, : forecast.shape[1]] += part
        return np.where(share > _LEAST_SHARE, total / np.maximum(share, 1e-12), np.nan)

    def errors_of(self, forecasts: Floats) -> Floats:
        """[n, K - 1, H] of forecasts [n, K, H] from past origins, as large as they would be at the level of today."""
        level = np.where(_positive(self.values)[:, None], _mean(forecasts, 1), 1)
        growth = level[:, :1] / np.where(level[:, 1:] > 0, level[:, 1:], np.nan)
        growth = np.nan_to_num(growth, nan=1.0).clip(1 / _MOST_GROWTH, _MOST_GROWTH) ** _GROWTH
        return np.asarray((self.actual[:, 1:] - forecasts[:, 1:]) * growth[..., None])

    def errors(self, typical: Floats) -> tuple[Floats, Floats]:
        """[e, H] errors of the average over their own size, and [n] these sizes, in deviations of the series."""
        errors = self.errors_of(self.average(self.weights(typical)))
        size = _sizes(errors)
        relative = errors / np.where(size > 0, size, np.nan)[:, None, None]
        return relative.reshape(-1, self.plan.horizon), size / self.scale


def _forecasts(values: Floats, plan: _Plan) -> Iterator[tuple[int, Floats]]:
    """Each way with its forecasts [n, K, H] of `values` [n, L] from the end and past origins, the newest first."""
    for multiple in plan.multiples:
        seasons = _Seasons.of(values, multiple * plan.season, plan.stride, plan.horizon)
        if seasons is not None:
            levels, first = seasons.levels(), _MULTIPLES.index(multiple) * len(_SPANS) * _LEVELS
            for span, shape in enumerate(seasons.shapes()):
                for pace, level in enumerate(levels):
                    yield first + span * _LEVELS + pace, seasons.product(level, shape)


@dataclass(frozen=True, slots=True)
class _Seasons:
    """Series cut into whole seasons that end at each of some origins."""

    matrix: Floats  # [n * J, C, P]; NaN for a season that is not whole
    origins: int  # J, origins within a season
    horizon: int
    ratios: NDArray[np.bool_]  # [n * J] whether a shape multiplies the level; it is added otherwise

    @classmethod
    def of(cls, values: Floats, period: int, stride: int, horizon: int) -> _Seasons | None:
        """Those of `period` steps at origins `stride` apart; None where there are no two."""
        whole, origins = values.shape[1] // period, period // stride
        if whole < 2:
            return None
        # earlier origins have a season less where the history does not reach back so far
        values = np.concatenate([np.full((len(values), (origins - 1) * stride), np.nan), values], axis=1)
        ends = [values.shape[1] - stride * each for each in range(origins)]
        matrix = np.stack([values[:, end - whole * period : end] for end in ends], axis=1)
        matrix = matrix.reshape(len(values) * origins, whole, period)
        matrix = np.where(np.isnan(matrix).any(2, keepdims=True), np.nan, matrix)
        return cls(matrix, origins, horizon, np.repeat(_positive(values), origins))

    def levels(self) -> list[Floats]:
        """[n, K, R] of each pace: the levels of the R seasons that the horizon touches."""
        level, ahead = self.matrix.mean(2), -(-self.horizon // self.matrix.shape[2])
        flat = [np.repeat(_smoothed(level, pace)[..., None], ahead, axis=2) for pace in _PACES]
        return [self._by_origin(each) for each in (*flat, *(_with_trend(level, ahead, *t) for t in _TRENDS))]

    def shapes(self) -> Iterator[Floats]:
        """[n, K, P] of each span: what a step is of its season's level, or differs by."""
        for span in _SPANS:
            pace = 1 - 0.5 ** (1 / span)
            place = _smoothed(self.matrix, pace)
            level = place.mean(2, keepdims=True)
            share = place / np.where(level > 0, level, np.nan)
            yield self._by_origin(np.where(self.ratios[:, None, None], share, place - level))

    def product(self, level: Floats, shape: Floats) -> Floats:
        """[n, K, H] of levels [n, K, R] and shapes [n, K, P]."""
        steps, period = np.arange(self.horizon), shape.shape[2]
        levels, shapes = level[:, :, steps // period], shape[:, :, steps % period]
        return np.where(self.ratios[:: self.origins, None, None], levels * shapes, levels + shapes)

    def _by_origin(self, values: Floats) -> Floats:
        """[n, K, ...] of `values` [n * J, C, ...], the newest origin first."""
        whole, rest = values.shape[1], values.shape[2:]
        apart = values.reshape(-1, self.origins, whole, *rest)[:, :, ::-1]
        return np.moveaxis(apart, 1, 2).reshape(len(apart), whole * self.origins, *rest)[:, : _ORIGINS + 1]


def _smoothed(values: Floats, pace: float) -> Floats:
    """[m, C, ...] the exponentially weighted mean of `values` [m, C, ...] up to each season; NaN before the first one."""
    seen = ~np.isnan(values)
    total = weight = np.zeros_like(values[:, 0])
    smooth = np.empty_like(values)
    for season in range(values.shape[1]):
        total = (1 - pace) * total + np.where(seen[:, season], values[:, season], 0)
        weight = (1 - pace) * weight + seen[:, season]
        smooth[:, season] = np.where(weight > 0, total / np.where(weight > 0, weight, 1), np.nan)
    return smooth


def _with_trend(values: Floats, ahead: int, pace: float, trend_pace: float, damping: float) -> Floats:
    """[m, C, R] levels ahead by Holt's method with a damped trend, of levels `values` [m, C]."""
    level, trend = np.full(len(values), np.nan), np.zeros(len(values))
    found = np.empty((*values.shape, ahead))
    reach = np.cumsum(damping ** np.arange(1, ahead + 1))
    for season in range(values.shape[1]):
        value, expected = values[:, season], level + damping * trend
        first, seen = np.isnan(level), ~np.isnan(value)
        new = np.where(first, value, np.where(seen, pace * value + (1 - pace) * expected, expected))
        moved = trend_pace * (new - level) + (1 - trend_pace) * damping * trend
        trend = np.where(first, 0, np.where(seen, moved, damping * trend))
        level = new
        found[:, season] = level[:, None] + trend[:, None] * reach
    return found


def _actual(values: Floats, plan: _Plan) -> Floats:
    """[n, K, H] what followed each origin in `values` [n, L]; NaN beyond the end."""
    longer = np.concatenate([values, np.full((len(values), plan.horizon), np.nan)], axis=1)
    origins = np.arange(values.shape[1], 0, -plan.stride)[: _ORIGINS + 1]
    return np.asarray(np.lib.stride_tricks.sliding_window_view(longer, plan.horizon, axis=1)[:, origins])


def _filled(history: Floats, season: int) -> Floats:
    """`history` [n, L] without gaps from each row's first observation on."""
    filled = history.copy()
    for row, values in enumerate(history):
        seen = ~np.isnan(values)
        if seen.any():
            first = int(seen.argmax())
            filled[row, first:] = fill_gaps(values[first:], season)
    return filled


def _aligned(series: Sequence[Floats]) -> Floats:
    """[n, L] series that end together, NaN before they begin."""
    history = np.full((len(series), max(map(len, series))), np.nan)
    for row, values in zip(history, series, strict=True):
        row[len(row) - len(values) :] = values
    return history


def _chunks(history: Floats, season: int, horizon: int) -> list[tuple[NDArray[np.int64], _Plan]]:
    """The rows of `history` [n, L] with an observation, by what is looked at of them, few enough at once for memory."""
    seen = ~np.isnan(history)
    lengths = np.where(seen.any(1), history.shape[1] - seen.argmax(1), 0)
    by_plan: dict[_Plan, list[int]] = {}
    for row in np.flatnonzero(lengths):
        by_plan.setdefault(_Plan.of(int(lengths[row]), season, horizon), []).append(int(row))
    found = []
    for plan, rows in by_plan.items():
        longest = max(plan.multiples)
        size = max(
            1, _AT_ONCE // ((_ORIGINS + 1) * (horizon + season * longest) + history.shape[1] * longest)
        )
        found += [(np.array(rows[i : i + size]), plan) for i in range(0, len(rows), size)]
    return found


def _positive(values: Floats) -> NDArray[np.bool_]:
    """[n] whether a level means something in `values` [n, L]: none is below 0."""
    return np.asarray(~(values < 0).any(1))


def _deviation(values: Floats) -> Floats:
    """[n] of `values` [n, L], NaN apart; never 0."""
    seen = ~np.isnan(values)
    mean = _mean(values, 1)[:, None]
    deviation = np.sqrt(_mean(np.where(seen, (values - mean) ** 2, np.nan), 1))
    least = np.maximum(1e-6 * np.abs(np.nan_to_num(mean[:, 0])), 1e-9)
    return np.asarray(np.maximum(np.nan_to_num(deviation), least))


def _mean(values: Floats, axes: int) -> Floats:
    """Over the last `axes` axes, NaN apart; NaN where there is nothing."""
    over = tuple(range(-axes, 0))
    seen = ~np.isnan(values)
    count = seen.sum(over)
    return np.where(count > 0, np.where(seen, values, 0).sum(over) / np.maximum(count, 1), np.nan)


def _sizes(errors: Floats) -> Floats:
    """[n] root mean square of errors [n, o, H]; NaN where there is none, or only 0."""
    size = np.sqrt(_mean(errors**2, 2))
    return np.where(size > 0, size, np.nan)


def _typical(past: Sequence[_Past]) -> Floats:
    """[W] the mean of the series' losses, those from many origins weighing more; the worst of all for ways that none has."""
    losses = np.concatenate([each.losses for each in past])
    weight = np.sqrt(np.concatenate([each.count for each in past])) * ~np.isnan(losses)
    total = weight.sum(0)
    mean = (np.nan_to_num(losses) * weight).sum(0) / np.maximum(total, 1e-9)
    return np.asarray(np.where(total > 0, mean, mean.max(initial=0.0)))


def _quantiles(errors: Floats, levels: Sequence[float]) -> Floats:
    """[n, H, Q] of errors [n, o, H] along their origins, NaN apart; 0 where there is none."""
    if not errors.shape[1]:
        return np.zeros((len(errors), errors.shape[2], len(levels)))
    ranked = np.nan_to_num(np.sort(errors, axis=1))  # NaN last
    last = np.maximum((~np.isnan(errors)).sum(1) - 1, 0)[:, None]  # [n, 1, H]
    found = []
    for level in levels:
        place = level * last
        low = place.astype(np.int64)
        below, above = (np.take_along_axis(ranked, each, axis=1) for each in (low, np.minimum(low + 1, last)))
        found.append((below + (place - low) * (above - below))[:, 0])
    return np.stack(found, axis=2)


def _errors_of_all(errors: Floats) -> Floats:
    """[H, 99] quantiles of errors [e, H]; normal ones for steps that no past origin reached."""
    from scipy.special import ndtri

    quantiles = _quantiles(errors[None], _KEPT)[0]
    last, reached = ndtri(np.asarray(_KEPT)), 0
    for step in range(len(quantiles)):
        if np.isnan(errors[:, step]).all():
            quantiles[step] = last * np.sqrt((step + 1) / max(reached, 1))
        else:
            last, reached = quantiles[step], step + 1
    return np.asarray(quantiles)


def _median(sizes: Floats) -> float:
    """Of those that are known; 1 where none is."""
    known = sizes[~np.isnan(sizes)]
    return float(np.median(known)) if len(known) else 1.0
