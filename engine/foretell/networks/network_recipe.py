"""What the neural recipes share: from a panel to a trained network, and from a network to a forecast."""

from __future__ import annotations

import hashlib
import json
import logging
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Self, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from foretell.data.arrays import Array
from foretell.data.large_values import too_large
from foretell.data.panel import Panel
from foretell.data.schema import Schema
from foretell.data.static_scale import StaticScale
from foretell.data.validation_windows import validation_windows
from foretell.errors import ForetellError, Interrupted
from foretell.networks.checked_shapes import network_of_shapes
from foretell.networks.device import computing, pick_device
from foretell.networks.distributed.ranks import SINGLE, Ranks
from foretell.networks.out_of_memory import in_pieces, short_of_memory
from foretell.networks.own_draws import FirstWeights, alone
from foretell.networks.seeds import averaged, feeding, networks_of, summed_loss, untrained
from foretell.networks.sizes import Sizes
from foretell.networks.source import Source
from foretell.networks.training_job import Batch, Diverged, Schedule, TrainingJob
from foretell.networks.validation import VALIDATION_LEVELS, validation_score
from foretell.networks.warm_start import carry_weights, grown_sizes
from foretell.recipe.forecast import Forecast
from foretell.recipe.hyperparameters import settings_of
from foretell.recipe.protocols import Abilities, Predictor, State
from foretell.recipe.task import Run, Task
from foretell.recipe.variants import Variants
from foretell.system.identity import This
from foretell.windows.covariate_scale import CovariateScale
from foretell.windows.prefetch import feed, panel_device
from foretell.windows.sampling import drawing_device
from foretell.windows.windows import Windows

logger = logging.getLogger(__name__)

PREDICTION_BATCH = 256  # items forecast at a time


class NetworkRecipe(ABC):
    """A recipe whose model is one torch network; `fit_predictor` and `NetworkPredictor` do the rest.

    Its fields, below, are declared with their defaults by each recipe.

    Example:
        >>> from foretell.networks import NetworkRecipe
        >>> isinstance(foretell.make_recipe("deepar"), NetworkRecipe)
        True
    """

    __slots__ = ()

    name: ClassVar[str]
    abilities: ClassVar[Abilities] = Abilities(time_limit=True, warm_start=True, resolved=True)
    SIZES: ClassVar[type[Sizes]]
    # whether the network draws from torch's global generator: where `nn.Dropout` and `nn.LSTM` are not all that draws. It is
    # then trained, and forecasts, alone in the process; others may do so in several threads at once
    draws_globally: ClassVar[bool] = True
    batch_size: int
    learning_rate: float
    max_steps: int | None
    patience: int

    def fit(self, panel: Panel, task: Task, run: Run) -> NetworkPredictor:
        """Train on what lies before each item's origin."""
        return fit_predictor(self, panel, task, run)

    def fit_from(self, start: Predictor, panel: Panel, task: Task, run: Run) -> NetworkPredictor:
        """Go on from a predictor of this recipe, on a panel of its schema; vocabularies may be longer."""
        assert isinstance(start, NetworkPredictor)
        return fit_predictor(self, panel, task, run, start=start)

    def continued(self, start: Predictor, panel: Panel, task: Task) -> Self:
        """This recipe with what it leaves open as `start` has it, and a share of the usual steps."""
        assert isinstance(start, NetworkPredictor)
        return going_on(self, start.recipe, panel, task)

    def load(self, schema: Schema, task: Task, state: State, run: Run) -> NetworkPredictor:
        """The predictor whose `state` this is."""
        return NetworkPredictor.load(self, task, state, run)

    @property
    @abstractmethod
    def window_length(self) -> int:
        """Steps before an origin that the network reads; asked of a resolved recipe only."""

    @abstractmethod
    def resolved(self, panel: Panel, task: Task) -> Self:
        """This recipe with every default that depends on the data worked out."""

    @abstractmethod
    def sizes(self, windows: Windows, task: Task) -> Sizes:
        """All that the network's shape depends on besides the hyperparameters: an object of `SIZES`."""

    @abstractmethod
    def network(self, sizes: Any) -> nn.Module:
        """An untrained network."""

    @abstractmethod
    def batch(self, source: Source[Any], generator: torch.Generator) -> Batch:
        """A training batch at random origins."""

    @abstractmethod
    def loss(self, network: Any, batch: Any) -> Tensor:
        """What training lowers: a mean over the batch's steps, weighted by what `weight` adds up."""

    def weight(self, batch: Any) -> Tensor:
        """The sum of the weights that `loss` is a mean over; the steps trained on unless a recipe weighs them."""
        trained: Tensor = batch.trained
        return trained.float().sum()

    @abstractmethod
    def forecast(
        self, network: Any, source: Source[Any], items: Tensor, levels: tuple[float, ...], seed: int | None
    ) -> tuple[Tensor, Tensor]:
        """Quantiles [B, H, Q] and mean [B, H] of `items` [B] from their origins on; no seed: a quick look, to validate."""

    def forecast_together(
        self,
        networks: Sequence[Any],
        source: Source[Any],
        items: Tensor,
        levels: tuple[float, ...],
        seed: int | None,
    ) -> tuple[Tensor, Tensor]:
        """The same of the networks of all seeds: their average, level by level."""
        return averaged([self.forecast(each, source, items, levels, seed) for each in networks])


