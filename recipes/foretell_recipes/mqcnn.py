"""MQCNN: quantiles of all steps from dilated causal convolutions (Wen et al. 2017; van den Oord et al. 2016).

The model behind Amazon Forecast's CNN-QR. Convolutions read the context, a patch of steps at a time, each layer twice as
far back as the one below; `ForkingRecipe` does the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from torch import Tensor, nn
from torch.nn import functional

from foretell.networks import ForkingRecipe, Patches, Within
from foretell.recipe.protocols import Abilities

KERNEL = 3  # patches that one convolution looks at


@dataclass(frozen=True, slots=True, kw_only=True)
class MQCNN(ForkingRecipe):
    """Quantiles for every step at once, from dilated causal convolutions over the context (Wen et al. 2017)."""

    name: ClassVar[str] = "mqcnn"
    draws_globally: ClassVar[bool] = False
    abilities: ClassVar[Abilities] = replace(ForkingRecipe.abilities, cost=50)
    num_layers: Annotated[int, Within(1, 12)] = 5  # convolutions, each dilated twice as far as the one before

    def encoder(self, inputs: int) -> nn.Module:
        """Gated convolutions whose sum with their input goes on to the next."""
        return Encoder(inputs, self.hidden_size, self.num_layers, self.dropout)


class Encoder(nn.Module):
    """Patches and static [B, E] -> states [B, T, E]; a state sees no later patch."""

    def __init__(self, inputs: int, width: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.enter = nn.Linear(inputs, width)
        self.layers = nn.ModuleList(
            nn.Conv1d(width, 2 * width, KERNEL, dilation=2**layer) for layer in range(layers)
        )
        self.statics = nn.Linear(width, layers * width)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(width)

    def forward(self, patches: Patches, static: Tensor) -> Tensor:
        hidden = patches.through(self.enter.weight, self.enter.bias).transpose(1, 2)  # [B, E, T]
        biases = self.statics(static).unflatten(-1, (len(self.layers), -1))  # [B, layer, E]
        for depth, layer in enumerate(self.layers):
            seen = functional.pad(hidden + biases[:, depth, :, None], ((KERNEL - 1) * 2**depth, 0))
            signal, gate = layer(seen).chunk(2, dim=1)
            hidden = hidden + self.dropout(signal.tanh() * gate.sigmoid())
        states: Tensor = self.norm(hidden.transpose(1, 2))
        return states
