"""Forking sequences: one window trains forecasts from many origins at once (Wen et al. 2017, arXiv:1711.11053).

An encoder reads the context, a patch of steps at a time; after each patch a forecast may originate (a fork). Windows are
standardised by what was observed before their first fork. A recipe brings its encoder and its hyperparameters; all else is
here and in `forking_network`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from foretell.forking_network import RECENT, ForkingNetwork, Window
from foretell.neural import Fitted, default_steps, fit_neural, seasonal_lags
from foretell.panel import Panel, Schema
from foretell.recipe import State
from foretell.scaling import window_scale
from foretell.task import Run, Task
from foretell.windows import Windows, sample_windows, training_spans

# Axes in names: B window, F fork, T step of the window, H step of the horizon, L lag, R recent change, Q level, E width.

QUANTILE_LEVELS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99)
# Weight of a window against its season error: 0 lets rough series rule the loss (wQL), 1 the most regular (MASE). On M4
# hourly, 48 hours before the official window, 0, 0.25 and 0.5 gave wQL .0445, .0438, .0468 and MASE 1.04, .93, .94.
EVENNESS = 0.25
PATCHES = 40  # about so many are read: that costs a fraction of one step at a time, and forecasts as well


class Forking(ABC):
    """A recipe that trains on forking sequences. Its fields, below, are declared with their defaults by each recipe."""

    __slots__ = ()

    name: ClassVar[str]
    context_length: int | None
    patch_length: int | None
    hidden_size: int
    dropout: float
    batch_size: int
    forks: int | None
    learning_rate: float
    max_steps: int | None
    patience: int
    cold_share: float

    @abstractmethod
    def encoder(self, inputs: int) -> nn.Module:
        """A module from patches [B, T, inputs] and static [B, E] to causal states [B, T, E]; E is `hidden_size`."""

    def fit(self, panel: Panel, task: Task, run: Run) -> Fitted:
        """Train on what lies before each item's origin."""
        return fit_neural(self, panel, task, run)

    def load(self, schema: Schema, task: Task, state: State, run: Run) -> Fitted:
        """The predictor whose `state` this is."""
        return Fitted.load(self, task, state, run)

    def resolved(self, panel: Panel, task: Task) -> Self:
        """This recipe with every default that depends on the data worked out."""
        horizon, longest = task.horizon, max(panel.schema.seasons)
        history = max(2, int(panel.stop.max(initial=1)))
        context = self.context_length or min(max(2 * horizon, longest, 8), history)
        return replace(  # type: ignore[type-var]  # recipes are dataclasses
            self,
            context_length=context,
            patch_length=self.patch_length or max(1, context * 3 // 2 // PATCHES),
            forks=self.forks or int(np.clip(600 // horizon, 4, 32)),
            max_steps=self.max_steps or default_steps(panel, most=4000),
        )

    def sizes(self, windows: Windows, task: Task) -> dict[str, Any]:
        """All that the network's shape depends on besides the hyperparameters, as JSON."""
        schema = windows.panel.schema
        return {
            "horizon": task.horizon,
            "covariates": windows.covariate_size,
            "past": windows.past_size,
            "static_real": windows.static_real.shape[1],
            "cardinalities": list(schema.cardinalities),
            "seasons": list(schema.seasons),
            "lags": [list(pair) for pair in seasonal_lags(schema, repeats=4)],
            "levels": sorted({*QUANTILE_LEVELS, *task.levels}),
        }

    def network(self, sizes: dict[str, Any]) -> ForkingNetwork:
        """An untrained network."""
        assert self.patch_length is not None
        return ForkingNetwork(
            self.encoder, sizes, width=self.hidden_size, dropout=self.dropout, patch=self.patch_length
        )

    def batch(
        self, windows: Windows, scale: Tensor, sizes: dict[str, Any], generator: torch.Generator
    ) -> Window:
        """Windows at random origins, each with random forks in its last third, at the ends of patches."""
        assert self.context_length is not None
        assert self.patch_length is not None
        assert self.forks is not None
        items, origins = sample_windows(training_spans(windows.panel), self.batch_size, generator)
        draws = torch.rand(self.batch_size, self.forks + 3, generator=generator)
        length, context = self.window_length, self.context_length
        first = context + ((length - context + 1) * draws[:, 0]).long()
        forks = first[:, None] + ((length - first + 1)[:, None] * draws[:, 3:]).long()
        forks[:, 0], forks[:, -1] = first, length
        forks = length - (length - forks) // self.patch_length * self.patch_length
        first = forks[:, 0]
        hidden = torch.where(
            draws[:, 1] < self.cold_share,
            (first * draws[:, 2] * 2).long(),
            torch.zeros(self.batch_size, dtype=torch.long),
        )
        placed = (t.to(windows.device) for t in (items, origins, forks, hidden))
        return self._gather(windows, scale, sizes, *placed)

    @property
    def window_length(self) -> int:
        """Steps that the encoder reads: the context of the first possible fork and half as many again, in whole patches."""
        assert self.context_length is not None
        assert self.patch_length is not None
        length = self.context_length + self.context_length // 2
        return -(-length // self.patch_length) * self.patch_length

    def loss(self, network: ForkingNetwork, batch: Window) -> Tensor:
        """Pinball loss over forks, steps and levels, and Huber loss of the mean head, over what was observed."""
        quantiles, mean = network(batch)
        error = batch.truth[..., None] - quantiles
        pinball = torch.maximum(network.levels * error, (network.levels - 1) * error).mean(-1)
        square = functional.huber_loss(mean, batch.truth, reduction="none", delta=5.0)
        weight = batch.trained.float() * batch.unit[:, None, None] ** -EVENNESS
        return ((2 * pinball + 0.1 * square) * weight).sum() / weight.sum().clamp(min=1)

    def forecast(
        self,
        network: ForkingNetwork,
        windows: Windows,
        scale: Tensor,
        items: Tensor,
        levels: tuple[float, ...],
        seed: int | None,
    ) -> tuple[Tensor, Tensor]:
        """Quantiles [B, H, Q] and mean [B, H] of `items` [B] from their origins on."""
        forks = torch.full((len(items), 1), self.window_length, device=windows.device)
        nothing = torch.zeros(len(items), dtype=torch.long, device=windows.device)
        batch = self._gather(windows, scale, network.sizes, items, windows.origin[items], forks, nothing)
        quantiles, mean = network(batch)
        location, deviation = batch.moments[:, 0, None], batch.moments[:, 1, None]
        have = quantiles[:, 0].sort(-1).values * deviation[..., None] + location[..., None]
        return between_levels(have, network.levels, levels), mean[:, 0] * deviation + location

    def _gather(
        self,
        windows: Windows,
        scale: Tensor,
        sizes: dict[str, Any],
        items: Tensor,
        origins: Tensor,
        forks: Tensor,
        hidden: Tensor,
    ) -> Window:
        """Gather windows that end at `origins` [B]; their first `hidden` [B] steps count as not observed."""
        length, horizon = self.window_length, sizes["horizon"]
        steps = torch.arange(length + horizon, device=windows.device)
        ordinals = (origins - length)[:, None] + steps
        values, observed = windows.target(items, ordinals)
        visible = observed & (steps >= hidden[:, None])
        before = visible & (steps < forks[:, :1])
        moments = window_scale(values, before, scale[items])
        location, deviation = moments[:, 0, None], moments[:, 1, None]
        standard = (values - location) / deviation
        ahead = forks[:, :, None] + torch.arange(horizon, device=windows.device)  # [B, F, H]
        rows = torch.arange(len(items), device=windows.device)[:, None, None]
        lags, lagged = self._lags(windows, sizes["lags"], items, origins - length, forks, hidden, horizon)
        return Window(
            items=items,
            values=(standard * visible)[:, :length],
            visible=visible[:, :length].float(),
            covariates=windows.covariates(items, ordinals),
            past=windows.past(items, ordinals[:, :length]) * (steps[:length] >= hidden[:, None])[..., None],
            static_real=windows.static_real[items],
            static_cat=windows.static_cat[items],
            moments=moments,
            season_errors=season_errors(standard, before, sizes["seasons"]),
            forks=forks,
            lags=((lags - location[..., None, None]) / deviation[..., None, None]).clamp(-20, 20) * lagged,
            lagged=lagged,
            recent=recent_changes(standard, visible, forks, sizes["seasons"]),
            truth=standard[rows, ahead],
            trained=observed[rows, ahead],
        )

    def _lags(
        self,
        windows: Windows,
        pairs: list[list[int]],
        items: Tensor,
        begin: Tensor,
        forks: Tensor,
        hidden: Tensor,
        horizon: int,
    ) -> tuple[Tensor, Tensor]:
        """[B, F, H, L] the latest values of the same phase of each season that a fork can know, and whether observed."""
        k = torch.arange(horizon, device=windows.device)
        back = torch.stack(
            [season * (k // season + 1 + repeat) for season, repeat in pairs], dim=-1
        )  # [H, L]
        index = forks[:, :, None, None] + k[:, None] - back
        values, observed = windows.target(items, begin[:, None, None, None] + index)
        known = observed & ((index >= hidden[:, None, None, None]) | (hidden == 0)[:, None, None, None])
        return values, known


def season_errors(values: Tensor, visible: Tensor, seasons: list[int]) -> Tensor:
    """[B, seasons] mean absolute change over each season of `values` [B, T], 1 where no pair of steps is visible.

    A series that hardly changes from one season to the next needs forecasts as fine as that; this is their unit.
    """
    errors = []
    for season in seasons:
        pairs = visible[:, season:] & visible[:, : values.shape[1] - season]
        change = (values[:, season:] - values[:, : values.shape[1] - season]).abs() * pairs
        count = pairs.sum(-1)
        errors.append(torch.where(count > 0, change.sum(-1) / count.clamp(min=1), 1.0))
    return torch.stack(errors, dim=-1).clamp(0.01, 3.0)


def recent_changes(values: Tensor, visible: Tensor, forks: Tensor, seasons: list[int]) -> Tensor:
    """[B, F, R] how the last steps of `values` [B, T] before each fork differ from the step before and from each season before."""
    rows = torch.arange(len(forks), device=forks.device)[:, None, None]
    at = forks[:, :, None] - 1 - torch.arange(RECENT, device=forks.device)
    changes = []
    for lag in [1, *seasons]:
        then = (at - lag).clamp(min=0)
        both = (at >= lag) & visible[rows, at.clamp(min=0)] & visible[rows, then]
        changes.append((values[rows, at.clamp(min=0)] - values[rows, then]) * both)
    return torch.cat(changes, dim=-1)


def between_levels(quantiles: Tensor, have: Tensor, want: tuple[float, ...]) -> Tensor:
    """Quantiles [..., Q] at the rising levels `have` -> [..., len(want)], linear between them and flat beyond."""
    levels = torch.tensor(want, device=quantiles.device)
    right = torch.searchsorted(have, levels - 1e-6).clamp(1, len(have) - 1)
    weight = ((levels - have[right - 1]) / (have[right] - have[right - 1])).clamp(0, 1)
    return quantiles[..., right - 1] + (quantiles[..., right] - quantiles[..., right - 1]) * weight
