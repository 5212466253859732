"""N-HiTS: blocks, each with its own pace, whose forecasts add up (Challu et al. 2023, arXiv:2201.12886).

Each block pools the context over some steps, subtracts what it explains from what the next one reads, and forecasts as
coarsely as it reads. The paper's network knows the target alone; here an MLP adds what covariates and statics say of each
step, and the sum is added to a mean of the values some seasons earlier, as in `tft`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from foretell.networks import (
    Abilities,
    Between,
    Count,
    DirectBatch,
    DirectNetwork,
    DirectRecipe,
    DirectSizes,
    LearningRate,
    Size,
    StaticFeatures,
    mean_of_lags,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NHiTS(DirectRecipe):
    """Quantiles for every step at once, from MLPs over ever finer views of the context (Challu et al. 2023)."""

    name: ClassVar[str] = "nhits"
    draws_globally: ClassVar[bool] = False
    abilities: ClassVar[Abilities] = replace(
        DirectRecipe.abilities,
        cost=30,
        search={
            "hidden_size": (64, 128, 256),
            "learning_rate": Between(3e-4, 3e-3, log=True),
            "dropout": (0.0, 0.1, 0.2),
        },
    )
    hidden_size: Size = 128  # width of each block's MLP
    learning_rate: LearningRate = 2e-3  # highest rate of the schedule
    pools: tuple[Count, ...] = (
        8,
        4,
        1,
    )  # steps that a block's view averages, a block each, the coarsest first

    def network(self, sizes: DirectSizes) -> DirectNetwork:
        """An untrained network."""
        return Network(self, sizes)


class Network(DirectNetwork):
    """Blocks of ever finer pooling about a weighted mean of the lags."""

    def __init__(self, recipe: NHiTS, sizes: DirectSizes) -> None:
        super().__init__(sizes)
        self.horizon, lags = sizes.horizon, len(sizes.lags)
        self.statics = StaticFeatures(sizes)
        self.lag_weights = nn.Linear(lags, lags)
        ahead = sizes.covariates + self.statics.width + 2 * lags
        self.per_step = mlp(ahead, sizes.outputs, recipe)
        inputs = self.statics.width + sizes.past + lags
        self.blocks = nn.ModuleList(Block(pool, inputs, recipe, sizes) for pool in recipe.pools)

    def forward(self, batch: DirectBatch) -> Tensor:
        """Standardised outputs [B, H, Q + 1]; quantiles may cross."""
        static, errors = self.statics(batch), batch.lag_errors.log()
        base = mean_of_lags(batch, torch.softmax(self.lag_weights(errors), -1))
        every_step = static[:, None].expand(-1, self.horizon, -1)
        ahead = [part[:, -self.horizon :] for part in (batch.covariates, batch.lags, batch.lagged)]
        out = self.per_step(torch.cat([*ahead, every_step], dim=-1))
        beside, rest = torch.cat([static, batch.past.mean(1), errors], dim=-1), batch.values
        for block in self.blocks:
            backcast, forecast = block(rest, beside)
            rest, out = (rest - backcast) * batch.visible, out + forecast
        outputs: Tensor = base[..., None] + batch.lag_errors.amin(-1)[:, None, None] * out
        return outputs


class Block(nn.Module):
    """One view of the context [B, T]: averaged over `pool` steps, through an MLP, and interpolated back."""

    def __init__(self, pool: int, inputs: int, recipe: NHiTS, sizes: DirectSizes) -> None:
        super().__init__()
        self.context, self.horizon, self.outputs = recipe.window_length, sizes.horizon, sizes.outputs
        self.back, self.ahead = -(-self.context // pool), -(-self.horizon // pool)
        self.mlp = mlp(self.back + inputs, self.back + self.ahead * self.outputs, recipe)

    def forward(self, values: Tensor, beside: Tensor) -> tuple[Tensor, Tensor]:
        """What the block explains of `values` [B, T], and its part of the forecast [B, H, Q + 1]."""
        view = functional.adaptive_avg_pool1d(values[:, None], self.back)[:, 0]
        out = self.mlp(torch.cat([view, beside], dim=-1))
        back, ahead = out[:, : self.back], out[:, self.back :].unflatten(-1, (self.outputs, self.ahead))
        backcast = functional.interpolate(back[:, None], self.context, mode="linear")[:, 0]
        return backcast, functional.interpolate(ahead, self.horizon, mode="linear").transpose(1, 2)


def mlp(inputs: int, outputs: int, recipe: NHiTS) -> nn.Module:
    """Two hidden layers."""
    width = recipe.hidden_size
    enter, middle = nn.Linear(inputs, width), nn.Linear(width, width)
    return nn.Sequential(
        enter, nn.ReLU(), nn.Dropout(recipe.dropout), middle, nn.ReLU(), nn.Linear(width, outputs)
    )
