"""Direct quantile networks: from a context to the quantiles and the mean of all steps of the horizon at once.

A recipe brings a `DirectNetwork` and its own hyperparameters; batches, loss and forecast are here. `tft` and `nhits` are such.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar, NamedTuple, Self

import torch
from torch import Tensor, nn

from foretell.data.panel import Panel
from foretell.networks.building_blocks import between_levels, default_steps, quantile_and_mean_loss
from foretell.networks.network_recipe import NetworkRecipe
from foretell.networks.seeds import Seeds
from foretell.networks.sizes import Sizes
from foretell.networks.source import Origins, Source
from foretell.recipe.hyperparameters import Count, LearningRate, Share, Size, Steps
from foretell.recipe.levels import QUANTILE_LEVELS
from foretell.recipe.task import Task
from foretell.windows.lags import seasonal_lags
from foretell.windows.prefetch import sent
from foretell.windows.windows import Windows

# Axes in comments: B window, T step of the context, H step of the horizon, L lag, Q level.


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectSizes(Sizes):
    """The sizes of a network that forecasts all steps at once.

    Example:
        >>> from foretell.networks import DirectSizes
        >>> sizes = DirectSizes(
        ...     horizon=7, cardinalities=(12,), known=0, calendar=2, past=0, static_real=1, lags=((7, 0),), levels=(0.1, 0.5, 0.9)
        ... )
        >>> sizes.covariates, sizes.outputs
        (2, 4)
    """

    known: int  # known covariates
    calendar: int  # calendar features
    past: int  # past covariates
    static_real: int  # real statics
    lags: tuple[tuple[int, int], ...]  # (season, repeat): see `seasonal_lags`
    levels: tuple[float, ...]  # Q, of the network's quantiles

    @property
    def covariates(self) -> int:
        """Columns of a batch's `covariates`."""
        return self.known + self.calendar

    @property
    def outputs(self) -> int:
        """What a network says of each step: its quantiles, then its mean."""
        return len(self.levels) + 1


class DirectBatch(NamedTuple):
    """B windows of T steps of context and H of horizon, standardised by what their context shows.

    Example:
        >>> from foretell.networks import DirectBatch
        >>> DirectBatch._fields[:4]
        ('items', 'values', 'visible', 'cold')
    """

    items: Tensor  # [B]
    values: Tensor  # [B, T] 0 where not visible
    visible: Tensor  # [B, T]
    cold: Tensor  # [B, 1] 1 where nothing is known of the item's own level
    covariates: Tensor  # [B, T + H, C] known covariates, then calendar
    past: Tensor  # [B, T, P]
    lags: Tensor  # [B, T + H, L] values some seasons earlier, 0 where not known
    lagged: Tensor  # [B, T + H, L] whether each was known
    lag_errors: Tensor  # [B, L] how far each lag was off over the context
    static_real: Tensor  # [B, R]
    static_cat: Tensor  # [B, S]
    scale: Tensor  # [B, 2] mean and deviation
    truth: Tensor  # [B, H]
    trained: Tensor  # [B, H] steps that take part in the loss


