"""Ridge: all steps ahead at once as a linear function of the last seasons, in closed form.

A window of a series, less the mean of its last season and over its deviation, is mapped to what follows it. The map is one for all
series, learnt by ridge regression. Trained linear models of this kind reach what this does without training (Toner and Darlow
2024, arXiv:2403.14587). Windows of several lengths are averaged.

Levels are those of the errors that a map without the last fifth of the history makes there, half the series' own, half of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from foretell.local import (
    Abilities,
    Count,
    Floats,
    ForetellError,
    LearningRecipe,
    LocalForecast,
    Run,
    State,
    Within,
    fill_gaps,
    seasonal_naive,
)

_SEASONS: Final = (1, 2, 3, 4, 7, 10, 14)  # of a window that are tried, longest last
_LENGTHS: Final = 3  # windows that are averaged
_LONGEST: Final = 1024  # steps of a window
_ROWS: Final = 60_000  # windows learnt from, at most: far more than there are coefficients
_LAST: Final = 0.2  # share of a history on which errors are looked at
_OWN: Final = 60  # windows of that which an item's own errors are taken from, at most
_POOLED: Final = 20_000  # the same of all items
_CLIP: Final = 10.0  # deviations from a window's level that count
_FLOOR: Final = 0.1  # of the deviation of a whole series that a window has at least
_KEPT: Final = np.linspace(0.01, 0.99, 99)  # levels at which the errors of all items are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Ridge(LearningRecipe):
    """One linear map from the last seasons to all steps ahead, of what the pooled regression leaves."""

    name: ClassVar[str] = "ridge"
    abilities: ClassVar[Abilities] = Abilities(ensemble=True, cost=3)
    # steps of the windows, up to three of them; default: some of 1 to 14 seasons, the longest that histories allow
    context_lengths: tuple[Count, ...] | None = None
    penalty: Annotated[float, Within(0, 1e6)] = 0.01  # in units of the mean square of an input

    def learn(self, series: Sequence[Floats], season: int, horizon: int, run: Run) -> Maps:
        """The maps of some window lengths; ForetellError where no history is long enough for one."""
        given = self.context_lengths
        lengths = _lengths(series, season, horizon) if given is None else tuple(sorted(given))
        whole = [fill_gaps(values, season) for values in series if (~np.isnan(values)).any()]
        with threadpool_limits(1):  # sums in the same order on every machine
            maps = [_map_of(whole, length, season, horizon, self.penalty) for length in lengths]
        found = tuple(each for each in maps if each is not None)
        if not found:
            raise ForetellError(
                f"ridge needs histories of at least {_needed(min(lengths, default=season), horizon)} steps for a horizon of {horizon};"
                f" the longest has {max(map(len, series), default=0)}. Give more history, or a shorter horizon."
            )
        return Maps(found)

    def learnt_of(self, state: State, horizon: int) -> Maps:
        """The maps that `Maps.state` kept."""
        return Maps.of_state(state[1], horizon)


@dataclass(frozen=True, slots=True)
class Map:
    """Of windows of one length: what is forecast of them, and how wrong that is."""

    length: int  # steps L of a window
    weights: Floats  # [L + 1, H] learnt of everything, the constant last
    early: Floats  # [L + 1, H] learnt without the last fifth of each history
    errors: Floats  # [H, 99] of all items, in deviations of their windows

    def forecast(self, values: Floats, season: int, levels: Sequence[float]) -> tuple[Floats, Floats]:
        """[H] mean and [H, Q] quantiles of one series [T], which has at least a window."""
        window = _Windows.of(values[-self.length :][None], self.length, season, _least(values))
        mean = (window.inputs @ self.weights)[0]
        spread = np.stack([np.interp(levels, _KEPT, step) for step in self.errors])
        own = self._own(values, season)
        if len(own):
            spread = (spread + np.quantile(own, levels, axis=0).T) / 2
        location, scale = window.location[0], window.scale[0]
        return location + scale * mean, location + scale * (mean[:, None] + spread)

    def _own(self, values: Floats, season: int) -> Floats:
        """[w, H] errors of the early map on the last fifth of a series."""
        horizon = self.weights.shape[1]
        rows = _rows(values, self.length, horizon, first=_split(values) - horizon + 1, most=_OWN)
        return _Windows.of(rows, self.length, season, _least(values)).errors(self.early)


@dataclass(frozen=True, slots=True)
class Maps:
    """The maps of all window lengths; a series is forecast by the average of those that it is long enough for."""

    maps: tuple[Map, ...]

    def forecast_all(
        self, history: Floats, season: int, horizon: int, levels: Sequence[float], run: Run
    ) -> LocalForecast:
        """The forecast of each row of `history` [n, L]; seasonal naive where it has no whole window."""
        made = seasonal_naive(history, season, horizon, levels)
        for row, values in enumerate(history):
            seen = np.flatnonzero(~np.isnan(values))
            fitting = [each for each in self.maps if len(seen) and len(values) - seen[0] >= each.length]
            made.failed[row] = len(seen) > 0 and not fitting
            if fitting:
                filled = fill_gaps(values[seen[0] :], season)
                parts = [each.forecast(filled, season, levels) for each in fitting]
                made.mean[row] = np.mean([mean for mean, _ in parts], axis=0)
                made.quantiles[row] = np.mean([np.sort(quantiles) for _, quantiles in parts], axis=0)
        return made

    def state(self) -> State:
        """Every map's arrays by its length."""
        parts: dict[str, NDArray[Any]] = {}
        for each in self.maps:
            for name in ("weights", "early", "errors"):
                parts[f"ridge.{each.length}.{name}"] = getattr(each, name)
        return {}, parts

    @classmethod
    def of_state(cls, arrays: dict[str, NDArray[Any]], horizon: int) -> Maps:
        """The maps of the arrays that `state` gave; raises ForetellError for anything else."""
        names = [name.split(".") for name in arrays if name.startswith("ridge.")]
        lengths = sorted({int(parts[1]) for parts in names if len(parts) == 3 and parts[1].isdecimal()})
        maps = []
        for length in lengths:
            weights, early, errors = (arrays[f"ridge.{length}.{n}"] for n in ("weights", "early", "errors"))
            shapes = {weights.shape, early.shape}
            if shapes != {(length + 1, horizon)} or errors.shape != (horizon, len(_KEPT)):
                raise ForetellError(f"the arrays of ridge's windows of {length} steps have other shapes")
            maps.append(Map(length, weights, early, errors))
        if not maps:
            raise ForetellError("there are no windows of ridge")
        return cls(tuple(maps))


