"""Shapley values from sampled permutations (Castro et al. 2009), each beside its reverse (Mitchell et al. 2022).

A coalition is a set of drivers that have their own values while all others have those of a draw of the background. It is a whole
number whose bit k stands for driver k.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Orders:
    """P permutations of D drivers, each of an odd number the reverse of the one before it."""

    drivers: NDArray[np.int64]  # [P, D] which driver joins at each place
    joined: NDArray[np.int64]  # [P, D + 1] the coalition before each place, and that of all

    @classmethod
    def draw(cls, count: int, drivers: int, *, seed: int) -> Orders:
        """`count` permutations, an even number."""
        rng = np.random.default_rng([seed, 0x5A])
        one = [rng.permutation(drivers) for _ in range(count // 2)]
        both = np.array([order for each in one for order in (each, each[::-1])], np.int64).reshape(
            count, drivers
        )
        grown = np.cumsum(np.int64(1) << both, axis=-1)
        return cls(both, np.concatenate([np.zeros((count, 1), np.int64), grown], axis=-1))

    def needed(self, telling: NDArray[np.int64]) -> Needed:
        """The coalitions to forecast where `telling` [n, P] are the drivers that differ from the draw at all.

        A driver that has the value of the draw changes nothing, whether it is in or not.
        """
        n, count = telling.shape
        asked = self.joined & telling[..., None]  # [n, P, D + 1]
        pair = np.broadcast_to(np.arange(n * count).reshape(n, count, 1), asked.shape)
        table = np.stack([pair.ravel(), asked.ravel()], axis=1)
        distinct, where = np.unique(table, axis=0, return_inverse=True)
        pairs, coalition = distinct.T
        item, draw = np.divmod(pairs, count)
        whole = coalition == telling[item, draw]
        return Needed(item, draw, coalition, whole, where.reshape(asked.shape))


@dataclass(frozen=True, slots=True, eq=False)
class Needed:
    """U coalitions, each of an item and a draw."""

    item: NDArray[np.int64]  # [U]
    draw: NDArray[np.int64]  # [U]
    coalition: NDArray[np.int64]  # [U]
    whole: NDArray[np.bool_]  # [U] those of all drivers that differ: the forecast as it stands
    where: NDArray[np.int64]  # [n, P, D + 1] which of these stands at each place of each permutation


def contributions(orders: Orders, needed: Needed, values: Floats) -> Floats:
    """[P, n, H, D]: what each driver adds as it joins, of the `values` [U, H] of the coalitions."""
    n, count, width = needed.where.shape
    out = np.empty((count, n, values.shape[1], width - 1))
    for draw, order in enumerate(orders.drivers):
        steps = np.diff(values[needed.where[:, draw]], axis=1)  # [n, D, H]
        out[draw][..., order] = np.moveaxis(steps, 1, -1)
    return out


def standard_errors(samples: Floats) -> Floats:
    """[...] the standard error of the mean of `samples` [P, ...], of which each pair hangs together."""
    pairs = (samples[::2] + samples[1::2]) / 2
    return np.asarray(pairs.std(axis=0, ddof=1) / np.sqrt(len(pairs)))