class DirectNetwork(nn.Module):
    """A network from a batch to the outputs of each step: quantiles at `levels`, then the mean; a recipe adds `forward`.

    Args:
        sizes: of the batch and of the outputs.

    Example:
        >>> from foretell.networks import DirectNetwork, DirectSizes
        >>> class Constant(DirectNetwork):
        ...     def __init__(self, sizes):
        ...         super().__init__(sizes)
        ...         self.said = torch.nn.Parameter(torch.zeros(sizes.horizon, sizes.outputs))
        ...
        ...     def forward(self, batch):
        ...         return self.said.expand(len(batch.items), -1, -1)  # [B, H, Q + 1]
        >>> sizes = DirectSizes(
        ...     horizon=7, cardinalities=(12,), known=0, calendar=2, past=0, static_real=1, lags=((7, 0),), levels=(0.1, 0.5, 0.9)
        ... )
        >>> Constant(sizes).levels
        tensor([0.1000, 0.5000, 0.9000])
    """

    levels: Tensor  # [Q]

    def __init__(self, sizes: DirectSizes) -> None:
        super().__init__()
        self.register_buffer("levels", torch.tensor(sizes.levels))

    @abstractmethod
    def forward(self, batch: DirectBatch) -> Tensor:
        """Standardised outputs [B, H, Q + 1]; quantiles may cross."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectRecipe(NetworkRecipe):
    """A recipe whose network forecasts all steps of a window at once; one file adds the network.

    Example:
        >>> from foretell.networks import DirectRecipe
        >>> tft = foretell.make_recipe("tft", {"hidden_size": 32})
        >>> isinstance(tft, DirectRecipe), tft.hidden_size
        (True, 32)
    """

    SIZES: ClassVar[type[Sizes]] = DirectSizes
    SEASONS_BACK: ClassVar[int] = 3  # lags of each season that a batch holds
    MOST_STEPS: ClassVar[int] = 2500  # gradient steps by default, at the most

    # steps read before the origin; default: three horizons or the longest season
    context_length: Count | None = None
    hidden_size: Size = 64  # width of the network
    dropout: Share = 0.1  # in the network
    batch_size: Size = 64  # windows a step
    learning_rate: LearningRate = 1e-3  # highest rate of the schedule
    max_steps: Steps | None = None  # gradient steps; default: 500 to 2,500, by the number of observations
    patience: Count = 8  # validations without a better score before the learning rate is annealed
    # share of training windows whose history is hidden or cut short, as a new item's is
    cold_share: Share = 0.1
    seeds: Seeds = 1  # networks trained from different first weights, whose quantiles are averaged

    @abstractmethod
    def network(self, sizes: DirectSizes) -> DirectNetwork:
        """An untrained network."""

    def default_context(self, panel: Panel, task: Task) -> int:
        """The context length where none is given; a history that is shorter bounds it."""
        return max(3 * task.horizon, max(panel.schema.seasons), 8)

    def resolved(self, panel: Panel, task: Task) -> Self:
        """This recipe with every default that depends on the data worked out."""
        history = max(2, int(panel.stop.max(initial=1)))
        return replace(
            self,
            context_length=self.context_length or min(self.default_context(panel, task), history),
            max_steps=self.max_steps or default_steps(panel, most=self.MOST_STEPS),
        )

    @property
    def window_length(self) -> int:
        """Steps that the network reads before the origin."""
        assert self.context_length is not None
        return self.context_length

    def sizes(self, windows: Windows, task: Task) -> DirectSizes:
        """All that the network's shape depends on besides the hyperparameters."""
        schema = windows.panel.schema
        calendar = len(schema.frequency.calendar_names())
        return DirectSizes(
            horizon=task.horizon,
            cardinalities=tuple(schema.cardinalities),
            known=windows.covariate_size - calendar,
            calendar=calendar,
            past=windows.past_size,
            static_real=windows.static_real.shape[1],
            lags=tuple(seasonal_lags(schema, repeats=self.SEASONS_BACK)),
            levels=tuple(sorted({*QUANTILE_LEVELS, *task.levels})),
        )

    def batch(self, source: Source[DirectSizes], generator: torch.Generator) -> DirectBatch:
        """Windows of a context and a horizon around random origins."""
        length, cold = self.window_length, self.cold_share
        at = source.draw(self.batch_size, length=length, cold_share=cold, generator=generator)
        return self.gather(source, at)

    def loss(self, network: DirectNetwork, batch: DirectBatch) -> Tensor:
        """Pinball loss over steps and levels, and Huber loss of the mean, over what was observed."""
        out = network(batch)
        lost = quantile_and_mean_loss(out[..., :-1], out[..., -1], batch.truth, network.levels)
        return (lost * batch.trained).sum() / batch.trained.sum().clamp(min=1)

    def forecast(
        self,
        network: DirectNetwork,
        source: Source[DirectSizes],
        items: Tensor,
        levels: tuple[float, ...],
        seed: int | None,
    ) -> tuple[Tensor, Tensor]:
        """Quantiles [B, H, Q] and mean [B, H] of `items` [B] from their origins on."""
        batch = sent(self.gather(source, source.ends(items)), network.levels.device)
        out = network(batch)
        mean, deviation = batch.scale[:, 0, None], batch.scale[:, 1, None]
        quantiles = out[..., :-1].sort(-1).values * deviation[..., None] + mean[..., None]
        return between_levels(quantiles, network.levels, levels), out[..., -1] * deviation + mean

    def gather(self, source: Source[DirectSizes], at: Origins) -> DirectBatch:
        """The windows that are placed `at` B origins."""
        windows, sizes, context = source.windows, source.sizes, self.window_length
        steps = torch.arange(-context, sizes.horizon, device=windows.device)
        read = source.target(at, steps, context=slice(context))
        values, visible = read.standard, read.visible[:, :context]
        lags, known = _lags(
            source, at, _lag_steps(context, sizes.horizon, sizes.lags, windows.device), read.scale
        )
        return DirectBatch(
            items=at.items,
            values=(values[:, :context] * visible).clamp(-20, 20),
            visible=visible.float(),
            cold=1 - read.own[:, None].float(),
            covariates=source.covariates(at, steps),
            past=source.past(at, steps[:context]),
            lags=lags,
            lagged=known.float(),
            lag_errors=_lag_errors(values[:, :context], visible, lags[:, :context], known[:, :context]),
            static_real=windows.static_real[at.items],
            static_cat=windows.static_cat[at.items],
            scale=read.scale,
            truth=values[:, context:],
            trained=read.observed[:, context:].float(),
        )