@dataclass(frozen=True, slots=True)
class _Windows:
    """Windows, standardised: inputs, what follows them, and what brings it back."""

    inputs: Floats  # [w, L + 1] the last column is 1
    ahead: Floats  # [w, H]
    location: Floats  # [w]
    scale: Floats  # [w]

    @classmethod
    def of(cls, rows: Floats, length: int, season: int, least: float) -> _Windows:
        """Those of `rows` [w, L + H], each over its own deviation, which counts as at least `least`."""
        past = rows[:, :length]
        location = past[:, -min(season, length) :].mean(1)
        scale = np.maximum(past.std(1), least)
        inputs = np.ones((len(rows), length + 1))
        inputs[:, :length] = ((past - location[:, None]) / scale[:, None]).clip(-_CLIP, _CLIP)
        return cls(inputs, (rows[:, length:] - location[:, None]) / scale[:, None], location, scale)

    def errors(self, weights: Floats) -> Floats:
        """[w, H] what follows, less what `weights` [L + 1, H] say."""
        return np.asarray(self.ahead - self.inputs @ weights)


def _lengths(series: Sequence[Floats], season: int, horizon: int) -> tuple[int, ...]:
    """The longest windows of which the typical history still has some with what follows them, the last fifth apart."""
    room = int((1 - _LAST) * np.median([len(values) for values in series])) - horizon if series else 0
    fitting = [count * season for count in _SEASONS if count * season <= min(room, _LONGEST)]
    return tuple(fitting[-_LENGTHS:]) or (season,)


