"""The table of items on the page: hostile names, numbers for people, and codes that keep their place."""

from __future__ import annotations

import base64
import json
import re
import zlib
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evaluator_fakes import DAYS, Last
from foretell.ingest.dataset import Dataset
from foretell.reporting import items_section
from foretell.reporting.html import render
from foretell.reporting.html_blocks import json_block
from foretell.reporting.item_pictures import MISSING, TOP, pictures_of
from foretell.reporting.numbers import percent, short, signed_percent, units
from foretell.reporting.report import Report
from foretell.system.plain_text import printable
from foretell.workflows.backtest import backtest

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "\"' onmouseover='alert(1)'",
    "\u202eltr\u2066 \u05d0\u05d1",
    "]]>&amp;<b>",
    "x" * 10_000,
    "\\u003c/script\\u003e",
    "__proto__",
    "\u2028\x00\x1b[31m",
)


def report_of(names: tuple[str, ...]) -> Report:
    rng = np.random.default_rng(1)
    parts = [
        pd.DataFrame({"item_id": n, "timestamp": DAYS, "target": rng.poisson(4.0, 12).astype(float)})
        for n in names
    ]
    return backtest(
        Dataset(pd.concat(parts), freq="D"), horizon=2, recipes={"near": Last(), "far": Last(2.0)}
    )


def data_of(page: str) -> dict[str, Any]:
    found = re.findall(r'<script type="application/json" id="item-data">(.*?)</script>', page, re.DOTALL)
    assert len(found) == 1
    data: dict[str, Any] = json.loads(found[0])
    return data


def test_no_name_ends_the_block_of_numbers_or_begins_a_tag() -> None:
    report = report_of(HOSTILE)
    page = render(report)
    shown = [items_section.shown_name(printable(str(name))) for name in report.items["item_id"]]
    assert page.count("<script") == page.count("</script>") == 2
    assert sorted(data_of(page)["names"]) == sorted(
        printable(items_section.shown_name(str(name))) for name in report.items["item_id"]
    )
    assert "<!--" not in page
    assert "\u202e" not in page
    assert max(map(len, shown)) < 100
    assert len(page) < 300_000


@pytest.mark.parametrize("text", ["</script>", "<!--", "&", "\u2028", "a\"b'c", "\ud83d\ude00"])
def test_a_block_of_data_reads_back_and_holds_no_mark_of_html(text: str) -> None:
    text = text.encode("utf-16", "surrogatepass").decode("utf-16")
    block = json_block("x", {"names": [text], text: 1})
    inside = block.removeprefix('<script type="application/json" id="x">').removesuffix("</script>\n")
    assert not set("<>&") & set(inside)
    assert json.loads(inside)["names"] == [printable(text)]


@pytest.mark.parametrize(
    ("value", "text"),
    [(25000.4, "25,000"), (37.44, "37.4"), (37.0, "37"), (0.25, "0.25"), (-1234.5, "\N{MINUS SIGN}1,235"), (0.0, "0"),
     (-0.001, "0"), (float("nan"), "\N{EN DASH}"), (1e12, "1,000,000,000,000")],
)  # fmt: off
def test_amounts_are_written_for_people(value: float, text: str) -> None:
    assert units(value) == text


def test_shares_are_written_for_people() -> None:
    assert [percent(2.44), percent(0.839), percent(-0.0004), signed_percent(0.123)] == [
        "244 %",
        "83.9 %",
        "0.0 %",
        "+12.3 %",
    ]
    assert [short(130257), short(130257.0), short(0.12345), short(True)] == [
        "130,257",
        "130,257",
        "0.1235",
        "True",
    ]


def test_items_beyond_those_drawn_are_packed_where_the_script_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items_section, "MOST_DRAWN", 2)
    report = report_of(tuple("abcde"))
    page = render(report)
    data = data_of(page)
    assert page.count('<svg class="item"') == data["drawn"] == 2
    assert (data["pictures"], len(data["names"])) == (5, 5)
    codes = np.frombuffer(zlib.decompress(base64.b64decode(data["codes"])), np.uint8).reshape(3, -1)
    best = report.outcome()
    order = [best.forecast.position(name) for name in data["names"]]
    wanted = pictures_of(
        best.forecast, np.array(order), actual=best.window.actual, others={"far": report.forecast("far")}
    )
    assert (codes == wanted.codes[2:]).all()
    first = data["past"] + data["horizon"] * data["series"].index("mean")
    value = data["low"][3] + codes[1, first] / TOP * (data["high"][3] - data["low"][3])
    assert value == pytest.approx(float(best.forecast.mean[order[3], 0]), abs=data["high"][3] / TOP)


def test_what_is_too_large_for_the_page_is_left_out_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items_section, "MOST_DRAWN", 2)
    monkeypatch.setattr(items_section, "_PACKED_TEXT", 80)
    data = data_of(render(report_of(tuple("abcdefghijklmnop"))))
    assert data["series"] == ["actual", "low", "high", "median", "mean"]  # other recipes are left out first
    assert 2 <= data["pictures"] < 16
    assert len(data["names"]) == 16


def test_a_gap_is_a_gap_and_ends_of_an_axis_are_round() -> None:
    values = [3.0, np.nan, 7.0, 1.0, 2.0, 9.0, 4.0, 5.0, 3.0, 8.0, 1.0, 2.0]
    table = pd.DataFrame({"item_id": "a", "timestamp": DAYS, "target": values}).dropna()
    best = backtest(Dataset(table, freq="D"), horizon=2, recipes=[Last()]).outcome()
    drawn = pictures_of(best.forecast, np.array([0]), actual=best.window.actual)
    assert drawn.codes[0, :10].tolist().count(MISSING) == 1
    assert (drawn.low[0], drawn.high[0]) == (0.0, 10.0)
    assert drawn.codes[0, 0] == round(3 / 10 * TOP)
