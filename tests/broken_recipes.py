"""A sound recipe, and one for each promise that breaks it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from foretell.recipe import Abilities, Array, Forecast, Panel, Run, Schema, State, Task


@dataclass(frozen=True, kw_only=True)
class Sound:
    """Flat of docs/how-to/recipes.md, with places to spoil it: `learn`, `remember` and `spoil`."""

    name: ClassVar[str] = "sound"
    steps: int = 28  # last steps of the history that are drawn from

    def fit(self, panel: Panel, task: Task, run: Run) -> SoundPredictor:
        return SoundPredictor(self, self.learn(panel, run), task)

    def load(self, schema: Schema, task: Task, state: State, run: Run) -> SoundPredictor:
        return SoundPredictor(self, self.remember(state[1]), task)

    def learn(self, panel: Panel, run: Run) -> Array:
        seen = panel.context(self.steps)
        return np.nanquantile(seen, np.linspace(0, 1, self.steps)).astype(np.float32)

    def remember(self, arrays: dict[str, Any]) -> Array:
        return arrays["usual"]

    def spoil(self, forecast: Forecast, panel: Panel) -> Forecast:
        return forecast

    def kept(self, arrays: dict[str, Any]) -> State:
        return {}, arrays


@dataclass(frozen=True)
class SoundPredictor:
    recipe: Sound
    usual: Array  # [steps]
    task: Task

    def predict(self, panel: Panel, *, levels: Sequence[float]) -> Forecast:
        recent = panel.context(len(self.usual))
        recent[np.isnan(recent).all(axis=1)] = self.usual
        quantiles = np.nanquantile(recent, levels, axis=1).T[:, None]  # [N, 1, Q]
        flat = np.ones((len(panel), self.task.horizon))
        mean = flat * np.nanmean(recent, axis=1)[:, None]
        return self.recipe.spoil(Forecast.build(panel, levels, flat[..., None] * quantiles, mean), panel)

    def state(self) -> State:
        return self.recipe.kept({"usual": self.usual})


def raised(forecast: Forecast, by: Any) -> Forecast:
    """`forecast` with `by` [N] added to each item."""
    by = np.broadcast_to(np.float32(by), len(forecast))
    return replace(
        forecast, quantiles=forecast.quantiles + by[:, None, None], mean=forecast.mean + by[:, None]
    )


@dataclass(frozen=True, kw_only=True)
class Silent(Sound):
    alpha: float = 0.1


@dataclass(frozen=True, kw_only=True)
class Unreadable(Sound):
    trend: str | None = "none"  # the text that also stands for None


class GivesUpOnGaps(Sound):
    def learn(self, panel: Panel, run: Run) -> Array:
        raise ValueError("input contains NaN. Impute it first")


class KnowsThreeLevels(Sound):
    def spoil(self, forecast: Forecast, panel: Panel) -> Forecast:
        return replace(forecast, levels=(0.1, 0.5, 0.9), quantiles=forecast.quantiles[..., :3])


class BeginsLate(Sound):
    def spoil(self, forecast: Forecast, panel: Panel) -> Forecast:
        return replace(forecast, origin=forecast.origin + 1)


class Crossing(Sound):
    def spoil(self, forecast: Forecast, panel: Panel) -> Forecast:
        return replace(forecast, quantiles=forecast.quantiles[..., ::-1])


class SureOfItself(Sound):
    def spoil(self, forecast: Forecast, panel: Panel) -> Forecast:
        return replace(forecast, quantiles=np.repeat(forecast.mean[..., None], len(forecast.levels), -1))


class BelowZero(Sound):
    def spoil(self, forecast: Forecast, panel: Panel) -> Forecast:
        return raised(forecast, -100)


class WritesToThePanel(Sound):
    def spoil(self, forecast: Forecast, panel: Panel) -> Forecast:
        panel.past[:] = 0
        return forecast


class NeedsHistory(Sound):
    def spoil(self, forecast: Forecast, panel: Panel) -> Forecast:
        if panel.stop.max() == 0:
            raise IndexError("index -1 is out of bounds")
        return forecast


class LostInGaps(Sound):
    def spoil(self, forecast: Forecast, panel: Panel) -> Forecast:
        empty = np.isnan(panel.context(10)).all(1) & (panel.stop > 1)
        return raised(forecast, np.where(empty, np.nan, 0))


class KnowsItsCategories(Sound):
    def spoil(self, forecast: Forecast, panel: Panel) -> Forecast:
        if (panel.static_cat == 0).any():
            raise KeyError(0)
        return forecast


class NeedsAllCovariates(Sound):
    def spoil(self, forecast: Forecast, panel: Panel) -> Forecast:
        return raised(forecast, 0 * panel.static_real.sum(1))


class LikesTheBusyFirst(Sound):
    def spoil(self, forecast: Forecast, panel: Panel) -> Forecast:
        return raised(forecast, float(len(panel) > 1 and panel.names[0] != "busy"))


class LooksAtItsNeighbours(Sound):
    def spoil(self, forecast: Forecast, panel: Panel) -> Forecast:
        return raised(forecast, len(panel))


class LooksAhead(Sound):
    def spoil(self, forecast: Forecast, panel: Panel) -> Forecast:
        last = np.array([panel.target[end - 1] if end else 0 for end in panel.offsets[1:]])
        return raised(forecast, np.where(panel.stop < panel.lengths, last, 0))


class PlansTooFar(Sound):
    def spoil(self, forecast: Forecast, panel: Panel) -> Forecast:
        behind = panel.origin[:, None] + forecast.quantiles.shape[1]
        return raised(
            forecast, np.nan_to_num(panel.known_at(np.arange(len(panel)), behind)[:, 0]).sum(axis=1)
        )


class Random(Sound):
    def learn(self, panel: Panel, run: Run) -> Array:
        return np.random.default_rng().uniform(size=self.steps).astype(np.float32)


class LearnsFromLater(Sound):
    def learn(self, panel: Panel, run: Run) -> Array:
        return np.nanquantile(panel.target, np.linspace(0, 1, self.steps)).astype(np.float32)


class NeedsAPromotion(Sound):
    def learn(self, panel: Panel, run: Run) -> Array:
        if panel.known.shape[1] == 0:
            raise IndexError("index 0 is out of bounds for axis 1 with size 0")
        return super().learn(panel, run)


class NeverNegative(Sound):
    def spoil(self, forecast: Forecast, panel: Panel) -> Forecast:
        return replace(
            forecast, quantiles=np.maximum(forecast.quantiles, 0), mean=np.maximum(forecast.mean, 0)
        )


class Forgetful(Sound):
    def remember(self, arrays: dict[str, Any]) -> Array:
        return arrays["usual"] / 2


class ForgivesALoss(Sound):
    def remember(self, arrays: dict[str, Any]) -> Array:
        return arrays.get("usual", np.zeros(self.steps, np.float32))


class Boastful(Sound):
    abilities: ClassVar[Abilities] = Abilities(summary=True)


class FallsBack(Sound):
    def spoil(self, forecast: Forecast, panel: Panel) -> Forecast:
        failed = panel.stop > 0
        if failed.any():
            logging.getLogger("foretell.local.local_recipe").debug("NameError: name 'nump' is not defined")
        return replace(forecast, fallbacks=failed)


class WritesWhatItReads(Sound):
    def spoil(self, forecast: Forecast, panel: Panel) -> Forecast:
        panel.target[:] = np.nan
        raise ValueError("all is NaN")


class LearnsInPlace(Sound):
    def learn(self, panel: Panel, run: Run) -> Array:
        panel.target[:] = 0
        return super().learn(panel, run)


class OneMean(Sound):
    def spoil(self, forecast: Forecast, panel: Panel) -> Forecast:
        return replace(forecast, mean=forecast.mean[:, :1])


class KeepsNumbersOfNumpy(Sound):
    def kept(self, arrays: dict[str, Any]) -> State:
        return {"sizes": [1, np.float32(2)]}, arrays


class KeepsLists(Sound):
    def kept(self, arrays: dict[str, Any]) -> State:
        return {}, {name: array.tolist() for name, array in arrays.items()}
