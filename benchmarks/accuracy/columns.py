"""What a related column costs that tells nothing: the retail sample with and without one, over paired seeds.

`python -m benchmarks.accuracy.columns` prints a line a seed and writes columns.csv beside this file (about five minutes on one core).
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

import foretell
from foretell.recipe.registry import make_recipe

TABLE: Final = Path(__file__).with_name("columns.csv")
RETAIL: Final = Path(__file__).parents[2] / "data" / "retail"
HORIZON, SEEDS = 28, 5
ITEMS = 80
RECIPE, SETTINGS = "mqrnn", {"max_steps": 200, "context_length": 56}
CASES: Final = ("none", "noise", "late")


def related(case: str, days: pd.DatetimeIndex, seed: int) -> pd.DataFrame:
    """A column of one value a day for all items: `noise` throughout, or `late`, which begins in the last tenth before the origin.

    Over the horizon the late one is ten times as large as ever before.
    """
    values = np.random.default_rng(seed).normal(100, 10, len(days))
    if case == "late":
        known = len(days) - HORIZON
        values[: known - known // 10] = np.nan
        values[known:] = 1000
    return pd.DataFrame({"timestamp": days, "extra": values})


def score(case: str, seed: int) -> float:
    """wQL of the last window."""
    sales = pd.read_csv(RETAIL / "sales.csv", parse_dates=["timestamp"], dtype={"item_id": str})
    chosen = sales.groupby("item_id")["target"].sum().sort_values(ascending=False).index[:ITEMS]
    sales = sales[sales["item_id"].isin(chosen)]
    days = pd.date_range(sales["timestamp"].min(), sales["timestamp"].max() + pd.Timedelta(days=HORIZON))
    known = related(case, days[:-HORIZON], seed)
    calendar = pd.read_csv(RETAIL / "calendar.csv", parse_dates=["timestamp"])
    tables = [calendar] if case == "none" else [calendar, known]
    columns = ["open", "before_holiday", "weeks_to_christmas", *(["extra"] if len(tables) > 1 else [])]
    data = foretell.Dataset(
        sales,
        related=tables,
        freq="D",
        known=columns,
        open="open",
        filling={"target": {"middle": "zero", "back": "zero"}},
    )
    report = foretell.backtest(data, horizon=HORIZON, recipes={"m": make_recipe(RECIPE, SETTINGS)}, seed=seed)
    return float(report.leaderboard["wQL"].iloc[0])


def rows() -> Iterator[dict[str, object]]:
    """A row a seed and case: its wQL, and how many percent that is above the one without the column."""
    for seed in range(SEEDS):
        plain = score("none", seed)
        yield {"recipe": RECIPE, "seed": seed, "column": "none", "wQL": round(plain, 5), "cost": 0.0}
        for case in CASES[1:]:
            found = score(case, seed)
            yield {
                "recipe": RECIPE,
                "seed": seed,
                "column": case,
                "wQL": round(found, 5),
                "cost": round(100 * (found / plain - 1), 2),
            }


def main() -> None:
    """Measure, print, and write the table."""
    found = []
    for row in rows():
        print(*row.values(), flush=True)
        found.append(row)
    for case in CASES[1:]:
        costs = [float(str(row["cost"])) for row in found if row["column"] == case]
        print(f"{case}: {np.mean(costs):+.2f} % of wQL, from {min(costs):+.2f} to {max(costs):+.2f}")
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(found[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)


if __name__ == "__main__":
    sys.exit(main())
