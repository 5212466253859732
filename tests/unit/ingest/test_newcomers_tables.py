"""Tables as newcomers bring them: what is read wrongly is refused or said, and a message names the way out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import foretell
from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset

DAYS = pd.date_range("2024-01-01", "2024-06-30")  # Monday to Sunday


def sales(*items: str, value: float = 10.0) -> pd.DataFrame:
    return pd.concat(
        [pd.DataFrame({"item_id": item, "timestamp": DAYS, "target": value}) for item in items],
        ignore_index=True,
    )


def messages(found: foretell.Dataset | foretell.Checkup, code: str) -> list[str]:
    return [finding.message for finding in found.findings if finding.code == code]


def plan(tmp_path: Path, prices: list[str]) -> str:
    rows = [f"{day.date()};{price}" for day, price in zip(DAYS, prices * len(DAYS), strict=False)]
    path = tmp_path / "plan.csv"
    path.write_text("\n".join(["timestamp;price", *rows]) + "\n")
    return str(path)


def test_a_decimal_point_where_a_comma_was_asked_for_is_refused_and_no_category(tmp_path: Path) -> None:
    points = plan(tmp_path, ["1.2", "2.75", "3"])
    with pytest.raises(
        ForetellError, match=r"'price' must hold numbers with a decimal comma.*got '1.2' \(122 such rows\)"
    ):
        Dataset(sales("a"), points, freq="D", decimal=",")
    found = Dataset(sales("a"), points, freq="D", decimal=",", tolerant=True).findings
    assert "bad_number" in [finding.code for finding in found if finding.severity == "error"]
    with pytest.raises(ForetellError, match="decimal comma"):
        Dataset(sales("a"), points, freq="D", decimal=",", thousands=".")
    assert (
        "price"
        in Dataset(sales("a"), points, freq="D", decimal=",", categorical=["price"]).schema.vocabularies
    )
    assert "price" not in Dataset(sales("a"), points, freq="D").schema.vocabularies


def test_fractions_that_would_be_thousands_are_said(tmp_path: Path) -> None:
    petrol = plan(tmp_path, ["1.899", "2.274"])
    (message,) = messages(Dataset(sales("a"), petrol, freq="D", decimal=",", thousands="."), "thousands")
    assert "such as 1.899, read as 1899; if it is 1.899" in message
    with pytest.raises(ForetellError, match=r"got '0.899'"):  # no thousands begin with 0
        Dataset(sales("a"), plan(tmp_path, ["0.899", "2.274"]), freq="D", decimal=",", thousands=".")


def test_an_item_that_reports_two_days_of_the_last_week_is_named() -> None:
    rows = sales("a", "b", "late", "new")
    rows = rows[(rows["item_id"] != "late") | (rows["timestamp"] < "2024-06-26")]
    rows = rows[(rows["item_id"] != "new") | (rows["timestamp"] > "2024-04-03")]  # a Thursday
    data = Dataset(rows, freq="W-MON")
    late, new = messages(data, "partial_items")
    assert (
        "end within the last step, 2024-06-24, first item 'late': its rows end 2024-06-25, those of others 2024-06-30"
        in late
    )
    assert "begin within a step, first item 'new': its rows begin 2024-04-04" in new
    assert [f.severity for f in data.findings if f.code == "partial_items"] == ["warning", "note"]
    assert not messages(Dataset(rows, freq="W-MON", ends="own"), "partial_items")
    assert not messages(Dataset(rows, freq="D"), "partial_items")


def test_days_that_lack_now_and_then_or_every_week_end_no_step_early() -> None:
    rng = np.random.default_rng(0)
    rows = sales("a", "b", "c")
    weekdays = rows[(rows["item_id"] != "b") | (rows["timestamp"].dt.weekday < 5)]
    assert not messages(Dataset(weekdays, freq="W-MON"), "partial_items")
    odd = rows[(rows["item_id"] == "a") | (rng.random(len(rows)) < 0.4)]
    odd = odd[(odd["item_id"] == "a") | (odd["timestamp"] < "2024-06-28")]
    assert not messages(Dataset(odd, freq="W-MON"), "partial_items")


@pytest.mark.parametrize("freq", ["D", "W-MON", "MS"])
def test_an_item_that_ended_months_ago_is_named_at_every_frequency(freq: str) -> None:
    days = pd.date_range("2022-01-03", "2024-06-30")
    whole = pd.DataFrame({"item_id": "a", "timestamp": days, "target": 1.0})
    rows = pd.concat([whole, whole.iloc[:-140].assign(item_id="b")])
    (message,) = messages(foretell.check(Dataset(rows, freq=freq)), "ended")
    assert "1 of 2 items have no value in the last 8 weeks of the table or more, first 'b'" in message
    recent = pd.concat([whole, whole.iloc[:-35].assign(item_id="b")])
    assert not messages(foretell.check(Dataset(recent, freq=freq)), "ended")


def test_a_row_of_totals_is_named() -> None:
    rng = np.random.default_rng(1)
    rows = sales("a", "b", "c")
    rows["target"] = rng.poisson(20, len(rows)).astype(float)
    total = rows.groupby("timestamp", as_index=False)["target"].sum().assign(item_id="Gesamt")
    (message,) = messages(foretell.check(Dataset(pd.concat([rows, total]), freq="D")), "total_item")
    assert "item 'Gesamt' is the sum of all other items on 182 of its 182 steps" in message
    assert not messages(foretell.check(Dataset(rows, freq="D")), "total_item")
    total["target"] += 1.0
    assert not messages(foretell.check(Dataset(pd.concat([rows, total]), freq="D")), "total_item")


def test_a_file_that_is_there_twice_is_told_to_lose_its_copies() -> None:
    twice = pd.concat([sales("a", "b")] * 2)
    with pytest.raises(
        ForetellError, match=r"copies of each other.*remove the copies, a sum would count them twice"
    ) as raised:
        Dataset(twice, freq="D")
    assert "aggregation=" not in str(raised.value)
    found = Dataset(twice, freq="D", tolerant=True).findings
    assert "duplicates" in [f.code for f in found]
    assert "aggregated" not in [f.code for f in found]
    with pytest.raises(
        ForetellError, match=r"remove the copies, or where each is a sale of its own, say so: aggregation="
    ):
        Dataset(pd.concat([sales("a", "b"), sales("a").tail(5)]), freq="D")
    differ = pd.concat([sales("a", "b"), sales("a", value=3.0)])
    with pytest.raises(ForetellError, match=r"say how to join them: aggregation=\{'target': 'sum'\}"):
        Dataset(differ, freq="D")


def test_rows_of_several_stores_are_told_to_name_their_dimensions() -> None:
    rows = pd.concat(
        [sales("a", "b").assign(store=store, size=size, note="x") for store in "NS" for size in "LM"]
    )
    with pytest.raises(
        ForetellError, match=r"tell such rows apart: an item of each is dimensions=\['store', 'size'\]"
    ):
        Dataset(rows, freq="D")
    assert len(Dataset(rows, freq="D", dimensions=["store", "size"]).panel) == 8
    numbered = pd.concat([sales("a", "b", value=float(store)).assign(shop=store) for store in range(5)])
    with pytest.raises(
        ForetellError, match=r"'shop' tells such rows apart: an item of each is dimensions=\['shop'\]"
    ):
        Dataset(numbered, freq="D")


def test_seconds_since_1970_are_told_to_be_made_dates(tmp_path: Path) -> None:
    rows = sales("a").assign(timestamp=DAYS.astype("datetime64[s]").astype("int64"))
    with pytest.raises(
        ForetellError, match=r"holds numbers, expected dates.*datetime\(t, 'unixepoch'\) in SQLite"
    ):
        Dataset(rows, freq="D")
    rows.to_csv(tmp_path / "sales.csv", index=False)
    with pytest.raises(
        ForetellError, match=r"looks like a count since 1970: .*pd.to_datetime\(t, unit='s'\)"
    ):
        Dataset(str(tmp_path / "sales.csv"), freq="D")


def test_a_title_above_the_header_is_told_to_go(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_text("Absatzbericht 2024,,\n" + sales("a").to_csv(index=False))
    with pytest.raises(
        ForetellError, match="The first line, 'Absatzbericht 2024', looks like a title: remove it"
    ):
        Dataset(str(path), freq="D")


def test_a_column_for_each_item_is_told_to_be_made_rows(tmp_path: Path) -> None:
    wide = pd.DataFrame({"timestamp": DAYS} | dict.fromkeys(("Birne", "Kiwi", "Apfel"), 1.0))
    wide.to_csv(tmp_path / "wide.csv", index=False)
    for source in (wide, str(tmp_path / "wide.csv")):
        with pytest.raises(
            ForetellError, match="make them rows of 'timestamp', item and value: pandas' melt does it"
        ):
            Dataset(source, freq="D")
