"""Random draws that depend on nothing but a seed, an item, a step and a path: not on the batch, nor on other items."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import torch
from torch import Tensor

_ATTEMPTS = (
    6  # of the gamma sampler; each accepts at least 95 of 100, so that fewer than 1 in 10 million run out
)
_POISSON_TABLE = (
    16  # below this rate the Poisson quantile is found by adding up, above it by a normal expansion
)


def item_codes(keys: pd.DataFrame) -> Tensor:
    """[N] a 64-bit code of each item's key, the same in every process and whatever else is in the frame."""
    hashed = pd.util.hash_pandas_object(keys.astype(str), index=False).to_numpy()
    return torch.from_numpy(hashed.view(np.int64).copy())


class Noise:
    """Uniform, normal, gamma, Student and negative binomial draws of shape [B, S]: B items, S paths."""

    def __init__(self, seed: int, codes: Tensor, paths: int) -> None:
        path = torch.arange(paths, device=codes.device)
        self._base = _mix(_mix(codes ^ _mix(torch.tensor(seed, device=codes.device)))[:, None] + path)

    def uniform(self, step: int, stream: int) -> Tensor:
        """In (0, 1), by hashing; another `stream` is another, independent draw."""
        counter = _mix(torch.tensor(step * 1024 + stream + 1, device=self._base.device))
        bits = (_mix(self._base ^ counter) >> 11) & ((1 << 53) - 1)
        return ((bits.double() + 0.5) / (1 << 53)).float().clamp(1e-7, 1 - 1e-7)

    def normal(self, step: int, stream: int) -> Tensor:
        """Standard normal, by Box and Muller from streams `stream` and `stream + 1`."""
        radius = torch.sqrt(-2 * torch.log(self.uniform(step, stream)))
        return radius * torch.cos(2 * math.pi * self.uniform(step, stream + 1))

    def gamma(self, shape: Tensor, step: int, stream: int) -> Tensor:
        """Gamma of `shape` [B, S] and scale 1 (Marsaglia and Tsang 2000, a fixed number of attempts)."""
        d = torch.where(shape < 1, shape + 1, shape) - 1 / 3
        c = 1 / torch.sqrt(9 * d)
        result, done = d.clone(), torch.zeros_like(d, dtype=torch.bool)
        for attempt in range(_ATTEMPTS):
            x = self.normal(step, stream + 3 * attempt)
            v = (1 + c * x) ** 3
            accepted = (v > 0) & (
                torch.log(self.uniform(step, stream + 3 * attempt + 2))
                < 0.5 * x**2 + d - d * v + d * torch.log(v.clamp(min=1e-30))
            )
            result = torch.where(accepted & ~done, d * v, result)
            done |= accepted
        boost = self.uniform(step, stream + 3 * _ATTEMPTS) ** (1 / shape.clamp(min=1e-4))
        return torch.where(shape < 1, result * boost, result)

    def student(self, df: Tensor, step: int) -> Tensor:
        """Student's t with `df` [B, S] degrees of freedom."""
        return self.normal(step, 0) / torch.sqrt(self.gamma(df / 2, step, 2) * 2 / df)

    def negative_binomial(self, mean: Tensor, total_count: Tensor, step: int) -> Tensor:
        """Negative binomial of `mean` [B, S] and `total_count` (its variance is mean + mean^2 / total_count)."""
        rate = self.gamma(total_count, step, 2) * mean / total_count
        return poisson_quantile(self.uniform(step, 0), rate)


def poisson_quantile(probability: Tensor, rate: Tensor) -> Tensor:
    """The smallest count whose Poisson distribution function at `rate` reaches `probability`.

    Exact for rates below 16; above, the Cornish-Fisher expansion, off by one at most.
    """
    small = rate.clamp(max=_POISSON_TABLE)
    term = torch.exp(-small)
    reached, count = term.clone(), torch.zeros_like(rate)
    for k in range(1, 4 * _POISSON_TABLE):
        count += (reached < probability).float()
        term = term * small / k
        reached = reached + term
    z = torch.special.ndtri(probability)
    root = torch.sqrt(rate.clamp(min=1e-6))
    large = torch.floor(rate + root * z + (z**2 - 1) / 6 + (z - z**3) / (72 * root) + 0.5).clamp(min=0)
    return torch.where(rate < _POISSON_TABLE, count, large)


def _mix(value: Tensor) -> Tensor:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014) on wrapping 64-bit integers."""
    value = value + _signed(0x9E3779B97F4A7C15)
    value = (value ^ _shifted(value, 30)) * _signed(0xBF58476D1CE4E5B9)
    value = (value ^ _shifted(value, 27)) * _signed(0x94D049BB133111EB)
    return value ^ _shifted(value, 31)


def _shifted(value: Tensor, bits: int) -> Tensor:
    """Logical shift right; torch's own carries the sign along."""
    return (value >> bits) & ((1 << (64 - bits)) - 1)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value
