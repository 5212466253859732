"""Weighted averages of quantiles, their weights chosen greedily on validation forecasts (Caruana et al. 2004, ICML).

Greedy weights alone follow the accidents of one or two validation windows. Two things hold against that, both measured on
windows before the official ones of the classic suite: picks go on from a prior that is each member's loss to a negative
power, and the largest items, which alone decide about wQL, are balanced by the square root of their size. Of four windows
or more, greedy shares are averaged with the prior and with equal ones by what each loses on windows held back.

A forecast far outside of what was observed of its item is brought within reach of that, and counts only where no other
member has one that is plausible: neither weights nor forecasts are decided by one item that went wrong.

Pure functions over arrays. Forecasts stand as [M, C, Q]: members, cells (an observed item and step of a window), levels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array, Floats
from foretell.data.layout import Layout
from foretell.data.panel import Panel
from foretell.data.segments import segment_sums, visible
from foretell.errors import ForetellError
from foretell.system.typed import Within, typed

ROUNDS = 20  # members picked, with replacement
# picks that the prior stands for, times the effective number of forecasts: few large ones decide little. Chosen, as is the
# mixture below, on windows before the official ones
FIRST = 1000.0
FIRST_PICKS = (5.0, 30.0)  # at least, at most
MIXED = 4  # windows, from which greedy, prior and equal shares are averaged by what each loses on windows held back
MIXED_POWER = 20  # of their losses
POWER = 5  # of the prior: a member whose loss is a fifth above the lowest counts 40 % of the best
LEAST = 0.03  # a smaller weight is none: it is not worth a training and a forecast
SMALLEST = 0.01  # part of the average size that an item has at least, when sizes are balanced
PRIOR = 5  # picks that a group takes over from the common weights before it makes its own
LEAST_IN_GROUP = 40  # forecasts (an item in a window) that a group needs to get weights of its own
GAIN = 0.005  # share of the held-out loss that weights by group must save to be used
_MOST_GROUPS = 12
_DOUBTED = 1e-9  # what an implausible forecast counts: nothing, unless there is no other
_INTERMITTENT = (0.1, 0.5)  # shares of zeros between which the classes of intermittency lie


@dataclass(frozen=True, slots=True)
class ScoredCells:
    """Forecasts of all members beside the truth, cell by cell."""

    quantiles: Array  # [M, C, Q] those that are not plausible within reach
    plausible: NDArray[np.bool_]  # [M, C]
    actual: Floats  # [C] observed
    levels: tuple[float, ...]  # [Q]
    scale: Floats  # [C] what a cell's loss is multiplied by, so that the sum over all cells is the score
    balance: Floats  # [C] what it is multiplied by besides, to choose weights: less for large items
    item: NDArray[np.int64]  # [C]
    window: NDArray[np.int64]  # [C]

    @classmethod
    def of(
        cls,
        quantiles: Array,
        actual: Array,
        levels: Sequence[float],
        plausible: NDArray[np.bool_] | None = None,
    ) -> ScoredCells:
        """Those of quantiles [M, K, N, H, Q] and actuals [K, N, H]; the score is the mean of the windows' wQL.

        `plausible` [M, K, N] says which forecasts are; without it all are.
        """
        seen = ~np.isnan(actual)
        truth = np.where(seen, actual, 0).astype(np.float64)
        size = np.abs(truth).sum((1, 2))
        counted = seen.any((1, 2))
        per_window = 1 / (np.where(size > 0, size, 1.0) * max(int(counted.sum()), 1))
        window, item, _ = np.nonzero(seen)
        sizes = np.abs(truth).sum((0, 2)) / np.maximum(seen.sum((0, 2)), 1)
        least = SMALLEST * sizes.mean()
        balance = np.maximum(sizes, least if least > 0 else 1.0) ** -0.5
        trust = (
            np.ones((len(quantiles), len(window)), bool) if plausible is None else plausible[:, window, item]
        )
        return cls(
            quantiles[:, seen],
            trust,
            truth[seen],
            tuple(levels),
            per_window[window],
            balance[item],
            item,
            window,
        )

    def where(self, chosen: NDArray[np.bool_]) -> ScoredCells:
        """The `chosen` cells alone."""
        return ScoredCells(
            self.quantiles[:, chosen],
            self.plausible[:, chosen],
            self.actual[chosen],
            self.levels,
            self.scale[chosen],
            self.balance[chosen],
            self.item[chosen],
            self.window[chosen],
        )

    @property
    def forecasts(self) -> int:
        """Pairs of an item and a window."""
        return len(np.unique(np.stack([self.item, self.window]), axis=1).T)

    def average(self, shares: Floats) -> Floats:
        """[C, Q] the members' average by shares [M], or [C, M]."""
        table = np.broadcast_to(shares, (len(self.actual), len(self.quantiles)))
        return np.asarray(np.einsum("cm,mcq->cq", trusted(table, self.plausible.T), self.quantiles))

    def score(self, quantiles: NDArray[Any]) -> float:
        """wQL of quantiles [C, Q]."""
        return self._summed(quantiles, self.scale)

    def loss(self, quantiles: NDArray[Any]) -> float:
        """What weights are chosen by: the same with sizes balanced."""
        return self._summed(quantiles, self.scale * self.balance)

    def _summed(self, quantiles: NDArray[Any], scale: Floats) -> float:
        total = 0.0
        for q, level in enumerate(self.levels):
            error = self.actual - quantiles[:, q]
            total += float((np.maximum(level * error, (level - 1) * error) * scale).sum())
        return 2 * total / len(self.levels)


