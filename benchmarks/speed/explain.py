"""Time of explanations: `python -m benchmarks.speed.explain` (100 items, three years of days, 28 steps, eleven columns)."""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

import foretell

RECIPES = ("mqrnn", "boosting", "ets", "auto")
# what a forecast takes does not hang on how well its network was trained
SHORT: Mapping[str, Mapping[str, Any]] = {
    "mqrnn": {"max_steps": 20},
    "deepar": {"max_steps": 20},
    "tft": {"max_steps": 20},
    "mqcnn": {"max_steps": 20},
    "nhits": {"max_steps": 20},
    "boosting": {"max_rows": 20_000},
}
KNOWN = ("promo", "price", "event", "school", "rain")


def tables(
    items: int, days: int, horizon: int, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Sales, plan and items with five known columns, one past column, and five columns of metadata."""
    rng = np.random.default_rng(seed)
    dates = pd.date_range("2021-01-04", periods=days + horizon)
    names = [f"item-{k:03d}" for k in range(items)]
    plan = pd.DataFrame(
        {"item_id": np.repeat(names, len(dates)), "timestamp": np.tile(dates.to_numpy(), items)}
    )
    n = len(plan)
    plan["promo"] = (rng.random(n) < 0.2).astype(float)
    plan["price"] = np.round(rng.choice([2.0, 2.5, 3.0], n) * (1 - 0.2 * plan["promo"]), 2)
    plan["event"] = np.where(np.tile(rng.random(len(dates)) < 0.05, items), "fair", "none")
    plan["school"] = np.tile(((dates.month == 8) | (dates.month == 12)).astype(float), items)
    plan["rain"] = np.tile(rng.gamma(1.0, 3.0, len(dates)), items)
    plan["visits"] = 100 + 20 * np.sin(np.arange(n) / 9) + rng.normal(0, 5, n)
    size = np.repeat(rng.gamma(2.0, 10.0, items) + 2, len(dates))
    week = 1 + 0.3 * np.sin(2 * np.pi * np.tile(np.arange(len(dates)), items) / 7)
    level = size * week * (1 + 0.3 * plan["promo"]) * (1 - 0.1 * (plan["price"] - 2.5))
    past = plan["timestamp"] <= dates[days - 1]
    sales = plan.loc[past, ["item_id", "timestamp"]].assign(target=rng.poisson(level[past]))
    plan.loc[~past, "visits"] = np.nan
    metadata = pd.DataFrame({"item_id": names, "weight": rng.gamma(2, 1, items)})
    for column, values in {"family": 8, "brand": 5, "colour": 4, "shelf": 3}.items():
        metadata[column] = [f"{column}-{k}" for k in rng.integers(0, values, items)]
    return sales, plan, metadata


def main() -> None:
    """Train each recipe, explain its forecast, and print what that took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100)
    parser.add_argument("--days", type=int, default=3 * 365)
    parser.add_argument("--horizon", type=int, default=28)
    parser.add_argument("--permutations", type=int)
    parser.add_argument("--recipe", action="append", choices=foretell.recipe_names())
    parser.add_argument("--time-limit", type=float, default=120.0, help="seconds of training of auto")
    asked = parser.parse_args()
    sales, plan, metadata = tables(asked.items, asked.days, asked.horizon)
    data = foretell.Dataset(
        sales, plan, metadata, freq="D", known=list(KNOWN), past=["visits"], holidays=["DE"]
    )
    for recipe in asked.recipe or RECIPES:
        limit = asked.time_limit if recipe == "auto" else None
        model = foretell.train(
            data, recipe=recipe, horizon=asked.horizon, settings=dict(SHORT.get(recipe, {})), time_limit=limit
        )
        began, cpu = time.perf_counter(), _worked()
        explained = model.explain(data, permutations=asked.permutations)
        seconds, worked = time.perf_counter() - began, _worked() - cpu
        off = np.abs(explained.baseline + explained.contributions.sum(-1) - explained.forecast).max()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(
            f"{recipe}: {seconds:.0f} s ({worked:.0f} s of processor time), {len(explained.drivers)} drivers,"
            f" {explained.permutations} permutations,"
            f" sums within {off:.0e}, peak so far {peak:.1f} GB",
            flush=True,
        )


def _worked() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    main()
