"""TFT: the Temporal Fusion Transformer, which selects its variables and attends to its context (Lim et al. 2021, arXiv:1912.09363).

The network is GluonTS' own (`gluonts.torch.model.tft.module.TemporalFusionTransformerModel`): variable selection, an LSTM
over context and horizon, attention from each step of the horizon. Its inputs are gathered by our windows and standardised
by the context that was observed; what it says is added to a weighted mean of the values some seasons earlier, in units of
how far those were off over the context.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple, Self

import torch
from gluonts.torch.model.tft.module import TemporalFusionTransformerModel
from torch import Tensor, nn

from foretell.data.panel import Panel
from foretell.errors import ForetellError
from foretell.networks.building_blocks import between_levels, default_steps, quantile_and_mean_loss
from foretell.networks.network_recipe import NetworkRecipe
from foretell.recipe.levels import QUANTILE_LEVELS
from foretell.recipe.protocols import Abilities
from foretell.recipe.task import Task
from foretell.windows.lags import seasonal_lags
from foretell.windows.prefetch import sent
from foretell.windows.sampling import NOTHING_HIDDEN, sample_hidden, sample_windows
from foretell.windows.target_scale import window_scale
from foretell.windows.windows import Windows

# Axes in names: B window, T step of the context, H step of the horizon, L lag, Q level, E width.

MOST_VARIABLES = 8  # each variable has a gated network of its own: more columns than this share one
SEASONS_BACK = 3  # lags of each season


@dataclass(frozen=True, slots=True, kw_only=True)
class TFT(NetworkRecipe):
    """Quantiles for every step at once, from attention over the context (Lim et al. 2021), on GluonTS' network."""

    name: ClassVar[str] = "tft"
    abilities: ClassVar[Abilities] = replace(NetworkRecipe.abilities, ensemble=True, cost=70)
    # steps read before the origin; default: the horizon or the longest season
    context_length: int | None = None
    hidden_size: int = 32  # width of the LSTM, the attention and each variable's embedding
    num_heads: int = 4  # of the attention; they divide hidden_size
    dropout: float = 0.1  # in every gated network
    batch_size: int = 32  # windows a step
    learning_rate: float = 2e-3  # highest rate of the schedule
    max_steps: int | None = None  # gradient steps; default: 500 to 2,000, by the number of observations
    patience: int = 8  # validations without a better score before the learning rate is annealed
    # share of training windows whose history is hidden or cut short, as a new item's is
    cold_share: float = 0.1

    def resolved(self, panel: Panel, task: Task) -> Self:
        """This recipe with every default that depends on the data worked out."""
        if self.hidden_size % self.num_heads:
            raise ForetellError(
                f"tft.hidden_size must be a multiple of num_heads={self.num_heads}, got {self.hidden_size}"
            )
        history = max(2, int(panel.stop.max(initial=1)))
        context = min(max(task.horizon, min(max(panel.schema.seasons), 3 * task.horizon), 8), history)
        return replace(
            self,
            context_length=self.context_length or context,
            max_steps=self.max_steps or default_steps(panel, most=2000),
        )

    def sizes(self, windows: Windows, task: Task) -> dict[str, Any]:
        """All that the network's shape depends on besides the hyperparameters, as JSON."""
        schema = windows.panel.schema
        calendar = len(schema.frequency.calendar_names())
        return {
            "horizon": task.horizon,
            "known": windows.covariate_size - calendar,
            "calendar": calendar,
            "past": windows.past_size,
            "static_real": windows.static_real.shape[1],
            "cardinalities": list(schema.cardinalities),
            "lags": [list(pair) for pair in seasonal_lags(schema, repeats=SEASONS_BACK)],
            "levels": sorted({*QUANTILE_LEVELS, *task.levels}),
        }

    def network(self, sizes: dict[str, Any]) -> Network:
        """An untrained network."""
        return Network(self, sizes)

    @property
    def window_length(self) -> int:
        """Steps that the network reads before the origin."""
        assert self.context_length is not None
        return self.context_length

    def batch(
        self, windows: Windows, scale: Tensor, sizes: dict[str, Any], generator: torch.Generator
    ) -> TFTBatch:
        """Windows of a context and a horizon around random origins."""
        items, origins = sample_windows(windows.spans, self.batch_size, generator)
        hidden = sample_hidden(self.batch_size, self.window_length, self.cold_share, generator)
        placed = windows.place(items, origins, hidden)
        return self._window(windows, scale, sizes, *placed)

    def loss(self, network: Network, batch: TFTBatch) -> Tensor:
        """Pinball loss over steps and levels, and Huber loss of the mean head, over what was observed."""
        quantiles, mean = network(batch)
        lost = quantile_and_mean_loss(quantiles, mean, batch.truth, network.levels) * batch.trained
        return lost.sum() / batch.trained.sum().clamp(min=1)

    def forecast(
        self,
        network: Network,
        windows: Windows,
        scale: Tensor,
        items: Tensor,
        levels: tuple[float, ...],
        seed: int | None,
    ) -> tuple[Tensor, Tensor]:
        """Quantiles [B, H, Q] and mean [B, H] of `items` [B] from their origins on."""
        nothing = torch.full_like(items, NOTHING_HIDDEN)
        gathered = self._window(windows, scale, network.sizes, items, windows.origin[items], nothing)
        batch = sent(gathered, network.levels.device)
        quantiles, mean = network(batch)
        location, deviation = batch.moments[:, 0, None], batch.moments[:, 1, None]
        have = quantiles.sort(-1).values * deviation[..., None] + location[..., None]
        return between_levels(have, network.levels, levels), mean * deviation + location

    def _window(
        self,
        windows: Windows,
        scale: Tensor,
        sizes: dict[str, Any],
        items: Tensor,
        origins: Tensor,
        hidden: Tensor,
    ) -> TFTBatch:
        """Gather windows around `origins` [B]; steps before origin + `hidden` [B] count as not observed."""
        context = self.window_length
        steps = torch.arange(-context, sizes["horizon"], device=windows.device)
        ordinals = origins[:, None] + steps
        values, observed = windows.target(items, ordinals)
        visible = observed[:, :context] & (steps[:context] >= hidden[:, None])
        moments = window_scale(values[:, :context], visible, scale[items])
        standard = (values - moments[:, :1]) / moments[:, 1:]
        back = steps[:, None] - _lag_steps(steps, sizes["lags"])  # [T + H, L]
        lagged, known = windows.target(items, origins[:, None, None] + back)
        known = known & (back >= hidden[:, None, None]) & (back < steps.clamp(max=0)[:, None])
        lags = ((lagged - moments[:, :1, None]) / moments[:, 1:, None]).clamp(-20, 20) * known
        past = windows.past(items, ordinals[:, :context])
        return TFTBatch(
            items=items,
            values=(standard[:, :context] * visible).clamp(-20, 20),
            visible=visible.float(),
            covariates=windows.covariates(items, ordinals),
            past=past * (steps[:context] >= hidden[:, None])[..., None],
            lags=lags,
            lagged=known.float(),
            lag_errors=_lag_errors(standard[:, :context], visible, lags[:, :context], known[:, :context]),
            static_real=windows.static_real[items],
            static_cat=windows.static_cat[items],
            moments=moments,
            truth=standard[:, context:],
            trained=observed[:, context:].float(),
        )


