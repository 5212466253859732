"""The pooled regression: what covariates, calendar and metadata explain of every item's target, learnt over all at once.

A hierarchical linear model of the standardised target. Each item has its own coefficients, drawn towards those that its
metadata suggest, these towards the ones of all items; how strongly is estimated from the data (empirical Bayes, by
expectation and maximisation, as for a linear mixed model: Laird and Ware 1982). Only the common part is stored: an item's
own coefficients follow from its history, at prediction as in training.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from foretell.data.arrays import Array, Floats
from foretell.data.panel import Panel
from foretell.data.static_scale import StaticScale, static_design
from foretell.errors import ForetellError
from foretell.local.design_matrix import Regressors
from foretell.local.hierarchical_model import CalendarCells, Hierarchy, SufficientStatistics, estimate
from foretell.system.typed import typed

CONTEXT: Final = 3000  # steps before the origin that are looked at, at most
# items with fewer observed steps have no model of their own
LEAST_OBSERVED: Final = 3
_ROWS: Final = 500_000  # item-steps learnt from, at most: far more than there are coefficients
_ITEMS: Final = 4_000  # items learnt from, at most
_CHUNK: Final = 40_000_000  # numbers in a design matrix at once, at prediction
_TRIED_ROWS: Final = 200_000  # item-steps that the trial of the regression learns from
_MARGIN: Final = 0.01  # by which the regression must be better there
_YEAR_MARGIN: Final = 0.05  # by which it must be better without the seasons of the year to leave them out
# part of the typical deviation that an item has which has been seen once or twice, and at 0
_OF_NOTHING: Final = 0.1
_SEASONS: Final = 4  # last seasons that stand in for the local model in that trial
_LEVELS: Final = np.linspace(0.005, 0.995, 199)  # at which the residuals of items without history are kept


@dataclass(frozen=True, slots=True)
class Explained:
    """A panel's items with the regression's part taken out: target = location + scale * (regression + residual)."""

    items: NDArray[np.int64]  # [n] positions in the panel
    location: Floats  # [n]
    scale: Floats  # [n]
    residual: Floats  # [n, L] up to the origin; NaN where not observed or closed
    ahead: Floats  # [n, H] the regression's part of the horizon
    count: NDArray[np.int64]  # [n] observed steps

    @property
    def brief(self) -> NDArray[np.bool_]:
        """[n] items with fewer than LEAST_OBSERVED observed steps."""
        return self.count < LEAST_OBSERVED


@dataclass(frozen=True, slots=True)
class Pooled:
    """The fitted regression."""

    regressors: Regressors
    scale: StaticScale
    mean: Floats  # [D] coefficients of the average item
    slopes: Floats  # [D, S] how they change with the statics
    variance: Floats  # [D] of the items' coefficients around that
    noise: float  # variance of what is left
    common: Floats  # [C] effects of the calendar cells, one kind after the other
    rest: Floats  # [199] residual quantiles of items without history, in units of their scale
    bias: float  # the mean of those residuals
    useful: bool  # whether it helped where that could be tried; items without history are forecast by it in any case

    @classmethod
    def fit(cls, panel: Panel, *, horizon: int, seed: int) -> Pooled:
        """Learn from what lies before each item's origin; from a sample of the items when there are very many.

        Whether it helps, and whether the seasons of the year do, is tried on the last `horizon` steps before the origin.
        """
        items = learnt_items(panel, seed)
        if len(items) == 0:
            raise ForetellError("no item has a history before its origin: there is nothing to learn from")
        with threadpool_limits(1):  # many small matrices: threads only wait for each other
            useful, yearly = _tried(panel, items, horizon)
            return replace(cls.learn(panel, items, yearly=yearly), useful=useful)

    @classmethod
    def learn(cls, panel: Panel, items: NDArray[np.int64], *, yearly: bool) -> Pooled:
        """The regression learnt from `items`, with or without the seasons of the year."""
        length = history_length(panel, items)
        scale = StaticScale.fit(panel)
        regressors = Regressors.choose(panel, items[: max(1, 100_000 // length)], length, yearly=yearly)
        view = View.of(panel, items, scale)
        # a constant would only pull all effects towards nothing
        telling = view.seen & (view.spread > 0)[:, None]
        design = regressors.design(panel, items, back=length, ahead=0) * telling[..., None]
        cells = CalendarCells.of(panel, items, back=length, ahead=0, yearly=yearly)
        statics = static_design(panel, scale.real_scale)[items, :-1]
        hierarchy, common = estimate(design, view.z * telling, telling, cells, statics)
        typical = without_trend(hierarchy.prior(statics))
        explained = np.einsum("nld,nd->nl", design, typical) + cells.effect(common)
        rest = _cold_residuals(panel, items, view.target, explained)
        return cls(
            regressors,
            scale,
            hierarchy.mean,
            hierarchy.slopes,
            hierarchy.variance,
            hierarchy.noise,
            common,
            rest=np.quantile(rest, _LEVELS),
            bias=float(rest.mean()),
            useful=True,
        )

    def explain(self, panel: Panel, items: NDArray[np.int64], horizon: int) -> Explained:
        """What the regression says of `items`, with coefficients of their own as far as their histories carry them."""
        length = history_length(panel, items)
        view = View.of(panel, items, self.scale)
        yearly = self.regressors.yearly
        effect = CalendarCells.of(panel, items, back=length, ahead=horizon, yearly=yearly).effect(self.common)
        design = self.regressors.design(panel, items, back=length, ahead=horizon)
        statics = static_design(panel, self.scale.real_scale)[items, :-1]
        hierarchy = Hierarchy(self.mean, self.slopes, self.variance, self.noise)
        with threadpool_limits(1):
            statistics = SufficientStatistics.of(
                design[:, :length] * view.seen[..., None], (view.z - effect[:, :length]) * view.seen
            )
            own = without_trend(hierarchy.own(statistics, statics)[0])
        fitted = np.einsum("nld,nd->nl", design, own) + effect
        return Explained(
            items=items,
            location=view.location,
            scale=view.spread,
            residual=np.where(view.seen, view.z - fitted[:, :length], np.nan),
            ahead=fitted[:, length:],
            count=view.seen.sum(1),
        )

    def quantiles(self, levels: Sequence[float]) -> Floats:
        """[Q] of the residuals of items without history, in units of their scale."""
        return np.interp(levels, _LEVELS, self.rest)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """JSON and arrays that `of_state` reads back."""
        plain: dict[str, Any] = {"regressors": self.regressors.to_json()}
        plain |= {"noise": float(self.noise), "bias": float(self.bias), "useful": bool(self.useful)}
        names = ("mean", "slopes", "variance", "common", "rest")
        return plain, {**{f"pooled.{n}": getattr(self, n) for n in names}, **self.scale.arrays()}

    @classmethod
    def of_state(cls, plain: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Pooled:
        """The regression whose `state` this is; raises ForetellError or KeyError for anything else."""
        noise, bias = (typed(float, plain[name], name) for name in ("noise", "bias"))
        return cls(
            Regressors.from_json(plain["regressors"]),
            StaticScale.of_arrays(arrays),
            arrays["pooled.mean"],
            arrays["pooled.slopes"],
            arrays["pooled.variance"],
            noise,
            arrays["pooled.common"],
            arrays["pooled.rest"],
            bias,
            typed(bool, plain["useful"], "useful"),
        )


def pooled_regression(panel: Panel, horizon: int, seed: int) -> Pooled:
    """`Pooled.fit`, once for all local recipes that are fitted on this very panel."""
    return panel.once(
        ("pooled regression", horizon, seed), lambda: Pooled.fit(panel, horizon=horizon, seed=seed)
    )


def unexplained(panel: Panel, items: NDArray[np.int64], horizon: int) -> Explained:
    """`items` as they are, with nothing taken out: for the plain textbook model."""
    target = panel.context(history_length(panel, items), items).astype(np.float64)
    return Explained(
        items=items,
        location=np.zeros(len(items)),
        scale=np.ones(len(items)),
        residual=target,
        ahead=np.zeros((len(items), horizon)),
        count=(~np.isnan(target)).sum(1),
    )


def chunks(panel: Panel, horizon: int, width: int) -> Iterator[NDArray[np.int64]]:
    """All items, those of similar length together, few enough at once for their design of `width` columns to fit memory."""
    order = np.argsort(panel.stop, kind="stable")[::-1]
    begin = 0
    while begin < len(order):
        steps = min(int(panel.stop[order[begin]]), CONTEXT) + horizon
        size = max(1, min(4096, _CHUNK // (steps * width)))
        yield order[begin : begin + size]
        begin += size


@dataclass(frozen=True, slots=True)
class View:
    """The histories of some items, standardised."""

    target: Floats  # [n, L] NaN where not observed or closed
    seen: NDArray[np.bool_]  # [n, L]
    location: Floats  # [n]
    spread: Floats  # [n]; 0 for a constant
    z: Floats  # [n, L]; 0 where not seen

    @classmethod
    def of(cls, panel: Panel, items: NDArray[np.int64], scale: StaticScale) -> View:
        target = panel.context(history_length(panel, items), items).astype(np.float64)
        seen = ~np.isnan(target)
        location, spread = _mean_and_deviation(target, scale.predict(panel)[items])
        divisor = np.where(spread > 0, spread, 1.0)[:, None]
        return cls(target, seen, location, spread, np.where(seen, (target - location[:, None]) / divisor, 0))


def _tried(panel: Panel, items: NDArray[np.int64], horizon: int) -> tuple[bool, bool]:
    """Whether to use the regression, and whether with the seasons of the year: what forecast the last horizon best.

    The local model is stood in for by the average of the last seasons of what the regression leaves. One window may favour
    an option by chance, hence the margins: the simpler one must be clearly worse, the one blind to the year clearly better.
    """
    over_a_year = (
        panel.frequency.year is not None and history_length(panel, items) > panel.frequency.year + horizon
    )
    past = panel.before(horizon)
    some = items[past.stop[items] >= 2 * horizon]
    if not has_related(panel) or len(some) == 0:
        return has_related(panel), over_a_year
    some = some[: max(1, _TRIED_ROWS // history_length(past, some))]
    truth = panel.context(horizon, some).astype(np.float64)
    plain = _loss(truth, unexplained(past, some, horizon), panel.season)
    losses = {
        yearly: _loss(
            truth, Pooled.learn(past, some, yearly=yearly).explain(past, some, horizon), panel.season
        )
        for yearly in ((False, True) if over_a_year else (False,))
    }
    yearly = over_a_year and losses[False] > (1 - _YEAR_MARGIN) * losses[True]
    return losses[yearly] < (1 - _MARGIN) * plain, yearly


def _loss(truth: Floats, explained: Explained, season: int) -> float:
    """The sum of absolute errors of the regression and the average of the last seasons of what it leaves."""
    local = _recent_season(explained.residual, season, truth.shape[1])
    guess = explained.location[:, None] + explained.scale[:, None] * (explained.ahead + local)
    return float(np.nansum(np.abs(truth - guess)[~explained.brief]))


def _recent_season(history: Floats, season: int, horizon: int) -> Floats:
    """[n, H] the average of the last seasons of `history` [n, L], NaN apart, repeated."""
    length = season * _SEASONS
    recent = np.full((len(history), length), np.nan)
    recent[:, max(0, length - history.shape[1]) :] = history[:, -length:]
    seen = ~np.isnan(recent)
    mean = np.where(seen, recent, 0).sum(1) / np.maximum(seen.sum(1), 1)
    cycles, count = (
        np.where(seen, recent, 0).reshape(-1, _SEASONS, season),
        seen.reshape(-1, _SEASONS, season).sum(1),
    )
    phase = np.where(count > 0, cycles.sum(1) / np.maximum(count, 1), mean[:, None])
    return np.asarray(phase[:, np.arange(horizon) % season])


def has_related(panel: Panel) -> bool:
    """Whether there is anything for the regression to learn from: known covariates or statics."""
    return bool(panel.schema.known or panel.schema.static_real or panel.schema.static_cat)


def _cold_residuals(panel: Panel, items: NDArray[np.int64], target: Floats, explained: Floats) -> Floats:
    """What a forecast without history leaves, in units of the scale guessed from the statics of the other items."""
    if len(items) < 2:
        guess = StaticScale.fit(panel).predict(panel)[items].astype(np.float64)
    else:
        from sklearn.model_selection import KFold

        guess = np.empty((len(items), 2))
        for others, held in KFold(min(5, len(items)), shuffle=True, random_state=0).split(items):
            scale = StaticScale.fit(panel.take(items[others]))
            guess[held] = scale.predict(panel.take(items[held]))
    rest = (target - guess[:, :1]) / np.maximum(guess[:, 1:], 1e-12) - explained
    rest = rest[~np.isnan(rest)]
    return rest if len(rest) else np.zeros(1)


def learnt_items(panel: Panel, seed: int) -> NDArray[np.int64]:
    """Items with a history, in the order of their names, as many as can be learnt from at once."""
    names = np.array(panel.names, object)
    order = np.argsort(names, kind="stable")
    order = order[panel.stop[order] > 0]
    longest = max(int(np.minimum(panel.stop[order], CONTEXT).max(initial=1)), 1)
    most = max(1, min(_ITEMS, _ROWS // longest))
    if len(order) <= most:
        return order
    return order[np.sort(np.random.default_rng(seed).choice(len(order), most, replace=False))]


def _mean_and_deviation(target: Floats, guess: Array) -> tuple[Floats, Floats]:
    """[n] mean and deviation of what was observed; items with hardly any take the deviation, or both, from `guess`."""
    seen = ~np.isnan(target)
    count = seen.sum(1)
    mean = np.where(seen, target, 0).sum(1) / np.maximum(count, 1)
    spread = np.sqrt(np.where(seen, (target - mean[:, None]) ** 2, 0).sum(1) / np.maximum(count, 1))
    spread = np.where(spread > 1e-6 * np.abs(mean), spread, 0)  # float32 noise is no spread
    expected, typical = guess.astype(np.float64).T
    relative = np.clip(np.abs(mean) / np.maximum(np.abs(expected), 1e-12), 0.01, 100)
    relative = np.where(mean == 0, _OF_NOTHING, relative)
    spread = np.where(count >= LEAST_OBSERVED, spread, np.where(count > 0, typical * relative, typical))
    return np.where(count > 0, mean, expected), spread


def without_trend(coefficients: Floats) -> Floats:
    """The coefficients with the trend's, the last, at nothing: going on with it is the local model's business."""
    return np.concatenate([coefficients[:, :-1], np.zeros((len(coefficients), 1))], axis=1)


def history_length(panel: Panel, items: NDArray[np.int64]) -> int:
    return max(int(np.minimum(panel.stop[items], CONTEXT).max(initial=1)), 1)
