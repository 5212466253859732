"""kill -9 at any moment: what lies in a folder afterwards is whole, the old or the new, and what can be resumed ends the same."""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
import time
from collections.abc import Iterator
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import foretell
from foretell.ingest.dataset import Dataset
from foretell.recipe.forecast import Forecast
from stress.killed_actions import act, backtested, ingest, save, shop, small_model, train, trained
from stress.scale import seeds, stress

LIMIT = 120.0  # seconds that an action may take; none takes a tenth of it
KILLS = {"train": 50, "save": 50, "ingest": 50, "backtest": 50}  # 200 in full

pytestmark = [
    stress,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are forked from one that has loaded all"),
]


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServerContext]:
    """Processes forked from a server that has imported everything: the kill hits the action, not the imports."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["stress.killed_actions", "foretell_recipes.mqrnn", "foretell_recipes.theta"]
    )
    with pytest.MonkeyPatch.context() as patch:  # where the server looks for modules
        patch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
        yield context


def run(forks: ForkServerContext, name: str, folder: Path, *, kill_after: float | None) -> float:
    """Run an action in a process of its own, killed so many seconds after it began; the seconds that it ran."""
    process = forks.Process(target=act, args=(name, folder))
    process.start()
    while not (folder / "begun").exists():
        assert process.is_alive() or process.exitcode == 0, f"{name} failed before it began"
        time.sleep(0.002)
    began = time.monotonic()
    process.join(LIMIT if kill_after is None else kill_after)
    took = time.monotonic() - began
    if kill_after is None:
        assert process.exitcode == 0
    process.kill()
    process.join()
    (folder / "begun").unlink()
    return took


@pytest.fixture(scope="module")
def full_seconds(forks: ForkServerContext, tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """How long each action takes when nobody kills it."""
    return {name: run(forks, name, tmp_path_factory.mktemp(name), kill_after=None) for name in KILLS}


def moments(name: str, full: float) -> Iterator[float]:
    """Seconds after which to kill: anywhere in an action."""
    for seed in seeds(KILLS[name], f"kill {name}"):
        yield random.Random(seed).uniform(0, full)


def same(one: Forecast, other: Forecast) -> bool:
    return np.array_equal(one.quantiles, other.quantiles) and np.array_equal(one.mean, other.mean)


@cache
def known_forecasts() -> list[Forecast]:
    return [small_model(seed).predict(shop()) for seed in (0, 1)]


def test_a_killed_save_leaves_a_whole_model(
    forks: ForkServerContext, full_seconds: dict[str, float], tmp_path: Path
) -> None:
    for after in moments("save", full_seconds["save"]):
        run(forks, "save", tmp_path, kill_after=after)
        if (tmp_path / "model").exists():
            found = foretell.load(tmp_path / "model").predict(shop())
            assert any(same(found, known) for known in known_forecasts()), f"killed after {after:.3f} s"
    save(tmp_path)
    assert leftovers(tmp_path) == []


def test_a_killed_ingest_leaves_a_whole_panel(
    forks: ForkServerContext, full_seconds: dict[str, float], tmp_path: Path
) -> None:
    wanted = {shop(seed).fingerprint for seed in (0, 1)}
    for after in moments("ingest", full_seconds["ingest"]):
        run(forks, "ingest", tmp_path, kill_after=after)
        if (tmp_path / "panel").exists():
            panel = Dataset.open(tmp_path / "panel")
            assert panel.verify() > 0
            assert panel.fingerprint in wanted, f"killed after {after:.3f} s"
    ingest(tmp_path)
    assert leftovers(tmp_path) == []


def test_a_killed_training_goes_on_and_ends_the_same(
    forks: ForkServerContext, full_seconds: dict[str, float], tmp_path: Path
) -> None:
    wanted = trained(tmp_path / "whole").predict()
    for number, after in enumerate(moments("train", full_seconds["train"])):
        folder = tmp_path / str(number)
        folder.mkdir()
        run(forks, "train", folder, kill_after=after)
        if (folder / "model").exists():
            assert same(foretell.load(folder / "model").predict(shop()), wanted)
        train(folder)
        found = foretell.load(folder / "model").predict(shop())
        assert same(found, wanted), f"killed after {after:.3f} s of {full_seconds['train']:.3f}"
        assert leftovers(folder) == []


def test_a_killed_backtest_goes_on_and_ends_the_same(
    forks: ForkServerContext, full_seconds: dict[str, float], tmp_path: Path
) -> None:
    wanted = pd.concat(backtested(None).forecast_frames())
    for number, after in enumerate(moments("backtest", full_seconds["backtest"])):
        folder = tmp_path / str(number)
        folder.mkdir()
        run(forks, "backtest", folder, kill_after=after)
        backtested(folder)
        found = pd.concat(backtested(folder).forecast_frames())
        pd.testing.assert_frame_equal(found, wanted, check_exact=True)
        assert leftovers(folder) == []
        written = pd.read_parquet(folder / "report/forecasts.parquet")
        pd.testing.assert_frame_equal(
            written[["mean", "p10", "p50", "p90"]],
            wanted[["mean", "p10", "p50", "p90"]].reset_index(drop=True),
            check_exact=True,
        )


def leftovers(folder: Path) -> list[Path]:
    """Temporary files and locks that nobody uses any more."""
    return [path for path in folder.rglob(".*") if path.name.endswith((".tmp", ".lock"))]
