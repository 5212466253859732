"""Whether a quantity has left its reference: a cumulative sum over blocks, and how often a quiet history goes as far.

The reference is few blocks, so their mean and their spread are not known but estimated. A quiet history is therefore drawn with
a mean and a spread of its own, from what the reference leaves possible (normal blocks, whose neighbours may be correlated; flat
prior of the mean, a weak one of the spread; losses lean to the right, because shocks that all items share do). How far the
cumulative sums (Page 1954) of such histories go over 26 runs says how unusual the one at hand is. With few blocks the draws are
wide, and little is ever found: that is the truth of few blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Floats

DRAWS: Final = 4000
CORRELATIONS: Final = (0.0, 0.2, 0.4, 0.6, 0.8)  # of neighbouring blocks, that are thought possible
PRIOR_BLOCKS: Final = 2.0  # the blocks that the prior of the spread is worth
MOST: Final = 0.75  # shifts that one block adds, if the one before it was not as bad


@dataclass(frozen=True, slots=True)
class Quantum:
    """How a quantity is watched."""

    shift: float  # that is to be found: the cumulative sum ignores what is below half of it
    spread: float  # of blocks, as the prior has it
    sides: int = 1  # 1: only rises count; 2: falls too
    lean: float = 0.0  # of quiet blocks: a deviation of 0.4 of the log gives a skewness of 1.3; below 0 they lean to the left


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What the blocks of the reference leave possible: their mean, and draws of quiet histories around it."""

    mean: float
    deviation: float
    blocks: int
    peaks: Floats  # [DRAWS, B] how far each quiet history has come up to each block

    def chance(self, sums: Floats, least: int) -> Floats:
        """[B] in what share of quiet histories of `least` blocks (or as many as there are by then, if more) some block has come as
        far as `sums` [B]; 1 where the sum is 0."""
        blocks = np.maximum(np.arange(1, len(sums) + 1), least) - 1
        reached = (self.peaks[:, blocks] >= sums).sum(axis=0)
        return np.where(sums > 0, (1 + reached) / (1 + len(self.peaks)), 1.0)


def cumulative(values: Floats, quantum: Quantum) -> Floats:
    """[..., B] how far `values` [..., B], which are 0 without drift, have gone; the further of both sides where both count.

    What exceeds half the shift adds up, and never falls below 0. One block alone adds at most MOST shifts, so that it is no drift,
    however bad; the next adds as much as the one before it would have, so that a large change that stays is found soon. A block
    that says nothing (NaN) changes nothing.
    """
    sides = [_one_side(sign * values, quantum) for sign in (1, -1)[: quantum.sides]]
    return np.asarray(np.maximum.reduce(sides))


def _one_side(values: Floats, quantum: Quantum) -> Floats:
    beyond = values - quantum.shift / 2
    most = np.full_like(beyond, MOST * quantum.shift)
    most[..., 1:] = np.fmax(most[..., 1:], beyond[..., :-1])
    steps = np.where(np.isnan(values), 0.0, np.minimum(beyond, most))
    now, sums = np.zeros(values.shape[:-1]), np.empty(values.shape)
    for block in range(values.shape[-1]):
        now = np.maximum(now + steps[..., block], 0)
        sums[..., block] = now
    return sums


def reference_of(
    values: Floats, position: NDArray[np.int64], quantum: Quantum, *, blocks: int, seed: int = 0
) -> Reference:
    """What `values` [n] (none of them NaN) of reference blocks at `position` [n] say of quiet histories of `blocks` blocks."""
    apart = np.abs(position[:, None] - position[None, :])
    fits = [
        _fit(values, np.power(rho, apart, where=apart > 0, out=np.eye(len(values)))) for rho in CORRELATIONS
    ]
    degrees = len(values) - 1 + PRIOR_BLOCKS
    scatter = np.array([fit.scatter for fit in fits]) + PRIOR_BLOCKS * quantum.spread**2
    log = np.array([fit.log_weight for fit in fits]) - degrees / 2 * np.log(scatter)
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    means = np.array([fit.mean for fit in fits])
    mean = float(weight @ means)
    random = np.random.default_rng(seed)
    which = random.choice(len(fits), DRAWS, p=weight)
    deviation = np.sqrt(scatter[which] / random.chisquare(degrees, DRAWS))
    unsure = np.array([fit.unsure for fit in fits])[which]
    offset = means[which] - mean + deviation * unsure * random.standard_normal(DRAWS)
    noise = _leaning(_correlated(random, np.array(CORRELATIONS)[which], blocks), quantum.lean)
    quiet = offset[:, None] + deviation[:, None] * noise
    peaks = np.maximum.accumulate(cumulative(quiet, quantum), axis=1)
    return Reference(mean, float(np.sqrt(np.median(deviation**2))), len(values), peaks)


@dataclass(frozen=True, slots=True)
class _Fit:
    """Blocks of one mean under one correlation."""

    mean: float
    unsure: float  # the error of the mean, in deviations
    scatter: float  # the sum of squares about the mean, correlation taken out
    log_weight: float  # what the correlation matrix adds to the likelihood


def _fit(values: Floats, correlation: Floats) -> _Fit:
    inverse = np.linalg.inv(correlation)
    total = float(inverse.sum())
    mean = float(inverse.sum(axis=0) @ values) / total
    rest = values - mean
    log = -0.5 * (float(np.linalg.slogdet(correlation)[1]) + float(np.log(total)))
    return _Fit(mean, total**-0.5, float(rest @ inverse @ rest), log)


def _correlated(random: np.random.Generator, correlation: Floats, blocks: int) -> Floats:
    """[DRAWS, blocks] standard normal numbers, each correlated with the one before it."""
    noise = random.standard_normal((len(correlation), blocks))
    fresh = np.sqrt(1 - correlation**2)
    for block in range(1, blocks):
        noise[:, block] = correlation * noise[:, block - 1] + fresh * noise[:, block]
    return noise


def _leaning(noise: Floats, lean: float) -> Floats:
    """Standard normal numbers made lognormal, of mean 0 and variance 1 still, that lean to the right (to the left below 0)."""
    if lean == 0:
        return noise
    grown = np.exp(lean**2)
    return np.asarray(
        np.sign(lean)
        * (np.exp(abs(lean) * np.sign(lean) * noise) - np.sqrt(grown))
        / np.sqrt((grown - 1) * grown)
    )
