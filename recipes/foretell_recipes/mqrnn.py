"""MQRNN: a multi-horizon quantile recurrent forecaster with forking sequences (Wen et al. 2017, arXiv:1711.11053).

An LSTM reads the context, a patch of steps at a time; `foretell.forking` does the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from foretell.forking import Forking
from foretell.search import Between, Space


@dataclass(frozen=True, slots=True, kw_only=True)
class MQRNN(Forking):
    """Quantiles for every step at once, from an LSTM over the context (Wen et al. 2017)."""

    name: ClassVar[str] = "mqrnn"
    SEARCH: ClassVar[Space] = {
        "hidden_size": (32, 64, 96),
        "learning_rate": Between(5e-4, 4e-3, log=True),
        "dropout": (0.0, 0.1, 0.2),
    }
    context_length: int | None = (
        None  # steps that every fork sees at least; default: two horizons or the longest season
    )
    patch_length: int | None = None  # steps that the LSTM reads at once; default: about 40 patches a window
    hidden_size: int = 64  # LSTM width
    num_layers: int = 2  # LSTM layers
    dropout: float = 0.1  # between LSTM layers and of what the global network sees
    batch_size: int = 32  # windows a step
    forks: int | None = None  # forecast origins trained in each window; default: about 600 / horizon
    learning_rate: float = 2e-3  # highest rate of the schedule
    max_steps: int | None = None  # gradient steps; default: 500 to 4,000, by the number of observations
    patience: int = 8  # validations without a better score before the learning rate is annealed
    cold_share: float = (
        0.1  # share of training windows whose history is hidden or cut short, as a new item's is
    )

    def encoder(self, inputs: int) -> nn.Module:
        """An LSTM that begins from what the statics say of the item."""
        return Encoder(inputs, self.hidden_size, self.num_layers, self.dropout)


class Encoder(nn.Module):
    """Patches [B, T, inputs] and static [B, E] -> states [B, T, E]."""

    def __init__(self, inputs: int, width: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, width, layers, dropout=dropout if layers > 1 else 0.0, batch_first=True)

    def forward(self, patches: Tensor, static: Tensor) -> Tensor:
        state = static.expand(self.lstm.num_layers, *static.shape).contiguous()
        states: Tensor
        states, _ = self.lstm(patches, (state, torch.zeros_like(state)))
        return states
