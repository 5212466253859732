"""Recipes that do as a test asks, for the tests of `auto`, and a clock that stands still."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from foretell.data.panel import Panel
from foretell.data.schema import Schema
from foretell.models import candidates
from foretell.models.ensemble import Ensemble, MemberReport
from foretell.models.fitted_model import FittedModel
from foretell.models.fitting import fit_model
from foretell.recipe import registry
from foretell.recipe.forecast import Forecast
from foretell.recipe.protocols import Abilities, State
from foretell.recipe.task import Run, Task
from foretell.system.time_budget import Budget
from foretell.system.time_limit import TimeUp
from foretell_recipes import auto
from foretell_recipes.auto import Auto
from panels import weeks

TASK = Task(5, (0.1, 0.5, 0.9))


class Clock:
    """The machine's clock; one that stands still but where somebody sleeps, in a test that takes the fixture `clock`."""

    def __init__(self) -> None:
        self.still, self.now = False, 0.0

    def __call__(self) -> float:
        return self.now if self.still else time.monotonic()

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if not self.still:
            time.sleep(seconds)

    @contextmanager
    def limit(self, seconds: float, *, again: float) -> Iterator[None]:
        """As `time_limit`, by this clock: what has taken too long is found out at its end."""
        until = self.now + seconds
        yield
        if self.now > until:
            raise TimeUp


CLOCK = Clock()


@dataclass(frozen=True)
class Quick:
    """Forecasts the value of a week before, off by `off`; counts the steps it was trained on."""

    name: ClassVar[str] = "quick"
    off: float = 0.0  # added
    fails: str = ""  # where it fails: fit or predict
    sleeps: float = 0.0  # seconds in training

    def fit(self, panel: Panel, task: Task, run: Run) -> NearFitted:
        CLOCK.sleep(self.sleeps)
        if self.fails == "fit":
            raise RuntimeError("no luck")
        return NearFitted(self, task, int(panel.stop.sum()), run.seed, run.time_limit)

    def load(self, schema: Schema, task: Task, state: State, run: Run) -> NearFitted:
        return NearFitted(self, task, state[0]["learnt"], int(state[1]["seed"][0]), None)


@dataclass(frozen=True)
class NearFitted:
    recipe: Quick
    task: Task
    learnt: int
    seed: int
    limit: float | None

    def predict(self, panel: Panel, *, levels: Sequence[float]) -> Forecast:
        if self.recipe.fails == "predict":
            raise RuntimeError("no forecast")
        wanted = np.asarray(levels)
        rows = [
            np.concatenate([np.zeros(7), panel.history(i)])[-7:][: self.task.horizon]
            for i in range(len(panel))
        ]
        mean = np.array(rows) + self.recipe.off
        return Forecast.build(panel, tuple(wanted), mean[..., None] + wanted - 0.5, mean)

    def state(self) -> State:
        return {"learnt": self.learnt}, {"seed": np.array([self.seed])}


@dataclass(frozen=True)
class Near(Quick):
    """As `Quick`, but trained in steps, as a network is."""

    name: ClassVar[str] = "near"
    abilities: ClassVar[Abilities] = Abilities(time_limit=True)
    max_steps: int = 1  # of training


@dataclass(frozen=True)
class Stepped(Quick):
    """A network: each of its steps takes a tenth of a second and brings it nearer; goes on from its weights."""

    name: ClassVar[str] = "stepped"
    abilities: ClassVar[Abilities] = Abilities(time_limit=True, warm_start=True, resolved=True)
    max_steps: int = 40
    spoilt: bool = False  # steps make it worse

    def fit(self, panel: Panel, task: Task, run: Run) -> SteppedFitted:
        return self._after(0, panel, task, run)

    def fit_from(self, start: Any, panel: Panel, task: Task, run: Run) -> SteppedFitted:
        return self._after(start.steps, panel, task, run)

    def _after(self, begin: int, panel: Panel, task: Task, run: Run) -> SteppedFitted:
        assert run.time_limit is not None
        taken = min(self.max_steps, int(run.time_limit / 0.1))
        CLOCK.sleep(0.1 * taken)
        learnt = int(panel.stop.sum())
        return SteppedFitted(self, task, learnt, run.seed, run.time_limit, begin, begin + taken)

    def resolved(self, panel: Panel, task: Task) -> Stepped:
        return self

    def continued(self, start: Any, panel: Panel, task: Task) -> Stepped:
        return self

    def load(self, schema: Schema, task: Task, state: State, run: Run) -> SteppedFitted:
        raise NotImplementedError