@dataclass(frozen=True, slots=True)
class Grouping:
    """What tells items apart: a static category, how intermittent an item is, or how long its history."""

    by: str  # a static column's name, "intermittency" or "history length"
    # between classes; None for a static column, whose codes are classes
    bounds: tuple[float, ...] | None = None

    def codes(self, panel: Panel) -> NDArray[np.int64]:
        """[N] each item's class; -1 where nothing tells."""
        if self.bounds is None:
            codes = panel.static_cat[:, panel.schema.static_cat.index(self.by)].astype(np.int64)
            return np.where(codes > 0, codes, -1)
        observed, zeros = _counts(panel)
        value = observed if self.by == "history length" else zeros / np.maximum(observed, 1)
        return np.where(observed > 0, np.searchsorted(self.bounds, value, side="right"), -1)

    @classmethod
    def candidates(cls, panel: Panel) -> list[Grouping]:
        """What the items of `panel` may be told apart by."""
        observed, _ = _counts(panel)
        lengths = observed[observed > 0]
        thirds = np.unique(np.quantile(lengths, [1 / 3, 2 / 3])) if len(lengths) else lengths
        found = [cls(name) for name in panel.schema.static_cat]
        found.append(cls("intermittency", _INTERMITTENT))
        if len(thirds) == 2:
            found.append(cls("history length", tuple(float(bound) for bound in thirds)))
        return found


