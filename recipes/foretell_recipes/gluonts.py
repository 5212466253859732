"""GluonTS' torch estimators, with its own data path and losses (Alexandrov et al. 2020, JMLR 21, 116).

An estimator is named without its suffix (`SimpleFeedForward`, `DLinear`, `PatchTST`, `LagTST`, `TiDE`, `DeepAR`,
`WaveNet`, `TemporalFusionTransformer`), its own hyperparameters are given as GluonTS spells them. GluonTS' transformations
make the windows and its Lightning module is trained; what is saved is the network's weights, never a pickle. An item
without a single observation in its context is beyond these estimators: it gets a normal distribution with the mean and
deviation of its last observed stretch, or those that its statics suggest, and counts as a fallback. Where a target goes below zero, each series is read as its difference from the
mean of its history: most of these estimators scale a window by its mean, which cannot move it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from statistics import NormalDist
from typing import Any, ClassVar

import lightning.pytorch as lightning
import numpy as np
import torch
from gluonts.env import env
from gluonts.itertools import Cached
from gluonts.model.forecast import QuantileForecast
from numpy.typing import NDArray

from foretell.data.arrays import Array
from foretell.data.panel import Panel
from foretell.data.schema import Schema
from foretell.data.static_scale import StaticScale, history_scale
from foretell.errors import ForetellError
from foretell.networks.building_blocks import default_steps
from foretell.networks.device import computing, pick_device
from foretell.networks.lightning_calls import interrupted_lightning, past_lightning, quiet_lightning
from foretell.networks.own_draws import alone
from foretell.recipe.forecast import Forecast
from foretell.recipe.hyperparameters import Count, LearningRate, Size, Steps
from foretell.recipe.levels import interpolate
from foretell.recipe.protocols import Abilities, State
from foretell.recipe.task import Run, Task
from foretell.system.listener import heard, tell
from foretell.system.quiet import unwarned
from foretell.windows.covariate_scale import CovariateScale
from foretell.windows.target_scale import item_scale
from foretell.windows.windows import Windows
from foretell_recipes.gluonts_estimators import estimator_class, facts_of, parse_settings, period

# GluonTS' default: after each it looks at the training loss and may lower the learning rate
STEPS_AN_EPOCH = 50
_SCALED = 1 << 14  # items whose last contexts are looked at together
LARGEST_CACHE = 50_000_000  # numbers: transformed series are kept in memory up to 200 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class GluonTS:
    """Any torch estimator of GluonTS, on GluonTS' own data path."""

    name: ClassVar[str] = "gluonts"
    abilities: ClassVar[Abilities] = Abilities(
        time_limit=True, resolved=True, family="networks"
    )  # its training just stops then
    estimator: str = "SimpleFeedForward"  # which of GluonTS' torch estimators, without the suffix Estimator
    # its own hyperparameters as GluonTS spells them: hidden_dimensions=[40],batch_norm=True
    settings: str = ""
    # steps read before the origin; default: two horizons or the longest season
    context_length: Count | None = None
    batch_size: Size = 32  # windows a step
    learning_rate: LearningRate = 1e-3  # of Adam; GluonTS halves it when the training loss stops falling
    max_steps: Steps | None = None  # gradient steps; default: 500 to 5,000, by the number of observations
    num_samples: Size = 100  # paths drawn for each item, where the estimator forecasts by sampling

    def fit(self, panel: Panel, task: Task, run: Run) -> GluonTSPredictor:
        """Train on what lies before each item's origin."""
        estimator_class(self.estimator)
        recipe = self.resolved(panel, task)
        moments, scale = CovariateScale.of(panel, horizon=task.horizon), StaticScale.fit(panel)
        fitted = GluonTSPredictor(recipe, None, {}, moments, scale, task, run)
        entries = fitted.entries(panel, ahead=0)
        if not len(entries):
            raise ForetellError("gluonts needs at least one item with an observed history to learn from")
        facts = facts_of(panel, task, entries.windows, scale)
        return replace(fitted, facts=facts, module=_train(recipe, facts, entries, run))

    def load(self, schema: Schema, task: Task, state: State, run: Run) -> GluonTSPredictor:
        """The predictor whose `state` this is; raises ForetellError when the weights do not fit the network."""
        facts, arrays = state
        with _apart(run, 0):
            module = self.build(facts["facts"]).create_lightning_module()
        weights = {
            k[8:]: torch.from_numpy(np.array(a)) for k, a in arrays.items() if k.startswith("network.")
        }
        try:
            module.load_state_dict(weights)
        except RuntimeError as error:
            raise ForetellError(f"the weights do not fit a {self.estimator} network: {error}") from error
        moments, scale = CovariateScale.of_arrays(arrays), StaticScale.of_arrays(arrays)
        return GluonTSPredictor(self, module, facts["facts"], moments, scale, task, run)

    def resolved(self, panel: Panel, task: Task) -> GluonTS:
        """This recipe with every default that depends on the data worked out."""
        longest = min(max(panel.schema.seasons), 3 * task.horizon)
        return replace(
            self,
            context_length=self.context_length or max(2 * task.horizon, longest, 8),
            max_steps=self.max_steps or default_steps(panel, most=5000),
        )

    def build(self, facts: Mapping[str, Any]) -> Any:
        """The GluonTS estimator of what the data say (`facts`), our fields and the user's settings, which go first."""
        build = estimator_class(self.estimator)
        parameters = inspect.signature(build.__init__).parameters
        assert self.context_length is not None
        assert self.max_steps is not None
        patch = max(1, min(16, self.context_length // 2))
        offered = {
            **facts,
            "context_length": self.context_length,
            "batch_size": self.batch_size,
            "lr": self.learning_rate,
            "num_parallel_samples": self.num_samples,
            "patch_len": patch,
            "stride": max(1, patch // 2),
            "num_batches_per_epoch": min(STEPS_AN_EPOCH, self.max_steps),
        }
        arguments = {name: value for name, value in offered.items() if name in parameters}
        settings = parse_settings(self.estimator, self.settings, parameters)
        try:
            return build(**{**arguments, **settings})
        except (TypeError, ValueError, AssertionError) as error:
            raise ForetellError(
                f"{build.__name__} refuses its settings {self.settings!r}: {error}"
            ) from error


@dataclass(frozen=True, slots=True)
class GluonTSPredictor:
    """A trained GluonTS network with all it needs to forecast any panel of its schema."""

    recipe: GluonTS  # resolved
    module: Any  # a lightning module; None before training
    facts: dict[str, Any]
    moments: CovariateScale
    scale: StaticScale
    task: Task
    run: Run

    def predict(self, panel: Panel, *, levels: Sequence[float]) -> Forecast:
        """Forecast each item from its origin on; those that show nothing from their last level, or their statics."""
        wanted = tuple(levels)
        moments, shown = self._last_scales(panel)
        quantiles, mean = _normal(moments, wanted, self.task.horizon)
        entries = self.entries(panel, ahead=self.task.horizon, items=shown)
        estimator = self.recipe.build(self.facts)
        with _apart(self.run, len(entries)):
            predictor = estimator.create_predictor(estimator.create_transformation(), self.module.eval())
            predictor.to(pick_device(self.run.device))
            for item, forecast in zip(entries.items, predictor.predict(entries), strict=True):
                quantiles[item], mean[item] = (
                    values + entries.location[item] for values in _read(forecast, wanted)
                )
        fallbacks = ~np.isin(np.arange(len(panel)), entries.items)
        return Forecast.build(panel, wanted, quantiles, mean, fallbacks=fallbacks)

    @property
    def least(self) -> int:
        """Steps that an entry has at least."""
        return self.task.horizon + 2

    def entries(self, panel: Panel, *, ahead: int, items: NDArray[np.int64] | None = None) -> Entries:
        """The panel's items with an observed history (or those given) as GluonTS reads them.

        Covariates reach `ahead` steps past the origin.
        """
        windows = Windows(panel, self.moments, horizon=self.task.horizon, context=self.least)
        means, _, count = history_scale(panel)
        location = np.zeros_like(means) if self.scale.positive else means
        chosen = np.flatnonzero(count) if items is None else items
        return Entries(windows, chosen, location, least=self.least, ahead=ahead)

    def _last_scales(self, panel: Panel) -> tuple[Array, NDArray[np.int64]]:
        """[N, 2] mean and deviation of each item as it was last observed, and the items whose context shows something."""
        assert self.recipe.context_length is not None
        length = max(self.recipe.context_length, self.least)
        windows = Windows(panel, self.moments, horizon=self.task.horizon, context=self.least)
        guess = torch.from_numpy(self.scale.predict(panel))
        moments, shown = [guess[:0]], [np.zeros(0, bool)]
        for chunk in torch.arange(len(panel)).split(_SCALED):
            ends = windows.origin[chunk]
            values, seen = windows.target(chunk, ends[:, None] + torch.arange(-length, 0))
            never = torch.full_like(ends, torch.iinfo(torch.int64).min)
            moments.append(item_scale(windows, chunk, ends, values, seen, guess[chunk], since=never).moments)
            shown.append(seen[:, -self.recipe.context_length :].any(1).numpy())
        return torch.cat(moments).numpy(), np.flatnonzero(np.concatenate(shown))

    def state(self) -> State:
        """What the network's shape depends on as JSON; weights, moments and scales as arrays."""
        weights = {f"network.{name}": value.cpu().numpy() for name, value in self.module.state_dict().items()}
        return {"facts": self.facts}, {**weights, **self.moments.arrays(), **self.scale.arrays()}


class Entries:
    """Items as a GluonTS data set: one dictionary an item, made when it is asked for.

    They come in the order of their names: what is drawn for an item then does not hang on where it stands in the panel.
    """

    def __init__(
        self,
        windows: Windows,
        items: NDArray[np.int64],  # those that have a history
        location: NDArray[np.float64],  # [N] what is taken from each item's target
        *,
        least: int,  # steps that an entry has at least
        ahead: int,  # steps that known covariates reach past the origin
    ) -> None:
        names = np.array(windows.panel.names, object)
        self.windows, self.items = windows, items[np.argsort(names[items], kind="stable")]
        self.location, self.least, self.ahead = location, least, ahead

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self._entry(int(item)) for item in self.items)

    @property
    def size(self) -> int:
        """Numbers in all entries together, about."""
        steps = int(np.maximum(self.windows.panel.stop[self.items], self.least).sum())
        return steps * (2 + self.windows.covariate_size + self.windows.past_size)

    def _entry(self, item: int) -> dict[str, Any]:
        panel, windows = self.windows.panel, self.windows
        origin = int(panel.origin[item])
        # A series that is no longer than the horizon holds no window to train on: unobserved steps go before it.
        first = min(int(panel.start[item]), origin - self.least)
        ordinals = torch.arange(first, origin + self.ahead)[None]
        one, seen = torch.tensor([item]), ordinals[:, : origin - first]
        values, observed = windows.target(one, seen)
        return {
            "item_id": str(item),
            "start": period(panel.frequency, first),
            "target": (torch.where(observed, values, torch.nan)[0] - self.location[item]).numpy(),
            "feat_static_cat": panel.static_cat[item].astype(np.int64),
            "feat_static_real": windows.static_real[item].numpy(),
            "feat_dynamic_real": windows.covariates(one, ordinals)[0].T.contiguous().numpy(),
            "past_feat_dynamic_real": windows.past(one, seen)[0].T.contiguous().numpy(),
        }


class _Steps(lightning.Callback):
    """Tells how far the training is."""

    def __init__(self, total: int) -> None:
        self._total = total

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        loss = float(outputs["loss"].detach()) if heard() else None
        with past_lightning():
            tell("train", trainer.global_step, self._total, loss=loss)


def _train(recipe: GluonTS, facts: Mapping[str, Any], entries: Entries, run: Run) -> Any:
    """A trained Lightning module of the recipe's estimator; raises ForetellError when its weights are not finite."""
    device, estimator = pick_device(run.device), recipe.build(facts)
    assert recipe.max_steps is not None
    with _apart(run, len(entries)):
        series = estimator.create_transformation().apply(entries, is_train=True)
        module = estimator.create_lightning_module()
        loader = estimator.create_training_data_loader(
            Cached(series) if entries.size < LARGEST_CACHE else series, module
        )
        trainer = lightning.Trainer(
            accelerator={"cuda": "gpu"}.get(device.type, device.type),
            devices=[device.index or 0] if device.type == "cuda" else 1,
            max_steps=recipe.max_steps,
            max_epochs=-1,
            max_time=None if run.time_limit is None else timedelta(seconds=run.time_limit),
            gradient_clip_val=estimator.trainer_kwargs.get("gradient_clip_val"),
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
            callbacks=[_Steps(recipe.max_steps)],
            default_root_dir=run.out or Path(),
        )
        with interrupted_lightning():
            trainer.fit(module, train_dataloaders=loader)
    if not all(bool(torch.isfinite(weight).all()) for weight in module.parameters()):
        raise ForetellError(
            f"gluonts: the training of {recipe.estimator} diverged: its weights are not finite. Lower learning_rate, and"
            " look for extreme values in the data."
        )
    return module.cpu()


@contextmanager
def _apart(run: Run, series: int) -> Iterator[None]:
    """GluonTS kept from a host program's log, warnings and random states; inside, these are seeded as `run` says.

    It knows global generators alone, so that one at a time is in here. It samples windows with NumPy's global state, and gives up when more than `series` in a row hold no window for it.
    """
    with alone(run.seed):
        before = np.random.get_state()  # noqa: NPY002  # GluonTS reads no other generator
        np.random.seed(run.seed % 2**32)  # noqa: NPY002
        quiet = quiet_lightning(), unwarned({"gluonts": Warning})
        try:
            with quiet[0], quiet[1], computing(run), env._let(max_idle_transforms=series + 1000):
                yield
        finally:
            np.random.set_state(before)  # noqa: NPY002


def _read(forecast: Any, levels: tuple[float, ...]) -> tuple[Array, Array]:
    """[H, Q] quantiles and [H] mean of one of GluonTS' forecasts: samples, a distribution, or quantiles."""
    if not isinstance(forecast, QuantileForecast):
        return np.stack([forecast.quantile(level) for level in levels], axis=-1), forecast.mean
    have = [float(key) for key in forecast.forecast_keys]
    values = np.sort(forecast.forecast_array, axis=0).T  # [H, levels]
    # The mean is the integral of the quantile function, which is taken to be flat beyond the outermost levels.
    weights = np.diff(np.concatenate([[0.0], (np.array(have[1:]) + np.array(have[:-1])) / 2, [1.0]]))
    return interpolate(values, have, levels), values @ weights


def _normal(moments: Array, levels: tuple[float, ...], horizon: int) -> tuple[Array, Array]:
    """[N, H, Q] quantiles and [N, H] mean of normal distributions with the mean and deviation `moments` [N, 2]."""
    normal = np.array([NormalDist().inv_cdf(level) for level in levels])
    quantiles = moments[:, None, :1] + moments[:, None, 1:] * normal
    return np.repeat(quantiles, horizon, axis=1).astype(np.float32), np.repeat(
        moments[:, :1], horizon, axis=1
    )
