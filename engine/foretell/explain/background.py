"""The background of an explanation: which values of other dates and other items a driver takes where it does not count."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array, Floats
from foretell.data.future_plan import FuturePlan
from foretell.data.layout import Layout
from foretell.data.panel import Panel
from foretell.data.segments import open_steps, segment_means
from foretell.explain.drivers import Driver

BEYOND: Final = 2  # steps past the horizon at which recipes look at known columns


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """P draws for n items: how many steps back other dates lie, and whose values are taken."""

    panel: Panel  # that they are drawn from, N items
    items: NDArray[np.int64]  # [n] positions there
    shift: NDArray[
        np.int64
    ]  # [P] steps from the origin back to other dates; none where no item has a history
    dated: NDArray[np.int64]  # [n, P] the item whose known columns are taken: itself where it has these dates
    other: NDArray[np.int64]  # [n, P] the item whose statics are taken
    steps: int  # R: steps from the origin on that known columns are taken of

    @classmethod
    def draw(cls, panel: Panel, *, count: int, horizon: int, seed: int) -> Background:
        """`count` draws of all items of a panel: dates of the last year spread evenly, and over the phases of the season."""
        rng = np.random.default_rng([seed, 0xE7])
        n, steps = len(panel), min(horizon + BEYOND, max(panel.future, horizon))
        everyone = np.arange(n)
        shift = _dates(panel, count, horizon, rng)
        dated = np.tile(everyone[:, None], (1, len(shift) or count))
        for b, back in enumerate(shift):
            short = np.flatnonzero(panel.stop < back)
            if len(short):
                dated[short, b] = rng.choice(np.flatnonzero(panel.stop >= back), len(short))
        away = rng.integers(1, n, (n, count)) if n > 1 else np.zeros((n, count), np.int64)
        return cls(panel, everyone, shift, dated, (everyone[:, None] + away) % n, steps)

    def of(self, items: NDArray[np.int64]) -> Background:
        """That of some of the items."""
        return replace(self, items=self.items[items], dated=self.dated[items], other=self.other[items])

    @property
    def count(self) -> int:
        """P."""
        return int(self.other.shape[1])

    def known(self) -> Array:
        """[n, P, R, K] the known columns of other dates; those of the plan where there are no other dates."""
        panel, ahead = self.panel, np.arange(self.steps)
        if not len(self.shift):
            return np.repeat(self.plan()[:, None], self.count, axis=1)
        back = self.shift[None, :, None] - ahead % self.shift[None, :, None]
        ordinals = panel.origin[self.dated][..., None] - back  # [n, P, R]
        taken = panel.known_at(self.dated.ravel(), ordinals.reshape(-1, self.steps))
        return taken.reshape(*ordinals.shape, -1)

    def plan(self) -> Array:
        """[n, R, K] the known columns as they are."""
        return self.panel.known_at(self.items, self.panel.origin[self.items, None] + np.arange(self.steps))

    def differs(self, driver: Driver, known: Array, plan: Array) -> Floats:
        """[n, P] how far a driver's values lie from those of the draw, in shares of their range; 0 where nothing differs."""
        apart = np.zeros(self.other.shape)
        if driver.kind == "calendar":
            apart[:] = len(self.shift) > 0
        for k in driver.known:
            apart += _apart(plan[:, None, :, k], known[..., k]).mean(-1)
        for k in driver.past:
            apart += (_moving(self.panel.past[:, k]) * (self.panel.stop[self.items] > 1))[:, None] * (
                len(self.shift) > 0
            )
        for k in driver.real:
            own = self.panel.static_real[:, k]
            apart += _apart(own[self.items, None], own[self.other])
        for k in driver.category:
            codes = self.panel.static_cat[:, k]
            apart += codes[self.items, None] != codes[self.other]
        return apart


def at_level(panel: Panel) -> Panel:
    """The panel with the history of each item at its level: the mean of its last year, of what was observed and open."""
    layout = Layout(panel.start, panel.offsets)
    item, step = layout.expand(0, len(panel))
    year = panel.frequency.year
    recent = panel.target
    if year is not None and int(panel.stop.max(initial=0)) > year:
        recent = np.where(step >= panel.stop[item] - year, panel.target, np.float32(np.nan))
    mean, _, count = segment_means(recent, layout, panel.stop, counts=open_steps(panel))
    if (count == 0).any():  # not once within a year: of all that was observed
        ever, _, _ = segment_means(panel.target, layout, panel.stop, counts=open_steps(panel))
        mean = np.where(count == 0, ever, mean)
    level = np.where(np.isnan(panel.target), np.float32(np.nan), mean[item].astype(np.float32))
    return replace(panel, target=np.asarray(level, np.float32))


def cells_ahead(panel: Panel, steps: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """[N, R] the rows of `Panel.known` from the origins on, and whether there are such."""
    return FuturePlan(panel, steps).cells()


def _dates(panel: Panel, count: int, horizon: int, rng: np.random.Generator) -> NDArray[np.int64]:
    longest = int(panel.stop.max(initial=0))
    if longest == 0:
        return np.zeros(0, np.int64)
    last = min(longest, max(panel.frequency.year or longest, horizon))
    first = min(horizon, last)
    edges = first + (last - first + 1) * (np.arange(count) + rng.random(count)) / count
    back = np.floor(edges).astype(np.int64)
    fitting = [season for season in panel.schema.seasons if 1 < season <= last - first]
    if fitting:
        season = max(fitting)
        phase = np.floor((rng.permutation(count) + rng.random()) * season / count).astype(np.int64)
        back += (phase - back + season // 2) % season - season // 2
    back = np.where(back < first, back + max(fitting, default=0), back)
    return np.clip(np.where(back > last, back - max(fitting, default=0), back), first, last)


def _apart(one: Array, other: Array) -> Floats:
    """The distances of two arrays, in shares of their common range; 1 where one alone is missing."""
    both = np.concatenate([np.ravel(one), np.ravel(other)])
    low, high = np.fmin.reduce(both, initial=np.inf), np.fmax.reduce(both, initial=-np.inf)
    span = high - low if high > low else 1.0
    gone = np.isnan(one) != np.isnan(other)
    return np.where(gone, 1.0, np.abs(np.nan_to_num(one) - np.nan_to_num(other)) / span)


def _moving(values: Array) -> float:
    seen = values[~np.isnan(values)]
    return float(len(seen) > 0 and (seen[0] != seen).any())