@dataclass(frozen=True, slots=True)
class NetworkPredictor:
    """A trained network with all it needs to forecast any panel of its schema.

    Example:
        >>> from foretell.recipe import Run, Task
        >>> data = foretell.Dataset(pd.read_csv("data/retail/sales.csv", nrows=2952), freq="D")  # four items
        >>> tiny = foretell.make_recipe("mqrnn", {"max_steps": 2, "hidden_size": 4, "batch_size": 4})
        >>> fitted = tiny.fit(data.panel, Task(horizon=7), Run())  # a NetworkPredictor
        >>> fitted.predict(data.panel, levels=[0.5]).quantiles.shape
        (4, 7, 1)
    """

    recipe: NetworkRecipe  # resolved
    network: nn.Module
    sizes: Sizes
    covariate_scale: CovariateScale
    static_scale: StaticScale
    task: Task
    run: Run
    # wQL on the windows that its training held out, of the best weights; None where there were none, and after loading
    validated: float | None = None

    def predict(self, panel: Panel, *, levels: Sequence[float]) -> Forecast:
        """Forecast each item from its origin on, a chunk of items at a time."""
        wanted = tuple(levels)
        if self.run.devices > 1 and len(panel) > PREDICTION_BATCH:  # else there is nothing to share
            from foretell.networks.distributed.launcher import predict_on_devices

            shares = predict_on_devices(self.recipe, self.state(), panel, self.task, self.run, wanted)
            return Forecast.build(panel, wanted, *shares)
        return Forecast.build(panel, wanted, *self.arrays(panel, wanted))

    def predict_variants(self, variants: Variants, *, levels: Sequence[float]) -> Forecast:
        """Forecast each variant: as a quick look does, plus what this leaves out of the forecast of its item.

        A network that draws paths draws fewer then, the same ones for all variants of an item: what sets these apart is seen all the
        same. Any other network forecasts as ever.
        """
        base, wanted = variants.base, tuple(levels)
        if variants.plain:
            return self.predict(base, levels=levels)

        def left_out() -> list[Array]:
            whole, quick = self.arrays(base, wanted), self.arrays(base, wanted, quick=True)
            return [one - other for one, other in zip(whole, quick, strict=True)]

        more = base.once(("left out", This(self), wanted), left_out)
        made = self.arrays(variants.panel, wanted, quick=True)
        quantiles, mean = (one + rest[variants.of] for one, rest in zip(made, more, strict=True))
        return Forecast.build(variants.panel, wanted, np.sort(quantiles, axis=-1), mean)

    def arrays(self, panel: Panel, levels: tuple[float, ...], *, quick: bool = False) -> tuple[Array, Array]:
        """Quantiles [N, H, Q] and mean [N, H], by this process alone; a `quick` look draws fewer paths where any are drawn."""
        device = pick_device(self.run.device)
        network = self.network.to(device).eval()
        source = self.source(panel, device)
        quantiles = np.empty((len(panel), self.task.horizon, len(levels)), np.float32)
        mean = np.empty((len(panel), self.task.horizon), np.float32)

        def forecast(items: Tensor) -> tuple[Tensor, Tensor]:
            seed = None if quick else self.run.seed
            chunk = self.recipe.forecast_together(networks_of(network), source, items, levels, seed)
            return chunk[0].cpu(), chunk[1].cpu()

        draws = alone(self.run.seed) if self.recipe.draws_globally else nullcontext()
        with draws, computing(self.run), torch.inference_mode():
            everyone = torch.arange(len(panel), device=source.windows.device)
            hint = _smaller(self.recipe, predicting=True)
            for items, chunk in in_pieces(everyone, PREDICTION_BATCH, forecast, hint=hint):
                rows = items.cpu().numpy()
                quantiles[rows], mean[rows] = chunk[0].numpy(), chunk[1].numpy()
        return quantiles, mean

    def source(self, panel: Panel, device: torch.device, *, ranks: Ranks = SINGLE) -> Source[Any]:
        """What forecasts and training batches of `panel` are gathered from."""
        windows = windows_of(self.recipe, panel, self.covariate_scale, self.task, device)
        guess = torch.from_numpy(self.static_scale.predict(panel)).to(windows.device)
        return Source(windows, guess, self.sizes, ranks)

    def state(self) -> State:
        """The sizes as JSON; weights and scales as arrays."""
        weights = {
            f"network.{name}": value.cpu().numpy() for name, value in self.network.state_dict().items()
        }
        facts = {"sizes": self.sizes.to_json()}
        return facts, {**weights, **self.covariate_scale.arrays(), **self.static_scale.arrays()}

    @classmethod
    def load(cls, recipe: NetworkRecipe, task: Task, state: State, run: Run) -> NetworkPredictor:
        """The predictor whose `state` this is, of a resolved recipe.

        Raises ForetellError when the weights do not fit the network.
        """
        facts, arrays = state
        sizes = recipe.SIZES.from_json(facts["sizes"])
        weights = {
            name[8:]: torch.from_numpy(np.array(a))
            for name, a in arrays.items()
            if name.startswith("network.")
        }
        with FirstWeights(run.seed):  # all of which are replaced
            network = network_of_shapes(lambda: untrained(recipe, sizes), weights)
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            raise ForetellError(f"the weights do not fit a network of {recipe.name}: {error}") from error
        scales = CovariateScale.of_arrays(arrays), StaticScale.of_arrays(arrays)
        return cls(recipe, network, sizes, *scales, task, run)


