"""Second moments of errors by lag: of single items, of all pairs of items, and of pairs in one group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Floats

Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Moments:
    """The mean product of two errors of a window, by how far apart their steps are."""

    single: Floats  # [H] of one item
    everyone: Floats  # [H] of two different items
    groups: tuple[Floats, ...]  # [C] of [H]: of two different items of one group

    @classmethod
    def of(cls, scores: Floats, groups: Sequence[Codes]) -> Moments:
        """Those of normal `scores` [K, N, H], NaN where not observed; `groups` has codes from 0 [N] by column."""
        seen = ~np.isnan(scores)
        z = np.where(seen, scores, 0)
        single, pairs = _products(z), _products(seen.astype(np.float64))
        together = [
            _apart(z, seen, codes, single, pairs) for codes in (np.zeros(scores.shape[1], np.int64), *groups)
        ]
        return cls(single / np.maximum(pairs, 1), together[0], tuple(together[1:]))


def _apart(z: Floats, seen: NDArray[np.bool_], codes: Codes, single: Floats, pairs: Floats) -> Floats:
    """[H] the mean product of two different items with the same code: of the group's sums, less what items have with themselves."""
    count = int(codes.max()) + 1
    member = np.equal.outer(np.arange(count), codes).astype(np.float64)  # [G, N]
    sums, numbers = member @ z, member @ seen  # [K, G, H]
    return np.asarray((_products(sums) - single) / np.maximum(_products(numbers) - pairs, 1))


def _products(values: Floats) -> Floats:
    """[H] the sum of the products of `values` [K, G, H] with themselves, by lag."""
    horizon = values.shape[-1]
    waves = np.fft.rfft(values, 2 * horizon, axis=-1)
    return np.fft.irfft((waves * waves.conj()).sum((0, 1)), 2 * horizon)[:horizon]


def sharing(groups: Sequence[Codes], items: int) -> Floats:
    """[C + 1, C + 1] the share of the pairs with one value in column r that have one in column c too; column 0: all pairs."""
    alike = np.ones((len(groups) + 1, len(groups) + 1))
    for r in range(len(groups) + 1):
        all_pairs = items * (items - 1.0) if r == 0 else _pairs(groups[r - 1])
        for c in range(1, len(groups) + 1):
            both = groups[c - 1] if r == 0 else groups[r - 1] * (int(groups[c - 1].max()) + 1) + groups[c - 1]
            alike[r, c] = _pairs(both) / max(all_pairs, 1)
    return alike


def _pairs(codes: Codes) -> float:
    """How many ordered pairs of different items have the same code."""
    sizes = np.unique(codes, return_counts=True)[1].astype(np.float64)
    return float((sizes * (sizes - 1)).sum())
