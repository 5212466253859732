"""Backtests that are interrupted, and what is compared of two."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

import foretell
from foretell.ingest.dataset import Dataset
from foretell.reporting.report import Report


def shop_frame() -> pd.DataFrame:
    days = pd.date_range("2024-01-01", periods=60)
    rng = np.random.default_rng(0)
    frames = [
        pd.DataFrame({"item_id": name, "timestamp": days, "target": rng.poisson(20, 60)}) for name in "abc"
    ]
    return pd.concat(frames)


@cache
def shop() -> Dataset:
    return Dataset(shop_frame(), freq="D")


class Stopping:
    """A listener that cancels once so many windows are scored."""

    def __init__(self, after: int) -> None:
        self.token, self.after = foretell.CancelToken(), after

    def __call__(self, event: foretell.Event) -> None:
        if event.stage == "backtest" and event.done >= self.after:
            self.token.cancel()


def tables(report: Report) -> list[pd.DataFrame]:
    seconds = ["fit_seconds", "predict_seconds"]
    frames = [report.leaderboard.drop(columns=seconds), *report.metric_frames(), *report.forecast_frames()]
    return [frame.drop(columns=[c for c in seconds if c in frame]) for frame in frames]
