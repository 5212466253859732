"""`Sizes`: what the shape of a network depends on besides its hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

LARGEST_EMBEDDING = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """The sizes that every network has; a subclass adds its own fields."""

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
        """The sizes that a model folder holds; names that this class lacks are left out."""
        return cls(**{f.name: _frozen(facts[f.name]) for f in fields(cls) if f.name in facts})


def embedding_size(cardinality: int) -> int:
    """A common rule of thumb: half the number of codes, within bounds."""
    return min(LARGEST_EMBEDDING, (cardinality + 1) // 2)


def _frozen(value: Any) -> Any:
    """JSON's lists as tuples."""
    return tuple(_frozen(part) for part in value) if isinstance(value, (list, tuple)) else value
