"""ForkingRecipe sequences: one window trains forecasts from many origins at once (Wen et al. 2017, arXiv:1711.11053).

An encoder reads the context, a patch of steps at a time; after each patch a forecast may originate (a fork). Windows are
standardised by what was observed before their first fork. A recipe brings its encoder and its hyperparameters; all else is
here and in `forking_network`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from foretell.data.panel import Panel
from foretell.networks.building_blocks import between_levels, default_steps, quantile_and_mean_loss
from foretell.networks.forking_network import RECENT, ForkingBatch, ForkingNetwork, ForkingSizes
from foretell.networks.network_recipe import NetworkRecipe
from foretell.networks.seeds import Seeds
from foretell.networks.sizes import Sizes
from foretell.networks.source import Origins, Source
from foretell.recipe.hyperparameters import Count, LearningRate, Share, Size, Steps
from foretell.recipe.levels import QUANTILE_LEVELS
from foretell.recipe.protocols import Abilities
from foretell.recipe.search_space import Between
from foretell.recipe.task import Task
from foretell.windows.lags import seasonal_lags
from foretell.windows.prefetch import sent
from foretell.windows.sampling import NOTHING_HIDDEN, SHUT, sample_windows
from foretell.windows.windows import Windows

# Axes in names: B window, F fork, T step of the window, H step of the horizon, L lag, R recent change, Q level, E width.

# Weight of a window against its season error: 0 lets rough series rule the loss (wQL), 1 the most regular (MASE). On M4
# hourly, 48 hours before the official window, 0, 0.25 and 0.5 gave wQL .0445, .0438, .0468 and MASE 1.04, .93, .94.
EVENNESS = 0.25
PATCHES = 40  # about so many are read: that costs a fraction of one step at a time, and forecasts as well


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkingRecipe(NetworkRecipe):
    """A recipe that trains on forking sequences; one file adds the encoder.

    Example:
        >>> from foretell.networks import ForkingRecipe
        >>> mqrnn = foretell.make_recipe("mqrnn", {"hidden_size": 96})
        >>> isinstance(mqrnn, ForkingRecipe), mqrnn.hidden_size
        (True, 96)
    """

    SIZES: ClassVar[type[Sizes]] = ForkingSizes
    abilities: ClassVar[Abilities] = replace(
        NetworkRecipe.abilities,
        ensemble=True,
        search={
            "hidden_size": (32, 64, 96),
            "learning_rate": Between(5e-4, 4e-3, log=True),
            "dropout": (0.0, 0.1, 0.2),
        },
    )
    # steps that every fork sees at least; default: two horizons or the longest season
    context_length: Count | None = None
    # steps that the encoder reads at once; default: about 40 patches a window
    patch_length: Count | None = None
    hidden_size: Size = 64  # width of the encoder
    dropout: Share = 0.1  # between layers of the encoder and of what the global network sees
    batch_size: Size = 32  # windows a step
    forks: Count | None = None  # forecast origins trained in each window; default: about 600 / horizon
    learning_rate: LearningRate = 2e-3  # highest rate of the schedule
    max_steps: Steps | None = None  # gradient steps; default: 500 to 4,000, by the number of observations
    patience: Count = 8  # validations without a better score before the learning rate is annealed
    # share of training windows whose history is hidden or cut short, as a new item's is
    cold_share: Share = 0.1
    seeds: Seeds = 1  # networks trained from different first weights, whose quantiles are averaged

    @abstractmethod
    def encoder(self, inputs: int) -> nn.Module:
        """A module from T patches of `inputs` numbers each and static [B, E] to causal states [B, T, E]; E is `hidden_size`."""

    def resolved(self, panel: Panel, task: Task) -> Self:
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

    def sizes(self, windows: Windows, task: Task) -> ForkingSizes:
        """All that the network's shape depends on besides the hyperparameters."""
        schema = windows.panel.schema
        return ForkingSizes(
            horizon=task.horizon,
            covariates=windows.covariate_size,
            past=windows.past_size,
            static_real=windows.static_real.shape[1],
            cardinalities=tuple(schema.cardinalities),
            seasons=tuple(schema.seasons),
            lags=tuple(seasonal_lags(schema, repeats=4)),
            levels=tuple(sorted({*QUANTILE_LEVELS, *task.levels})),
        )

    def network(self, sizes: ForkingSizes) -> ForkingNetwork:
        """An untrained network."""
        assert self.patch_length is not None
        return ForkingNetwork(
            self.encoder, sizes, width=self.hidden_size, dropout=self.dropout, patch=self.patch_length
        )

    def batch(self, source: Source[ForkingSizes], generator: torch.Generator) -> ForkingBatch:
        """Windows at random origins, each with random forks in its last third, at the ends of patches."""
        items, origins = sample_windows(source.windows.spans, self.batch_size, generator)
        items, origins, forks, hidden, shut = source.mine(items, origins, *self._draw_forks(generator))
        return self._gather(source, Origins(items, origins, hidden, shut), forks)

    def _draw_forks(self, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Random forks [B, F], the steps of a window that forecasts begin with; `hidden` and `shut` [B] as in `Origins`."""
        assert self.context_length is not None
        assert self.patch_length is not None
        assert self.forks is not None
        draws = torch.rand(self.batch_size, self.forks + 3, generator=generator, device=generator.device)
        length, context = self.window_length, self.context_length
        first = context + ((length - context + 1) * draws[:, 0]).long()
        forks = first[:, None] + ((length - first + 1)[:, None] * draws[:, 3:]).long()
        forks[:, 0], forks[:, -1] = first, length
        forks = length - (length - forks) // self.patch_length * self.patch_length
        cut = (forks[:, 0] * draws[:, 2] * 2).long()
        cold = (draws[:, 1] < self.cold_share) & (cut > 0)
        hidden = torch.where(cold, cut - length, torch.full_like(cut, NOTHING_HIDDEN))
        return forks, hidden, (draws[:, 1] < self.cold_share * SHUT) & (cut >= forks[:, 0])

    @property
    def window_length(self) -> int:
        """Steps that the encoder reads: the context of the first possible fork and half as many again, in whole patches."""
        assert self.context_length is not None
        assert self.patch_length is not None
        length = self.context_length + self.context_length // 2
        return -(-length // self.patch_length) * self.patch_length

    def loss(self, network: ForkingNetwork, batch: ForkingBatch) -> Tensor:
        """Pinball loss over forks, steps and levels, and Huber loss of the mean head, over what was observed."""
        quantiles, mean = network(batch)
        lost = quantile_and_mean_loss(quantiles, mean, batch.truth, network.levels)
        return (lost * _weights(batch)).sum() / self.weight(batch).clamp(min=1)

    def weight(self, batch: ForkingBatch) -> Tensor:
        """The sum of the weights that `loss` is a mean over."""
        return _weights(batch).sum()

    def forecast(
        self,
        network: ForkingNetwork,
        source: Source[ForkingSizes],
        items: Tensor,
        levels: tuple[float, ...],
        seed: int | None,
    ) -> tuple[Tensor, Tensor]:
        """Quantiles [B, H, Q] and mean [B, H] of `items` [B] from their origins on."""
        windows = source.windows
        forks = torch.full((len(items), 1), self.window_length, device=windows.device)
        gathered = self._gather(source, source.ends(items), forks, one_origin=windows.one_origin)
        batch = sent(gathered, network.levels.device)
        quantiles, mean = network(batch)
        location, deviation = batch.scale[:, 0, None], batch.scale[:, 1, None]
        have = quantiles[:, 0].sort(-1).values * deviation[..., None] + location[..., None]
        return between_levels(have, network.levels, levels), mean[:, 0] * deviation + location

    def _gather(
        self, source: Source[ForkingSizes], at: Origins, forks: Tensor, *, one_origin: bool = False
    ) -> ForkingBatch:
        """The windows that end at B origins, with `forks` [B, F]; with `one_origin` all lie on the same steps."""
        windows, sizes, length = source.windows, source.sizes, self.window_length
        steps = torch.arange(-length, sizes.horizon, device=windows.device)
        first = forks[:, :1] - length  # counted from the origin
        read = source.target(at, steps, until=first)
        standard, visible = read.standard, read.visible
        ahead = forks[:, :, None] + torch.arange(sizes.horizon, device=windows.device)  # [B, F, H]
        rows = torch.arange(len(at.items), device=windows.device)[:, None, None]
        back = _lag_steps(sizes.lags, sizes.horizon, windows.device)
        lags, lagged = _lags(_known_values(source, at, read.scale), back, forks, length)
        return ForkingBatch(
            items=at.items,
            values=(standard * visible)[:, :length],
            visible=visible[:, :length].float(),
            cold=~(read.own | visible[:, :length].any(1)),
            covariates=source.covariates(at, steps, one_origin=one_origin),
            past=source.past(at, steps[:length]),
            static_real=windows.static_real[at.items],
            static_cat=windows.static_cat[at.items],
            scale=read.scale,
            season_errors=season_errors(standard, visible & (steps < first), sizes.seasons),
            forks=forks,
            lags=lags,
            lagged=lagged,
            recent=recent_changes(standard, visible, forks, sizes.seasons),
            truth=standard[rows, ahead],
            trained=read.observed[rows, ahead],
        )


def _known_values(
    source: Source[ForkingSizes], at: Origins, scale: Tensor
) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """A reader of standardised target values [B, L], 0 where not known, and whether known, at steps [B or 1, L]."""

    def read(steps: Tensor) -> tuple[Tensor, Tensor]:
        values, observed = source.windows.target(at.items, at.origins[:, None] + steps)
        known = observed & (steps >= at.hidden[:, None])
        return ((values - scale[:, :1]) / scale[:, 1:]).clamp(-20, 20) * known, known

    return read


def _lags(
    read: Callable[[Tensor], tuple[Tensor, Tensor]], steps: tuple[Tensor, int], forks: Tensor, length: int
) -> tuple[Tensor, Tensor]:
    """[B, F, H, L] the latest values of the same phase of each season that a fork can know, and whether known.

    Forks of one window mostly share them: each step is then gathered from the panel once.
    """
    back, reach = steps
    at = forks[:, :, None, None] - back  # [B, F, H, L] steps of the window
    if at[0].numel() <= reach + length:
        values, known = read(at.flatten(1) - length)
    else:
        every, seen = read(torch.arange(-reach - length, 0, device=back.device)[None])
        place = (at + reach).flatten(1)
        values, known = every.gather(1, place), seen.gather(1, place)
    return values.view(at.shape), known.view(at.shape)


@lru_cache(maxsize=64)
def _lag_steps(pairs: tuple[tuple[int, int], ...], horizon: int, device: torch.device) -> tuple[Tensor, int]:
    """[H, L] how many steps before a fork the lags of each step ahead lie, and the most that any does."""
    k = np.arange(horizon)
    back = np.stack([season * (k // season + 1 + repeat) - k for season, repeat in pairs], axis=-1)
    with torch.inference_mode(False):  # they are used in training too
        return torch.from_numpy(back).to(device), int(back.max())


def _weights(batch: ForkingBatch) -> Tensor:
    """[B, F, H] how much each step of each fork counts in the loss."""
    return batch.trained.float() * batch.unit[:, None, None] ** -EVENNESS


def season_errors(values: Tensor, visible: Tensor, seasons: Sequence[int]) -> Tensor:
    """[B, seasons] mean absolute change over each season of `values` [B, T], 1 where no pair of steps is visible.

    A series that hardly changes from one season to the next needs forecasts as fine as that; this is their unit.
    """
    errors = []
    for season in seasons:
        earlier = slice(0, max(values.shape[1] - season, 0))  # a window may be shorter than a season
        pairs = visible[:, season:] & visible[:, earlier]
        change = (values[:, season:] - values[:, earlier]).abs() * pairs
        count = pairs.sum(-1)
        errors.append(torch.where(count > 0, change.sum(-1) / count.clamp(min=1), 1.0))
    return torch.stack(errors, dim=-1).clamp(0.01, 3.0)


def recent_changes(values: Tensor, visible: Tensor, forks: Tensor, seasons: Sequence[int]) -> Tensor:
    """[B, F, R] how the last steps of `values` [B, T] before each fork differ from the step before and from each season before."""
    rows = torch.arange(len(forks), device=forks.device)[:, None, None]
    at = forks[:, :, None] - 1 - torch.arange(RECENT, device=forks.device)
    changes = []
    for lag in [1, *seasons]:
        then = (at - lag).clamp(min=0)
        both = (at >= lag) & visible[rows, at.clamp(min=0)] & visible[rows, then]
        changes.append((values[rows, at.clamp(min=0)] - values[rows, then]) * both)
    return torch.cat(changes, dim=-1)
