"""Tables that need a step before foretell reads them, and the comparison that cold start is judged by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

ROSSMANN_KNOWN = ["Open", "Promo", "StateHoliday", "SchoolHoliday"]


def m4_hourly(folder: Path) -> dict[str, Any]:
    """Train and official test parts joined, with the time stamps of the published starts."""
    train = pd.read_parquet(folder / "m4_hourly/hourly_train.parquet")
    test = pd.read_parquet(folder / "m4_hourly/hourly_test.parquet")
    starts = pd.read_parquet(folder / "m4_hourly/hourly_metadata.parquet").set_index("item_id")["start"]
    train, test = train.astype({"item_id": str}), test.astype({"item_id": str})
    starts.index = starts.index.astype(str)
    lengths = train.groupby("item_id")["t"].max()
    test = test.assign(t=test["h"] + test["item_id"].map(lengths).astype(int)).drop(columns="h")
    both = pd.concat([train, test], ignore_index=True)
    both["timestamp"] = both["item_id"].map(starts) + pd.to_timedelta(both["t"], unit="h")
    return {"target": both[["item_id", "timestamp", "target"]]}


def amazon(folder: Path) -> dict[str, Any]:
    """The file has no header."""
    path = folder / "amazon_electricity/item-demand-time-train.csv"
    table = pd.read_csv(
        path, header=None, names=["timestamp", "target", "item_id"], parse_dates=["timestamp"]
    )
    return {"target": table[table["item_id"] == "client_12"]}


def rossmann_cold(folder: Path) -> dict[str, Any]:
    """Rossmann up to 48 days before its end, without the sales of every tenth store; the truth of those in `truth`."""
    target = pd.read_parquet(folder / "rossmann/target_daily.parquet")
    target["item_id"] = target["item_id"].astype(str)
    stores = sorted(target["item_id"].unique(), key=int)
    cold = set(stores[::10])
    origin = target["timestamp"].max() - pd.Timedelta(days=47)
    before = target["timestamp"] < origin
    is_cold = target["item_id"].isin(cold)
    return {
        "target": target[before & ~is_cold],
        "related": [folder / "rossmann/known_daily.parquet"],
        "items": folder / "rossmann/metadata.parquet",
        "known": ROSSMANN_KNOWN,
        "open": "Open",
        "truth": target[~before & is_cold],
    }


def historical_quantiles(tables: dict[str, Any], levels: tuple[float, ...]) -> pd.DataFrame:
    """Forecasts of the cold stores: the other stores' quantiles by StoreType, weekday, Promo and Open."""
    known = pd.read_parquet(tables["related"][0]).assign(item_id=lambda frame: frame["item_id"].astype(str))
    items = pd.read_parquet(tables["items"]).assign(item_id=lambda frame: frame["item_id"].astype(str))
    groups = ["StoreType", "weekday", "Promo", "Open"]

    def described(frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.merge(known, on=["item_id", "timestamp"]).merge(
            items[["item_id", "StoreType"]], on="item_id"
        )
        return frame.assign(weekday=frame["timestamp"].dt.weekday)

    history = described(tables["target"].dropna(subset="target"))
    table = history.groupby(groups, observed=True)["target"].quantile(list(levels)).unstack()
    table.columns = [f"p{round(level * 100)}" for level in levels]
    cold = described(tables["truth"]).drop(columns="target")
    return cold.merge(table.reset_index(), on=groups, how="left")
