"""What the test of kills runs in processes of their own: actions that write, small enough for hundreds of runs."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import foretell
from foretell.ingest.dataset import Dataset
from foretell.models.model import Model
from foretell.reporting.report import Report

HORIZON = 3
TINY: dict[str, Any] = {
    "hidden_size": 4,
    "num_layers": 1,
    "max_steps": 60,
    "batch_size": 8,
    "context_length": 8,
}
QUICK: dict[str, Any] = {"seasonal_naive": "seasonal_naive", "theta": "theta"}


def sales(seed: int = 0) -> pd.DataFrame:
    """Three items of 50 days."""
    days = pd.date_range("2024-01-01", periods=50)
    rng = np.random.default_rng(seed)
    frames = [
        pd.DataFrame({"item_id": name, "timestamp": days, "target": rng.poisson(20, 50)}) for name in "abc"
    ]
    return pd.concat(frames)


@cache
def shop(seed: int = 0) -> Dataset:
    """The same as a data set."""
    return Dataset(sales(seed), freq="D")


def small_model(seed: int) -> Model:
    """A model that is trained at once."""
    return foretell.train(shop(seed), recipe="seasonal_naive", horizon=HORIZON)


def train(folder: Path) -> None:
    """Train a network with checkpoints, going on from one that is there, and save it."""
    trained(folder).save(folder / "model", overwrite=True)


def trained(folder: Path) -> Model:
    return foretell.train(
        shop(), recipe="mqrnn", settings=TINY, horizon=HORIZON, out=folder / "run", resume=True
    )


def save(folder: Path) -> None:
    """Replace one model by the other, many times over."""
    models = [small_model(seed) for seed in (0, 1)]
    for number in range(40):
        models[number % 2].save(folder / "model", overwrite=True)


def ingest(folder: Path) -> None:
    """Replace one panel by the other, many times over."""
    for number in range(40):
        shop(number % 2).save(folder / "panel", overwrite=True)


def backtest(folder: Path) -> None:
    """Back-test two recipes over three windows, going on from what is there."""
    backtested(folder)


def backtested(folder: Path | None) -> Report:
    out = None if folder is None else folder / "report"
    return foretell.backtest(
        shop(),
        horizon=HORIZON,
        recipes=QUICK,
        windows=3,
        refit="every",
        processes=1,
        out=out,
        resume=out is not None,
    )


ACTIONS = {"train": train, "save": save, "ingest": ingest, "backtest": backtest}


def act(name: str, folder: Path) -> None:
    """Run an action in a process that is killed at some moment of it."""
    shop(), shop(1)  # the time of a kill counts from here on
    (folder / "begun").touch()
    ACTIONS[name](folder)
