"""A backtest in several processes forecasts what one does, bit for bit, and is interrupted and resumed as one is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import foretell
from backtest_runs import Stopping, shop, tables
from evaluator_fakes import Broken, Last
from foretell.errors import ForetellError, Interrupted
from foretell.execution import worth
from foretell.recipe.task import Run
from foretell.workflows import window_tasks
from foretell.workflows.backtest import backtest

pytestmark = pytest.mark.slow

NETWORK: dict[str, Any] = {"hidden_size": 8, "batch_size": 4, "context_length": 14, "max_steps": 4}
FAKES: dict[str, Any] = {"last": Last(learn=True), "npts": "npts", "higher": Last(add=2.0)}


@pytest.fixture
def _always_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that can goes to other processes, however soon it is over."""
    monkeypatch.setattr(worth, "START_SECONDS", 0.0)
    monkeypatch.setattr(worth, "LONG_STEPS", 1)


def told_of(**asked: Any) -> tuple[foretell.Report, list[foretell.Event]]:
    told: list[foretell.Event] = []
    with foretell.listening(told.append):
        return backtest(shop(), horizon=5, device="cpu", **asked), told


def same(got: foretell.Report, wanted: foretell.Report) -> None:
    for one, other in zip(tables(got), tables(wanted), strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)


@pytest.mark.usefixtures("_always_out")
@pytest.mark.parametrize("refit", ["never", "every"])
def test_two_processes_forecast_bit_for_bit_what_one_does(refit: Any) -> None:
    asked = {"recipes": FAKES, "windows": 2, "refit": refit}
    two, told = told_of(processes=2, **asked)
    same(two, told_of(processes=1, **asked)[0])
    done = [event.done for event in told if event.stage == "backtest"]
    assert done == sorted(done)
    assert done[-1] == 6
    assert {e.recipe for e in told if e.message.endswith(": done")} == set(FAKES)


@pytest.mark.usefixtures("_always_out")
def test_networks_trees_and_local_models_are_those_of_one_process_bit_for_bit() -> None:
    asked = {
        "recipes": ["mqrnn", "theta", "boosting"],
        "settings": {
            "mqrnn": NETWORK,
            "boosting": {"max_steps": 10},
            "theta": {"time_limit": 600.0},  # imports alone took longer than its 20 s on a busy machine
        },
    }
    same(*(told_of(processes=count, **asked)[0] for count in (2, 1)))


@pytest.mark.usefixtures("_always_out")
def test_sums_and_calibrated_levels_are_those_of_one_process() -> None:
    asked: dict[str, Any] = {"recipes": ["npts", "seasonal_naive"], "calibrate": True, "by": ["item_id"]}
    two, one = (told_of(processes=count, **asked)[0] for count in (2, 1))
    same(two, one)
    pd.testing.assert_frame_equal(two.groups, one.groups, check_exact=True)


@pytest.mark.usefixtures("_always_out")
def test_what_fails_in_another_process_names_recipe_and_window() -> None:
    recipes = {"broken": Broken(), "npts": "npts"}
    with pytest.raises(
        ForetellError,
        match=r"recipe 'broken' failed while training window 1 of 1.*ZeroDivisionError: oh dear",
    ):
        told_of(recipes=recipes, processes=2)


@pytest.mark.usefixtures("_always_out")
@pytest.mark.parametrize("refit", ["never", "every"])
def test_an_interrupted_one_keeps_what_was_finished_and_goes_on_from_there(
    tmp_path: Path, refit: Any
) -> None:
    stop, out = Stopping(after=2), tmp_path / "out"
    asked: dict[str, Any] = {"horizon": 5, "windows": 2, "refit": refit, "out": out, "recipes": FAKES}
    with (
        pytest.raises(Interrupted, match="finished windows are kept"),
        foretell.listening(stop, cancel=stop.token),
    ):
        backtest(shop(), processes=2, **asked)
    assert not [path for path in out.rglob(".*") if path.name.endswith(".tmp")]
    assert len(list(out.glob("unfinished/*/window-*"))) >= 2
    resumed = backtest(shop(), processes=2, resume=True, **asked)
    same(resumed, backtest(shop(), processes=1, **{**asked, "out": None}))
    assert not (out / "unfinished").exists()


@pytest.mark.usefixtures("_always_out")
def test_one_that_was_cancelled_at_once_leaves_finished_windows_or_nothing(tmp_path: Path) -> None:
    stop = Stopping(after=0)
    with pytest.raises(Interrupted), foretell.listening(stop, cancel=stop.token):
        backtest(shop(), horizon=5, recipes=FAKES, out=tmp_path / "out", processes=2)
    # a process may have finished one before it heard of it
    assert list(tmp_path.glob("out/unfinished/*/window-*")) or not (tmp_path / "out").exists()


def test_small_data_and_one_process_start_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(**_: Any) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(
        window_tasks,
        "LocalExecutor",
        type("Never", (), {"room": staticmethod(lambda *_, **__: 2), "__init__": never}),
    )
    told_of(recipes=["npts", "seasonal_naive"], processes=2)
    told_of(recipes=["mqrnn", "deepar"], settings={"mqrnn": NETWORK, "deepar": NETWORK}, processes=1)


def test_a_recipe_that_others_cannot_import_stays_here() -> None:
    class Inside(Broken):
        pass

    assert worth.portable(Broken())
    assert not worth.portable(Inside())


def test_networks_with_their_usual_steps_take_long() -> None:
    mqrnn = foretell.make_recipe("mqrnn")
    assert worth.takes_long(mqrnn, Run())
    assert not worth.takes_long(mqrnn, Run(time_limit=2))
    assert not worth.takes_long(foretell.make_recipe("mqrnn", {"max_steps": 10}), Run())
    assert not worth.takes_long(foretell.make_recipe("npts"), Run())
