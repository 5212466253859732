"""Windows in patches of steps, as an encoder reads them, with what all windows of a batch share kept apart.

Windows that lie on the same steps share these steps' calendar, most of what is read. It then goes through the encoder's first
weights once a batch instead of once a window.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

# Axes in names: B window, T patch, W numbers of a window's own at each step, S numbers of a step, E width.


class Patches(NamedTuple):
    """B windows of T patches; a patch's steps follow one another, the window's own numbers of each before the step's.

    Example:
        >>> from foretell.networks import Patches
        >>> Patches(own=torch.zeros(2, 3, 4, 1), steps=torch.zeros(2, 3, 4, 5)).joined().shape
        torch.Size([2, 3, 24])
    """

    own: Tensor  # [B, T, patch, W]
    steps: Tensor  # [B, T, patch, S]; where all windows share them, one row in memory

    @property
    def same_steps(self) -> bool:
        """Whether all windows lie on the same steps, and that saves work: `marked` is narrower than `joined`."""
        _, patches, length, numbers = self.steps.shape
        return shares_rows(self.steps) and patches < length * numbers

    def joined(self) -> Tensor:
        """[B, T, patch * (W + S)]."""
        return torch.cat([self.own, self.steps], dim=-1).flatten(2)

    def marked(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs [B, T, patch * W + T] and a weight [E, patch * W + T] with the product that `joined` and `weight` have.

        All windows lie on the same steps, so that the product of these with the weight is one vector a patch: it becomes an
        extra column of the weight, and a one-hot input selects it.
        """
        patches = self.own.shape[1]
        mine, shared = self._split(weight)
        mark = torch.eye(patches, dtype=weight.dtype, device=weight.device)
        inputs = torch.cat([self.own.flatten(2), mark.expand(len(self.own), -1, -1)], dim=-1)
        return inputs, torch.cat([mine, shared.T], dim=1)

    def through(self, weight: Tensor, bias: Tensor) -> Tensor:
        """[B, T, E] as a linear layer makes it of `joined`."""
        if not self.same_steps:
            return functional.linear(self.joined(), weight, bias)
        mine, shared = self._split(weight)
        return functional.linear(self.own.flatten(2), mine) + (shared + bias)

    def _split(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The columns [E, patch * W] for the windows' own numbers, and what the others make of the shared ones [T, E]."""
        length, width = self.own.shape[2:]
        columns = weight.unflatten(1, (length, -1))
        mine, theirs = columns[..., :width].flatten(1), columns[..., width:].flatten(1)
        return mine, self.steps[0].flatten(1) @ theirs.T


def shares_rows(values: Tensor) -> bool:
    """Whether all of several rows [B, ...] are one row in memory, as calendars are."""
    return len(values) > 1 and values.stride(0) == 0