def fit_predictor(
    recipe: NetworkRecipe,
    panel: Panel,
    task: Task,
    run: Run,
    *,
    start: NetworkPredictor | None = None,
    ranks: Ranks = SINGLE,
) -> NetworkPredictor:
    """Train a neural recipe on what lies before each item's origin, from the weights of `start` on when there is one.

    With several devices `launcher` starts a process for each, and each of these calls this again as one of the `ranks`.
    """
    if not (panel.stop > 0).any():
        raise ForetellError(f"{recipe.name} needs at least one item with history to learn from")
    if run.devices > recipe.batch_size:
        raise ForetellError(
            f"devices={run.devices} share batches of {recipe.batch_size} windows: raise {recipe.name}.batch_size, or ask"
            " for fewer devices"
        )
    recipe = recipe.resolved(panel, task) if start is None else going_on(recipe, start.recipe, panel, task)
    if run.devices > ranks.size:
        return _fit_on_several(recipe, panel, task, run, start)
    from foretell.networks.trainer import (
        fit_network,  # Lightning takes seconds to import; a forecast needs none of it
    )

    fitted, source = prepare(recipe, panel, task, run, start=start, ranks=ranks)
    try:
        with _training_job(fitted, source) as (job, schedule):
            progress = fit_network(job, schedule, run, ranks=ranks)
    except Interrupted as stop:
        stop.predictor = fitted
        raise
    except Diverged as error:
        raise too_large(panel) or error from error
    best = (progress.best_score, progress.best_step)
    logger.info("%s: %d steps, best validation wQL %.4f at %d", recipe.name, progress.step, *best)
    return replace(fitted, validated=progress.best_score if progress.scores else None)


def prepare(
    recipe: NetworkRecipe,
    panel: Panel,
    task: Task,
    run: Run,
    *,
    start: NetworkPredictor | None = None,
    ranks: Ranks = SINGLE,
) -> tuple[NetworkPredictor, Source[Any]]:
    """A predictor whose network is still to be trained (further than that of `start`), and what to train it on."""
    device = pick_device(run.device)
    covariate_scale = (
        CovariateScale.of(panel, horizon=task.horizon) if start is None else start.covariate_scale
    )
    static_scale = StaticScale.fit(panel)
    with short_of_memory("the panel", "Train with device='cpu', or on fewer items or a shorter history."):
        windows = windows_of(recipe, panel, covariate_scale, task, device)
    guess = torch.from_numpy(static_scale.predict(panel)).to(windows.device)
    sizes = recipe.sizes(windows, task)
    sizes = sizes if start is None else grown_sizes(start.sizes, sizes)
    with FirstWeights(run.seed):
        network = untrained(recipe, sizes).to(device)
    if start is not None:
        carry_weights(start.network, network, recipe.name)
    fitted = NetworkPredictor(recipe, network, sizes, covariate_scale, static_scale, task, run)
    return fitted, Source(windows, guess, sizes, ranks)


