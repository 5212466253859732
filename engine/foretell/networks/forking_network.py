"""The network that forecasts from many forks of a window at once: an encoder, a global and a local decoder.

From a fork's state a global network makes one vector a step of the horizon, and a local one turns each, with the covariates
of that very step and the values some seasons earlier, into quantiles. What the last steps before a fork departed from their
own past goes to the global network beside the state: a state of bounded numbers is too coarse to begin a smooth series
where it stands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from foretell.networks.patches import Patches, shares_rows
from foretell.networks.sizes import Sizes

# Axes in names: B window, F fork, T step of the window, H step of the horizon, L lag, R recent change, Q level, E width.

STEP_WIDTH = 16  # of the vector that the global network makes for each step of the horizon
RECENT = 8  # steps before a fork whose changes are seen as they are


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkingSizes(Sizes):
    """The sizes of a network that forecasts from many forks.

    Example:
        >>> from foretell.networks import ForkingSizes
        >>> ForkingSizes(
        ...     horizon=7, cardinalities=(12,), covariates=2, past=0, static_real=0, seasons=(7,), lags=((7, 0),), levels=(0.1, 0.9)
        ... ).embeddings
        (6,)
    """

    covariates: int  # known covariates and calendar
    past: int  # past covariates
    static_real: int  # real statics
    seasons: tuple[int, ...]
    lags: tuple[tuple[int, int], ...]  # (season, repeat): see `seasonal_lags`
    levels: tuple[float, ...]  # Q, of the network's quantiles


class ForkingBatch(NamedTuple):
    """A batch: B windows of T steps, F forks in each, H steps ahead of each fork.

    Example:
        >>> from foretell.networks import ForkingBatch
        >>> ForkingBatch._fields[:4]
        ('items', 'values', 'visible', 'cold')
    """

    items: Tensor  # [B]
    values: Tensor  # [B, T] standardised, 0 where not visible
    visible: Tensor  # [B, T]
    cold: Tensor  # [B] whether nothing is known of the item's own level
    covariates: Tensor  # [B, T + H, C]
    past: Tensor  # [B, T, P]
    static_real: Tensor  # [B, R]
    static_cat: Tensor  # [B, S]
    scale: Tensor  # [B, 2] mean and deviation
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


class ForkingNetwork(nn.Module):
    """An encoder of patches, and the global and local networks that decode its states.

    Args:
        encoder: makes a module of so many inputs a patch: (`Patches`, static [B, E]) -> states [B, T / patch, E].
        sizes: of the batch and of the outputs.
        width: E, of the states.
        dropout: share, of what the global network sees.
        patch: steps that the encoder reads at once.

    Example:
        >>> from foretell.networks import ForkingNetwork, ForkingSizes
        >>> sizes = ForkingSizes(
        ...     horizon=7, cardinalities=(), covariates=2, past=0, static_real=0, seasons=(7,), lags=((7, 0),), levels=(0.1, 0.9)
        ... )
        >>> network = ForkingNetwork(lambda inputs: torch.nn.Identity(), sizes, width=8, dropout=0.0, patch=1)
        >>> network.horizon
        7
    """

    levels: Tensor

    def __init__(
        self,
        encoder: Callable[[int], nn.Module],
        sizes: ForkingSizes,
        *,
        width: int,
        dropout: float,
        patch: int,
    ) -> None:
        """`encoder(inputs)` makes a module: (patches with so many inputs each, static [B, E]) -> states [B, T / patch, E]."""
        super().__init__()
        self.sizes = sizes
        self.horizon = sizes.horizon
        self.register_buffer("levels", torch.tensor(sizes.levels))
        lags = len(sizes.lags)
        tables = zip(sizes.cardinalities, sizes.embeddings, strict=True)
        self.embeddings = nn.ModuleList(nn.Embedding(codes, size) for codes, size in tables)
        seasons = len(sizes.seasons)
        static = sizes.static_real + sum(sizes.embeddings) + 1 + seasons
        self.static = nn.Linear(static, width)
        self.neighbours = nn.Conv1d(max(sizes.covariates, 1), width // 2, 5, padding=2)
        step = sizes.covariates + width // 2
        self.patch = patch
        self.encoder = encoder(patch * (2 + sizes.past + step))
        recent = RECENT * (1 + seasons)
        self.shared = nn.Sequential(nn.Linear(2 * width + recent, 2 * width), nn.GELU(), nn.Dropout(dropout))
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

    def forward(self, batch: ForkingBatch) -> tuple[Tensor, Tensor]:
        """Standardised quantiles [B, F, H, Q] (they may cross) and mean [B, F, H]."""
        static_BE = self._static(batch)
        step_BTE = _once(self._steps, batch.covariates)
        states_BTE = self.encoder(self._patches(batch, step_BTE), static_BE)
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
            + _once(self.from_step, step_BTE)[rows[..., None], ahead_BFH]
            + self.from_lags(self._lag_input(batch, base_BFH))
        )
        out = self.local(hidden_BFHE) + self.skip(recent_BFR)[..., None]
        out = base_BFH[..., None] + unit[..., None] * out
        return out[..., :-1], out[..., -1]

    def _static(self, batch: ForkingBatch) -> Tensor:
        """What is known of the item and the window as a whole: [B, E]."""
        codes = [embed(batch.static_cat[:, c]) for c, embed in enumerate(self.embeddings)]
        coldness = batch.cold[:, None].float()
        regularity = batch.season_errors.log()
        return torch.tanh(self.static(torch.cat([batch.static_real, *codes, coldness, regularity], dim=-1)))

    def _base(self, batch: ForkingBatch) -> Tensor:
        """A weighted mean of the lags, the weights by how regular each season is: [B, F, H]."""
        softmax = torch.softmax(self.lag_weights(batch.season_errors.log()), -1)
        weights = softmax[:, None, None] * batch.lagged
        base: Tensor = (batch.lags * weights).sum(-1) / weights.sum(-1).clamp(min=1e-6)
        return base

    def _lag_input(self, batch: ForkingBatch, base: Tensor) -> Tensor:
        """The lags in the window's deviation, and about the base in the fine unit of the forecast: [B, F, H, 3 L]."""
        lagged = batch.lagged.float()
        around = (batch.lags - base[..., None]) / batch.unit[:, None, None, None]
        return torch.cat([batch.lags, lagged, around.clamp(-10, 10) * lagged], dim=-1)

    def _steps(self, covariates: Tensor) -> Tensor:
        """Each step's covariates, and what a convolution sees of those two steps around it: [B, T + H, E]."""
        columns = covariates if covariates.shape[-1] else covariates.new_zeros((*covariates.shape[:2], 1))
        around = functional.gelu(self.neighbours(columns.transpose(1, 2))).transpose(1, 2)
        return torch.cat([covariates, around], dim=-1)

    def _patches(self, batch: ForkingBatch, step: Tensor) -> Patches:
        """The steps of the windows' contexts, a patch at a time."""
        length, patches = batch.values.shape[1], (-1, self.patch)
        values, visible = batch.values[..., None].clamp(-20, 20), batch.visible[..., None]
        own = torch.cat([values, visible, batch.past], dim=-1)
        return Patches(own.unflatten(1, patches), step[:, :length].unflatten(1, patches))


def _once(function: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
    """`function` of each of `values` [B, ...]; where they are one row in memory, as calendars are, it is applied to that row."""
    if shares_rows(values):
        once = function(values[:1])
        return once.expand(len(values), *once.shape[1:])
    return function(values)
