"""A linear model whose coefficients differ by item: estimated over all items at once, by expectation and maximisation.

Each item's coefficients are drawn towards those that its statics suggest, these towards the average item's; how strongly is
estimated too (a linear mixed model: Laird and Ware 1982). Effects of calendar cells are common to all items.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array, Floats
from foretell.data.panel import Panel
from foretell.local.design_matrix import common_bins

_ROUNDS: Final = 3  # of coefficients and common cells, in turn


@dataclass(frozen=True, slots=True)
class SufficientStatistics:
    """Sufficient statistics of each item's regression."""

    square: Floats  # [n, D, D] X'X
    cross: Floats  # [n, D] X'z
    total: Floats  # [n] z'z

    @classmethod
    def of(cls, design: Array, z: Floats) -> SufficientStatistics:
        d = design.shape[-1]
        square, cross = np.empty((len(z), d, d)), np.empty((len(z), d))
        for i in range(len(z)):  # item by item: BLAS does not see through a stack of transposes
            x = design[i].astype(np.float64)
            square[i], cross[i] = x.T @ x, z[i] @ x
        return cls(square, cross, (z**2).sum(1))

    def against(self, design: Array, z: Floats) -> SufficientStatistics:
        """Those of another target and the same design."""
        cross = [z[i].astype(np.float32) @ design[i] for i in range(len(z))]
        return replace(self, cross=np.array(cross, np.float64), total=(z**2).sum(1))


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Coefficients of the average item, their slopes on the statics, and how far the items scatter around these."""

    mean: Floats  # [D]
    slopes: Floats  # [D, S]
    variance: Floats  # [D]
    noise: float

    def prior(self, statics: Floats) -> Floats:
        """[n, D] the coefficients that the statics [n, S] suggest."""
        return self.mean + statics @ self.slopes.T

    def own(self, statistics: SufficientStatistics, statics: Floats) -> tuple[Floats, Floats]:
        """[n, D] each item's coefficients given its history, and [n, D, D] their covariances."""
        prior = self.prior(statics)
        inverse = np.linalg.inv(statistics.square + np.diag(self.noise / self.variance))
        left = statistics.cross - np.einsum("nde,ne->nd", statistics.square, prior)
        return prior + np.einsum("nde,ne->nd", inverse, left), np.asarray(self.noise * inverse)


@dataclass(frozen=True, slots=True)
class CalendarCells:
    """Which calendar cells the steps [n, L] of some items lie in."""

    first: int  # ordinal of the first row of `table`
    table: NDArray[np.int64]  # [ordinals, kinds] cell, numbered through over the kinds
    size: int
    steps: NDArray[np.int64]  # [n, L] ordinals

    @classmethod
    def of(
        cls, panel: Panel, items: NDArray[np.int64], *, back: int, ahead: int, yearly: bool
    ) -> CalendarCells:
        steps = panel.origin[items][:, None] + np.arange(-back, ahead)
        first, last = int(steps.min()), int(steps.max())
        bins = common_bins(panel.frequency, np.arange(first, last + 1), yearly=yearly)
        begin = np.cumsum([0, *(size for size, _ in bins)])
        table = [cell + b for (_, cell), b in zip(bins, begin[:-1], strict=True)]
        return cls(
            first,
            np.stack(table, 1) if table else np.zeros((last - first + 1, 0), np.int64),
            int(begin[-1]),
            steps,
        )

    def effect(self, common: Floats) -> Floats:
        """[n, L] the sum of the cells' effects at each step."""
        return np.asarray(common[self.table].sum(1)[self.steps - self.first])

    def fit(self, rest: Floats, seen: NDArray[np.bool_]) -> Floats:
        """[C] the effects that explain `rest` [n, L] best, shrunk towards nothing: an effect must show in several years."""
        length = len(self.table)
        where = (self.steps - self.first)[seen]
        count = np.bincount(where, minlength=length).astype(np.float64)
        total = np.bincount(where, rest[seen], minlength=length)
        dummies = np.zeros((length, self.size))
        np.put_along_axis(dummies, self.table, 1.0, axis=1)
        penalty = max(0.5 * float(seen.any(1).sum()), 1.0)  # half an observation of each item
        square = (dummies * count[:, None]).T @ dummies + penalty * np.eye(self.size)
        return np.asarray(np.linalg.solve(square, dummies.T @ total))


def estimate(
    design: Array, z: Floats, seen: NDArray[np.bool_], cells: CalendarCells, statics: Floats
) -> tuple[Hierarchy, Floats]:
    """The hierarchy of coefficients and the cells' effects, estimated in turn."""
    common = np.zeros(cells.size)
    d = design.shape[-1]
    now = Hierarchy(np.zeros(d), np.zeros((d, statics.shape[1])), np.full(d, 0.05), 0.5)
    statistics = SufficientStatistics.of(design, z)
    for _ in range(_ROUNDS):
        statistics = statistics.against(design, (z - cells.effect(common)) * seen)
        for step in range(8):
            now = _maximised(now, statistics, statics, seen.sum(), free=step < 6)
        own, _ = now.own(statistics, statics)
        common = cells.fit(z - np.einsum("nld,nd->nl", design, own), seen)
    return now, common


def _maximised(
    now: Hierarchy, statistics: SufficientStatistics, statics: Floats, count: int, *, free: bool
) -> Hierarchy:
    """One step of expectation and maximisation; unless `free`, the slopes on the statics are learnt as well."""
    own, covariance = now.own(statistics, statics)
    apart = own - now.prior(statics)
    variance = (apart**2 + np.einsum("ndd->nd", covariance)).mean(0) + 1e-6
    fit = np.einsum("nde,ne->nd", statistics.square, own)
    left = statistics.total - 2 * (own * statistics.cross).sum(1) + (own * fit).sum(1)
    left += np.einsum("nde,ned->n", statistics.square, covariance)
    noise = max(float(left.sum()) / max(count, 1), 1e-6)
    if not free:
        mean, slopes = _on_statics(own, statics)
        return Hierarchy(mean, slopes, variance, noise)
    bare = statistics.cross - np.einsum("nde,ne->nd", statistics.square, own - now.mean)
    # coefficients of standardised data: within about half a deviation
    ridge = noise / 0.25 * np.eye(len(now.mean))
    mean = np.linalg.solve(statistics.square.sum(0) + ridge, bare.sum(0))
    return Hierarchy(mean, now.slopes, variance, noise)


def _on_statics(own: Floats, statics: Floats) -> tuple[Floats, Floats]:
    """[D] and [D, S]: the items' coefficients as a ridge regression on their statics, its penalty by leave-one-out."""
    if statics.shape[1] == 0 or len(own) < 5:
        return own.mean(0), np.zeros((own.shape[1], statics.shape[1]))
    from sklearn.linear_model import RidgeCV

    model = RidgeCV(alphas=np.logspace(0, 4, 9), alpha_per_target=True).fit(statics, own)
    return np.asarray(model.intercept_), np.asarray(model.coef_)
