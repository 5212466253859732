"""MQRNN: a quantile recurrent network with forking sequences (Wen et al. 2017, arXiv:1711.11053).

An LSTM reads the context, a patch of steps at a time; `ForkingRecipe` does the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from foretell.networks import ForkingRecipe, Patches, Within
from foretell.recipe.protocols import Abilities


@dataclass(frozen=True, slots=True, kw_only=True)
class MQRNN(ForkingRecipe):
    """Quantiles for every step at once, from an LSTM over the context (Wen et al. 2017)."""

    name: ClassVar[str] = "mqrnn"
    draws_globally: ClassVar[bool] = False
    abilities: ClassVar[Abilities] = replace(ForkingRecipe.abilities, cost=40)
    num_layers: Annotated[int, Within(1, 32)] = 2  # LSTM layers

    def encoder(self, inputs: int) -> nn.Module:
        """An LSTM that begins from what the statics say of the item."""
        return Encoder(inputs, self.hidden_size, self.num_layers, self.dropout)


class Encoder(nn.Module):
    """Patches and static [B, E] -> states [B, T, E]."""

    def __init__(self, inputs: int, width: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, width, layers, dropout=dropout if layers > 1 else 0.0, batch_first=True)

    def forward(self, patches: Patches, static: Tensor) -> Tensor:
        state = static.expand(self.lstm.num_layers, *static.shape).contiguous()
        start = (state, torch.zeros_like(state))
        # cuDNN wants the weights in one piece of memory; gradients are to reach them as they are
        if patches.same_steps and state.device.type == "cpu" and not torch.is_grad_enabled():
            return self._forecasting(patches, start)
        states: Tensor
        states, _ = self.lstm(patches.joined(), start)
        return states

    def _forecasting(self, patches: Patches, start: tuple[Tensor, Tensor]) -> Tensor:
        """The states where windows share most of what is read: the first layer's weights are made for that."""
        entering, *others = self.lstm.parameters()
        inputs, marked = patches.marked(entering)
        states: Tensor
        states, *_ = torch.lstm(
            inputs,
            start,
            [marked, *others],
            has_biases=True,
            num_layers=self.lstm.num_layers,
            dropout=0.0,
            train=False,
            bidirectional=False,
            batch_first=True,
        )
        return states
