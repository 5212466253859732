"""How sure the order of the leaderboard is: each recipe against the next, over other draws of the same items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.arrays import Floats
from foretell.evaluation.metrics import ratio
from foretell.evaluation.outcome import Outcome

DRAWS: Final = 2_000
FEWEST: Final = 8  # items (or windows) that other draws are made of
_MOST: Final = 2_000  # units drawn; of more items, some share one
_COLUMNS: Final = ["recipe", "wQL", "next", "difference", "low", "high", "sure"]


def ranking(outcomes: Mapping[str, Sequence[Outcome]]) -> pd.DataFrame:
    """A row a recipe and the `next` one of `outcomes`, best first: the `difference` of their wQL, and its 95 % interval.

    `sure` is the share of draws in which the recipe stays ahead. Items are drawn anew (paired, with replacement), windows too where there
    are eight of them; dates are as they were, so what all items have in common on one of them is not in the interval. NaN below eight
    items, and where recipes do not forecast the same ones.
    """
    names = list(outcomes)
    wql = {name: np.nanmean([o.scores.pooled["wQL"] for o in outcomes[name]]) for name in names}
    drawn = _drawn(outcomes)
    rows = []
    for here, after in pairwise(names):
        row = {"recipe": here, "wQL": wql[here], "next": after, "difference": wql[after] - wql[here]}
        apart = drawn[after] - drawn[here] if drawn else np.full(1, np.nan)
        low, high = np.nanquantile(apart, [0.025, 0.975]) if np.isfinite(apart).any() else (np.nan, np.nan)
        sure = float((apart > 0).mean()) if np.isfinite(low) else np.nan
        rows.append({**row, "low": low, "high": high, "sure": sure})
    return pd.DataFrame(rows, columns=_COLUMNS)


def _drawn(outcomes: Mapping[str, Sequence[Outcome]]) -> dict[str, Floats]:
    """The wQL [R] of each recipe in each draw; nothing where there is too little to draw from."""
    windows = next(iter(outcomes.values()))
    numbers = [outcome.window.number for outcome in windows]
    if any([outcome.window.number for outcome in each] != numbers for each in outcomes.values()):
        return {}
    counts = {len(outcome.forecast) for outcome in windows}
    if len(counts) != 1 or min(counts) < FEWEST:
        return {}
    generator = np.random.default_rng(0)
    n = counts.pop()
    unit = np.arange(n) if n <= _MOST else generator.permutation(n) % _MOST
    many = min(n, _MOST)
    weights = generator.multinomial(many, np.full(many, 1 / many), DRAWS).astype(np.float64)  # [R, U]
    count = len(numbers)
    shares = np.ones((DRAWS, count))
    if count >= FEWEST:
        shares = generator.multinomial(count, np.full(count, 1 / count), DRAWS).astype(np.float64)
    sizes = [_by_unit(_sizes(outcome), unit, many) for outcome in windows]
    return {
        name: _mean_wql(weights, shares, [_by_unit(_losses(o), unit, many) for o in each], sizes)
        for name, each in outcomes.items()
    }


def _mean_wql(weights: Floats, shares: Floats, losses: Sequence[Floats], sizes: Sequence[Floats]) -> Floats:
    """[R] the mean over windows of loss over size, each summed with the `weights` [R, U] of the units."""
    each = np.stack(
        [ratio(weights @ loss, weights @ size) for loss, size in zip(losses, sizes, strict=True)], 1
    )
    share = np.where(np.isnan(each), 0, shares)
    return ratio((np.nan_to_num(each) * share).sum(1), share.sum(1))


def _sizes(outcome: Outcome) -> Floats:
    """[N] sum of |y| of each item; 0 for one without history, which no leaderboard counts."""
    size = np.nansum(np.abs(outcome.window.actual), axis=1, dtype=np.float64)
    return np.where(outcome.window.has_history, size, 0)


def _losses(outcome: Outcome) -> Floats:
    """[N] the quantile loss of each item; its wQL is that over its size, or that alone where it sold nothing."""
    size, wql = _sizes(outcome), np.nan_to_num(outcome.scores.items["wQL"])
    return np.where(outcome.window.has_history, wql * np.where(size == 0, 1, size), 0)


def _by_unit(values: Floats, unit: NDArray[np.int64], many: int) -> Floats:
    return np.asarray(np.bincount(unit, values, minlength=many), np.float64)
