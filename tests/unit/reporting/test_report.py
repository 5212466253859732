"""The report: its tables, the five files, and the page."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluator_fakes import FLAT, RISING, Last, dataset, sales
from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset
from foretell.reporting import html as page
from foretell.reporting.html_blocks import own_script
from foretell.reporting.report import Report
from foretell.workflows.backtest import backtest
from foretell.workflows.evaluate import evaluate

FILES = ["forecasts.parquet", "leaderboard.csv", "metrics.csv", "report.html", "run.json"]
NAN = float("nan")


@pytest.fixture(scope="module")
def report() -> Report:
    data = dataset(a=RISING, b=FLAT, c=RISING[::-1])
    return backtest(data, horizon=2, windows=2, recipes={"near": Last(), "far": Last(add=5.0)}, seed=7)


@pytest.fixture(scope="module")
def saved(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "first"
    report.save(folder)
    return folder


@pytest.fixture(scope="module")
def html(saved: Path) -> str:
    return (saved / "report.html").read_text(encoding="utf-8")


def test_saving_writes_the_five_files_and_nothing_else(saved: Path) -> None:
    assert sorted(path.name for path in saved.iterdir()) == FILES
    assert [path.name for path in saved.parent.iterdir()] == ["first"]


def test_the_saved_tables_read_back_as_the_report_has_them(report: Report, saved: Path) -> None:
    pd.testing.assert_frame_equal(pd.read_csv(saved / "leaderboard.csv"), report.leaderboard)
    metrics = pd.read_csv(saved / "metrics.csv", parse_dates=["origin"])
    pd.testing.assert_frame_equal(metrics, report.metrics, check_dtype=False)
    pd.testing.assert_frame_equal(pd.read_parquet(saved / "forecasts.parquet"), report.forecasts)


def test_forecasts_have_the_columns_of_the_design_and_a_row_a_step(report: Report) -> None:
    frame = report.forecasts
    assert list(frame) == [
        "recipe",
        "window",
        "origin",
        "item_id",
        "timestamp",
        "actual",
        "mean",
        "p10",
        "p50",
        "p90",
    ]
    assert len(frame) == 2 * 2 * 3 * 2  # recipes, windows, items, steps
    row = frame[(frame["recipe"] == "far") & (frame["window"] == 2) & (frame["item_id"] == "a")].iloc[1]
    assert (row["actual"], row["mean"], row["p90"]) == (12.0, 15.0, np.float32(15.9))
    assert str(row["timestamp"])[:10] == "2024-01-12"


def test_forecasts_come_in_pieces_that_add_up(report: Report) -> None:
    pieces = list(report.forecast_frames(rows=2))
    assert len(pieces) == 12
    pd.testing.assert_frame_equal(pd.concat(pieces, ignore_index=True), report.forecasts)


def test_run_json_says_what_was_run_on_what_and_how_it_went(saved: Path) -> None:
    run = json.loads((saved / "run.json").read_text())
    settings = run["settings"]
    assert (settings["horizon"], settings["levels"], settings["seed"]) == (2, [0.1, 0.5, 0.9], 7)
    assert settings["origins"] == ["2024-01-09", "2024-01-11"]
    assert settings["recipes"]["far"] == {"recipe": "last", "add": 5.0, "learn": False}
    assert re.fullmatch(r"[0-9a-f]{64}", settings["fingerprint"])
    assert {"python", "foretell", "numpy"} <= set(run["versions"])
    assert [(w["recipe"], w["window"], w["items"]) for w in run["windows"]] == [
        ("near", 1, 3),
        ("near", 2, 3),
        ("far", 1, 3),
        ("far", 2, 3),
    ]


def test_a_score_that_is_not_defined_is_null_in_json_and_a_dash_on_the_page(tmp_path: Path) -> None:
    backtest(
        dataset(b=FLAT), horizon=2, recipes=[Last()], out=tmp_path
    )  # a flat history has no seasonal error
    assert json.loads((tmp_path / "run.json").read_text())["leaderboard"][0]["MASE"] is None
    assert "<td>\N{EN DASH}</td>" in (tmp_path / "report.html").read_text()


@pytest.mark.slow
def test_a_report_that_fails_to_render_leaves_an_older_one_alone(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report.save(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def crash(_: Report) -> str:
        raise RuntimeError("crash")

    monkeypatch.setattr("foretell.reporting.report.render", crash)
    with pytest.raises(RuntimeError, match="crash"):
        report.save(tmp_path, overwrite=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


class Outline(HTMLParser):
    """Collects headings, and checks that what is opened is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "data")]
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("h1", "h2"):
            self.headings.append(data)


