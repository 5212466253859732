"""Ranges of hyperparameters, as a recipe declares them for a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Between:
    """A range of numbers, both ends included; of whole numbers when its ends are.

    Example:
        >>> from foretell.recipe import Between
        >>> Between(7, 56).whole, Between(1e-4, 1e-2, log=True).whole
        (True, False)
    """

    low: float
    high: float
    log: bool = False  # whether ratios matter rather than differences

    def __post_init__(self) -> None:
        assert self.low < self.high
        assert self.low > 0 or not self.log

    @property
    def whole(self) -> bool:
        """Whether its numbers are whole."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def draw(self, rng: np.random.Generator) -> float:
        """A number of it, uniform on its scale."""
        ends = np.array([self.low, self.high + 1 if self.whole else self.high], float)
        low, high = np.log(ends) if self.log else ends
        value = float(rng.uniform(low, high))
        value = float(np.exp(value)) if self.log else value
        return min(int(value), int(self.high)) if self.whole else value


Range = Between | tuple[Any, ...]  # numbers, or a choice
Space = Mapping[str, Range]  # hyperparameter -> range
