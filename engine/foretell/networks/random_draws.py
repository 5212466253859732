"""Random draws that depend on nothing but a seed, an item, a step and a path: not on the batch, nor on other items."""

from __future__ import annotations

import math

import torch
from torch import Tensor

# of the gamma sampler; each accepts at least 95 of 100, so that fewer than 1 in 10 million run out
_ATTEMPTS = 6
# below this rate the Poisson quantile is found by adding up, above it by a normal expansion
_POISSON_TABLE = 16

_LOOK = 4  # terms added between two looks at whether every count is found


class Noise:
    """Uniform, normal, gamma, Student and negative binomial draws of shape [B, S]: B items, S paths.

    With `at`, positions in the flattened [B * S], only the draws of these.

    Args:
        seed: of all draws.
        codes: [B] a number of each item; equal ones have equal draws.
        paths: S.

    Example:
        >>> from foretell.networks import Noise
        >>> few, many = Noise(0, torch.tensor([17]), paths=2), Noise(0, torch.tensor([4, 17]), paths=2)
        >>> bool((few.normal(step=3, stream=0)[0] == many.normal(step=3, stream=0)[1]).all())  # whatever items are beside it
        True
    """

    def __init__(self, seed: int, codes: Tensor, paths: int) -> None:
        self.paths = paths
        path = torch.arange(paths, device=codes.device)
        self._base = _mix(_mix(codes ^ _mixed(seed & _BITS))[:, None] + path)

    def uniform(self, step: int, stream: int, at: Tensor | None = None) -> Tensor:
        """In (0, 1), by hashing; another `stream` is another, independent draw."""
        return _fraction((self._bits(step, stream, at) >> 32).bitwise_and_(_HALF))

    def _bits(self, step: int, stream: int, at: Tensor | None) -> Tensor:
        base = self._base if at is None else self._base.view(-1)[at]
        return _mix(base ^ _mixed(step * 1024 + stream + 1))

    def pair(self, step: int, stream: int, at: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Two independent draws in (0, 1), the halves of one hash."""
        bits = self._bits(step, stream, at)
        return _fraction((bits >> 32).bitwise_and_(_HALF)), _fraction(bits.bitwise_and_(_HALF))

    def normal(self, step: int, stream: int, at: Tensor | None = None) -> Tensor:
        """Standard normal, by Box and Muller."""
        first, second = self.pair(step, stream, at)
        return first.log_().mul_(-2).sqrt_().mul_(second.mul_(2 * math.pi).cos_())

    def gamma(self, shape: Tensor, step: int, stream: int) -> Tensor:
        """Gamma of `shape` [B, S] and scale 1 (Marsaglia and Tsang 2000, a fixed number of attempts).

        Only what was rejected is drawn again.
        """
        d = (torch.where(shape < 1, shape + 1, shape) - 1 / 3).reshape(-1)
        result, left = d.clone(), None
        for attempt in range(_ATTEMPTS):
            drawn, accepted = self._gamma(d if left is None else d[left], step, stream + 3 * attempt, left)
            if left is None:
                result, left = torch.where(accepted, drawn, d), (~accepted).nonzero()[:, 0]
            else:
                result[left[accepted]] = drawn[accepted]
                left = left[~accepted]
            if len(left) == 0:
                break
        result = result.view(shape.shape)
        if not bool((shape < 1).any()):
            return result
        boost = self.uniform(step, stream + 3 * _ATTEMPTS) ** (1 / shape.clamp(min=1e-4))
        return torch.where(shape < 1, result * boost, result)

    def _gamma(self, d: Tensor, step: int, stream: int, at: Tensor | None) -> tuple[Tensor, Tensor]:
        """One attempt at flat gammas of shape `d` + 1/3, and whether it is accepted."""
        x = self.normal(step, stream, at).view(-1)
        v = (x / (9 * d).sqrt_()).add_(1)
        v = v * v * v
        bound = torch.log(v.clamp(min=1e-30)).sub_(v).add_(1).mul_(d).add_(x * x, alpha=0.5)
        return d * v, (v > 0) & (self.uniform(step, stream + 2, at).view(-1).log_() < bound)

    def student(self, df: Tensor, step: int) -> Tensor:
        """Student's t with `df` [B, S] degrees of freedom (Bailey 1994, Math. Comp. 62(206)): polar, nothing is rejected."""
        first, second = self.pair(step, 0)
        square = torch.expm1(first.log_().mul_(-2) / df).mul_(df)
        return square.sqrt_().mul_(second.mul_(2 * math.pi).cos_())

    def negative_binomial(self, mean: Tensor, total_count: Tensor, step: int) -> Tensor:
        """Negative binomial of `mean` [B, S] and `total_count` (its variance is mean + mean^2 / total_count)."""
        rate = self.gamma(total_count, step, 2) * mean / total_count
        return poisson_quantile(self.uniform(step, 0), rate)


def poisson_quantile(probability: Tensor, rate: Tensor) -> Tensor:
    """The smallest count whose Poisson distribution function at `rate` reaches `probability`.

    Exact for rates below 16; above, the Cornish-Fisher expansion, off by one at most.
    """
    inside = rate < _POISSON_TABLE
    small = torch.where(inside, rate, 0)  # the others are over at once
    term = torch.exp(-small)
    reached, count = term.clone(), torch.zeros_like(rate)
    for k in range(1, 4 * _POISSON_TABLE):
        short = reached < probability
        if k % _LOOK == 0 and not bool(short.any()):
            break
        count += short
        term.mul_(small).div_(k)
        reached += term
    if bool(inside.all()):
        return count
    z = torch.special.ndtri(probability)
    root = torch.sqrt(rate.clamp(min=1e-6))
    large = torch.floor(rate + root * z + (z**2 - 1) / 6 + (z - z**3) / (72 * root) + 0.5).clamp(min=0)
    return torch.where(inside, count, large)


def _mix(value: Tensor) -> Tensor:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014) on wrapping 64-bit integers."""
    value = value + _signed(_GOLDEN)
    value.bitwise_xor_(_shifted(value, 30)).mul_(_signed(_FACTORS[0]))
    value.bitwise_xor_(_shifted(value, 27)).mul_(_signed(_FACTORS[1]))
    return value.bitwise_xor_(_shifted(value, 31))


def _fraction(bits: Tensor) -> Tensor:
    """32 random bits as a number in (0, 1)."""
    return bits.float().add_(0.5).mul_(2.0**-32).clamp_(1e-7, 1 - 1e-7)


def _mixed(value: int) -> int:
    """The same of a number, on the host: nothing then has to be sent to a device."""
    value = (value + _GOLDEN) & _BITS
    value = ((value ^ (value >> 30)) * _FACTORS[0]) & _BITS
    value = ((value ^ (value >> 27)) * _FACTORS[1]) & _BITS
    return _signed(value ^ (value >> 31))


def _shifted(value: Tensor, bits: int) -> Tensor:
    """Logical shift right; torch's own carries the sign along."""
    return (value >> bits).bitwise_and_((1 << (64 - bits)) - 1)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


_GOLDEN = 0x9E3779B97F4A7C15
_FACTORS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_BITS = (1 << 64) - 1
_HALF = (1 << 32) - 1
