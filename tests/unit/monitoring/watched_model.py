"""Made-up sales, a model's forecasts of them saved week by week, and its back-test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import foretell

FIRST = pd.Timestamp("2023-01-02")  # a Monday
HORIZON, WEEK = 14, 7
LEVELS = (0.1, 0.5, 0.9)
_NORMAL = np.array([-1.2816, 0.0, 1.2816])


@dataclass(frozen=True)
class Shop:
    """Sales of some items; forecasts know their levels, and err as much as sales do, unless these change."""

    items: int = 20
    weeks: int = 40
    worse_from: int | None = None  # the week from which sales scatter more
    times: float = 2.0

    def level(self) -> np.ndarray:
        return 20.0 + 5.0 * np.arange(self.items)

    def sales(self) -> pd.DataFrame:
        random = np.random.default_rng(0)
        error = random.standard_normal((self.items, self.weeks * WEEK))
        if self.worse_from is not None:
            error[:, self.worse_from * WEEK :] *= self.times
        values = np.maximum(self.level()[:, None] * (1 + 0.2 * error), 0)
        days = pd.date_range(FIRST, periods=self.weeks * WEEK)
        return pd.DataFrame(
            {
                "item_id": np.repeat(self.names(), len(days)),
                "timestamp": np.tile(days, self.items),
                "target": values.ravel(),
            }
        )

    def names(self) -> list[str]:
        return [f"item-{k:02}" for k in range(self.items)]

    def metadata(self) -> pd.DataFrame:
        return pd.DataFrame({"item_id": self.names(), "family": ["bag", "mug"] * (self.items // 2)})

    def dataset(self, until: int | None = None) -> foretell.Dataset:
        """The sales, of the first `until` weeks alone if given."""
        sales = self.sales()
        if until is not None:
            sales = sales[sales["timestamp"] < FIRST + pd.Timedelta(weeks=until)]
        return foretell.Dataset(sales, items=self.metadata(), freq="D")

    def forecast(self, week: int) -> pd.DataFrame:
        """What is forecast at the begin of a week."""
        days = pd.date_range(FIRST + pd.Timedelta(weeks=week), periods=HORIZON)
        level = np.repeat(self.level(), HORIZON)
        frame = pd.DataFrame(
            {"item_id": np.repeat(self.names(), HORIZON), "timestamp": np.tile(days, self.items)}
        )
        frame["mean"] = level
        for name, normal in zip(("p10", "p50", "p90"), _NORMAL, strict=True):
            frame[name] = level * (1 + 0.2 * normal)
        return frame

    def backtest(self, weeks: range) -> pd.DataFrame:
        """Windows that begin at these weeks, as a report has them."""
        parts = [
            self.forecast(week).assign(window=k + 1, origin=FIRST + pd.Timedelta(weeks=week), recipe="shop")
            for k, week in enumerate(weeks)
        ]
        return pd.concat(parts, ignore_index=True)

    def save(self, folder: Path, *, runs: range, windows: range = range(0)) -> Path:
        """A folder of runs, with `backtest` beside where there are windows."""
        (folder / "forecasts").mkdir(parents=True)
        for week in runs:
            self.forecast(week).to_csv(folder / "forecasts" / f"week-{week:02}.csv", index=False)
        if len(windows):
            (folder / "backtest").mkdir()
            self.backtest(windows).to_parquet(folder / "backtest" / "forecasts.parquet")
        return folder
