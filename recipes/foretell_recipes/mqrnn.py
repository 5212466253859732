"""MQRNN: a multi-horizon quantile recurrent forecaster with forking sequences (Wen et al. 2017, arXiv:1711.11053).

An LSTM reads the context, a patch of steps at a time; after each patch a forecast may originate (a fork). From a fork's
state a global network makes one vector a step of the horizon, and a local one turns each, with the covariates of that very
step and the values some seasons earlier, into quantiles. Windows are standardised by what was observed before their first
fork. What the last steps before a fork departed from their own past goes to the global network beside the state: a state
of bounded numbers is too coarse to begin a smooth series where it stands.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from foretell.neural import Fitted, default_steps, embedding_size, fit_neural, seasonal_lags
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
STEP_WIDTH = 16  # of the vector that the global network makes for each step of the horizon
RECENT = 8  # steps before a fork whose changes are seen as they are
PATCHES = (
    40  # about so many does the LSTM read: it costs a fraction of one step at a time, and forecasts as well
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MQRNN:
    """Quantiles for every step at once, from an LSTM over the context (Wen et al. 2017)."""

    name: ClassVar[str] = "mqrnn"
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

    def fit(self, panel: Panel, task: Task, run: Run) -> Fitted:
        """Train on what lies before each item's origin."""
        return fit_neural(self, panel, task, run)

    def load(self, schema: Schema, task: Task, state: State, run: Run) -> Fitted:
        """The predictor whose `state` this is."""
        return Fitted.load(self, task, state, run)

    def resolved(self, panel: Panel, task: Task) -> MQRNN:
        """This recipe with every default that depends on the data worked out."""
        horizon, longest = task.horizon, max(panel.schema.seasons)
        history = max(2, int(panel.stop.max(initial=1)))
        context = self.context_length or min(max(2 * horizon, longest, 8), history)
        return replace(
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

    def network(self, sizes: dict[str, Any]) -> Network:
        """An untrained network."""
        return Network(self, sizes)

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
        return self._window(windows, scale, sizes, *placed)

    @property
    def window_length(self) -> int:
        """Steps that the LSTM reads: the context of the first possible fork and half as many again, in whole patches."""
        assert self.context_length is not None
        assert self.patch_length is not None
        length = self.context_length + self.context_length // 2
        return -(-length // self.patch_length) * self.patch_length

    def loss(self, network: Network, batch: Window) -> Tensor:
        """Pinball loss over forks, steps and levels, and Huber loss of the mean head, over what was observed."""
        quantiles, mean = network(batch)
        error = batch.truth[..., None] - quantiles
        pinball = torch.maximum(network.levels * error, (network.levels - 1) * error).mean(-1)
        square = functional.huber_loss(mean, batch.truth, reduction="none", delta=5.0)
        weight = batch.trained.float() * batch.unit[:, None, None] ** -EVENNESS
        return ((2 * pinball + 0.1 * square) * weight).sum() / weight.sum().clamp(min=1)

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
        forks = torch.full((len(items), 1), self.window_length, device=windows.device)
        nothing = torch.zeros(len(items), dtype=torch.long, device=windows.device)
        batch = self._window(windows, scale, network.sizes, items, windows.origin[items], forks, nothing)
        quantiles, mean = network(batch)
        location, deviation = batch.moments[:, 0, None], batch.moments[:, 1, None]
        have = quantiles[:, 0].sort(-1).values * deviation[..., None] + location[..., None]
        return between_levels(have, network.levels, levels), mean[:, 0] * deviation + location

    def _window(
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
            season_errors=_season_errors(standard, before, sizes["seasons"]),
            forks=forks,
            lags=((lags - location[..., None, None]) / deviation[..., None, None]).clamp(-20, 20) * lagged,
            lagged=lagged,
            recent=_recent_changes(standard, visible, forks, sizes["seasons"]),
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


class Window(NamedTuple):
    """A batch: B windows of T steps, F forks in each, H steps ahead of each fork."""

    items: Tensor  # [B]
    values: Tensor  # [B, T] standardised, 0 where not visible
    visible: Tensor  # [B, T]
    covariates: Tensor  # [B, T + H, C]
    past: Tensor  # [B, T, P]
    static_real: Tensor  # [B, R]
    static_cat: Tensor  # [B, S]
    moments: Tensor  # [B, 2] mean and deviation
    season_errors: Tensor  # [B, seasons] mean change from one season to the next, standardised
    forks: Tensor  # [B, F] the step of the window that the fork's forecast begins with
    lags: Tensor  # [B, F, H, L] standardised, 0 where not observed
    lagged: Tensor  # [B, F, H, L]
    recent: Tensor  # [B, F, R] standardised changes before a fork, 0 where not observed
    truth: Tensor  # [B, F, H] standardised
    trained: Tensor  # [B, F, H] steps that take part in the loss

    @property
    def unit(self) -> Tensor:
        """[B] the season error of the season that repeats best: what a window is forecast in."""
        return self.season_errors.min(-1).values


class Network(nn.Module):
    """LSTM encoder, global and local decoders."""

    levels: Tensor

    def __init__(self, recipe: MQRNN, sizes: dict[str, Any]) -> None:
        super().__init__()
        self.sizes = sizes
        self.horizon = sizes["horizon"]
        self.register_buffer("levels", torch.tensor(sizes["levels"]))
        width, lags = recipe.hidden_size, len(sizes["lags"])
        self.embeddings = nn.ModuleList(nn.Embedding(n, embedding_size(n)) for n in sizes["cardinalities"])
        seasons = len(sizes["seasons"])
        static = sizes["static_real"] + sum(embedding_size(n) for n in sizes["cardinalities"]) + 1 + seasons
        self.static = nn.Linear(static, width)
        self.neighbours = nn.Conv1d(max(sizes["covariates"], 1), width // 2, 5, padding=2)
        step = sizes["covariates"] + width // 2
        assert recipe.patch_length is not None
        self.patch = recipe.patch_length
        self.encoder = nn.LSTM(
            self.patch * (2 + sizes["past"] + step),
            width,
            recipe.num_layers,
            dropout=recipe.dropout if recipe.num_layers > 1 else 0.0,
            batch_first=True,
        )
        recent = RECENT * (1 + seasons)
        self.shared = nn.Sequential(
            nn.Linear(2 * width + recent, 2 * width), nn.GELU(), nn.Dropout(recipe.dropout)
        )
        self.skip = nn.Linear(recent, self.horizon, bias=False)
        nn.init.zeros_(self.skip.weight)
        self.per_step = nn.Linear(2 * width, self.horizon * STEP_WIDTH)
        self.from_state = nn.Linear(2 * width, width)
        self.from_vector = nn.Linear(STEP_WIDTH, width, bias=False)
        self.from_step = nn.Linear(step, width, bias=False)
        self.from_lags = nn.Linear(3 * lags, width, bias=False)
        self.local = nn.Sequential(
            nn.ReLU(inplace=True),
            nn.Linear(width, width),
            nn.ReLU(inplace=True),
            nn.Linear(width, len(self.levels) + 1),
        )
        self.lag_weights = nn.Linear(seasons, lags)

    def forward(self, batch: Window) -> tuple[Tensor, Tensor]:
        """Standardised quantiles [B, F, H, Q] (they may cross) and mean [B, F, H]."""
        static_BE = self._static(batch)
        step_BTE = self._steps(batch.covariates)
        states_BTE, _ = self.encoder(self._encoder_input(batch, step_BTE), self._initial(static_BE))
        rows = torch.arange(len(static_BE), device=static_BE.device)[:, None]
        state_BFE = states_BTE[rows, batch.forks // self.patch - 1]
        unit = batch.unit[:, None, None]
        recent_BFR = (batch.recent / unit).clamp(-10, 10)
        shared_BFE = self.shared(
            torch.cat([state_BFE, static_BE[:, None].expand_as(state_BFE), recent_BFR], dim=-1)
        )
        ahead_BFH = batch.forks[:, :, None] + torch.arange(self.horizon, device=static_BE.device)
        base_BFH = self._base(batch)
        hidden_BFHE = (
            self.from_vector(self.per_step(shared_BFE).unflatten(-1, (self.horizon, STEP_WIDTH)))
            + self.from_state(shared_BFE)[:, :, None]
            + self.from_step(step_BTE)[rows[..., None], ahead_BFH]
            + self.from_lags(self._lag_input(batch, base_BFH))
        )
        out = self.local(hidden_BFHE) + self.skip(recent_BFR)[..., None]
        out = base_BFH[..., None] + unit[..., None] * out
        return out[..., :-1], out[..., -1]

    def _static(self, batch: Window) -> Tensor:
        """What is known of the item and the window as a whole: [B, E]."""
        codes = [embed(batch.static_cat[:, c]) for c, embed in enumerate(self.embeddings)]
        coldness = (batch.visible.sum(1, keepdim=True) == 0).float()
        regularity = batch.season_errors.log()
        return torch.tanh(self.static(torch.cat([batch.static_real, *codes, coldness, regularity], dim=-1)))

    def _base(self, batch: Window) -> Tensor:
        """A weighted mean of the lags, the weights by how regular each season is: [B, F, H]."""
        softmax = torch.softmax(self.lag_weights(batch.season_errors.log()), -1)
        weights = softmax[:, None, None] * batch.lagged
        base: Tensor = (batch.lags * weights).sum(-1) / weights.sum(-1).clamp(min=1e-6)
        return base

    def _lag_input(self, batch: Window, base: Tensor) -> Tensor:
        """The lags in the window's deviation, and about the base in the fine unit of the forecast: [B, F, H, 3 L]."""
        lagged = batch.lagged.float()
        around = (batch.lags - base[..., None]) / batch.unit[:, None, None, None]
        return torch.cat([batch.lags, lagged, around.clamp(-10, 10) * lagged], dim=-1)

    def _steps(self, covariates: Tensor) -> Tensor:
        """Each step's covariates, and what a convolution sees of those two steps around it: [B, T + H, E]."""
        columns = covariates if covariates.shape[-1] else covariates.new_zeros((*covariates.shape[:2], 1))
        around = functional.gelu(self.neighbours(columns.transpose(1, 2))).transpose(1, 2)
        return torch.cat([covariates, around], dim=-1)

    def _encoder_input(self, batch: Window, step: Tensor) -> Tensor:
        """The steps of each patch side by side: [B, T / patch, patch x width]."""
        length = batch.values.shape[1]
        inputs: Tensor = torch.cat(
            [batch.values[..., None].clamp(-20, 20), batch.visible[..., None], batch.past, step[:, :length]],
            dim=-1,
        )
        return inputs.reshape(len(inputs), length // self.patch, -1)

    def _initial(self, static: Tensor) -> tuple[Tensor, Tensor]:
        """The LSTM begins from what the statics say of the item."""
        state = static.expand(self.encoder.num_layers, *static.shape).contiguous()
        return state, torch.zeros_like(state)


def _season_errors(values: Tensor, visible: Tensor, seasons: list[int]) -> Tensor:
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


def _recent_changes(values: Tensor, visible: Tensor, forks: Tensor, seasons: list[int]) -> Tensor:
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
