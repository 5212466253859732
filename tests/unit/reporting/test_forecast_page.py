"""The page of a forecast: its findings, quantiles of totals, and a comparison of like with like."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import foretell
from foretell.evaluation.before import Before
from foretell.hierarchy.many_totals import Sums, totals_at_once
from foretell.recipe.forecast import Forecast
from foretell.reporting import forecast_page
from foretell.reporting.forecast_totals import Facts

DAYS = pd.date_range("2024-01-01", periods=140)
H = 14


def shop(**last: int) -> foretell.Dataset:
    """Mugs and bowls that sell 10 a day; `last` are days at the end that an item lacks (below 0: at its begin)."""
    rows = []
    for name in ("mug", "cup", "bowl", "vase"):
        gone = last.get(name, 0)
        days = DAYS[: len(DAYS) - gone] if gone >= 0 else DAYS[gone:]
        noise = np.random.default_rng(len(name)).integers(-2, 3, len(days))
        rows.append(pd.DataFrame({"item_id": name, "timestamp": days, "target": 10.0 + noise}))
    items = pd.DataFrame(
        {"item_id": ["mug", "cup", "bowl", "vase"], "family": ["MUG", "MUG", "BOWL", "BOWL"]}
    )
    return foretell.Dataset(pd.concat(rows), items=items, freq="D")


def forecast_of(data: foretell.Dataset) -> Forecast:
    return foretell.train(data, recipe="seasonal_naive", horizon=H).predict()


@pytest.fixture(scope="module")
def moved() -> Forecast:
    """A cup that ended 100 days ago, and a vase that is 5 days old."""
    return forecast_of(shop(cup=100, vase=-5))


def words(page: str) -> str:
    """The page as text, a blank between cells."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page.partition("<main>")[2])))


def test_a_forecast_carries_what_reading_its_data_found() -> None:
    data = shop(cup=100)
    codes = {finding.code for finding in forecast_of(data).findings}
    assert {finding.code for finding in data.findings} <= codes
    assert "gaps" in codes


def test_the_page_warns_of_items_that_ended_as_the_prompt_does(moved: Forecast) -> None:
    page = forecast_page.render(moved)
    assert "1 of 4 items have no value in the last" in words(page)
    assert "first 'cup'" in words(page)
    assert "3 warnings about the data" in words(page.partition("</header>")[0])  # which links to it


def test_the_items_that_ended_and_that_are_new_are_found(moved: Forecast) -> None:
    assert moved.history is not None
    before = Before.of(moved.history, H)
    names = moved.keys["item_id"]
    assert names[before.ended].tolist() == ["cup"]
    assert names[before.new].tolist() == ["vase"]
    assert names[before.both].tolist() == ["bowl", "mug"]
    assert moved.history.frequency.spell(
        before.last(moved.history, int(names[names == "cup"].index[0])) or 0
    ) == str(DAYS[-101].date())


def test_totals_and_groups_compare_like_with_like_and_say_what_moves_them(moved: Forecast) -> None:
    """Sales are 10 a day before and after: the sums of all items would be 60 % higher, and that of mugs twice as high."""
    text = words(forecast_page.render(moved))
    change = re.search(r"The 2 items of both periods: (\S+) % against the 14 days before", text)
    assert change is not None
    assert abs(float(change[1].replace("\N{MINUS SIGN}", "-"))) < 15
    assert re.search(r"is forecast of 1 item without a value in the last 7 days and", text)
    assert re.search(r"is forecast of 1 item without a value before the last 14 days", text)
    assert re.search(r"MUG 2 \d+ \d+ \S+ % \d+ \(1 ended\)", text)
    assert re.search(r"BOWL 2 \d+ \d+ \S+ % \d+ \(1 new\)", text)
    assert "MUG · no value since 2024-02-09" in text
    assert "BOWL · new" in text


def test_nothing_is_said_of_items_that_ended_where_none_has() -> None:
    text = words(forecast_page.render(forecast_of(shop())))
    assert "of both periods" not in text
    assert "Ended or new" not in text


def test_quantiles_of_the_totals_on_the_page_are_those_of_total(moved: Forecast) -> None:
    spread = Facts.of(moved).spread
    assert spread.levels == (0.1, 0.9)
    week = moved.total(steps=slice(7, 14), by=[]).at((0.1, 0.9))[0, 0]
    np.testing.assert_allclose(spread.periods[1], week, rtol=1e-6)
    whole = moved.total(steps=H, by=["family"]).at((0.1, 0.9))[:, 0]
    np.testing.assert_allclose([spread.groups["family"][name] for name in ("BOWL", "MUG")], whole, rtol=1e-6)
    steps = moved.total(by=[]).at((0.1, 0.9))[0]
    np.testing.assert_allclose(spread.steps, steps, rtol=1e-6)
    low, high = (f"{each:,.0f}" for each in spread.whole)
    assert f"(p10 to p90: {low} to {high})" in words(forecast_page.render(moved))


def test_totals_at_once_keep_the_quantiles_of_a_single_item_and_step(moved: Forecast) -> None:
    (found,) = totals_at_once(
        moved, [Sums(moved.keys["item_id"].to_numpy(object), (slice(3, 4), slice(0, 2)))]
    )
    at = [moved.position(name) for name in found.groups]
    assert moved.margins is not None
    np.testing.assert_allclose(found.quantiles[:, 0], moved.quantiles[at, 3], rtol=1e-6)


def test_a_forecast_without_dependence_says_that_totals_have_no_quantiles(moved: Forecast) -> None:
    text = words(forecast_page.render(replace(moved, dependence=None)))
    assert "There are no quantiles of these sums: this forecast has no joint distribution" in text
    assert "p10 to p90:" not in text


def test_items_that_begin_at_different_times_are_said_to() -> None:
    sales = pd.concat(
        pd.DataFrame({"item_id": name, "timestamp": DAYS[:days], "target": 10.0})
        for name, days in (("a", 100), ("b", 120))
    )
    data = foretell.Dataset(sales, freq="D", ends="own")
    text = words(forecast_page.render(forecast_of(data)))
    assert "Items begin at different times: each counts from its own first step on." in text
    assert "There are no quantiles of these sums" in text


def test_findings_with_marks_of_html_are_text(tmp_path: Path) -> None:
    bad = "<img src=x onerror=alert(1)>"
    rows = [
        pd.DataFrame({"item_id": name, "timestamp": days, "target": 10.0})
        for name, days in (("mug", DAYS), (bad, DAYS[:30]))
    ]
    made = forecast_of(foretell.Dataset(pd.concat(rows), freq="D"))
    made.save_report(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
