"""The processes that train one network together: each rank's rows of a batch, and the sums and decisions that all ranks share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process among `size` that go through the same steps, each with its own rows of every batch."""

    rank: int = 0
    size: int = 1
    device: str = "cpu"  # of this process

    @property
    def rows(self) -> slice:
        """The rows of a batch that are this process's."""
        return slice(self.rank, None, self.size)

    def sum(self, value: Tensor) -> Tensor:
        """`value` summed over all ranks: the same bits in each."""
        if self.size == 1:
            return value
        summed = value.detach().clone()
        torch.distributed.all_reduce(summed)
        return summed

    def from_first(self, value: float) -> float:
        """The value that rank 0 has: clocks differ, decisions must not."""
        if self.size == 1:
            return value
        sent = torch.tensor([value], dtype=torch.float64, device=self.device)
        torch.distributed.broadcast(sent, src=0)
        return float(sent)


SINGLE: Final = Ranks()
