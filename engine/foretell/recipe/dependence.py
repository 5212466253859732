"""How the errors of a forecast hang together over steps and items: a Gaussian copula with nested common parts.

The normal score of an item's error is the sum of a part that all items share, parts that the items of a group share (a store,
a family), and one of its own, each with its autocorrelation over the steps of the horizon. So few numbers hold for any
number of items, also for new ones, and are learnt from few windows. Copulas for paths from quantiles: Schefzik, Thorarinsdottir
and Gneiting 2013 (Statistical Science 28(4)).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array, Floats
from foretell.errors import ForetellError
from foretell.recipe.task import MOST_SEED
from foretell.system.typed import typed
from foretell.system.whole_numbers import whole_number

EVERYONE: Final = ""  # the group of all items
MOST_SHARED: Final = 0.98  # of the variance that items share, at most: each has something of its own
_JITTER: Final = 1e-4  # added to the variances, so that a matrix of correlations always has a root


@dataclass(frozen=True, slots=True)
class SharedPart:
    """A part of the errors that items with the same value of a column have in common."""

    by: str  # the column, of the key or the metadata; empty (`EVERYONE`): all items
    share: float  # of the variance of an item's error


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependence:
    """Shares and autocorrelations of the parts of the errors, and what they were learnt from."""

    shared: tuple[SharedPart, ...]  # what items have in common
    own: tuple[float, ...]  # [H] autocorrelation by lag of what an item does not share; 1 at lag 0
    common: tuple[float, ...]  # [H] the same of the shared parts
    source: str  # what the errors were of
    windows: int  # that they were of
    forecasts: int  # pairs of an item and a window

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types; `from_json` reads them back."""
        return asdict(self)

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Dependence:
        """The dependence that `to_json` wrote; raises ForetellError for anything else."""
        found = typed(cls, dict(state), "dependence")
        shares = [part.share for part in found.shared]
        if min(shares, default=0) < 0 or sum(shares) > 1:
            raise ForetellError("the shares of the dependence must be 0 or more and add up to 1 at most")
        for lags in (found.own, found.common):
            if not lags or lags[0] != 1 or max(map(abs, lags)) > 1:
                raise ForetellError(
                    "an autocorrelation of the dependence must begin with 1 and lie within -1 and 1"
                )
        if len(found.own) != len(found.common):
            raise ForetellError("the autocorrelations of the dependence must be of one length")
        return found


def possible(autocorrelation: NDArray[Any]) -> Floats:
    """[H] the nearest autocorrelation by lag that a stationary series can have: no frequency has negative power."""
    lags = np.asarray(autocorrelation, np.float64)
    around = np.concatenate([lags, lags[-1:], lags[:0:-1]])
    power = np.clip(np.fft.rfft(around).real, 0, None)
    made = np.fft.irfft(power, len(around))[: len(lags)]
    return np.asarray(np.clip(made / made[0], -1, 1)) if made[0] > 0 else np.eye(1, len(lags))[0]


class NormalPaths:
    """Standard normal paths [n, H, S] of items, dependent as a `Dependence` says.

    Those of an item depend on its name, the names of its groups and the seed, and on nothing else: not on which other items
    are drawn, nor in what order.
    """

    def __init__(self, dependence: Dependence, *, horizon: int, paths: int, seed: int) -> None:
        if horizon > len(dependence.own):
            raise ForetellError(
                f"the model learnt how errors hang together over {len(dependence.own)} steps, {horizon} were asked for"
            )
        self.paths, self.horizon = paths, horizon
        self.seed = whole_number("seed", seed, least=0, most=MOST_SEED)
        self.shared = [part for part in dependence.shared if part.share > 0]
        left = 1 - sum(part.share for part in self.shared)
        # of the model's whole horizon, so that a shorter forecast has the first steps of the very paths
        self._own = _root(dependence.own)[:horizon, :horizon] * np.float32(np.sqrt(left))
        self._common = _root(dependence.common)[:horizon, :horizon]
        self._drawn: dict[int, Array] = {}

    def draw(self, items: Sequence[str], groups: Mapping[str, Sequence[str]]) -> Array:
        """[n, H, S] the paths of `items`; `groups` has the value [n] of each column that items share a part by."""
        white = np.stack([self._white(code_of("item", name)) for name in items])
        z: Array = np.matmul(self._own, white)
        for part in self.shared:
            values = groups.get(part.by, [EVERYONE] * len(items))
            for i, value in enumerate(values):
                z[i] += np.float32(np.sqrt(part.share)) * self._of_group(part.by, value)
        return z

    def _of_group(self, by: str, value: str) -> Array:
        code = code_of(by, value)
        if code not in self._drawn:
            if len(self._drawn) >= 4096:  # drawn again when it is needed again
                self._drawn.clear()
            self._drawn[code] = np.matmul(self._common, self._white(code))
        return self._drawn[code]

    def _white(self, code: int) -> Array:
        generator = np.random.Generator(np.random.Philox(key=[self.seed, code]))
        return generator.standard_normal((self.horizon, self.paths), dtype=np.float32)


def code_of(kind: str, name: str) -> int:
    """A number of 64 bits that stands for a name, the same on every machine."""
    return int.from_bytes(blake2b(f"{kind}\0{name}".encode(), digest_size=8).digest(), "little")


def _root(autocorrelation: Sequence[float]) -> Array:
    """[H, H] a lower root of the correlation matrix with these lags, which becomes `possible` first."""
    lags = possible(np.asarray(autocorrelation))
    apart = np.abs(np.subtract.outer(np.arange(len(lags)), np.arange(len(lags))))
    matrix = lags[apart] + _JITTER * np.eye(len(lags))
    return np.asarray(np.linalg.cholesky(matrix / (1 + _JITTER)), np.float32)
