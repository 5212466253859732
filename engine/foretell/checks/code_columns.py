"""Columns of whole numbers that look like codes: what they say of the target has nothing to do with their order."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foretell.checks.target_profile import Profile
from foretell.data.arrays import Array
from foretell.data.columns import Column
from foretell.data.panel import Panel

_FEWEST, _MOST = 3, 50  # different numbers that codes have
# Measured on columns of Rossmann, Favorita, store_item_demand, FRED and the hourly bikes: codes gain .11 to .81, numbers at most .08
# but for the hour of the day (.32), whose neighbours are alike (.06; codes from .76 on).
_GAIN: Final = 0.1  # of the variance that categories must explain beyond a line
_APART: Final = 0.5  # of the distance of any two categories, how far neighbours must lie apart
_CHANCE: Final = 1e-3  # that categories of no meaning would explain as much
_ITEMS, _STEPS, _LATEST = 400, 256, 2048  # of each item's latest steps, some are looked at


@dataclass(frozen=True, slots=True)
class CodeColumn:
    """A column that looks like codes."""

    name: str
    values: int  # different ones
    within: bool  # it moves within items; or else it differs between items
    category: float  # share of the target's variance that its values explain as categories
    line: float  # and as numbers


def code_columns(panel: Panel, profile: Profile, *, declared: Collection[str]) -> list[CodeColumn]:
    """The numeric columns that look like codes, without those that were declared numbers; a sample is looked at."""
    found = [
        _examine(name, values, level, within=within)
        for name, values, level, within in _columns(panel, profile)
        if name not in declared
    ]
    return [each for each in found if each is not None]


def _columns(
    panel: Panel, profile: Profile
) -> Iterator[tuple[str, NDArray[np.float64], NDArray[np.float64], bool]]:
    """Each numeric column: its name, values and the target's level beside them; whether these are of steps or of items."""
    schema, seen = panel.schema, np.maximum(profile.seen, 1)
    level = np.where(profile.seen > 0, np.log1p(profile.size / seen), np.nan)
    for position, column in enumerate(schema.static_real):
        if _is_number(column):
            yield column.source, panel.static_real[:, position].astype(float), level, False
    numbers = [c for c in (*schema.known, *schema.past) if _is_number(c) and c.source != schema.open]
    if not numbers:
        return
    items, ordinals, target = _sample(panel)
    moves = target - _mean(target)
    for column in numbers:
        values = _at(panel, column, items, ordinals)
        within = bool((np.nan_to_num(np.ptp(_filled(values), axis=1)) > 0).any())
        if within:
            yield column.source, values.ravel(), moves.ravel(), True
        else:
            yield column.source, _mean(values)[:, 0], level[items], False


def _is_number(column: Column) -> bool:
    return column.value is None and not column.indicator


def _sample(panel: Panel) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Items [n], ordinals [n, L] among their latest steps, and the logarithm of the target there."""
    random = np.random.default_rng(0)
    some = np.flatnonzero(panel.stop > 0)
    items = np.sort(random.choice(some, min(_ITEMS, len(some)), replace=False))
    length = min(int(panel.stop.max(initial=1)), _LATEST)
    steps = np.sort(random.choice(length, min(_STEPS, length), replace=False))
    target = panel.context(length, items)[:, steps].astype(float)
    return items, panel.origin[items, None] - length + steps, np.sign(target) * np.log1p(np.abs(target))


def _at(
    panel: Panel, column: Column, items: NDArray[np.int64], ordinals: NDArray[np.int64]
) -> NDArray[np.float64]:
    """[n, L] the values of a known or past column; NaN where there is none."""
    known = column in panel.schema.known
    names = panel.schema.known if known else panel.schema.past
    step = ordinals - panel.start[items, None]
    index = (panel.offsets[items] + items * (panel.future if known else 0))[:, None] + np.maximum(step, 0)
    array: Array = panel.known if known else panel.past
    return np.where(step >= 0, array[index, names.index(column)], np.nan).astype(float)


def _filled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n, L] with each item's gaps as its first value, so that they widen no range."""
    there = ~np.isnan(values)
    first = values[np.arange(len(values)), there.argmax(axis=1)]
    return np.where(there, values, first[:, None])


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n, 1] each item's mean of what is there; NaN where nothing is."""
    there = ~np.isnan(values)
    count = there.sum(axis=1, keepdims=True)
    total = np.where(there, values, 0).sum(axis=1, keepdims=True)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _examine(
    name: str, values: NDArray[np.float64], level: NDArray[np.float64], *, within: bool
) -> CodeColumn | None:
    """The column, where its values explain far more as categories than as numbers, and neighbours are no more alike."""
    there = np.isfinite(values) & np.isfinite(level)
    x, y = values[there], level[there]
    numbers, which = np.unique(x, return_inverse=True)
    n, k = len(x), len(numbers)
    total = float(((y - y.mean()) ** 2).sum()) if n else 0.0
    if not _FEWEST <= k <= min(_MOST, n - 2) or (numbers != np.floor(numbers)).any() or total <= 0:
        return None
    count = np.bincount(which)
    mean = np.bincount(which, y) / count
    inside = float(((y - mean[which]) ** 2).sum())
    beside = total * (1 - float(np.corrcoef(x, y)[0, 1]) ** 2)
    category, line = 1 - inside / total * (n - 1) / (n - k), 1 - beside / total * (n - 1) / (n - 2)
    if category - line <= _GAIN or _chance(beside, inside, n=n, k=k) >= _CHANCE:
        return None
    if _distance(count, mean, inside / (n - k)) <= _APART:
        return None
    return CodeColumn(name, k, within, category, max(line, 0.0))


def _chance(beside: float, inside: float, *, n: int, k: int) -> float:
    """How probable it is that k categories explain so much more than a line, if nothing is there (an F test)."""
    from scipy.stats import f

    if inside <= 0:
        return 0.0
    return float(f.sf((beside - inside) / (k - 2) / (inside / (n - k)), k - 2, n - k))


def _distance(count: NDArray[np.int64], mean: NDArray[np.float64], noise: float) -> float:
    """How far neighbours lie apart, as a share of any two categories: about 1 for codes, near 0 along a smooth curve."""
    share = count / count.sum()
    spread = (
        float((share * (mean - (share * mean).sum()) ** 2).sum()) - noise * (len(count) - 1) / count.sum()
    )
    steps = np.diff(mean) ** 2 - noise * (1 / count[1:] + 1 / count[:-1])
    apart: float = steps.mean() / (2 * max(spread, 1e-12))
    return apart