class StaticFeatures(nn.Module):
    """What is known of a window as a whole: real statics, an embedding of each category, and whether it is cold.

    Args:
        sizes: of the statics: their numbers, and the codes of each category.

    Example:
        >>> from foretell.networks import DirectSizes, StaticFeatures
        >>> sizes = DirectSizes(
        ...     horizon=7, cardinalities=(12,), known=0, calendar=2, past=0, static_real=1, lags=((7, 0),), levels=(0.1, 0.5, 0.9)
        ... )
        >>> StaticFeatures(sizes).width  # a number, six of the embedding, and whether the item is cold
        8
    """

    def __init__(self, sizes: DirectSizes) -> None:
        super().__init__()
        self.width = sizes.static_real + sum(sizes.embeddings) + 1
        pairs = zip(sizes.cardinalities, sizes.embeddings, strict=True)
        self.embeddings = nn.ModuleList(nn.Embedding(codes, width) for codes, width in pairs)

    def forward(self, batch: DirectBatch) -> Tensor:
        """[B, width]."""
        codes = [embed(batch.static_cat[:, c]) for c, embed in enumerate(self.embeddings)]
        return torch.cat([batch.static_real, *codes, batch.cold], dim=-1)


def mean_of_lags(batch: DirectBatch, weights: Tensor) -> Tensor:
    """The mean of the lags that are known ahead, by `weights` [B, L]: [B, H].

    Args:
        batch: of which the lags of the horizon are read.
        weights: [B, L], not negative.

    Example:
        >>> from foretell.networks import DirectBatch, mean_of_lags
        >>> batch = DirectBatch(*[torch.zeros(1)] * 14)  # one window of two steps, which has two lags
        >>> lags = torch.tensor([[[4.0, 8.0], [4.0, 8.0]]])
        >>> batch = batch._replace(truth=torch.zeros(1, 2), lags=lags, lagged=torch.ones(1, 2, 2))
        >>> mean_of_lags(batch, torch.tensor([[1.0, 3.0]]))
        tensor([[7., 7.]])
    """
    horizon = batch.truth.shape[1]
    weights = weights[:, None] * batch.lagged[:, -horizon:]
    total: Tensor = (batch.lags[:, -horizon:] * weights).sum(-1)
    return total / weights.sum(-1).clamp(min=1e-6)


def _lags(
    source: Source[DirectSizes], at: Origins, steps: tuple[Tensor, Tensor], scale: Tensor
) -> tuple[Tensor, Tensor]:
    """[B, T + H, L] standardised lags, 0 where not known, and whether each is; `steps` as `_lag_steps` has them."""
    back, earliest = steps
    values, observed = source.windows.target(at.items, at.origins[:, None, None] + back)
    known = observed & (back >= at.hidden[:, None, None]) & earliest
    return ((values - scale[:, :1, None]) / scale[:, 1:, None]).clamp(-20, 20) * known, known


@lru_cache(maxsize=64)
def _lag_steps(
    context: int, horizon: int, pairs: tuple[tuple[int, int], ...], device: torch.device
) -> tuple[Tensor, Tensor]:
    """[T + H, L] the step of each lag, and whether it lies before both the origin and its own step.

    A lag is the latest value of the same phase of a season that is known at the origin (at the step, in the context).
    """
    steps = torch.arange(-context, horizon)
    ahead = steps.clamp(min=0)
    back = [steps - season * (ahead // season + 1 + repeat) for season, repeat in pairs]
    table = torch.stack(back, dim=-1) if back else steps.new_zeros((len(steps), 0))
    with torch.inference_mode(False):  # they are used in training too
        return table.to(device), (table < steps.clamp(max=0)[:, None]).to(device)


def _lag_errors(values: Tensor, visible: Tensor, lags: Tensor, known: Tensor) -> Tensor:
    """[B, L] mean absolute difference of `values` [B, T] and each of their `lags` [B, T, L]; 1 where no pair is known.

    A series that hardly changes from one season to the next needs forecasts as fine as that: the least is their unit.
    """
    pairs = known & visible[..., None]
    count = pairs.sum(1)
    change = ((values[..., None] - lags).abs() * pairs).sum(1)
    return torch.where(count > 0, change / count.clamp(min=1), 1.0).clamp(0.01, 3.0)
