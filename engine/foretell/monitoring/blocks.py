"""Blocks of dates: what is watched, one number a block, relative to what the back-test had at those steps ahead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Floats
from foretell.evaluation.metrics import ratio
from foretell.monitoring.tally import SUMS, Tally

Quantity = Literal["wQL", "coverage", "bias"]
QUANTITIES: Final = get_args(Quantity)
LEAST_LOG: Final = -3.0  # of the log ratio of losses: a twentieth of the usual loss, or none at all
LEAST_SHARE: Final = 0.5  # of the usual share of observed cells, below which a block is not judged yet


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """What is usual at each step ahead: loss and bias over size, and the share inside of the widest interval."""

    loss: Floats  # [H]
    bias: Floats  # [H]
    inside: Floats  # [H]
    observed: float  # the share of cells that have an actual

    @classmethod
    def of(cls, usual: Tally, horizon: int, *, smooth: int) -> Profile:
        """That of `usual`; each step is pooled with its neighbours over `smooth` steps, for one step of few windows is chance."""
        sums = usual.added_by(usual.step, horizon)
        pooled = _pooled(sums, smooth)
        column = {name: pooled[:, k] for k, name in enumerate(SUMS)}
        return cls(
            _filled(ratio(column["loss"], column["size"])),
            _filled(ratio(column["error"], column["size"])),
            _filled(ratio(column["inside"], column["open"])),
            float(sums[:, 1].sum() / max(sums[:, 0].sum(), 1)),
        )

    def usual(self, found: Tally, code: NDArray[np.int64], count: int) -> dict[Quantity, Floats]:
        """[count] the loss, the cells inside and the error that are usual for the sizes and steps of the rows with each code."""
        step = np.minimum(found.step, len(self.loss) - 1)
        kept = (code >= 0) & (code < count)
        rates: dict[Quantity, tuple[Floats, str]] = {
            "wQL": (self.loss, "size"),
            "coverage": (self.inside, "open"),
            "bias": (self.bias, "size"),
        }
        return {
            name: np.bincount(code[kept], (rate[step] * found.of(over))[kept], count).astype(np.float64)
            for name, (rate, over) in rates.items()
        }


def _pooled(sums: Floats, width: int) -> Floats:
    """[H, K] each step's sums with those of the `width` // 2 steps on either side."""
    half, count = width // 2, len(sums)
    total = np.concatenate([np.zeros((1, sums.shape[1])), np.cumsum(sums, axis=0)])
    first = np.maximum(np.arange(count) - half, 0)
    last = np.minimum(np.arange(count) + half + 1, count)
    return np.asarray(total[last] - total[first])


def _filled(values: Floats) -> Floats:
    """What is not defined takes the mean of what is; 0 where nothing is."""
    known = np.isfinite(values)
    return np.where(known, values, values[known].mean() if known.any() else 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Consecutive blocks of dates and what was found in each, relative to the profile; NaN where nothing can be said."""

    first: NDArray[np.int64]  # [B] ordinal of the first date of each
    length: int  # dates of each
    values: dict[Quantity, Floats]  # [B] each

    def __len__(self) -> int:
        return len(self.first)


def blocks_of(found: Tally, profile: Profile, length: int, *, begin: int, end: int) -> Blocks:
    """The whole blocks of `length` dates from `begin` on, the last one ending before `end` at the latest.

    `wQL` is the log of the loss over the loss that is usual for these sizes and steps; `coverage` the share inside the widest
    interval less the usual one; `bias` the error over the size less the usual one. A block of which fewer cells are observed than
    half the usual share, or that no forecast covers, has none of them.
    """
    count = max((end - begin) // length, 0)
    code = (found.date - begin) // length
    sums = found.added_by(code, count)
    column = {name: sums[:, k] for k, name in enumerate(SUMS)}
    usual = profile.usual(found, code, count)
    enough = column["observed"] >= LEAST_SHARE * profile.observed * np.maximum(column["forecast"], 1)
    with np.errstate(divide="ignore"):
        log = np.log(ratio(column["loss"], usual["wQL"]))
    values: dict[Quantity, Floats] = {
        "wQL": np.maximum(log, LEAST_LOG),
        "coverage": ratio(column["inside"] - usual["coverage"], column["open"]),
        "bias": ratio(column["error"] - usual["bias"], column["size"]),
    }
    values = {name: np.where(enough, each, np.nan) for name, each in values.items()}
    return Blocks(begin + length * np.arange(count), length, values)
