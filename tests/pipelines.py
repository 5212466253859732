"""A shop whose sales arrive week by week in a database, and a pipeline that forecasts it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import create_engine, text

from foretell.system.connections import Connection
from foretell.workflows.pipeline_places import Places
from foretell.workflows.pipeline_text import Pipeline, parse_pipeline

TEXT = """
name = "weekly"
[source]
connection = "shop"
target = "select item_id, day as timestamp, units as target from sales"
related = ["select * from promotions"]
items = "select * from products"
[dataset]
freq = "D"
known = ["promo"]
[gate]
max_wql_ratio = 1.2
[train]
recipe = "ets"
horizon = 7
every = 2
[forecast]
levels = [0.1, 0.5, 0.9]
totals = ["family"]
[target]
connection = "planning"
table = "forecasts"
"""
DAYS = pd.date_range("2026-01-05", periods=84)
ITEMS = ("a", "b", "c", "d")


def pipeline(**sections: Any) -> Pipeline:
    """The weekly one, with sections appended as text: notify='webhook = "..."'."""
    return parse_pipeline(TEXT + "".join(f"[{name}]\n{text}\n" for name, text in sections.items()))


class Shop:
    """Its database, in which everything up to a day stands: a week more at each `arrive`."""

    def __init__(self, address: str, **engine: Any) -> None:
        self.address = address
        self._engine = create_engine(address.replace("postgresql://", "postgresql+psycopg://"), **engine)
        self._clear()
        rng = np.random.default_rng(0)
        frame = pd.DataFrame([(i, day) for day in DAYS for i in ITEMS], columns=["item_id", "day"])
        frame["units"] = 20.0 + 5 * (frame["day"].dt.dayofweek == 5) + rng.integers(0, 5, len(frame))
        self.sales = frame

    @property
    def places(self) -> Places:
        tables = ("forecasts", "forecasts_family")
        return Places(
            connections={
                "shop": Connection(url=self.address),
                "planning": Connection(url=self.address, access="write", tables=tables),
            }
        )

    def arrive(self, weeks: int, sales: pd.DataFrame | None = None, *, promo: str = "promo") -> None:
        """The first 8 and `weeks` more weeks are there, and plans for one more."""
        end = DAYS[0] + pd.Timedelta(weeks=8 + weeks)
        found = self.sales[self.sales["day"] < end] if sales is None else sales
        plan = self.sales.loc[self.sales["day"] < end + pd.Timedelta(weeks=1), ["item_id", "day"]]
        plan = plan.rename(columns={"day": "timestamp"})
        plan[promo] = (plan["timestamp"].dt.day % 9 == 0).astype(int)
        items = pd.DataFrame({"item_id": ITEMS, "family": ["MUG", "MUG", "BOWL", "BOWL"]})
        for name, frame in (("sales", found), ("promotions", plan), ("products", items)):
            frame.to_sql(name, self._engine, index=False, if_exists="replace")

    def half_of_week(self, weeks: int) -> pd.DataFrame:
        """Sales of which half of the last week's rows have not come."""
        end = DAYS[0] + pd.Timedelta(weeks=8 + weeks)
        found = self.sales[self.sales["day"] < end].reset_index(drop=True)
        late = found.index[found["day"] >= end - pd.Timedelta(weeks=1)]
        return found.drop(late[::2])

    def rows(self, table: str = "forecasts") -> pd.DataFrame:
        return pd.read_sql(f"select * from {table}", self._engine)

    def close(self) -> None:
        self._clear()  # other tests use the same server
        self._engine.dispose()

    def _clear(self) -> None:
        with self._engine.begin() as connection:
            for table in ("sales", "promotions", "products", "forecasts", "forecasts_family"):
                connection.execute(text(f"drop table if exists {table}"))


def sqlite_shop(folder: Path) -> Shop:
    return Shop(f"sqlite:///{folder / 'shop.db'}")