@contextmanager
def _training_job(fitted: NetworkPredictor, source: Source[Any]) -> Iterator[tuple[TrainingJob, Schedule]]:
    """All that the training loop needs; the feed of batches ends with it."""
    recipe, panel, run = fitted.recipe, source.windows.panel, fitted.run
    count = validation_windows(panel, fitted.task.horizon)
    held, here = source.before(count * fitted.task.horizon), source.windows.device
    device = next(fitted.network.parameters()).device

    def batch(step: int, final: bool) -> Any:
        generator = torch.Generator(drawing_device(here)).manual_seed(_mix(run.seed, step))
        return feeding(recipe).batch(source if final else held, generator)

    assert recipe.max_steps is not None
    with feed(batch, here, device) as batches:
        job = TrainingJob(
            network=fitted.network,
            batch=batches,
            loss=lambda batch: summed_loss(fitted.network, batch, recipe.loss),
            validate=_validation(fitted, source, count) if count else None,
            names=panel.names,
            tag=_tag(recipe, fitted.sizes, panel, run),
            weight=recipe.weight,
            draws_globally=recipe.draws_globally,
            smaller=_smaller(recipe),
        )
        yield job, Schedule(recipe.max_steps, recipe.learning_rate, recipe.patience)


def _fit_on_several(
    recipe: NetworkRecipe, panel: Panel, task: Task, run: Run, start: NetworkPredictor | None
) -> NetworkPredictor:
    """The network that `run.devices` processes train together."""
    from foretell.networks.distributed.launcher import fit_on_devices

    first = None if start is None else (start.recipe, start.state())
    state, note, validated = fit_on_devices(recipe, panel, task, run, first)
    fitted = replace(NetworkPredictor.load(recipe, task, state, run), validated=validated)
    if note:
        stop = Interrupted(note)
        stop.predictor = fitted
        raise stop
    return fitted


def _smaller(recipe: NetworkRecipe, *, predicting: bool = False) -> str:
    """The options that make a step, or the forecast of an item, need less memory: those that the recipe has."""
    order = (
        ("num_samples", "context_length") if predicting else ("batch_size", "context_length", "hidden_size")
    )
    has = settings_of(recipe)
    named = [f"{recipe.name}.{name} (it is {has[name]})" for name in order if name in has]
    return f"Lower {' or '.join(named)}, or take device='cpu'."


def windows_of(
    recipe: NetworkRecipe, panel: Panel, scale: CovariateScale, task: Task, device: torch.device
) -> Windows:
    """The panel as a recipe reads it, on `device` where it fits there."""
    where, length = panel_device(panel, device), recipe.window_length
    return Windows(panel, scale, horizon=task.horizon, context=length, device=where)


def _validation(fitted: NetworkPredictor, source: Source[Any], count: int) -> Callable[[], float]:
    """The score of the last `count` windows before the origins; each rank forecasts its own rows of the items."""
    device = next(fitted.network.parameters()).device
    hint = _smaller(fitted.recipe)

    def forecast(earlier: Source[Any], items: Tensor) -> Tensor:
        def piece(some: Tensor) -> tuple[Tensor, Tensor]:
            networks = networks_of(fitted.network)
            return fitted.recipe.forecast_together(networks, earlier, some, VALIDATION_LEVELS, None)

        pieces = in_pieces(items, PREDICTION_BATCH, piece, hint=hint)
        nothing = torch.empty((0, fitted.task.horizon, len(VALIDATION_LEVELS)), device=device)
        return torch.cat([nothing, *(made[0] for _, made in pieces)])

    return validation_score(source, count, forecast, seed=fitted.run.seed, device=device)


def _mix(seed: int, step: int) -> int:
    """One generator seed for a training step, the same in every process."""
    return int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _tag(recipe: NetworkRecipe, sizes: Sizes, panel: Panel, run: Run) -> str:
    """What makes two training runs the same: recipe, hyperparameters, shapes, seed and data; read only for checkpoints."""
    if run.out is None:
        return recipe.name
    facts = [
        recipe.name,
        settings_of(recipe),
        sizes.to_json(),
        len(panel),
        int(panel.stop.sum()),
        int(panel.origin.max(initial=0)),
        run.seed,
        [
            zlib.crc32(np.ascontiguousarray(a).data)
            for a in (panel.target, panel.known, panel.past, panel.static_real)
        ],
    ]
    return f"{recipe.name} {hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()}"


R = TypeVar("R", bound=NetworkRecipe)
SHARE_OF_STEPS: Final = 0.25  # of a training from scratch, where max_steps is not given


def going_on(recipe: R, start: NetworkRecipe, panel: Panel, task: Task) -> R:
    """`recipe` with what it leaves open filled in from `start`, the resolved one; a share of the usual steps."""
    filled = {name: getattr(start, name) for name, value in settings_of(recipe).items() if value is None}
    usual = recipe.resolved(panel, task).max_steps
    assert usual is not None
    filled["max_steps"] = recipe.max_steps or max(1, round(usual * SHARE_OF_STEPS))
    return replace(recipe, **filled)  # type: ignore[type-var]  # recipes are dataclasses
