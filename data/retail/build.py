"""Builds the sample: python data/retail/build.py FOLDER, where FOLDER holds Online Retail II as daily Parquet tables.

target.parquet has item_id, timestamp, target (units sold); related.parquet item_id, timestamp, avg_price;
metadata.parquet item_id, Description. The result is the same, byte for byte, at every run.
"""

from __future__ import annotations

import sys
from datetime import date, timedelta
from pathlib import Path

import holidays
import pandas as pd

HORIZON = 28  # days that the calendar reaches past the end of sales
LAST_DAY = pd.Timestamp("2011-12-08")  # the source stops at noon of the 9th
EXTRA_DAYS = [date(2009, 12, 5)]  # the one Saturday on which the shop did sell
LARGEST_DAY = 1500  # items with a day above it (single wholesale orders, mostly cancelled later) are left out
LONG_STANDING, LATE = 150, 50  # items sold from the first month on; items that came later
LATE_FROM = pd.Timestamp("2010-06-01")
PRICE_DAYS = 20  # days with sales whose median price decides the price band
FAMILIES = [
    "BAG",
    "BOTTLE",
    "BOWL",
    "BOX",
    "BUNTING",
    "CAKE",
    "CANDLE",
    "CARD",
    "CLOCK",
    "CUP",
    "CUTLERY",
    "CUTTER",
    "DOORMAT",
    "FELTCRAFT",
    "FRAME",
    "HOLDER",
    "JAR",
    "KNOB",
    "LIGHT",
    "MUG",
    "PAPER",
    "RIBBON",
    "SIGN",
    "TEA",
    "TEACUP",
    "TIN",
]
SMALLEST = 3  # a family or colour of fewer items is none
COLOURS = ["RED", "PINK", "BLUE", "WHITE", "IVORY", "CREAM", "BLACK", "GREEN", "SILVER"]


def main(source: Path, out: Path) -> None:
    sales = pd.read_parquet(source / "target.parquet").astype({"item_id": str})
    sales["timestamp"] = pd.to_datetime(sales["timestamp"])
    sales = sales[sales["timestamp"] <= LAST_DAY]
    calendar = make_calendar(sales["timestamp"].min().date(), LAST_DAY.date() + timedelta(HORIZON))
    check_calendar(calendar, sales)

    first = sales[sales["target"] > 0].groupby("item_id")["timestamp"].min()
    chosen = choose(sales, first)
    sales = sales[sales["item_id"].isin(chosen)]
    sales = sales[sales["timestamp"] >= sales["item_id"].map(first)].sort_values(["item_id", "timestamp"])
    prices = read_prices(source, chosen)

    write(sales[["item_id", "timestamp", "target"]], out / "sales.csv")
    write(prices, out / "related.csv")
    write(calendar, out / "calendar.csv")
    write(make_items(source, chosen, prices), out / "items.csv")


def choose(sales: pd.DataFrame, first: pd.Series) -> list[str]:
    """The items sold on most days, among those still sold at the end and without a wholesale order."""
    by_item = sales.groupby("item_id")["target"]
    sold = sales[sales["target"] > 0]
    recent = sold[sold["timestamp"] > LAST_DAY - pd.Timedelta(days=60)]["item_id"].unique()
    facts = pd.DataFrame({"largest": by_item.max(), "first": first, "days": sold.groupby("item_id").size()})
    facts = facts[(facts["largest"] <= LARGEST_DAY) & facts.index.isin(recent)].reset_index()
    facts["share"] = facts["days"] / (LAST_DAY - facts["first"]).dt.days
    facts = facts.sort_values(["share", "item_id"], ascending=[False, True])
    old = facts[facts["first"] < pd.Timestamp("2010-01-01")].head(LONG_STANDING)
    late = facts[facts["first"] >= LATE_FROM].head(LATE)
    return sorted([*old["item_id"], *late["item_id"]])


