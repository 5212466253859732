"""A backtest that was interrupted goes on from the windows it had finished."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest

import foretell
from backtest_runs import Stopping, shop, shop_frame, tables
from evaluator_fakes import FLAT, RISING, Broken, Last, dataset
from foretell.errors import ForetellError, Interrupted
from foretell.ingest.dataset import Dataset
from foretell.workflows.backtest import backtest

RECIPES = {"theta": "theta", "naive": "seasonal_naive"}


def interrupted(out: Path, *, after: int, **more: Any) -> str:
    stop = Stopping(after)
    with pytest.raises(Interrupted) as caught, foretell.listening(stop, cancel=stop.token):
        backtest(shop(), horizon=5, windows=3, out=out, **more)
    return str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(("refit", "after"), [("never", 1), ("never", 4), ("every", 2)])
def test_the_tables_are_those_of_a_run_without_interruption(tmp_path: Path, refit: str, after: int) -> None:
    said = interrupted(tmp_path / "out", after=after, recipes=RECIPES, refit=refit)
    assert f"{after} finished window" in said
    assert "resume=True" in said
    asked: Any = {"horizon": 5, "windows": 3, "recipes": RECIPES, "refit": refit}
    resumed = backtest(shop(), out=tmp_path / "out", resume=True, **asked)
    whole = backtest(shop(), out=tmp_path / "whole", **asked)
    for got, wanted in zip(tables(resumed), tables(whole), strict=True):
        pd.testing.assert_frame_equal(got, wanted, check_exact=True)
    assert not (tmp_path / "out/unfinished").exists()
    same = [(tmp_path / run / "forecasts.parquet").read_bytes() for run in ("out", "whole")]
    assert same[0] == same[1]


def test_windows_that_were_finished_are_not_forecast_again(tmp_path: Path) -> None:
    interrupted(tmp_path, after=2, recipes=["seasonal_naive"])
    seen: list[str] = []
    with foretell.listening(lambda event: seen.append(event.message)):
        backtest(shop(), horizon=5, windows=3, recipes=["seasonal_naive"], out=tmp_path, resume=True)
    assert [m for m in seen if "forecasting" in m] == [
        "seasonal_naive: forecasting, window 3 of 3 (origin 2024-02-25)"
    ]
    assert not [m for m in seen if "training" in m]  # the model was kept too


@dataclass(frozen=True, kw_only=True, slots=True)
class Untold(Last):
    """Not registered: its model cannot be loaded, so that it is trained again."""

    name: ClassVar[str] = "untold"


@pytest.mark.slow
def test_a_recipe_whose_model_cannot_be_loaded_is_trained_again(tmp_path: Path) -> None:
    interrupted(tmp_path, after=1, recipes=[Untold()])
    resumed = backtest(shop(), horizon=5, windows=3, recipes=[Untold()], out=tmp_path, resume=True)
    whole = backtest(shop(), horizon=5, windows=3, recipes=[Untold()])
    for got, wanted in zip(tables(resumed), tables(whole), strict=True):
        pd.testing.assert_frame_equal(got, wanted, check_exact=True)


@pytest.mark.slow
def test_a_failing_recipe_leaves_the_others_windows_and_may_be_left_out(tmp_path: Path) -> None:
    data = dataset(a=RISING, b=FLAT)
    with pytest.raises(ForetellError, match=r"1 finished window is kept in .*unfinished"):
        backtest(data, horizon=2, recipes=[Last(), Broken()], out=tmp_path)
    seen: list[str] = []
    with foretell.listening(lambda event: seen.append(event.message)):
        backtest(data, horizon=2, recipes=[Last()], out=tmp_path, resume=True)
    assert not [m for m in seen if "forecasting" in m]


@pytest.mark.parametrize(
    ("asked", "named"),
    [({"horizon": 4}, "horizon is 5, asked for is 4"), ({"seed": 1}, "seed is 0, asked for is 1")],
)
def test_another_question_is_refused(tmp_path: Path, asked: dict[str, Any], named: str) -> None:
    interrupted(tmp_path, after=1, recipes=["seasonal_naive"])
    whole: Any = {"horizon": 5, "windows": 3, "recipes": ["ets"], **asked}
    with pytest.raises(ForetellError, match=named):
        backtest(shop(), out=tmp_path, resume=True, **whole)


def test_other_data_are_refused(tmp_path: Path) -> None:
    interrupted(tmp_path, after=1, recipes=["seasonal_naive"])
    with pytest.raises(ForetellError, match="its fingerprint is"):
        backtest(
            Dataset(shop_frame().assign(target=3.0), freq="D"),
            horizon=5,
            windows=3,
            recipes=["seasonal_naive"],
            out=tmp_path,
            resume=True,
        )


@pytest.mark.slow
def test_other_settings_of_a_recipe_are_another_recipe(tmp_path: Path) -> None:
    interrupted(tmp_path, after=1, recipes=["seasonal_naive"])
    seen: list[str] = []
    with foretell.listening(lambda event: seen.append(event.message)):
        backtest(
            shop(),
            horizon=5,
            windows=3,
            recipes=["seasonal_naive"],
            settings={"seasonal_naive": {"covariates": "pooled"}},
            out=tmp_path,
            resume=True,
        )
    assert not [m for m in seen if "finished before" in m]


def test_more_or_fewer_processes_go_on_with_the_same_backtest(tmp_path: Path) -> None:
    interrupted(tmp_path, after=1, recipes=["seasonal_naive"], processes=2)
    seen: list[str] = []
    with foretell.listening(lambda event: seen.append(event.message)):
        backtest(
            shop(), horizon=5, windows=3, recipes=["seasonal_naive"], out=tmp_path, resume=True, processes=1
        )
    assert len([m for m in seen if "finished before" in m]) == 1


def test_what_is_begun_anew_says_what_it_takes_away(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    interrupted(tmp_path, after=2, recipes=["seasonal_naive"])
    backtest(shop(), horizon=5, windows=3, recipes=["seasonal_naive"], out=tmp_path)
    assert "begins anew: 2 windows" in caplog.text


def test_resume_needs_a_folder() -> None:
    with pytest.raises(ForetellError, match="give out="):
        backtest(shop(), horizon=5, recipes=["seasonal_naive"], resume=True)


@pytest.mark.slow
def test_without_resume_it_begins_anew(tmp_path: Path) -> None:
    interrupted(tmp_path, after=2, recipes=["seasonal_naive"])
    seen: list[str] = []
    with foretell.listening(lambda event: seen.append(event.message)):
        backtest(shop(), horizon=5, windows=3, recipes=["seasonal_naive"], out=tmp_path)
    assert len([m for m in seen if "forecasting" in m]) == 3


def spoil_facts(folder: Path, **changed: Any) -> None:
    path = next(folder.glob("unfinished/*/window-1/facts.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"levels": [0.1]},
        {"levels": [2.0]},
        {"levels": [0.1, 0.5, 0.95]},  # as many as were asked
        {"fit_seconds": "1"},
        {"arrays": {}},
        {"arrays": {"keys": {"bytes": 1, "blocks": None, "dtype": "<f4", "shape": [1]}}},
        {"more": 1},
        {"summary": 3},
    ],
)
def test_a_tampered_window_is_one_message(tmp_path: Path, changed: dict[str, Any]) -> None:
    interrupted(tmp_path, after=1, recipes=["seasonal_naive"])
    spoil_facts(tmp_path, **changed)
    with pytest.raises(ForetellError, match=r"facts\.json is damaged: .* Begin the backtest anew"):
        backtest(shop(), horizon=5, windows=3, recipes=["seasonal_naive"], out=tmp_path, resume=True)


def test_a_tampered_array_is_one_message(tmp_path: Path) -> None:
    interrupted(tmp_path, after=1, recipes=["seasonal_naive"])
    path = next(tmp_path.glob("unfinished/*/window-1/mean.npy"))
    path.write_bytes(path.read_bytes()[:-4] + b"\x00\x00\x00\x01")
    with pytest.raises(ForetellError, match=r"mean\.npy is damaged"):
        backtest(shop(), horizon=5, windows=3, recipes=["seasonal_naive"], out=tmp_path, resume=True)


def test_windows_of_another_release_are_not_gone_on_with(tmp_path: Path) -> None:
    interrupted(tmp_path / "out", after=1, recipes=["seasonal_naive"])
    path = tmp_path / "out/unfinished/asked.json"
    said = json.loads(path.read_text())
    path.write_text(json.dumps(said | {"foretell": "0.0.1"}))
    with pytest.raises(
        ForetellError, match=r"begun by foretell 0\.0\.1, this is .*begin anew without resume="
    ):
        backtest(shop(), horizon=5, windows=3, recipes=["seasonal_naive"], out=tmp_path / "out", resume=True)
    assert path.exists()
