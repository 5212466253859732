"""`Sizes`: what the shape of a network depends on besides its hyperparameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from foretell.errors import ForetellError
from foretell.system.typed import typed

LARGEST_EMBEDDING = 16
LARGEST = 1_000_000  # number that a network's shape depends on


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """The sizes that every network has; a subclass adds its own fields.

    Raises:
        ForetellError: by `from_json`, for a size that is missing, no number, or too large.

    Example:
        >>> from foretell.networks import Sizes
        >>> Sizes(horizon=7, cardinalities=(12, 400)).embeddings
        (6, 16)
    """

    horizon: int  # H
    cardinalities: tuple[int, ...]  # codes of each static category
    # width of each category's embedding; default: by its number of codes
    embeddings: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if len(self.embeddings) != len(self.cardinalities):
            widths = tuple(embedding_size(codes) for codes in self.cardinalities)
            object.__setattr__(self, "embeddings", widths)

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads back."""
        return asdict(self)

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Self:
        """The sizes that a model folder holds; names that this class lacks are left out.

        Raises ForetellError for a size that is missing, no number, or beyond LARGEST.
        """
        known = {f.name for f in fields(cls)}
        sizes = typed(cls, {name: value for name, value in facts.items() if name in known}, "sizes")
        numbers = list(_numbers(asdict(sizes).values()))
        if not all(0 <= number <= LARGEST for number in numbers):
            raise ForetellError(f"sizes must be from 0 to {LARGEST:,}, got {max(numbers, key=abs)}")
        return sizes


def embedding_size(cardinality: int) -> int:
    """A common rule of thumb: half the number of codes, within bounds."""
    return min(LARGEST_EMBEDDING, (cardinality + 1) // 2)


def _numbers(values: Iterable[Any]) -> Iterator[float]:
    for value in values:
        yield from _numbers(value) if isinstance(value, tuple) else (value,)