@dataclass(frozen=True)
class SteppedFitted(NearFitted):
    begin: int  # steps before the last training
    steps: int  # after it

    def predict(self, panel: Panel, *, levels: Sequence[float]) -> Forecast:
        forecast = NearFitted.predict(self, panel, levels=levels)
        assert isinstance(self.recipe, Stepped)
        off = self.steps / 40 if self.recipe.spoilt else 10 / (10 + self.steps)
        return replace(forecast, quantiles=forecast.quantiles + off, mean=forecast.mean + off)


@dataclass(frozen=True)
class Ranged(Quick):
    """As `Quick`, with a range to search; 0 is right."""

    name: ClassVar[str] = "ranged"
    abilities: ClassVar[Abilities] = Abilities(search={"off": (0.0, 5.0)})


@dataclass(frozen=True)
class Wild(Near):
    """As `Near`, but its forecast of the first item that it is given is many times too high, once it is trained on all."""

    name: ClassVar[str] = "wild"
    late: bool = True  # only of the forecast, not of the validation windows
    times: float = 1000.0

    def fit(self, panel: Panel, task: Task, run: Run) -> WildFitted:
        return WildFitted(self, task, int(panel.stop.sum()), run.seed, run.time_limit)

    def load(self, schema: Schema, task: Task, state: State, run: Run) -> WildFitted:
        return WildFitted(self, task, state[0]["learnt"], int(state[1]["seed"][0]), None)


@dataclass(frozen=True)
class WildFitted(NearFitted):
    def predict(self, panel: Panel, *, levels: Sequence[float]) -> Forecast:
        forecast = NearFitted.predict(self, panel, levels=levels)
        wild, quantiles, mean = self.recipe, forecast.quantiles.copy(), forecast.mean.copy()
        assert isinstance(wild, Wild)
        if not wild.late or self.learnt == 4 * 70:
            first = np.flatnonzero(panel.keys["item_id"] == "item-0")
            quantiles[first], mean[first] = quantiles[first] * wild.times, mean[first] * wild.times
        return replace(forecast, quantiles=quantiles, mean=mean)


@dataclass(frozen=True)
class Slow(Quick):
    """As `Quick`, but each item takes a twentieth of a second."""

    name: ClassVar[str] = "slow"

    def fit(self, panel: Panel, task: Task, run: Run) -> SlowFitted:
        return SlowFitted(self, task, int(panel.stop.sum()), run.seed, run.time_limit)


@dataclass(frozen=True)
class SlowFitted(NearFitted):
    def predict(self, panel: Panel, *, levels: Sequence[float]) -> Forecast:
        CLOCK.sleep(0.05 * len(panel))
        return NearFitted.predict(self, panel, levels=levels)


def register(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make these recipes known by their names."""
    fakes = {
        kind.name: type("Point", (), {"load": staticmethod(lambda kind=kind: kind)})
        for kind in (Near, Quick, Ranged, Slow, Stepped, Wild)
    }
    points = {**registry._registered(), **fakes}
    monkeypatch.setattr(registry, "_registered", lambda: points)


@contextmanager
def standing_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """A clock by which nothing takes time but sleep: what is measured by it is the same on a busy machine."""
    monkeypatch.setattr(auto, "Budget", partial(Budget, clock=CLOCK))
    monkeypatch.setattr(candidates, "time", SimpleNamespace(perf_counter=CLOCK))
    monkeypatch.setattr(candidates, "time_limit", CLOCK.limit)
    CLOCK.still, CLOCK.now = True, 0.0
    yield CLOCK
    CLOCK.still = False


def fit(*members: str, panel: Panel | None = None, limit: str = "60s", **settings: Any) -> FittedModel:
    recipe = Auto(members=members, time_limit=limit, **settings)
    return fit_model(recipe, weeks() if panel is None else panel, TASK, Run(device="cpu"))


def portfolio(model: FittedModel) -> Ensemble:
    assert isinstance(model.predictor, Ensemble)
    return model.predictor


def judged(model: FittedModel) -> dict[str, MemberReport]:
    return {trial.member: trial for trial in portfolio(model).trials}
