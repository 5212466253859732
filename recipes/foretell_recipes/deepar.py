"""DeepAR: an autoregressive network with a parametric likelihood (Salinas et al. 2020, arXiv:1704.04110).

The network is GluonTS' own (`gluonts.torch.model.deepar.module.DeepARModel`) with its embeddings, LSTM and distributions. Its
inputs are gathered by our windows, standardised by the context that was observed, and its paths are drawn with noise
that belongs to the item, step and path.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
import torch
from gluonts.torch.distributions import NegativeBinomialOutput, StudentTOutput
from gluonts.torch.model.deepar.module import DeepARModel
from torch import Tensor

from foretell.data.arrays import Array
from foretell.data.layout import Layout
from foretell.data.segments import visible
from foretell.data.static_scale import history_scale
from foretell.networks import (
    Abilities,
    Between,
    Count,
    LearningRate,
    NetworkRecipe,
    Noise,
    Origins,
    Panel,
    PathLSTM,
    Schema,
    Seeds,
    Share,
    Size,
    Sizes,
    Source,
    Steps,
    Task,
    Windows,
    Within,
    constant,
    default_steps,
    rows_at_once,
    sent,
)

# Axes in names: B window, S path, T step, L lag, Q level.

Likelihood = Literal["student_t", "negative_binomial"]
LARGEST_COUNT = 50.0  # counts of more than this a step are as good as continuous
QUICK_SAMPLES = 32  # paths for each item when training validates
APART = 1_000_003  # between the seeds of the paths of two networks


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepARSizes(Sizes):
    """The sizes of DeepAR's network."""

    covariates: int  # known covariates and calendar
    static_real: int  # real statics
    lags: tuple[int, ...]  # steps back, rising


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepAR(NetworkRecipe):
    """Sample paths from an autoregressive LSTM with a likelihood (Salinas et al. 2020), on GluonTS' network."""

    name: ClassVar[str] = "deepar"
    draws_globally: ClassVar[bool] = False
    SIZES: ClassVar[type[Sizes]] = DeepARSizes
    abilities: ClassVar[Abilities] = replace(
        NetworkRecipe.abilities,
        ensemble=True,
        cost=60,
        search={
            "hidden_size": (32, 64, 96),
            "learning_rate": Between(5e-4, 4e-3, log=True),
            "dropout": (0.0, 0.1, 0.2),
        },
    )
    # steps unrolled before the origin; default: two horizons or the longest season
    context_length: Count | None = None
    hidden_size: Size = 64  # LSTM width
    num_layers: Annotated[int, Within(1, 32)] = 2  # LSTM layers
    dropout: Share = 0.1  # between LSTM layers
    batch_size: Size = 64  # windows a step
    learning_rate: LearningRate = 1e-3  # highest rate of the schedule
    max_steps: Steps | None = None  # gradient steps; default: 500 to 2,500, by the number of observations
    patience: Count = 8  # validations without a better score before the learning rate is annealed
    likelihood: Likelihood | None = None  # default: negative_binomial for small counts, else student_t
    num_samples: Size = 100  # paths drawn for each item
    # share of training windows whose history is hidden or cut short, as a new item's is
    cold_share: Share = 0.1
    seeds: Seeds = 1  # networks trained from different first weights, whose paths are pooled

    def resolved(self, panel: Panel, task: Task) -> Self:
        """This recipe with every default that depends on the data worked out."""
        history = max(2, int(panel.stop.max(initial=1)))
        context = self.context_length or min(
            max(2 * task.horizon, min(max(panel.schema.seasons), 3 * task.horizon), 8), history
        )
        return replace(
            self,
            context_length=context,
            max_steps=self.max_steps or default_steps(panel),
            likelihood=self.likelihood or likelihood_of(panel),
        )

    def sizes(self, windows: Windows, task: Task) -> DeepARSizes:
        """All that the network's shape depends on besides the hyperparameters."""
        schema = windows.panel.schema
        return DeepARSizes(
            horizon=task.horizon,
            covariates=windows.covariate_size,
            static_real=windows.static_real.shape[1],
            cardinalities=tuple(schema.cardinalities),
            lags=tuple(lags_of(schema, int(windows.panel.stop.max(initial=1)))),
        )

    def network(self, sizes: DeepARSizes) -> DeepARModel:
        """An untrained network."""
        cardinalities = list(sizes.cardinalities) or [1]
        return DeepARModel(
            freq="D",  # only names default lags, and ours are given
            context_length=self.window_length,
            prediction_length=sizes.horizon,
            num_feat_dynamic_real=sizes.covariates + len(sizes.lags),
            num_feat_static_real=sizes.static_real + 1,
            num_feat_static_cat=len(cardinalities),
            cardinality=cardinalities,
            embedding_dimension=list(sizes.embeddings) or [1],
            num_layers=self.num_layers,
            hidden_size=self.hidden_size,
            dropout_rate=self.dropout,
            distr_output=_output(self.likelihood),
            lags_seq=list(sizes.lags),
            scaling=False,
        )

    @property
    def window_length(self) -> int:
        """Steps that the LSTM reads before the origin."""
        assert self.context_length is not None
        return self.context_length

    def batch(self, source: Source[DeepARSizes], generator: torch.Generator) -> DeepARBatch:
        """Windows of a context and a horizon around random origins."""
        length, cold = self.window_length, self.cold_share
        at = source.draw(self.batch_size, length=length, cold_share=cold, generator=generator)
        return self._gather(source, at)

    def loss(self, network: DeepARModel, batch: DeepARBatch) -> Tensor:
        """Negative log-likelihood of every observed step of context and horizon, in standardised units."""
        output, _ = network.rnn(_inputs(network, batch))
        likelihood = _distribution(network, network.param_proj(output), batch.scale[:, None])
        lost: Tensor = -likelihood.log_prob(batch.truth) * batch.trained
        return lost.sum() / batch.trained.sum().clamp(min=1)

    def forecast(
        self,
        network: DeepARModel,
        source: Source[DeepARSizes],
        items: Tensor,
        levels: tuple[float, ...],
        seed: int | None,
    ) -> tuple[Tensor, Tensor]:
        """Quantiles [B, H, Q] and mean [B, H] of `items` [B] from their origins on, over sampled paths."""
        return self.forecast_together([network], source, items, levels, seed)

    def forecast_together(
        self,
        networks: Sequence[DeepARModel],
        source: Source[DeepARSizes],
        items: Tensor,
        levels: tuple[float, ...],
        seed: int | None,
    ) -> tuple[Tensor, Tensor]:
        """The same over the paths of the networks of all seeds, which share their number."""
        network = networks[0]
        device = network.rnn.weight_hh_l0.device
        wanted = torch.tensor(levels, device=device)
        paths_count = self.num_samples if seed is not None else min(self.num_samples, QUICK_SAMPLES)
        each_count = -(-paths_count // len(networks))
        parts = []
        rows = rows_at_once(network.rnn, network.prediction_length, device)
        for chunk in items.split(max(1, rows // paths_count)):
            batch = sent(self._gather(source, source.ends(chunk)), device)
            codes = source.windows.codes[chunk].to(device)
            noises = [
                Noise((seed or 0) + number * APART, codes, each_count) for number in range(len(networks))
            ]
            drawn = [
                _unroll(each, batch, source.sizes.lags, noise)
                for each, noise in zip(networks, noises, strict=True)
            ]
            paths = torch.cat(drawn, dim=1)
            parts.append((torch.quantile(paths, wanted, dim=1).movedim(0, -1), paths.mean(1)))
        quantiles, means = zip(*parts, strict=True)
        return torch.cat(quantiles), torch.cat(means)

    def _gather(self, source: Source[DeepARSizes], at: Origins) -> DeepARBatch:
        """The windows that are placed `at` B origins, and what their lags reach."""
        windows, sizes, context = source.windows, source.sizes, self.window_length
        length = context + sizes.horizon
        reached, _ = _reached(sizes.lags, context, sizes.horizon, windows.device)
        read = source.target(at, reached, context=slice(-length, -sizes.horizon))
        if self.likelihood == "negative_binomial":
            unit = (read.scale[:, 0] + 0.05 * read.scale[:, 1]).clamp(min=1e-6)
            read = read._replace(scale=torch.stack([torch.zeros_like(unit), unit], -1))
        steps = reached[-length:]  # of the window itself
        return DeepARBatch(
            items=at.items,
            values=read.standard.clamp_(-20, 20).mul_(read.visible),
            seen=read.visible,
            covariates=source.covariates(at, steps),
            static_real=windows.static_real[at.items],
            static_cat=windows.static_cat[at.items],
            cold=1 - read.own[:, None].float(),
            scale=read.scale,
            truth=read.values[:, -length:],
            trained=read.observed[:, -length:] & (steps > -context),
        )


class DeepARBatch(NamedTuple):
    """A batch: B windows of T steps, the context and then the horizon, and R steps that they and their lags reach.

    Lags of neighbouring steps are mostly the same values. Each is gathered, and sent to the device, once.
    """

    items: Tensor  # [B]
    values: Tensor  # [B, R] standardised, 0 where not observed
    seen: Tensor  # [B, R] whether each was observed
    covariates: Tensor  # [B, T, F] and calendar
    static_real: Tensor  # [B, R]
    static_cat: Tensor  # [B, C]
    cold: Tensor  # [B, 1] 1 where nothing is known of the item's own level
    scale: Tensor  # [B, 2] location and scale
    truth: Tensor  # [B, T] as it is
    trained: Tensor  # [B, T] steps that take part in the loss


@lru_cache(maxsize=64)
def _reached(lags: tuple[int, ...], context: int, ahead: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """[R] steps, counted from the origin, that a window and its lags reach, rising, and [T * L] which of them each lag is.

    A lag lies before its step: the window's own steps are the last T.
    """
    window = np.arange(-context, ahead)
    back = window[:, None] - np.array(lags)
    steps = np.union1d(window, back)
    with torch.inference_mode(False):  # they are used in training too
        place = torch.from_numpy(np.searchsorted(steps, back).ravel())
        return torch.from_numpy(steps).to(device), place.to(device)


def likelihood_of(panel: Panel) -> Likelihood:
    """Negative binomial where the history holds nothing but counts and half of their sum is of items with small ones, else
    Student's t.

    Items with large counts decide about wQL, and their spread is a small part of their mean, which a negative binomial is
    slow to learn: on the hospital series (median item 39 a month, half of the sum in items above 1,458), a year before the
    official window, 600 steps gave wQL .091 with it and .063 with Student's t.
    """
    chunks = visible(panel.target, Layout(panel.start, panel.offsets), panel.stop)
    if not all(_are_counts(values[~np.isnan(values)]) for _, values, _ in chunks):
        return "student_t"
    means, _, count = history_scale(panel)
    means = np.sort(means[count > 0])
    below = means.cumsum()  # of the sum, by items up to each
    typical = means[np.searchsorted(below, below[-1] / 2)] if len(means) else 0.0
    return "negative_binomial" if typical < LARGEST_COUNT else "student_t"


def _are_counts(seen: Array) -> bool:
    return bool((seen >= 0).all() and (seen == np.round(seen)).all())


def lags_of(schema: Schema, history: int) -> list[int]:
    """The last steps, and the same phase of recent seasons with its neighbours; only what a history can hold."""
    lags = {1, 2, 3}
    for season in schema.seasons:
        lags |= {repeat * season + near for repeat in (1, 2, 3) for near in (-1, 0, 1)}
    if schema.frequency.year is not None and schema.frequency.year <= 366:
        lags |= {schema.frequency.year}
    return sorted(lag for lag in lags if 1 <= lag <= max(history, 3))


def _output(likelihood: Likelihood | None) -> Any:
    return NegativeBinomialOutput() if likelihood == "negative_binomial" else StudentTOutput()


def _inputs(network: DeepARModel, batch: DeepARBatch) -> Tensor:
    """[B, T, inputs] what the LSTM reads, put together once: lags, statics, covariates, and which lags were observed."""
    lags = tuple(lag + 1 for lag in network.lags_seq)
    context, (rows, length) = network.context_length, batch.truth.shape
    _, place = _reached(lags, context, length - context, batch.values.device)
    shape = (rows, length, len(lags))
    lagged, seen = (
        each.index_select(1, place).view(shape) for each in (batch.values, batch.seen.to(batch.values))
    )
    static = _static(network, batch)[:, None].expand(-1, length, -1)
    return torch.cat([lagged, static, batch.covariates, seen], dim=-1)


def _static(network: DeepARModel, batch: DeepARBatch) -> Tensor:
    codes = (
        batch.static_cat if batch.static_cat.shape[1] else batch.static_cat.new_zeros((len(batch.items), 1))
    )
    size = (batch.scale[:, 1:] / (batch.scale[:, :1].abs() + batch.scale[:, 1:])).log()
    return torch.cat([network.embedder(codes), batch.static_real, batch.cold, size], dim=-1)


def _distribution(network: DeepARModel, params: tuple[Tensor, ...], scale: Tensor) -> Any:
    """The likelihood in the target's own units; `scale` [..., 2] holds location and scale."""
    if isinstance(network.distr_output, NegativeBinomialOutput):
        count, logits = params
        return network.distr_output.distribution((count, logits.clone()), scale=scale[..., 1])
    return network.distr_output.distribution(params, loc=scale[..., 0], scale=scale[..., 1])


def _draw(network: DeepARModel, params: tuple[Tensor, ...], noise: Noise, step: int, scale: Tensor) -> Tensor:
    """[B, S] draws, standardised; `scale` [B, 1] is a count's unit."""
    if isinstance(network.distr_output, NegativeBinomialOutput):
        count, logits = params
        count = count.clamp(min=1e-3)
        return noise.negative_binomial(count * torch.exp(logits.clamp(max=12)) * scale, count, step) / scale
    df, location, spread = params
    return location + spread * noise.student(df, step)


def _unroll(network: DeepARModel, batch: DeepARBatch, lags: Sequence[int], noise: Noise) -> Tensor:
    """Draw S paths of each item over the horizon: [B, S, H].

    The context is read once for all paths. A lag that reaches behind the origin is the same for all of them and was
    gathered with the window; one that does not comes from the path itself. `lags` rise.
    """
    context, horizon = network.context_length, network.prediction_length
    inputs = _inputs(network, batch)
    output, state = network.rnn(inputs[:, : context + 1])
    params = tuple(p[:, -1, None] for p in network.param_proj(output))
    location, scale = batch.scale[:, :1], batch.scale[:, 1:]
    paths = inputs.new_empty((horizon, len(batch.items), noise.paths))
    paths[0] = _draw(network, tuple(p.expand(-1, noise.paths) for p in params), noise, 0, scale)
    own = sum(lag < horizon for lag in lags)
    ahead = _without_own(inputs[:, context + 1 :], lags)
    lstm = PathLSTM(network.rnn, state, ahead, noise.paths, own=own)
    for k in range(1, horizon):
        hidden = lstm.step(k - 1, [paths[k - lag].clamp(-20, 20) for lag in lags if lag <= k])
        params = tuple(p.view(paths.shape[1:]) for p in network.param_proj(hidden))
        paths[k] = _draw(network, params, noise, k, scale)
    return (paths * scale + location).permute(1, 2, 0)


def _without_own(inputs: Tensor, lags: Sequence[int]) -> Tensor:
    """The inputs [B, H - 1, F] of the steps after the first, 0 at the lags that lie on a path itself and marked as observed."""
    ahead = torch.arange(1, inputs.shape[1] + 1, device=inputs.device)
    own = ahead[:, None] >= constant(lags, inputs.device)  # [H - 1, L]
    first, seen = inputs[..., : len(lags)], inputs[..., -len(lags) :]
    between = inputs[..., len(lags) : -len(lags)]
    return torch.cat([first.masked_fill(own, 0), between, seen.masked_fill(own, 1)], dim=-1)
