"""Searching hyperparameters: what is proposed, what is kept, and what comes out."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sqlite3
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

import foretell
from foretell.data.panel import Panel
from foretell.data.schema import Schema
from foretell.errors import ForetellError
from foretell.models.hyperparameter_search import OptunaSearch, RandomSearch
from foretell.recipe import registry
from foretell.recipe.forecast import Forecast
from foretell.recipe.protocols import Abilities, State, abilities_of
from foretell.recipe.registry import make_recipe, search_space
from foretell.recipe.search_space import Between, Space
from foretell.recipe.task import Run, Task

needs_optuna = pytest.mark.skipif(
    importlib.util.find_spec("optuna") is None, reason="foretell[tune] is not installed"
)


@dataclass(frozen=True)
class Off:
    """Forecasts what was there a week ago, off by `add`; the best setting is 0."""

    name: ClassVar[str] = "off"
    abilities: ClassVar[Abilities] = Abilities(
        search={"add": (4.0, 0.0, 9.0), "rate": Between(1e-4, 1e-1, log=True)}
    )
    add: float = 2.0  # to the forecast
    rate: float = 0.01  # of nothing
    broken: bool = False  # whether it fails

    def fit(self, panel: Panel, task: Task, run: Run) -> Off:
        if self.broken or self.add == 9:
            raise RuntimeError("too far off")
        return self

    def load(self, schema: Schema, task: Task, state: State, run: Run) -> Off:
        return self

    def predict(self, panel: Panel, *, levels: Sequence[float]) -> Forecast:
        mean = np.array([panel.history(i)[-7:][:5] for i in range(len(panel))]) + self.add
        return Forecast.build(panel, tuple(levels), np.repeat(mean[..., None], len(levels), -1), mean)

    def state(self) -> State:
        return {}, {}


@pytest.fixture(autouse=True)
def _off_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    points = {**registry._registered(), "off": type("Point", (), {"load": staticmethod(lambda: Off)})}
    monkeypatch.setattr(registry, "_registered", lambda: points)


def data() -> foretell.Dataset:
    days = pd.date_range("2024-01-01", periods=60)
    frames = [pd.DataFrame({"item_id": i, "timestamp": days, "target": 10 + np.arange(60) % 7}) for i in "ab"]
    return foretell.Dataset(pd.concat(frames), freq="D")


def test_draws_stay_within_their_range_and_reach_both_ends_of_whole_numbers() -> None:
    rng = np.random.default_rng(0)
    assert {Between(1, 3).draw(rng) for _ in range(50)} == {1, 2, 3}
    assert {Between(1, 3, log=True).draw(rng) for _ in range(50)} == {1, 2, 3}
    rates = [Between(1e-4, 1e-2, log=True).draw(rng) for _ in range(400)]
    assert min(rates) >= 1e-4
    assert max(rates) <= 1e-2
    assert 0.4 < np.mean(np.array(rates) < 1e-3) < 0.6  # half of the decades, not half of the range


def test_a_random_search_with_equal_seeds_asks_the_same_and_nothing_twice() -> None:
    space: Space = {"add": (1, 2, 3), "deep": (True, False)}
    asked = []
    for _ in range(2):
        search = RandomSearch(space, seed=3)
        asked.append([search.ask() for _ in range(5)])
    assert asked[0] == asked[1]
    assert len({tuple(settings.items()) for settings in asked[0]}) == 5


@pytest.mark.slow
def test_every_declared_range_is_of_a_field_and_its_values_are_taken() -> None:
    for name in registry.recipe_names():
        kind = registry.recipe_class(name)
        if not abilities_of(kind).search:
            continue
        for seed in range(5):
            settings = RandomSearch(search_space(kind), seed=seed).ask()
            text = {key: str(value) for key, value in settings.items()}
            assert make_recipe(name, text) == make_recipe(name, settings)


def test_a_recipe_without_ranges_and_a_range_without_field_are_refused() -> None:
    with pytest.raises(ForetellError, match="seasonal_naive declares no ranges"):
        search_space(registry.recipe_class("seasonal_naive"))

    class Wrong(Off):
        abilities: ClassVar[Abilities] = Abilities(search={"ad": (1, 2)})

    with pytest.raises(ForetellError, match="range for 'ad', which is no hyperparameter"):
        search_space(Wrong)


@pytest.mark.slow
@needs_optuna
def test_the_best_settings_are_found_and_written_as_train_reads_them(tmp_path: Path) -> None:
    found = foretell.tune(data(), recipe="off", horizon=5, trials=12, out=tmp_path)
    assert found.recipe.add == 0.0  # type: ignore[attr-defined]
    assert found.defaults is not None
    assert found.score < found.defaults
    read = tomllib.loads((tmp_path / "best.toml").read_text())
    assert read["recipe"] == "off"
    assert make_recipe("off", read["set"]["off"]) == found.recipe
    trials = pd.read_csv(tmp_path / "trials.csv")
    assert len(trials) == 12
    assert (trials["remark"] == "as given").sum() == 1


@needs_optuna
def test_settings_that_fail_stand_in_the_table_with_their_reason() -> None:
    trials = foretell.tune(data(), recipe="off", horizon=5, trials=12).trials
    failed = trials[trials["add"] == 9]
    assert len(failed) > 0
    assert failed["wQL"].isna().all()
    assert set(failed["remark"]) == {"RuntimeError: too far off"}


@pytest.mark.slow
@needs_optuna
def test_a_search_goes_on_where_an_earlier_one_stopped(tmp_path: Path) -> None:
    tried: list[dict[str, Any]] = []

    def note(event: foretell.Event) -> None:
        if event.stage == "tune":
            tried.append(dict(event.settings))

    with foretell.listening(note):
        foretell.tune(data(), recipe="off", horizon=5, trials=4, out=tmp_path)
    assert len(tried) == 4
    tried.clear()
    with foretell.listening(note):
        foretell.tune(data(), recipe="off", horizon=5, trials=9, out=tmp_path)
    assert 0 < len(tried) <= 9 - 2
    assert {} not in tried  # the settings as given were tried before


@needs_optuna
def test_equal_seeds_try_the_same_settings() -> None:
    first, second = (
        foretell.tune(data(), recipe="off", horizon=5, trials=6, seed=5).trials for _ in range(2)
    )
    pd.testing.assert_frame_equal(first.drop(columns="seconds"), second.drop(columns="seconds"))


@needs_optuna
def test_when_nothing_works_the_error_says_why() -> None:
    with pytest.raises(ForetellError, match="no trial of off worked: RuntimeError: too far off"):
        foretell.tune(data(), recipe="off", settings={"broken": True}, horizon=5, trials=2)


@needs_optuna
def test_histories_without_a_window_to_hold_back_are_refused() -> None:
    with pytest.raises(ForetellError, match="tune needs three horizons of history"):
        foretell.tune(data(), recipe="off", horizon=25)


@pytest.mark.slow
@needs_optuna
def test_a_study_keeps_scores_and_the_defaults(tmp_path: Path) -> None:
    space: Space = {"add": (None, 2.0), "rate": Between(0.1, 0.2)}
    search = OptunaSearch(space, seed=0, file=tmp_path / "s.db")
    search.defaults = 0.5
    asked = search.ask()
    search.tell(0.25)
    search.ask()
    search.tell(None)
    again = OptunaSearch(space, seed=0, file=tmp_path / "s.db")
    assert again.scored == [(asked, 0.25)]
    assert again.defaults == 0.5


def corrupted(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:100] + b"\xff" * (len(data) - 100))


def emptied(path: Path) -> None:
    with sqlite3.connect(path) as file:
        file.execute("DROP TABLE trial_params")


def falsified(path: Path) -> None:
    with sqlite3.connect(path) as file:
        file.execute("UPDATE trial_params SET param_value = 1e9")


def a_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_text(path: Path) -> None:
    path.write_text("no study")


@pytest.mark.slow
@pytest.mark.parametrize("tamper", [corrupted, emptied, falsified, a_link, a_pipe, a_text])
def test_a_study_that_is_none_is_one_message(tmp_path: Path, tamper: Callable[[Path], None]) -> None:
    space = {"size": Between(1, 9)}
    search = OptunaSearch(space, seed=0, file=tmp_path / "study.db")
    search.ask()
    search.tell(0.5)
    search._study._storage.remove_session()
    tamper(tmp_path / "study.db")
    with pytest.raises(
        ForetellError, match=r"the study .*study\.db cannot be read: .*Remove it to begin a new one"
    ):
        OptunaSearch(space, seed=0, file=tmp_path / "study.db")


def test_without_optuna_tune_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module("foretell.workflows.tune"), "has_optuna", lambda: False)
    with pytest.raises(ForetellError, match=r"pip install foretell\[tune\]"):
        foretell.tune(data(), recipe="off", horizon=5)
