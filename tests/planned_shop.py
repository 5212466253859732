"""A small shop whose sales are known effects of what was planned, for the tests of plans."""

from __future__ import annotations

import numpy as np
import pandas as pd

DAYS = pd.date_range("2024-01-01", "2024-04-07")
ORIGIN = "2024-04-01"  # seven days of the plan lie beyond the sales
KNOWN = ("promo", "price", "event", "open")


def shop() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Sales, plan and items: three items of two families that sell 10, 5 more on days with a promotion, 3 less at a price of 2."""
    rng = np.random.default_rng(0)
    plan = pd.DataFrame([(i, day) for i in "abc" for day in DAYS], columns=["item_id", "timestamp"])
    plan["promo"] = rng.integers(0, 2, len(plan))
    plan["price"] = rng.integers(1, 3, len(plan)).astype(float)
    plan["event"] = np.where(rng.integers(0, 3, len(plan)) == 0, "fair", "none")
    plan["open"] = 1
    plan.loc[plan["timestamp"] >= ORIGIN, ["promo", "price"]] = 0, 1.0
    plan.loc[plan["timestamp"] >= ORIGIN, "event"] = "none"
    past = plan[plan["timestamp"] < ORIGIN]
    sales = past[["item_id", "timestamp"]].assign(
        target=10 + 5 * past["promo"] - 3 * (past["price"] - 1) + 4 * (past["event"] == "fair")
    )
    items = pd.DataFrame({"item_id": list("abc"), "family": ["MUG", "MUG", "BOWL"], "size": [1.0, 2.5, None]})
    return sales, plan, items
