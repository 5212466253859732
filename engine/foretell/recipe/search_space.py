"""The ranges that a recipe declares for a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from foretell.errors import ForetellError
from foretell.recipe.hyperparameters import hyperparameters
from foretell.recipe.protocols import Recipe
from foretell.recipe.registry import recipe_class, recipe_names

RANGES = "SEARCH"  # the class attribute of a recipe that holds its ranges


@dataclass(frozen=True, slots=True)
class Between:
    """A range of numbers, both ends included; of whole numbers when its ends are."""

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


def search_space(recipe: type[Recipe]) -> Space:
    """The ranges declared beside a recipe's fields; ForetellError when it has none, or one for no field of it."""
    space: Space = getattr(recipe, RANGES, {})
    if not space:
        others = [name for name in recipe_names() if getattr(recipe_class(name), RANGES, {})]
        raise ForetellError(
            f"{recipe.name} declares no ranges to search: it has no {RANGES}. These have: {', '.join(others)}."
        )
    unknown = set(space) - {parameter.name for parameter in hyperparameters(recipe)}
    if unknown:
        raise ForetellError(
            f"{recipe.name}.{RANGES} has a range for {min(unknown)!r}, which is no hyperparameter of it"
        )
    return space