def test_the_page_is_whole_and_loads_nothing(html: str) -> None:
    outline = Outline()
    outline.feed(html)
    assert outline.open == []
    assert outline.headings == [
        "Backtest",
        "All items",
        "Items",
        "Leaderboard",
        "Where it is accurate",
        "By level",
        "By window",
        "Forecast errors",
        "Calibration",
        "Error by step ahead",
        "What was found in the data",
        "Settings",
        "What the scores mean",
    ]
    assert html.count("<figure") == 4  # all items, errors, calibration, steps
    assert html.count('<svg class="item"') == 3  # a picture an item
    assert all(link.startswith("#") for link in outline.links)
    assert html.count("<script") == 2  # the data of the items, and our own code
    assert html.count(f"<script>{own_script()}</script>") == 1
    digest = base64.b64encode(hashlib.sha256(own_script().encode()).digest()).decode()
    assert (
        f"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; script-src 'sha256-{digest}'"
        in html
    )
    assert (
        re.search(r"<[^>]* on[a-z]+\s*=", html.replace(own_script(), "")) is None
    )  # no handler within a tag
    assert "@import" not in html
    assert re.search(r"url\((?!#)", html) is None


def test_names_are_escaped_on_the_page() -> None:
    table = sales(a=RISING, b=FLAT).replace({"item_id": {"a": "<b>&1"}})
    html = page.render(backtest(Dataset(table, freq="D"), horizon=2, recipes={"<i>x": Last()}))
    assert "<b>&1" not in html
    assert "<i>x" not in html
    assert "&lt;b&gt;&amp;1" in html


def test_the_best_value_of_each_column_stands_out(html: str) -> None:
    board = html[html.index("<h2>Leaderboard") : html.index("<h2>Where it is")]
    near, far = re.findall(r"<tr><th>.*?</tr>", board, re.DOTALL)[1:]
    assert near.count('class="best') >= 5
    assert far.count('class="best') <= 2  # the two times may go either way


def test_the_items_come_by_the_units_of_their_errors() -> None:
    # z sold nothing; the p50 of e9 is 10.5 too, and 19 were sold: the ratio of its error is not the largest, but its units are
    series = {f"e{e}": (*FLAT[:10], 10.0 + e, 10.0 + e) for e in (5, 0, 9, 1, 2)}
    report = backtest(dataset(**series, z=(0.0,) * 12), horizon=2, recipes=[Last()], levels=[0.5])
    assert report.items["item_id"].tolist()[:4] == ["e9", "e5", "e2", "e1"]
    assert report.items["error"].tolist()[0] == 18.0  # 2 * 9
    shown = re.findall(r'<bdi dir="auto">(\w+)</bdi>', page.render(report))
    assert shown[:4] == ["e9", "e5", "e2", "e1"]


def test_items_without_history_have_a_section_of_their_own(html: str) -> None:
    new = backtest(dataset(a=RISING, b=FLAT, c=(NAN,) * 10 + (20.0, 20.0)), horizon=2, recipes=[Last()])
    assert "<h2>Items without history</h2>" in page.render(new)
    assert "Items without history" not in html


@pytest.mark.parametrize("horizon", [1, 3])
def test_the_page_draws_one_item_one_step_and_a_history_with_gaps(horizon: int) -> None:
    gaps = (1.0, NAN, 3.0, NAN, NAN, 4.0, 5.0, NAN, 6.0, 7.0, NAN, 8.0)
    report = backtest(dataset(a=gaps), horizon=horizon, recipes=[Last()], levels=[0.5])
    assert page.render(report).count("<figure") == 4
    assert page.render(report).count('<svg class="item"') == 1


def test_the_page_draws_integer_time() -> None:
    table = pd.DataFrame({"item_id": "a", "timestamp": range(12), "target": RISING})
    assert "steps ahead (steps)" in page.render(
        backtest(Dataset(table, freq="1", season=1), horizon=2, recipes=[Last()])
    )


def test_an_outcome_is_found_by_recipe_and_window(report: Report) -> None:
    assert report.outcome().recipe == "near"
    assert report.outcome("far", window=1).window.number == 1
    assert report.forecast("far").mean[0, 0] == 15.0
    with pytest.raises(ForetellError, match=r"no recipe 'fare' in this report\. Did you mean 'far'"):
        report.outcome("fare")
    with pytest.raises(ForetellError, match=r"no window 3 in this report: it has 1, 2"):
        report.outcome(window=3)


def test_a_recipe_that_forecast_one_window_alone_stands_beside_the_others() -> None:
    table = sales(a=RISING, b=FLAT, c=RISING[::-1])
    rows = backtest(
        Dataset(table, freq="D"), horizon=2, windows=2, recipes={"near": Last(), "far": Last(add=5.0)}
    )
    frame = rows.forecasts
    kept = frame[
        ~((frame["recipe"] == "far") & (frame["window"] == 2))
        & ~((frame["window"] == 1) & (frame["item_id"] == "a"))
    ]
    report = evaluate(kept.drop(columns=["actual", "window"]), Dataset(table, freq="D"))
    assert list(report.beside(report.outcome("near"))) == ["near"]
    html = page.render(report)
    assert html.count('<svg class="item"') == 3
    week = html[html.index("<h2>All items") : html.index("<h2>Items")]
    assert len(re.findall(r"<td>\N{EN DASH}</td>", week)) == 2  # far has no bias in window 2
    report.plot_item("a").canvas.draw()
