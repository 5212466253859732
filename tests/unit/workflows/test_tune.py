"""Searching hyperparameters: what is proposed, what is kept, and what comes out."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sqlite3
import struct
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from contextlib import closing
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
from foretell.system.sqlite_files import BESIDE

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


def another_programmes(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE studies (study_name TEXT)")


def of_a_newer_optuna(path: Path) -> None:
    with sqlite3.connect(path) as file:
        file.execute("UPDATE alembic_version SET version_num = 'v99.0.0.a'")


def with_a_trigger(path: Path) -> None:
    with sqlite3.connect(path) as file:
        file.execute("CREATE TRIGGER t AFTER INSERT ON trials BEGIN DELETE FROM studies; END")


def with_an_endless_view(path: Path) -> None:
    with sqlite3.connect(path) as file:
        file.execute("ALTER TABLE trials RENAME TO those")
        file.execute(
            "CREATE VIEW trials AS WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k FROM n) SELECT * FROM those, n"
        )


def beside(end: str) -> Callable[[Path], None]:
    def a_pipe_beside(path: Path) -> None:
        os.mkfifo(f"{path}{end}")

    return a_pipe_beside


def a_journal_that_names_another_file(path: Path) -> None:
    """SQLite removes the file that such a journal names, once its pages are back."""
    magic, name = bytes.fromhex("d9d505f920a163d7"), str(path.with_name("precious")).encode()
    path.with_name("precious").write_text("")
    pages = path.stat().st_size // 4096
    head = (magic + struct.pack(">IIIII", 0, 1, pages, 512, 4096)).ljust(512, b"\0")
    end = struct.pack(">I", (1 << 30) // 4096 + 1) + name + struct.pack(">II", len(name), sum(name)) + magic
    Path(f"{path}-journal").write_bytes(head + end)


TAMPERED: list[Callable[[Path], None]] = [
    *(corrupted, emptied, falsified, a_link, a_pipe, a_text, another_programmes, of_a_newer_optuna),
    *(with_a_trigger, with_an_endless_view, a_journal_that_names_another_file),
    *(beside(end) for end in BESIDE),
]


@pytest.mark.slow
@needs_optuna
@pytest.mark.skipif(os.name != "posix", reason="pipes and links of POSIX")
@pytest.mark.parametrize("tamper", TAMPERED)
def test_a_study_that_is_none_is_one_message(tmp_path: Path, tamper: Callable[[Path], None]) -> None:
    space = {"size": Between(1, 9)}
    search = OptunaSearch(space, seed=0, file=tmp_path / "study.db")
    search.ask()
    search.tell(0.5)
    search._study._storage.remove_session()
    tamper(tmp_path / "study.db")
    with pytest.raises(
        ForetellError, match=r"the study .*study\.db cannot be used: .*Remove it to begin a new one"
    ):
        OptunaSearch(space, seed=0, file=tmp_path / "study.db")
    if tamper is a_journal_that_names_another_file:
        assert (tmp_path / "precious").exists()


@pytest.mark.slow
@needs_optuna
@pytest.mark.parametrize("folder", ["what?", "a%20b", "q?mode=memory", "x#y", "it's"])
def test_a_study_lies_in_the_folder_that_was_named_whatever_marks_are_in_it(
    tmp_path: Path, folder: str
) -> None:
    foretell.tune(data(), recipe="off", horizon=5, windows=1, trials=2, out=tmp_path / folder)
    assert [path.name for path in tmp_path.iterdir()] == [folder]
    assert (tmp_path / folder / "study.db").stat().st_size > 0


@pytest.mark.slow
@needs_optuna
@pytest.mark.parametrize("held", ["BEGIN EXCLUSIVE", "BEGIN IMMEDIATE"])
def test_a_study_that_another_process_writes_is_said_to_be_in_use(tmp_path: Path, held: str) -> None:
    foretell.tune(data(), recipe="off", horizon=5, windows=1, trials=2, out=tmp_path)
    with closing(sqlite3.connect(tmp_path / "study.db", isolation_level=None)) as other:
        other.execute(held)
        with pytest.raises(ForetellError, match=r"study\.db is in use by another process: wait for its end"):
            foretell.tune(data(), recipe="off", horizon=5, windows=1, trials=4, out=tmp_path)


@pytest.mark.slow
@needs_optuna
def test_a_search_that_ended_before_its_first_trial_or_within_a_write_goes_on(tmp_path: Path) -> None:
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "study.db").touch()
    foretell.tune(data(), recipe="off", horizon=5, windows=1, trials=2, out=tmp_path / "begun")
    path = tmp_path / "begun" / "study.db"
    code = (
        "import os, sqlite3, sys; d = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "d.execute('PRAGMA cache_size = 1'); d.execute('BEGIN');"
        "[d.execute('INSERT INTO trials (number, study_id, state) VALUES (?, 1, 5)', (9000 + k,)) for k in range(20000)];"
        "os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert Path(f"{path}-journal").stat().st_size > 0
    found = foretell.tune(data(), recipe="off", horizon=5, windows=1, trials=3, out=tmp_path / "begun")
    assert len(found.trials) == 3


def test_without_optuna_tune_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module("foretell.workflows.tune"), "has_optuna", lambda: False)
    with pytest.raises(ForetellError, match=r"pip install foretell\[tune\]"):
        foretell.tune(data(), recipe="off", horizon=5)
