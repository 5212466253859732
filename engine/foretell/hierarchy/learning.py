"""What a `Dependence` is learnt from: forecasts of held-out windows, or the errors of a reference over many past windows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Floats
from foretell.data.panel import Panel
from foretell.hierarchy.moments import Codes, Moments, sharing
from foretell.hierarchy.normal_scores import normal_scores, ranked_scores
from foretell.local.pooled_regression import CONTEXT, Pooled, has_related, unexplained
from foretell.recipe.dependence import EVERYONE, MOST_SHARED, Dependence, SharedPart, possible
from foretell.recipe.item_groups import columns_of_items, values_of_items
from foretell.recipe.protocols import HeldOut
from foretell.recipe.task import Task

_ITEMS: Final = 200  # learnt from, at most
_ROWS: Final = 12_000  # item-steps that are looked at at a time
_WINDOWS: Final = 24  # of the reference, at most
_COLUMNS: Final = 6  # that items can share a part by, at most
_SEASONS: Final = 4  # before a window, whose average is the reference's forecast


def learn_dependence(panel: Panel, task: Task, *, held: HeldOut | None, seed: int) -> Dependence:
    """How errors hang together, from `held`, forecasts of held-out windows, where there are any; else from a reference.

    The reference forecasts what the pooled regression leaves of the target by the average of the last seasons. Where
    histories are too short for it each item and step is taken to err alone.
    """
    if held is not None and held.items is not None:
        scores = normal_scores(held.quantiles, held.levels, held.actual, seed=seed)
        return _learnt(scores, panel, held.items, "forecasts of held-out windows")
    items = _some_items(panel, seed)
    scores = reference_scores(panel, items, task.horizon)
    return _learnt(scores, panel, items, "errors of a reference over past windows")


def _some_items(panel: Panel, seed: int) -> NDArray[np.int64]:
    there = np.flatnonzero(panel.stop > 0)
    return np.sort(np.random.default_rng(seed).permutation(there)[:_ITEMS])


def reference_scores(panel: Panel, items: NDArray[np.int64], horizon: int) -> Floats:
    """[K, N, H] normal scores of the reference's errors, each item's ranked over all windows; K = 0 where none fits."""
    longest = max(int(np.minimum(panel.stop[items], CONTEXT).max(initial=1)), 1)
    count = int(np.clip((longest - panel.season * _SEASONS) // horizon, 0, _WINDOWS))
    at_a_time = max(1, _ROWS // longest)
    pooled = _pooled(panel, items[:at_a_time])
    errors = np.empty((len(items), count, horizon))
    for first in range(0, len(items), at_a_time):
        some = slice(first, first + at_a_time)
        rest = (pooled.explain if pooled else unexplained)(panel, items[some], horizon).residual
        short = max(longest - rest.shape[1], 0)  # where all of `some` are young
        rest = np.pad(rest, ((0, 0), (short, 0)), constant_values=np.nan)
        for k in range(count):
            errors[some, k] = _errors(rest, horizon, panel.season, (count - k) * horizon)
    scores = ranked_scores(errors.reshape(len(items), -1)).reshape(errors.shape)
    return np.asarray(scores.transpose(1, 0, 2))


def _pooled(panel: Panel, items: NDArray[np.int64]) -> Pooled | None:
    """What the related series and the metadata explain, learnt from `items`; None where there are none such."""
    if not has_related(panel):
        return None
    # without the seasons of the year: learnt on the very windows, they would take what items have in common for a season
    return Pooled.learn(panel, items, yearly=False)


def _errors(rest: Floats, horizon: int, season: int, back: int) -> Floats:
    """[N, H] the reference's errors in the window that begins `back` steps before the origin."""
    begin = rest.shape[1] - back
    past = rest[:, begin - season * _SEASONS : begin].reshape(len(rest), _SEASONS, season)
    seen = ~np.isnan(past)
    level = np.where(seen, past, 0).sum((1, 2)) / np.maximum(seen.sum((1, 2)), 1)
    phase = np.where(
        seen.sum(1) > 0, np.where(seen, past, 0).sum(1) / np.maximum(seen.sum(1), 1), level[:, None]
    )
    known = (seen.sum((1, 2)) > 0)[:, None]
    ahead = phase[:, np.arange(horizon) % season]
    return np.asarray(np.where(known, rest[:, begin : begin + horizon] - ahead, np.nan))


def _learnt(scores: Floats, panel: Panel, items: NDArray[np.int64], source: str) -> Dependence:
    """The dependence of normal scores [K, N, H] of the `items` [N] of `panel`."""
    groups = _groups(panel, items)
    moments = Moments.of(scores, list(groups.values()))
    variance = moments.single[0] if moments.single[0] > 0 else 1.0
    alike = np.array([moments.everyone[0], *(each[0] for each in moments.groups)]) / variance
    shares = _shares(sharing(list(groups.values()), len(items)), alike)
    parts = tuple(
        SharedPart(by, float(share))
        for by, share in zip((EVERYONE, *groups), shares, strict=True)
        if share > 0
    )
    lags = tuple(possible(np.append(1.0, moments.single[1:] / variance)).tolist())
    observed = ~np.isnan(scores)
    return Dependence(
        shared=parts,
        own=lags,
        common=lags,
        source=source,
        windows=int(observed.any((1, 2)).sum()),
        forecasts=int(observed.any(2).sum()),
    )


def _shares(sharing_of_pairs: Floats, alike: Floats) -> Floats:
    """[C + 1] shares of the variance, 0 or more, that give pairs of items the correlations seen."""
    from scipy.optimize import nnls

    shares, _ = nnls(sharing_of_pairs, np.clip(alike, 0, 1))
    most = shares.sum()
    return np.asarray(shares * (MOST_SHARED / most) if most > MOST_SHARED else shares)


def _groups(panel: Panel, items: NDArray[np.int64]) -> Mapping[str, Codes]:
    """Codes [N] of the columns that `items` may share a part by: several groups, most of them of several items."""
    found: dict[str, Codes] = {}
    for column in columns_of_items(panel.keys, panel):
        values = values_of_items(panel.keys, panel, column, items)
        codes = np.unique(values, return_inverse=True)[1]
        if 2 <= int(codes.max(initial=0)) + 1 <= len(items) // 2:
            found[column] = codes
    return dict(list(found.items())[:_COLUMNS])