def make_calendar(begin: date, end: date) -> pd.DataFrame:
    """What the shop knew ahead about each day: whether it opens, bank holidays, the weeks left until Christmas."""
    days = [begin + timedelta(i) for i in range((end - begin).days + 1)]
    bank = holidays.country_holidays("GB", subdiv="ENG", years=range(begin.year - 1, end.year + 2))
    return pd.DataFrame(
        {
            "timestamp": days,
            "open": [int(is_open(day, bank)) for day in days],
            "before_holiday": [int(is_open(day, bank) and is_bank_holiday_next(day, bank)) for day in days],
            "weeks_to_christmas": [weeks_to_christmas(day) for day in days],
        }
    )


def is_open(day: date, bank: holidays.HolidayBase) -> bool:
    """Closed on Saturdays, bank holidays, Easter Sunday, and from Christmas Eve to the first working day of the year."""
    if day in EXTRA_DAYS:
        return True
    easter_sunday = bank.get(day + timedelta(1)) == "Easter Monday"
    return not (day.weekday() == 5 or day in bank or easter_sunday or in_shutdown(day, bank))


def in_shutdown(day: date, bank: holidays.HolidayBase) -> bool:
    if day.month == 12:
        return day.day >= 24
    working = next(d for i in range(8) if (d := date(day.year, 1, 1 + i)).weekday() < 5 and d not in bank)
    return day < working


def is_bank_holiday_next(day: date, bank: holidays.HolidayBase) -> bool:
    """Whether a bank holiday other than those of Christmas falls within the next three days."""
    ahead = [day + timedelta(i) for i in range(1, 4)]
    return any(d in bank and not in_shutdown(d, bank) for d in ahead)


def weeks_to_christmas(day: date) -> int:
    """Whole weeks left until 25 December, at most 12; 12 after it too."""
    left = (date(day.year, 12, 25) - day).days
    return min(left // 7, 12) if left >= 0 else 12


def check_calendar(calendar: pd.DataFrame, sales: pd.DataFrame) -> None:
    """The rules above say exactly on which days anything was sold."""
    total = sales.groupby("timestamp")["target"].sum()
    rule = calendar.set_index(pd.to_datetime(calendar["timestamp"]))["open"].reindex(total.index)
    wrong = total.index[(total > 0) != (rule == 1)]
    assert len(wrong) == 0, f"the opening rule is wrong on {list(wrong)}"


def read_prices(source: Path, chosen: list[str]) -> pd.DataFrame:
    prices = pd.read_parquet(source / "related.parquet").astype({"item_id": str})
    prices["timestamp"] = pd.to_datetime(prices["timestamp"])
    prices = prices[prices["item_id"].isin(chosen) & (prices["timestamp"] <= LAST_DAY)]
    prices["price"] = prices["avg_price"].astype(float).round(2)
    return prices.sort_values(["item_id", "timestamp"])[["item_id", "timestamp", "price"]]


def make_items(source: Path, chosen: list[str], prices: pd.DataFrame) -> pd.DataFrame:
    """A family and a colour from each description, and a price band from each item's first prices."""
    described = pd.read_parquet(source / "metadata.parquet").astype({"item_id": str}).set_index("item_id")
    words = described["Description"].loc[chosen].str.replace("-", " ").str.upper().str.split()
    early = prices.groupby("item_id").head(PRICE_DAYS).groupby("item_id")["price"].median().loc[chosen]
    band = pd.qcut(early, 4, labels=["low", "middle", "high", "top"])
    return pd.DataFrame(
        {
            "item_id": chosen,
            "family": common([last_of(FAMILIES, item) for item in words]).fillna("OTHER"),
            "colour": common([last_of(COLOURS, item) for item in words]),
            "price_band": list(band),
        }
    )


def last_of(vocabulary: list[str], words: list[str]) -> str | None:
    """The last word of a description that the vocabulary has, in the singular or the plural."""
    stems = {word: word for word in vocabulary} | {word + "S": word for word in vocabulary}
    return next((stems[word] for word in reversed(words) if word in stems), None)


def common(names: list[str | None]) -> pd.Series:
    """`names` without those that stand for fewer than SMALLEST items."""
    column = pd.Series(names, dtype=object)
    return column.where(column.map(column.value_counts()) >= SMALLEST)


def write(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(path, index=False, date_format="%Y-%m-%d", lineterminator="\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python data/retail/build.py FOLDER_OF_PARQUET_FILES")
    main(Path(sys.argv[1]), Path(__file__).parent)