class TFTBatch(NamedTuple):
    """A batch: B windows of T steps of context and H of horizon."""

    items: Tensor  # [B]
    values: Tensor  # [B, T] standardised, 0 where not visible
    visible: Tensor  # [B, T]
    covariates: Tensor  # [B, T + H, C]
    past: Tensor  # [B, T, P]
    lags: Tensor  # [B, T + H, L] standardised, 0 where not observed
    lagged: Tensor  # [B, T + H, L]
    lag_errors: Tensor  # [B, L] how far each lag was off over the context, standardised
    static_real: Tensor  # [B, R]
    static_cat: Tensor  # [B, S]
    moments: Tensor  # [B, 2] mean and deviation
    truth: Tensor  # [B, H] standardised
    trained: Tensor  # [B, H] steps that take part in the loss


class Network(nn.Module):
    """GluonTS' Temporal Fusion Transformer, about a weighted mean of the lags."""

    levels: Tensor

    def __init__(self, recipe: TFT, sizes: dict[str, Any]) -> None:
        super().__init__()
        self.sizes = sizes
        self.register_buffer("levels", torch.tensor(sizes["levels"]))
        lags = len(sizes["lags"])
        calendar = [sizes["calendar"]] if sizes["calendar"] else []
        self.lag_weights = nn.Linear(lags, lags)
        self.tft = TemporalFusionTransformerModel(
            context_length=recipe.window_length,
            prediction_length=sizes["horizon"],
            d_feat_static_real=[*_variables(sizes["static_real"]), 2 + lags],
            c_feat_static_cat=sizes["cardinalities"] or [1],
            d_feat_dynamic_real=[*_variables(sizes["known"]), *calendar, 2 * lags],
            d_past_feat_dynamic_real=[1, *_variables(sizes["past"])],
            num_heads=recipe.num_heads,
            d_hidden=recipe.hidden_size,
            d_var=recipe.hidden_size,
            dropout_rate=recipe.dropout,
        )
        self.tft.scaler = _Unscaled()
        self.tft.args_proj = nn.Linear(recipe.hidden_size, len(self.levels) + 1)

    def forward(self, batch: TFTBatch) -> tuple[Tensor, Tensor]:
        """Standardised quantiles [B, H, Q] (they may cross) and mean [B, H]."""
        codes = batch.static_cat
        out_BHQ, _, _ = self.tft(
            past_target=batch.values,
            past_observed_values=batch.visible,
            feat_static_real=torch.cat([batch.static_real, self._of_window(batch)], dim=-1),
            feat_static_cat=codes if codes.shape[1] else codes.new_zeros((len(codes), 1)),
            feat_dynamic_real=torch.cat([batch.covariates, batch.lags, batch.lagged], dim=-1),
            past_feat_dynamic_real=torch.cat([batch.visible[..., None], batch.past], dim=-1),
        )
        out_BHQ = self._base(batch)[..., None] + batch.lag_errors.amin(-1)[:, None, None] * out_BHQ
        return out_BHQ[..., :-1], out_BHQ[..., -1]

    def _base(self, batch: TFTBatch) -> Tensor:
        """A weighted mean of the lags, the weights by how far each was off over the context: [B, H]."""
        horizon = self.sizes["horizon"]
        softmax = torch.softmax(self.lag_weights(batch.lag_errors.log()), -1)
        weights = softmax[:, None] * batch.lagged[:, -horizon:]
        total: Tensor = (batch.lags[:, -horizon:] * weights).sum(-1)
        return total / weights.sum(-1).clamp(min=1e-6)

    def _of_window(self, batch: TFTBatch) -> Tensor:
        """What is known of the window as a whole, beside its item's statics: [B, 2 + L]."""
        cold = 1 - batch.visible.amax(1, keepdim=True)
        location, deviation = batch.moments[:, :1], batch.moments[:, 1:]
        size = (deviation / (location.abs() + deviation)).log()
        return torch.cat([cold, size, batch.lag_errors.log()], dim=-1)


