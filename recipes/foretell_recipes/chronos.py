"""Chronos-2 (Ansari et al. 2025) and Chronos-Bolt (Ansari et al. 2024): pretrained weights that the user brings.

They lie in a local folder; foretell ships none and downloads none. Nothing is trained. Chronos-2 reads known and past covariates,
numbers and texts; Chronos-Bolt reads the target alone. Neither reads metadata or the calendar. An item that shows nothing to them
gets a normal distribution with its last mean and deviation, or those that its metadata suggest, and counts as a fallback.

A pretrained model may have seen the very data that it is tested on: say what it was trained on (`trained_on`), reports show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foretell.data.arrays import Array, Floats
from foretell.data.item_floors import item_floors
from foretell.data.panel import Panel
from foretell.data.schema import Schema
from foretell.data.static_scale import StaticScale, history_scale
from foretell.errors import ForetellError
from foretell.networks.device import computing
from foretell.networks.out_of_memory import in_pieces
from foretell.networks.own_draws import alone
from foretell.recipe.forecast import Forecast
from foretell.recipe.hyperparameters import Count, Size
from foretell.recipe.levels import interpolate, with_tails
from foretell.recipe.protocols import Abilities, State, Summary
from foretell.recipe.task import Run, Task
from foretell.system.quiet import quieted, unwarned
from foretell.system.typed import typed
from foretell_recipes.chronos_inputs import Rows, rows_of
from foretell_recipes.chronos_weights import Weights

_TAIL: Final = 0.5 ** np.arange(1, 10)  # shares of what lies beyond the outermost level, for the mean
_HINT: Final = "Lower context_length, take a smaller model, or use another device."


@dataclass(frozen=True, slots=True, kw_only=True)
class Chronos:
    """Chronos-2 or Chronos-Bolt with weights of a local folder, as they are."""

    name: ClassVar[str] = "chronos"
    abilities: ClassVar[Abilities] = Abilities(summary=True, family="pretrained", needs=("folder",))
    folder: str = ""  # the local folder that has config.json and model.safetensors; there is no default
    trained_on: str = ""  # what the weights were trained on, as far as you know; reports show it
    context_length: Count | None = None  # steps read before the origin; default: as many as the model reads
    batch_size: Size = 256  # series forecast at once, those of covariates counted

    def fit(self, panel: Panel, task: Task, run: Run) -> ChronosPredictor:
        """Check the weights and learn a guess at items that have no history; nothing else is learnt."""
        return ChronosPredictor(self, Weights.of(self.folder), StaticScale.fit(panel), task, run)

    def load(self, schema: Schema, task: Task, state: State, run: Run) -> ChronosPredictor:
        """The predictor whose `state` this is; ForetellError where its weights are no longer those in their folder."""
        said = typed(_Saved, state[0], "state")
        weights = Weights.of(said.folder)
        if weights.sha256 != said.sha256:
            raise ForetellError(
                f"the weights in {said.folder} are not those that this model was made with: expected SHA-256 {said.sha256}, got"
                f" {weights.sha256}. Put the others back, or train again."
            )
        return ChronosPredictor(self, weights, StaticScale.of_arrays(state[1]), task, run)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Saved:
    folder: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ChronosPredictor:
    """Weights in their folder, and a guess at new items."""

    recipe: Chronos
    weights: Weights
    scale: StaticScale
    task: Task
    run: Run

    def predict(self, panel: Panel, *, levels: Sequence[float]) -> Forecast:
        """Forecast each item from its origin on."""
        wanted, horizon = tuple(levels), self.task.horizon
        moments, shown = self._scales(panel)
        normal = np.array([NormalDist().inv_cdf(level) for level in wanted])
        quantiles = np.repeat(moments[:, None, :1] + moments[:, None, 1:] * normal, horizon, axis=1)
        mean = np.repeat(moments[:, :1], horizon, axis=1)
        floors = item_floors(panel, new=None)
        size = max(1, self.recipe.batch_size // (rows_of(panel) if self.weights.covariates else 1))
        quiet = quieted("chronos", "transformers"), unwarned({"chronos": Warning, "transformers": Warning})
        # the package's loader draws from torch's global generator, though nothing hangs on what it draws
        with quiet[0], quiet[1], computing(self.run), torch.no_grad(), alone(self.run.seed):
            pipeline = self.weights.pipeline(self.run.device)

            def made(items: Tensor) -> tuple[Tensor, Tensor]:
                forecast = self._made(pipeline, panel, items.numpy())
                return forecast, forecast[..., 0]

            for piece, (forecast, _) in in_pieces(torch.from_numpy(shown), size, made, hint=_HINT):
                items = piece.numpy()
                quantiles[items], mean[items] = _read(
                    np.sort(forecast.numpy(), axis=-1), self.weights.levels, wanted, floors[items]
                )
        fallbacks = ~np.isin(np.arange(len(panel)), shown)
        return Forecast.build(panel, wanted, quantiles, mean, fallbacks=fallbacks)

    @property
    def _context(self) -> int:
        return min(self.recipe.context_length or self.weights.context, self.weights.context)

    def _scales(self, panel: Panel) -> tuple[Floats, NDArray[np.int64]]:
        """[N, 2] mean and deviation of each history, guessed where there is none; the items whose context shows something."""
        means, deviations, count = history_scale(panel)
        own = np.stack([means, np.where(count > 1, deviations, 0.0)], axis=1)
        moments = np.where(count[:, None] > 0, own, self.scale.predict(panel))
        parts = np.arange(len(panel))
        length = max(1, min(self._context, int(panel.stop.max(initial=1))))
        shown = [
            chunk[~np.isnan(panel.context(length, chunk)).all(1)]
            for chunk in np.array_split(parts, max(1, len(parts) * length >> 24))
        ]
        return moments, np.concatenate(shown)

    def _made(self, pipeline: Any, panel: Panel, items: NDArray[np.int64]) -> Tensor:
        """[n, H, Q] what the model says of `items` [n] at its own levels, which may cross."""
        horizon = self.task.horizon
        length = max(1, min(self._context, int(panel.stop[items].max())))
        if not self.weights.covariates:
            context = torch.from_numpy(panel.context(length, items))
            made: Tensor = pipeline.predict(context, prediction_length=horizon)
            return made.transpose(1, 2)
        rows = Rows.of(panel, items, length, horizon)
        inputs = [
            {
                "context": torch.from_numpy(context),
                "future_covariates": torch.from_numpy(future),
                "n_targets": 1,
                "n_covariates": len(context) - 1,
                "n_future_covariates": rows.known,
            }
            for context, future in zip(rows.context, rows.future, strict=True)
        ]
        found = pipeline.predict(inputs, prediction_length=horizon, batch_size=rows.context[..., 0].size)
        return torch.stack([each[0] for each in found]).transpose(1, 2)

    def state(self) -> State:
        """Where the weights lie and their SHA-256, never the weights; the guess at new items as arrays."""
        return {"folder": str(self.weights.folder), "sha256": self.weights.sha256}, self.scale.arrays()

    def summary(self) -> Summary:
        """Which weights they are, and what they were trained on as their user says."""
        row = {
            "model": self.weights.model,
            "parameters": self.weights.parameters,
            "trained on": self.recipe.trained_on or "not said",
            "SHA-256": self.weights.sha256,
            "folder": str(self.weights.folder),
        }
        return {"Pretrained weights": [row]}


def _read(
    said: Array, have: Sequence[float], wanted: tuple[float, ...], floors: NDArray[np.float64]
) -> tuple[Array, Floats]:
    """[n, H, Q] quantiles at the `wanted` levels and [n, H] means, of `said` [n, H, levels] at those that the model `have`.

    Beyond the outermost ones stand the engine's tails. The mean is the integral of all of it, above the floor of each item.
    """
    ends = have[0], have[-1]
    below, above = ends[0] * _TAIL[::-1], 1 - (1 - ends[1]) * _TAIL
    fine = np.array([*below, *have, *above])
    levels = tuple(sorted({*have, *wanted}))
    floor = floors[:, None, None]
    all_levels = with_tails(interpolate(said, have, levels), levels, ends=ends)
    course = np.maximum(with_tails(interpolate(said, have, fine.tolist()), fine.tolist(), ends=ends), floor)
    edges = np.concatenate([[0.0], (fine[1:] + fine[:-1]) / 2, [1.0]])
    mean = course.astype(np.float64) @ np.diff(edges)
    return all_levels[..., [levels.index(level) for level in wanted]], mean