def _needed(length: int, horizon: int) -> int:
    return int(np.ceil((length + horizon) / (1 - _LAST)))


def _map_of(series: Sequence[Floats], length: int, season: int, horizon: int, penalty: float) -> Map | None:
    """The map of one window length; None where no history, without its last fifth, has one with what follows."""
    early, late = _Normal(length, horizon), _Normal(length, horizon)
    count = sum(max(len(values) - length - horizon + 1, 0) for values in series)
    stride = max(1, -(-count // _ROWS))
    for values in series:
        least, split = _least(values), _split(values) - horizon
        early.add(
            _Windows.of(_rows(values, length, horizon, last=split, stride=stride), length, season, least)
        )
        late.add(
            _Windows.of(_rows(values, length, horizon, first=split + 1, stride=stride), length, season, least)
        )
    if not early.rows:
        return None
    weights, before = early.with_others(late).solve(penalty), early.solve(penalty)
    errors = _errors_of_all(series, before, length, season, horizon)
    return Map(length, weights, before, errors)


class _Normal:
    """The sums of squares and products that a least-squares problem is made of."""

    def __init__(self, length: int, horizon: int) -> None:
        self.square, self.cross = np.zeros((length + 1, length + 1)), np.zeros((length + 1, horizon))
        self.rows = 0

    def add(self, windows: _Windows) -> None:
        self.square += windows.inputs.T @ windows.inputs
        self.cross += windows.inputs.T @ windows.ahead.clip(-2 * _CLIP, 2 * _CLIP)
        self.rows += len(windows.inputs)

    def with_others(self, others: _Normal) -> _Normal:
        both = _Normal(len(self.square) - 1, self.cross.shape[1])
        both.square, both.cross = self.square + others.square, self.cross + others.cross
        both.rows = self.rows + others.rows
        return both

    def solve(self, penalty: float) -> Floats:
        """[L + 1, H] the coefficients; the constant is hardly drawn to 0."""
        mean_square = float(np.trace(self.square[:-1, :-1])) / (len(self.square) - 1)
        ridge = np.full(len(self.square), penalty * mean_square + 1e-9 * (mean_square + 1))
        ridge[-1] = 1e-9 * (self.rows + 1)
        return np.asarray(np.linalg.solve(self.square + np.diag(ridge), self.cross))


def _errors_of_all(
    series: Sequence[Floats], weights: Floats, length: int, season: int, horizon: int
) -> Floats:
    """[H, 99] quantiles of the errors of `weights` on the last fifth of all histories; of the whole where that has none."""
    each = max(1, min(_OWN, _POOLED // max(len(series), 1)))
    for late in (True, False):
        parts = []
        for values in series[: _POOLED // each]:
            first = _split(values) - horizon + 1 if late else 0
            rows = _rows(values, length, horizon, first=first, most=each)
            parts.append(_Windows.of(rows, length, season, _least(values)).errors(weights))
        errors = np.concatenate(parts)
        if len(errors):
            break
    return np.asarray(np.quantile(errors, _KEPT, axis=0).T)


def _rows(
    values: Floats,
    length: int,
    horizon: int,
    *,
    first: int = 0,
    last: int | None = None,
    stride: int = 1,
    most: int = 0,
) -> Floats:
    """[w, L + H] windows with what follows, the latest first, whose origins lie in `first` to `last`.

    Every `stride`th, or as many that at most `most` remain.
    """
    origins = range(max(first, length), min(len(values) - horizon, len(values) if last is None else last) + 1)
    step = max(stride, -(-len(origins) // most)) if most else stride
    chosen = np.arange(len(origins))[::-1][::step] + origins.start
    if not len(chosen):
        return np.empty((0, length + horizon))
    whole = np.lib.stride_tricks.sliding_window_view(values, length + horizon)
    return np.asarray(whole[chosen - length])


def _split(values: Floats) -> int:
    """The step at which the last fifth begins."""
    return int((1 - _LAST) * len(values))


def _least(values: Floats) -> float:
    """What the deviation of a window counts at least."""
    return max(_FLOOR * float(values.std()), 1e-6 * float(np.abs(values).mean()), 1e-9)