@dataclass(frozen=True, slots=True)
class EnsembleWeights:
    """What each member counts, for all items or by group."""

    common: tuple[float, ...]  # [M], sum 1
    grouping: Grouping | None = None
    groups: Mapping[int, tuple[float, ...]] | None = None  # class -> [M]; other classes take the common ones

    def of(self, panel: Panel) -> Floats:
        """[N, M] the weights of each item."""
        table = np.tile(np.asarray(self.common), (len(panel), 1))
        if self.grouping is not None:
            codes = self.grouping.codes(panel)
            for code, weights in (self.groups or {}).items():
                table[codes == code] = weights
        return table

    def used(self) -> NDArray[np.bool_]:
        """[M] whether a member counts anywhere."""
        return np.asarray(np.array([self.common, *(self.groups or {}).values()]).max(0) > 0)

    def only(self, members: Sequence[int]) -> EnsembleWeights:
        """Those of some members; the others must not count anywhere."""

        def some(row: Sequence[float]) -> tuple[float, ...]:
            return tuple(row[m] for m in members)

        groups = None if self.groups is None else {code: some(row) for code, row in self.groups.items()}
        return EnsembleWeights(some(self.common), self.grouping, groups)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types; `from_json` reads them back."""
        grouping = None if self.grouping is None else [self.grouping.by, self.grouping.bounds]
        groups = {str(code): list(weights) for code, weights in (self.groups or {}).items()}
        return {"common": list(self.common), "grouping": grouping, "groups": groups}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> EnsembleWeights:
        """The weights that `to_json` wrote; raises ForetellError for anything else."""
        said = typed(_SavedWeights, dict(state), "weights")
        groups = {int(code): row for code, row in said.groups.items() if code.isdecimal()}
        if not said.common or {len(said.common), *map(len, groups.values())} != {len(said.common)}:
            raise ForetellError("the weights of an ensemble are of different numbers of members")
        if said.grouping is None:
            return cls(said.common)
        return cls(said.common, Grouping(*said.grouping), groups)


Weight = Annotated[float, Within(0, 1)]


@dataclass(frozen=True, slots=True)
class _SavedWeights:
    common: tuple[Weight, ...]
    grouping: tuple[str, tuple[float, ...] | None] | None
    groups: Mapping[str, tuple[Weight, ...]]


def prior_shares(cells: ScoredCells) -> Floats:
    """[M] what each member counts before any is picked: its loss to the power of -POWER, sum 1.

    Where its forecast is not plausible, the average of those that are stands in for it: others would be asked there.
    """
    average = cells.average(np.ones(len(cells.quantiles)) / len(cells.quantiles))
    losses = np.array(
        [
            cells.loss(np.where(good[:, None], quantiles, average))
            for quantiles, good in zip(cells.quantiles, cells.plausible, strict=True)
        ]
    )
    lowest = losses.min()
    shares = (losses == lowest).astype(float) if lowest <= 0 else (lowest / losses) ** POWER
    return _shares(shares)


def greedy_counts(cells: ScoredCells, *, rounds: int = ROUNDS, start: Floats | None = None) -> Floats:
    """[M] how often each member was picked: in each round the one with which the average has the lowest loss.

    Of the rounds the best average counts, so there may be fewer picks than rounds. `start` are picks made beforehand.
    """
    members = len(cells.quantiles)
    counts = np.zeros(members) if start is None else start.copy()
    sums = _Sums.of(cells, counts)
    best = counts.copy()
    lowest = cells.loss(sums.average()) if counts.any() else np.inf
    for _ in range(rounds):
        losses = [cells.loss(sums.with_one(cells, m).average()) for m in range(members)]
        pick = int(np.argmin(losses))
        counts[pick] += 1
        sums = sums.with_one(cells, pick)
        if losses[pick] < lowest:
            lowest, best = losses[pick], counts.copy()
    return best


@dataclass(frozen=True, slots=True)
class _Sums:
    """Of members picked: the sum of their quantiles, and of what each counts."""

    total: Floats  # [C, Q]
    count: Floats  # [C]

    @classmethod
    def of(cls, cells: ScoredCells, counts: Floats) -> _Sums:
        sums = cls(np.zeros(cells.quantiles.shape[1:]), np.zeros(len(cells.actual)))
        for m in np.flatnonzero(counts):
            sums = sums.with_one(cells, int(m), counts[m])
        return sums

    def with_one(self, cells: ScoredCells, member: int, times: float = 1.0) -> _Sums:
        counts = times * np.where(cells.plausible[member], 1.0, _DOUBTED)
        return _Sums(self.total + counts[:, None] * cells.quantiles[member], self.count + counts)

    def average(self) -> Floats:
        return self.total / self.count[:, None]


def choose_shares(cells: ScoredCells) -> Floats:
    """[M] what each member counts for all items, sum 1: greedy picks that go on from the prior.

    The prior stands for the more picks the fewer forecasts there are to tell by.
    """
    start = prior_shares(cells) * float(np.clip(FIRST / effective_forecasts(cells), *FIRST_PICKS))
    counts = greedy_counts(cells, start=start)
    return _shares(counts, picked=counts > start)


def effective_forecasts(cells: ScoredCells) -> float:
    """How many forecasts (an item in a window) of equal loss would be as sure as these: 1 / sum of squared shares.

    The loss is that of the plain average, with sizes balanced.
    """
    members = len(cells.quantiles)
    error = cells.actual[:, None] - cells.average(np.ones(members) / members)
    levels = np.asarray(cells.levels)
    lost = np.maximum(levels * error, (levels - 1) * error).sum(1) * cells.scale * cells.balance
    _, forecast = np.unique(
        cells.item * (cells.window.max(initial=0) + 1) + cells.window, return_inverse=True
    )
    by_forecast = np.bincount(forecast, lost)
    squares = float((by_forecast**2).sum())
    return float(by_forecast.sum()) ** 2 / squares if squares > 0 else 1.0


def mixed_shares(cells: ScoredCells) -> Floats:
    """[M] as `choose_shares`; of four windows or more, averaged with the prior alone and with equal shares.

    Each of the three counts by what it loses on a fourth of the windows when it is chosen on the others.
    """
    windows = np.unique(cells.window)
    if len(windows) < MIXED:
        return choose_shares(cells)
    ways = (choose_shares, prior_shares, _equal_shares)
    fold = np.searchsorted(windows, cells.window) % MIXED
    losses = np.zeros(len(ways))
    for number in range(MIXED):
        chosen, held = cells.where(fold != number), cells.where(fold == number)
        losses += [held.loss(held.average(way(chosen))) for way in ways]
    lowest = losses.min()
    trust = (lowest / losses) ** MIXED_POWER if lowest > 0 else (losses == lowest).astype(float)
    return _shares(sum(part * way(cells) for part, way in zip(trust, ways, strict=True)))


def _equal_shares(cells: ScoredCells) -> Floats:
    return np.full(len(cells.quantiles), 1 / len(cells.quantiles))


def choose_weights(cells: ScoredCells, groupings: Mapping[Grouping, NDArray[np.int64]]) -> EnsembleWeights:
    """Weights for all; by group, where a held-out half of the forecasts says that this helps.

    `groupings` has the class [N] of each of the cells' items under each grouping that may be used.
    """
    common = mixed_shares(cells)
    best: tuple[float, Grouping] | None = None
    for grouping, codes in groupings.items():
        gain = _held_out_gain(cells, codes)
        if gain > GAIN and (best is None or gain > best[0]):
            best = (gain, grouping)
    shared = tuple(common.tolist())
    if best is None:
        return EnsembleWeights(shared)
    found = _by_group(cells, groupings[best[1]], common)
    return EnsembleWeights(shared, best[1], {code: tuple(shares.tolist()) for code, shares in found.items()})


def trusted(weights: Floats, plausible: NDArray[np.bool_]) -> Floats:
    """Weights [..., M] that leave out members whose forecast is not `plausible` [..., M], unless nobody's is."""
    left = weights * np.where(plausible, 1.0, _DOUBTED)
    whole = plausible.all(-1, keepdims=True)
    return np.asarray(np.where(whole, weights, left / left.sum(-1, keepdims=True)))


