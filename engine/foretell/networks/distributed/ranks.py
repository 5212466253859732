"""The processes that train one network together: which share of a batch is whose, and how they agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Crew:
    """One of `size` processes that go through the same steps, each with its share of every batch."""

    rank: int = 0
    size: int = 1
    device: str = "cpu"  # of this process

    @property
    def share(self) -> slice:
        """The rows of a batch that are this process's."""
        return slice(self.rank, None, self.size)

    def total(self, value: Tensor) -> Tensor:
        """`value` added up over the crew: the same bits everywhere."""
        if self.size == 1:
            return value
        summed = value.detach().clone()
        torch.distributed.all_reduce(summed)
        return summed

    def agree(self, value: float) -> float:
        """What the first of the crew says: clocks differ, decisions must not."""
        if self.size == 1:
            return value
        said = torch.tensor([value], dtype=torch.float64, device=self.device)
        torch.distributed.broadcast(said, src=0)
        return float(said)


ALONE: Final = Crew()