class _Unscaled(nn.Module):
    """In the place of GluonTS' scaler: our windows come standardised, cold ones too."""

    def forward(self, data: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return data, torch.zeros_like(data[:, :1]), torch.ones_like(data[:, :1])


def _variables(columns: int) -> list[int]:
    """The sizes of the variables that `columns` columns are: one each, or one of all when there are many."""
    return [1] * columns if columns <= MOST_VARIABLES else [columns]


def _lag_steps(steps: Tensor, pairs: list[list[int]]) -> Tensor:
    """[T + H, L] how far back the same phase of each season lies that is known at the origin (at the step, in the context)."""
    ahead = steps.clamp(min=0)
    return torch.stack([season * (ahead // season + 1 + repeat) for season, repeat in pairs], dim=-1)


def _lag_errors(values: Tensor, visible: Tensor, lags: Tensor, known: Tensor) -> Tensor:
    """[B, L] mean absolute difference of `values` [B, T] and each of their `lags` [B, T, L]; 1 where no pair is known.

    A series that hardly changes from one season to the next needs forecasts as fine as that: the least is their unit.
    """
    pairs = known & visible[..., None]
    count = pairs.sum(1)
    change = ((values[..., None] - lags).abs() * pairs).sum(1)
    return torch.where(count > 0, change / count.clamp(min=1), 1.0).clamp(0.01, 3.0)