def combine(quantiles: Sequence[NDArray[Any]], weights: Floats) -> Array:
    """The average of the members' [N, H, ...], weighted by [N, M]."""
    shape = (-1, *(1,) * (quantiles[0].ndim - 1))
    total = sum(weights[:, m].reshape(shape) * part.astype(np.float64) for m, part in enumerate(quantiles))
    return np.asarray(total, np.float32)


def _by_group(cells: ScoredCells, codes: NDArray[np.int64], common: Floats) -> dict[int, Floats]:
    """Class -> shares; picks go on from some like the common ones, so that a small group stays near to those."""
    classes = codes[cells.item]
    found = {}
    for code in np.unique(classes[classes >= 0]):
        mine = cells.where(classes == code)
        if mine.forecasts >= LEAST_IN_GROUP:
            found[int(code)] = _shares(greedy_counts(mine, start=PRIOR * common))
    return found


def _held_out_gain(cells: ScoredCells, codes: NDArray[np.int64]) -> float:
    """Share of the loss that weights by group save on forecasts they were not chosen on: the smaller of two halves'."""
    if not 2 <= len(np.unique(codes[codes >= 0])) <= _MOST_GROUPS:
        return 0.0
    windows = np.unique(cells.window)
    late = cells.window > np.median(windows) if len(windows) > 1 else cells.item % 2 == 1
    gains = []
    for half in (late, ~late):
        chosen, held = cells.where(half), cells.where(~half)
        common = choose_shares(chosen)
        groups = _by_group(chosen, codes, common)
        if not groups or len(held.actual) == 0:
            return 0.0
        plain = held.loss(held.average(common))
        table = np.tile(common, (len(codes), 1))
        for code, shares in groups.items():
            table[codes == code] = shares
        apart = held.loss(held.average(table[held.item]))
        gains.append(1 - apart / plain if plain > 0 else 0.0)
    return min(gains)


def _shares(counts: Floats, *, picked: NDArray[np.bool_] | None = None) -> Floats:
    """Counts as shares of their sum, without the least ones; those `picked` stay, the only plausible one of an item perhaps."""
    shares = counts / counts.sum()
    stay = shares >= min(LEAST, shares.max())
    kept = np.where(stay if picked is None else stay | picked, shares, 0.0)
    return np.asarray(kept / kept.sum())


def _counts(panel: Panel) -> tuple[Floats, Floats]:
    """[N] steps observed before the origin, and how many of them are 0."""
    seen, zeros = np.zeros(len(panel)), np.zeros(len(panel))
    for items, values, begin in visible(panel.target, Layout(panel.start, panel.offsets), panel.stop):
        seen[items], zeros[items] = segment_sums(~np.isnan(values), begin), segment_sums(values == 0, begin)
    return seen, zeros
