"""The page of an explanation, and what a forecast's page has of it."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import foretell
from foretell.data.schema import Schema
from foretell.explain.drivers import Driver
from foretell.explain.explanation import Explanation
from foretell.explain.explanation_chart import driver_colours
from foretell.ingest.dataset import Dataset
from foretell.models.model import Model
from foretell.reporting import why_page
from foretell.reporting.stack_svg import stack_svg
from planned_shop import KNOWN, shop

BAD = "<img src=x>"


@pytest.fixture(scope="module")
def data() -> Dataset:
    sales, plan, items = shop()
    return Dataset(sales, plan, items, freq="D", known=KNOWN, open="open")


@pytest.fixture(scope="module")
def model(data: Dataset) -> Model:
    return foretell.train(data, recipe="seasonal_naive", horizon=7, settings={"covariates": "pooled"})


@pytest.fixture(scope="module")
def result(model: Model, data: Dataset) -> Explanation:
    found = model.explain(data)
    assert isinstance(found, Explanation)
    return found


def made(parts: np.ndarray, names: list[str], *, items: list[str] | None = None) -> Explanation:
    """An explanation of contributions [N, H, D] to a forecast from a baseline of 10."""
    n, horizon, _ = parts.shape
    return Explanation(
        keys=pd.DataFrame({"item_id": items or [f"i{k}" for k in range(n)]}),
        origin=np.full(n, 20_000),
        drivers=tuple(Driver(name, "known") for name in names),
        contributions=parts,
        errors=np.zeros_like(parts),
        baseline=np.full((n, horizon), 10.0),
        forecast=10 + parts.sum(axis=-1),
        level=None,
        permutations=32,
        schema=Schema(),
    )


def words(page: str) -> str:
    """The page as text, a blank between cells."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page.partition("<main>")[2])))


def test_the_page_has_every_driver_the_most_important_first(result: Explanation) -> None:
    page = why_page.render(result)
    named = re.findall(r'<tr><th><i class="swatch d\d"></i>([^<]+)</th>', page)
    assert named == result.impact()["driver"].tolist()
    assert "explained: mean" in words(page)


def test_weeks_and_items_add_up_from_the_baseline_to_the_forecast() -> None:
    """Two items over 14 days: promo adds 2 a day to the first, price takes 1 from the second in its second week."""
    parts = np.zeros((2, 14, 2))
    parts[0, :, 0], parts[1, 7:, 1] = 2, -1
    text = words(why_page.render(made(parts, ["promo", "price"])))
    first, second = re.findall(r"2024-\d\d-\d\d 140 (.+?) (?=2024|All)", text.partition("Week from")[2])
    assert first.split() == ["+14", "0", "154"]
    assert second.split()[:3] == ["+14", "\N{MINUS SIGN}7", "147"]
    assert "i0 168 140 +28 0" in text
    assert "i1 133 140 0 \N{MINUS SIGN}7" in text
    assert "Forecast 301, +21 from a baseline of 280." in text
    assert "promo (80.0 %), price (20.0 %)" in text


def test_a_picture_stacks_bars_from_the_baseline_up_and_down() -> None:
    """At one step +3, +1 and -2: bars from 0 to 3, 3 to 4 and 0 to -2, within a picture from -2 to 4."""
    svg = stack_svg(made(np.array([[[3.0, 1.0, -2.0]]]), ["a", "b", "c"]), 0, [0, 1, 2], "i0")
    bars = re.findall(r'class="d(\d)" d="M\d+ (\d+)V(\d+)', svg)
    top, foot = 16, 336
    at = {value: round(foot - (value + 2) / 6 * (foot - top)) for value in (-2, 0, 3, 4)}
    assert [(k, int(below), int(above)) for k, below, above in bars] == [
        ("0", at[0], at[3]),
        ("1", at[3], at[4]),
        ("2", at[-2], at[0]),
    ]


def test_many_drivers_share_the_last_colour_and_the_last_column() -> None:
    generator = np.random.default_rng(0)
    found = made(generator.normal(size=(3, 14, 12)), [f"x{k}" for k in range(12)])
    why = why_page.Why.of(found)
    assert why.heads[-1] == "6 others"
    sums = found.contributions[0].sum(axis=0)
    np.testing.assert_allclose(sum(why.columns(sums)), sums.sum())
    assert len(driver_colours(12)) == 8
    assert "5 others" in words(why_page.render(found))  # of the pictures' legend


def test_colours_of_drivers_are_those_of_all_items_in_every_picture() -> None:
    parts = np.zeros((2, 14, 2))
    parts[0, :, 0], parts[1, :, 1] = 5, 1  # the second item has nothing of the first driver
    found = made(parts, ["a", "b"])
    colours = [
        dict(zip(labels, (handle.get_facecolor() for handle in handles), strict=True))
        for axes in (found.plot("i0"), found.plot("i1"))
        for handles, labels in [_bars(axes)]
    ]
    assert colours[0] == colours[1]


def _bars(axes):
    handles, labels = axes.get_legend_handles_labels()
    bars = [
        (each.patches[0], label)
        for each, label in zip(handles, labels, strict=True)
        if hasattr(each, "patches")
    ]
    return [bar for bar, _ in bars], [label for _, label in bars]


def test_sums_over_groups_are_explained_without_a_panel(model: Model, data: Dataset, tmp_path: Path) -> None:
    model.explain(data, by=["family"]).save_report(tmp_path / "page.html")
    text = words((tmp_path / "page.html").read_text())
    assert "2 groups" in text
    assert re.search(r"Sums .* MUG [\d.,]+ [\d.,]+", text)


def test_items_that_begin_apart_have_pictures_and_no_sum() -> None:
    from dataclasses import replace

    found = replace(made(np.ones((2, 3, 1)), ["a"]), origin=np.array([20_000, 20_005]))
    assert "Items begin at different times" in words(why_page.render(found))


def test_names_of_drivers_and_items_are_shown_and_nothing_else() -> None:
    page = why_page.render(made(np.ones((1, 14, 2)), [BAD, "b"], items=[BAD + "2"]))
    assert "<img" not in page
    assert "&lt;img src=x&gt;2" in page


def test_the_page_of_a_forecast_says_why_where_that_is_asked(
    model: Model, data: Dataset, tmp_path: Path
) -> None:
    forecast = model.predict(data)
    forecast.save_report(tmp_path / "with.html", why=model.explain(data, items=["a"]))
    forecast.save_report(tmp_path / "without.html")
    text = words((tmp_path / "with.html").read_text())
    assert "Why Of 1 item. Driver Contribution Share Impact" in text
    assert "Driver" not in words((tmp_path / "without.html").read_text())
