"""TFT: a transformer that selects variables and attends to its context (Lim et al. 2021, arXiv:1912.09363).

The network is GluonTS' own (`gluonts.torch.model.tft.module.TemporalFusionTransformerModel`): variable selection, an LSTM
over context and horizon, attention from each step of the horizon. Its output is added to a weighted mean of the values some
seasons earlier, in units of how far those were off over the context.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from gluonts.torch.model.tft.module import TemporalFusionTransformerModel
from torch import Tensor, nn

from foretell.networks import (
    Abilities,
    Count,
    DirectBatch,
    DirectNetwork,
    DirectRecipe,
    DirectSizes,
    ForetellError,
    LearningRate,
    Panel,
    Share,
    Size,
    Steps,
    Task,
    mean_of_lags,
)

# Axes in names: B window, H step of the horizon, L lag, Q output.

MOST_VARIABLES = 8  # each variable has a gated network of its own: more columns than this share one


@dataclass(frozen=True, slots=True, kw_only=True)
class TFT(DirectRecipe):
    """Quantiles for every step at once, from attention over the context (Lim et al. 2021), on GluonTS' network."""

    name: ClassVar[str] = "tft"  # its attention has a dropout of its own, from the global generator
    abilities: ClassVar[Abilities] = replace(DirectRecipe.abilities, ensemble=True, cost=70)
    MOST_STEPS: ClassVar[int] = 2000
    # steps read before the origin; default: the horizon or the longest season
    context_length: Count | None = None
    hidden_size: Size = 32  # width of the LSTM, the attention and each variable's embedding
    num_heads: Size = 4  # of the attention; they divide hidden_size
    dropout: Share = 0.1  # in every gated network
    batch_size: Size = 32  # windows a step
    learning_rate: LearningRate = 2e-3  # highest rate of the schedule
    max_steps: Steps | None = None  # gradient steps; default: 500 to 2,000, by the number of observations

    def __post_init__(self) -> None:
        if self.num_heads > 0 and self.hidden_size % self.num_heads:
            raise ForetellError(
                f"tft.hidden_size must be a multiple of num_heads={self.num_heads}, got {self.hidden_size}"
            )

    def default_context(self, panel: Panel, task: Task) -> int:
        """The horizon, or the longest season where that is at most three horizons."""
        return max(task.horizon, min(max(panel.schema.seasons), 3 * task.horizon), 8)

    def network(self, sizes: DirectSizes) -> DirectNetwork:
        """An untrained network."""
        return Network(self, sizes)


class Network(DirectNetwork):
    """GluonTS' Temporal Fusion Transformer, about a weighted mean of the lags."""

    def __init__(self, recipe: TFT, sizes: DirectSizes) -> None:
        super().__init__(sizes)
        lags = len(sizes.lags)
        calendar = [sizes.calendar] if sizes.calendar else []
        self.lag_weights = nn.Linear(lags, lags)
        self.tft = TemporalFusionTransformerModel(
            context_length=recipe.window_length,
            prediction_length=sizes.horizon,
            d_feat_static_real=[*_variables(sizes.static_real), 2 + lags],
            c_feat_static_cat=list(sizes.cardinalities) or [1],
            d_feat_dynamic_real=[*_variables(sizes.known), *calendar, 2 * lags],
            d_past_feat_dynamic_real=[1, *_variables(sizes.past)],
            num_heads=recipe.num_heads,
            d_hidden=recipe.hidden_size,
            d_var=recipe.hidden_size,
            dropout_rate=recipe.dropout,
        )
        self.tft.scaler = _Unscaled()
        self.tft.args_proj = nn.Linear(recipe.hidden_size, sizes.outputs)

    def forward(self, batch: DirectBatch) -> Tensor:
        """Standardised outputs [B, H, Q + 1]; quantiles may cross."""
        codes = batch.static_cat
        out_BHQ, _, _ = self.tft(
            past_target=batch.values,
            past_observed_values=batch.visible,
            feat_static_real=torch.cat([batch.static_real, self._of_window(batch)], dim=-1),
            feat_static_cat=codes if codes.shape[1] else codes.new_zeros((len(codes), 1)),
            feat_dynamic_real=torch.cat([batch.covariates, batch.lags, batch.lagged], dim=-1),
            past_feat_dynamic_real=torch.cat([batch.visible[..., None], batch.past], dim=-1),
        )
        base_BH = mean_of_lags(batch, torch.softmax(self.lag_weights(batch.lag_errors.log()), -1))
        outputs: Tensor = base_BH[..., None] + batch.lag_errors.amin(-1)[:, None, None] * out_BHQ
        return outputs

    def _of_window(self, batch: DirectBatch) -> Tensor:
        """What is known of the window as a whole, beside its item's statics: [B, 2 + L]."""
        mean, deviation = batch.scale[:, :1], batch.scale[:, 1:]
        size = (deviation / (mean.abs() + deviation)).log()
        return torch.cat([batch.cold, size, batch.lag_errors.log()], dim=-1)


class _Unscaled(nn.Module):
    """In the place of GluonTS' scaler: our windows come standardised, cold ones too."""

    def forward(self, data: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return data, torch.zeros_like(data[:, :1]), torch.ones_like(data[:, :1])


def _variables(columns: int) -> list[int]:
    """The sizes of the variables that `columns` columns are: one each, or one of all when there are many."""
    return [1] * columns if columns <= MOST_VARIABLES else [columns]
