"""Time of a what-if beside a forecast: `python -m benchmarks.speed.whatif` (100,000 items, 28 steps, one scenario of all items).

The page of `WhatIf.save_report` is timed for the first `--paged` items.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

import foretell

T = TypeVar("T")
CHANGE = {"a promotion everywhere": ["promo = 1"]}


def tables(items: int, days: int, horizon: int, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Sales of a year's last `days`, and a plan that reaches `horizon` days further."""
    random = np.random.default_rng(seed)
    dates = pd.date_range("2023-01-02", periods=days + horizon)
    promo = random.random((items, len(dates))) < 0.1
    level = random.gamma(2.0, 10.0, (items, 1)) + 2
    sold = random.poisson(level * (1 + 0.4 * promo[:, :days]))
    names = np.array([f"item-{k:06d}" for k in range(items)])
    sales = pd.DataFrame(
        {"item_id": np.repeat(names, days), "timestamp": np.tile(dates[:days], items), "target": sold.ravel()}
    )
    plan = pd.DataFrame({"item_id": np.repeat(names, len(dates)), "timestamp": np.tile(dates, items)})
    return sales, plan.assign(promo=promo.ravel().astype(np.int8))


def timed(name: str, run: Callable[[], T]) -> T:
    """What `run` gives; prints what that took."""
    began, cpu = time.perf_counter(), time.process_time()
    result = run()
    seconds, worked = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{name}: {seconds:.1f} s ({worked:.1f} s of processor time), peak so far {peak:.1f} GB", flush=True
    )
    return result


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=56)
    parser.add_argument("--horizon", type=int, default=28)
    parser.add_argument("--recipe", default="seasonal_naive", choices=foretell.recipe_names())
    parser.add_argument("--paged", type=int, default=10_000)
    asked = parser.parse_args()
    sales, plan = tables(asked.items, asked.days, asked.horizon)
    data = foretell.Dataset(sales, plan, freq="D", known=["promo"], categorical=[])
    model = foretell.train(data, recipe=asked.recipe, horizon=asked.horizon)
    timed("predict", lambda: model.predict(data))
    timed("baseline and scenario", lambda: model.whatif(data, CHANGE))
    some = [f"item-{k:06d}" for k in range(min(asked.paged, asked.items))]
    result = model.whatif(data, CHANGE, items=some)
    with tempfile.TemporaryDirectory() as folder:
        timed(f"page of {len(some):,} items", lambda: result.save_report(Path(folder) / "page.html"))


if __name__ == "__main__":
    main()
