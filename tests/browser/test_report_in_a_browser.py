"""The report as a browser shows it: the script sorts, searches and draws, runs alone, and nothing is loaded."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest

from foretell.evaluation.outcome import Outcome, Window
from foretell.explain.whatif_result import Scenario, WhatIf
from foretell.ingest.dataset import Dataset
from foretell.recipe.forecast import Forecast
from foretell.reporting import forecast_page, html, html_blocks, items_section, whatif_page
from foretell.reporting.report import Report
from foretell.system.plain_text import printable

BROWSER: Final = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))),
    None,
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here")
HOSTILE: Final = (
    "</script><script>document.title='bad'</script>",
    "<img src=x onerror=document.title='bad'>",
    "\u202eabc",
    "\u05d0\u05d1 12",
    "x" * 10_000,
    "__proto__",
    "&lt;b&gt;",
)
# What a person does, and what is then seen: `said` is what the test gets.
BEGIN: Final = """
(async () => {
  const said = {};
  const rows = () => [...document.querySelectorAll("#item-table details")];
  const names = () => rows().map((row) => row.querySelector("bdi").textContent);
  const search = (words) => {
    const field = document.querySelector("#item-table input");
    field.value = words;
    field.dispatchEvent(new Event("input"));
  };
  const click = (k) => document.querySelectorAll("#item-table .heads button")[k].click();
  const opened = async (row) => {
    row.open = true;
    for (let k = 0; k < 200 && !row.querySelector("svg, .picture p"); k++) await new Promise((go) => setTimeout(go, 20));
    return [...row.querySelectorAll("svg path")].map((path) => path.getAttribute("class") + " " + path.getAttribute("d"))
      .concat([...row.querySelectorAll("svg text")].map((text) => text.getAttribute("x") + " " + text.textContent));
  };
"""
END: Final = """
  said.title = document.title;
  said.loaded = performance.getEntriesByType("resource").length;
  said.wide = document.documentElement.scrollWidth - window.innerWidth;
  document.body.textContent = "";
  const answer = document.createElement("pre");
  answer.textContent = encodeURIComponent(JSON.stringify(said));
  document.body.append(answer);
})();
"""


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """What a browser says of a page after some steps, which run as part of its script."""
    own = html_blocks.own_script()

    def visit(render: Callable[[], str], steps: str, *, width: int = 1200) -> dict[str, Any]:
        for module in (html, forecast_page, whatif_page):
            monkeypatch.setattr(module, "own_script", lambda: own + BEGIN + steps + END)
        path = tmp_path / "page.html"
        path.write_text(render(), encoding="utf-8")
        shown = dumped(path, "--virtual-time-budget=8000", f"--window-size={width},900")
        found = re.search(r"<pre>([^<]*)</pre>", shown)
        assert found is not None, shown[-500:]
        said: dict[str, Any] = json.loads(unquote(found[1]))
        assert said["loaded"] == 0
        return said

    return visit


def dumped(path: Path, *flags: str) -> str:
    """The page as a browser has it in the end."""
    assert BROWSER is not None
    words = [
        BROWSER,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        *flags,
        "--dump-dom",
    ]
    done = subprocess.run([*words, path.as_uri()], capture_output=True, check=True, timeout=120)
    return done.stdout.decode()


def report_of(names: tuple[str, ...]) -> Report:
    """A backtest of items that sell 1, 2, 3, ... a day, forecast as 4 each, with a promotion and gaps."""
    days = pd.date_range("2024-01-01", periods=40)
    rng = np.random.default_rng(0)
    parts = [
        pd.DataFrame({"item_id": name, "timestamp": days, "target": rng.poisson(2.0 + k, 40).astype(float)})
        for k, name in enumerate(names)
    ]
    known = [
        pd.DataFrame(
            {
                "item_id": name,
                "timestamp": days,
                "promo": (rng.random(40) < 0.2).astype(float),
                "price": 2.0 + rng.random(40),
            }
        )
        for name in names
    ]
    items = pd.DataFrame({"item_id": names, "family": [f"F{k % 3}" for k in range(len(names))]})
    sales = pd.concat(parts)[lambda table: table.index % 11 != 3]
    data = Dataset(sales, related=pd.concat(known), items=items, freq="D", known=["promo", "price"])
    panel = data.panel.until(7)
    window = Window.at(1, panel, data.panel.actuals(7, 7))
    outcomes = []
    for k, recipe in enumerate(("mqrnn", "ets")):
        mean = rng.uniform(2, 9, (len(names), 7)) + k
        quantiles = mean[..., None] * np.array([0.4, 1.0, 1.7])
        outcomes.append(Outcome.of(recipe, window, Forecast.build(panel, (0.1, 0.5, 0.9), quantiles, mean)))
    return Report(tuple(outcomes), {})


@pytest.fixture(scope="module")
def report() -> Report:
    return report_of(tuple(f"item-{k:03d}" for k in range(60)))


def test_items_are_searched_by_name_and_group(report: Report, seen: Callable[..., dict[str, Any]]) -> None:
    said = seen(
        lambda: html.render(report),
        """
        said.first = rows().length;
        search("item-01"); said.found = names().sort();
        search("f1 item-05"); said.both = names().sort();
        search("nothing"); said.none = rows().length; said.foot = document.querySelector(".more").textContent;
        search(""); document.querySelector(".more button").click(); said.all = rows().length;
        """,
    )
    assert said["first"] == 25
    assert said["found"] == [f"item-{k:03d}" for k in range(10, 20)]
    assert said["both"] == [f"item-{k:03d}" for k in range(50, 60) if k % 3 == 1]
    assert (said["none"], said["foot"], said["all"]) == (0, "0 items. ", 60)


def test_items_are_sorted_by_any_column(report: Report, seen: Callable[..., dict[str, Any]]) -> None:
    said = seen(
        lambda: html.render(report),
        "said.before = names(); click(2); said.actual = names(); click(2); said.least = names(); click(0); said.name = names();",
    )
    frame = report.items
    assert said["before"] == frame["item_id"].tolist()[:25]
    assert (
        said["actual"][:5]
        == frame.sort_values("actual", ascending=False, kind="stable")["item_id"].tolist()[:5]
    )
    assert said["least"][:5] == frame.sort_values("actual", kind="stable")["item_id"].tolist()[:5]
    assert said["name"] == sorted(frame["item_id"])[:25]


def test_the_script_draws_and_writes_what_is_in_the_page(
    report: Report, seen: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = """
        search("item-007"); said.path = await opened(rows()[0]);
        said.cells = [...rows()[0].querySelectorAll("summary > *")].map((cell) => cell.className + cell.textContent);
        """
    still = seen(lambda: html.render(report), steps)
    monkeypatch.setattr(items_section, "MOST_DRAWN", 1)
    drawn = seen(lambda: html.render(report), steps)
    assert len(still["path"]) > 15
    assert drawn["path"] == still["path"]
    assert drawn["cells"] == still["cells"]


def test_the_page_of_a_forecast_is_drawn_too(
    report: Report, seen: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 'search("item-011"); said.path = await opened(rows()[0]);'
    still = seen(lambda: forecast_page.render(report.forecast()), steps)
    monkeypatch.setattr(items_section, "MOST_DRAWN", 1)
    drawn = seen(lambda: forecast_page.render(report.forecast()), steps)
    assert drawn["path"] == still["path"]
    assert (
        sum(path.startswith(("flag", "known")) for path in drawn["path"]) == 2
    )  # the promotion and the price


def test_hostile_names_are_shown_and_nothing_else(
    seen: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(items_section, "MOST_DRAWN", 2)
    said = seen(
        lambda: html.render(report_of(HOSTILE)),
        """
        said.names = names().sort(); said.tags = document.querySelectorAll("img").length;
        for (const row of rows()) await opened(row);
        said.scripts = document.scripts.length;
        """,
    )
    assert said["names"] == sorted(items_section.shown_name(printable(name)) for name in HOSTILE)
    assert (said["title"], said["tags"], said["scripts"]) == ("foretell: Backtest", 0, 2)


def test_the_page_of_a_what_if_is_drawn_too_and_shows_hostile_names(
    seen: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    baseline = report_of(HOSTILE).forecast()
    touched = np.arange(7 * len(HOSTILE)).reshape(-1, 7) % 3 == 0
    scenarios = tuple(
        Scenario(name, replace(baseline, mean=baseline.mean * 2), touched, changes=(name,))
        for name in (HOSTILE[0], HOSTILE[1])
    )
    steps = """
        said.names = names().sort(); said.tags = document.querySelectorAll("img").length;
        said.paths = []; for (const row of rows()) said.paths.push(await opened(row));
        """
    still = seen(lambda: whatif_page.render(WhatIf(baseline, scenarios, {})), steps)
    monkeypatch.setattr(items_section, "MOST_DRAWN", 1)
    drawn = seen(lambda: whatif_page.render(WhatIf(baseline, scenarios, {})), steps)
    assert drawn["paths"] == still["paths"]
    assert still["names"] == sorted(items_section.shown_name(printable(name)) for name in HOSTILE)
    assert (drawn["title"], drawn["tags"]) == ("foretell: What if", 0)


def test_no_other_code_runs_in_the_page(report: Report, seen: Callable[..., dict[str, Any]]) -> None:
    bad = "<script>document.title='bad'</script><svg onload=\"document.title='bad'\"></svg>"
    assert (
        seen(lambda: html.render(report).replace("</main>", f"{bad}</main>"), "")["title"]
        == "foretell: Backtest"
    )


def test_a_phone_shows_the_page_without_scrolling_sideways(
    report: Report, seen: Callable[..., dict[str, Any]]
) -> None:
    said = seen(
        lambda: html.render(report),
        'said.shown = [...rows()[0].querySelectorAll("summary span")].filter((cell) => cell.offsetWidth > 0).length;',
        width=500,
    )
    assert said["wide"] <= 0
    assert said["shown"] == 3  # error, bias, and against the last season


@pytest.mark.slow
def test_a_page_opens_within_two_seconds(report: Report, tmp_path: Path) -> None:
    page, empty = tmp_path / "page.html", tmp_path / "empty.html"
    page.write_text(html.render(report), encoding="utf-8")
    empty.write_text("<!doctype html><title>x</title>")

    def best(path: Path) -> float:
        took = []
        for _ in range(3):
            began = time.perf_counter()
            dumped(path)
            took.append(time.perf_counter() - began)
        return min(took)

    assert best(page) - best(empty) < 2
