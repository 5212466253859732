"""One object as a key, told from all others by what it is rather than by what it is equal to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, eq=False)
class This:
    """An object as part of a key. It is held: where it goes, another one may come to lie at its address and have its `id`."""

    it: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, This) and other.it is self.it

    def __hash__(self) -> int:
        return id(self.it)
