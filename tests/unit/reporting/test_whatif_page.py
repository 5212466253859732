"""The page of a what-if: totals, weeks, groups and items beside the baseline; from `WhatIf.save_report`."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest

import foretell
from foretell.errors import ForetellError
from foretell.explain.whatif_result import WhatIf
from foretell.ingest.dataset import Dataset
from foretell.reporting import whatif_page
from foretell.reporting.item_pictures import pictures_of
from foretell.reporting.items_section import MOST_ITEMS
from planned_shop import KNOWN, shop

BAD = "<img src=x>"


@pytest.fixture(scope="module")
def result() -> WhatIf:
    sales, plan, items = shop()
    data = Dataset(sales, plan, items, freq="D", known=KNOWN, open="open")
    model = foretell.train(data, recipe="seasonal_naive", horizon=7, settings={"covariates": "pooled"})
    found = model.whatif(
        data,
        {"mugs": ["promo = 1 where family = 'MUG'", "price = 2 where promo = 1"], BAD: lambda plan: plan},
    )
    assert isinstance(found, WhatIf)
    return found


def words(page: str) -> str:
    """The page as text, a blank between cells."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page.partition("<main>")[2])))


def test_a_scenario_remembers_what_was_asked(result: WhatIf) -> None:
    mugs, other = result.scenarios
    assert mugs.changes == ("promo = 1 where family = 'MUG'", "price = 2 where promo = 1")
    assert other.changes == ("a function of the plan: <lambda>",)


def test_the_page_has_the_totals_that_the_result_has(result: WhatIf) -> None:
    text = words(whatif_page.render(result))
    row = result.totals().iloc[0]
    assert f"mugs : +{row['difference']:.1f}".rstrip("0").rstrip(".") in text
    assert f"+{row['percent']:.1f} %" in text
    for group, each in result.totals(by="family").query("scenario == 'mugs'").set_index("family").iterrows():
        sign = "+" if each["difference"] > 0 else ""
        assert re.search(rf"{group} \d [\d.,]+ {re.escape(sign)}{each['difference']:.3g}", text), group


def test_the_page_says_what_was_changed_and_what_was_found(result: WhatIf) -> None:
    text = words(whatif_page.render(result))
    assert "promo = 1 where family = 'MUG'" in text
    assert "changes no forecast" not in text.partition("Settings")[2]
    assert all(finding.message in text for finding in result.findings)


def test_quantiles_of_a_scenario_are_those_of_its_total(result: WhatIf) -> None:
    total = result["mugs"].forecast.total(steps=7, by=[]).at((0.1, 0.9))[0, 0]
    text = words(whatif_page.render(result))
    row = re.search(r"Plan Forecast p10 p90 .*? mugs ([\d.,]+) ([\d.,]+) ([\d.,]+)", text)
    assert row is not None
    np.testing.assert_allclose([float(each.replace(",", "")) for each in row.groups()[1:]], total, rtol=0.005)


def test_items_come_by_what_they_differ_and_the_steps_set_lie_below_their_pictures(result: WhatIf) -> None:
    page = whatif_page.render(result)
    names = re.findall(r'<bdi dir="auto">(\w)</bdi>', page)
    assert names[-1] == "c"  # a bowl, which no scenario changes
    assert "set by mugs" in page
    assert MOST_ITEMS >= 3


def test_names_of_scenarios_are_shown_and_nothing_else(result: WhatIf, tmp_path: Path) -> None:
    result.save_report(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "<img" not in page
    assert "&lt;img src=x&gt;" in page
    with pytest.raises(ForetellError, match="overwrite"):
        result.save_report(tmp_path / "page.html")
    result.save_report(tmp_path / "page.html", overwrite=True)


def test_a_scenario_above_all_that_was_sold_is_drawn_whole(result: WhatIf) -> None:
    forecasts = whatif_page.forecasts_of(result)
    at = np.arange(3)
    tall = {"mugs": foretell.Forecast.build(result.baseline.history, (0.5,), *_tall(result))}  # type: ignore[arg-type]
    pictures = pictures_of(forecasts["baseline"], at, others=tall, room=True)
    assert (pictures.high >= 1000).all()


def _tall(result: WhatIf) -> tuple[np.ndarray, np.ndarray]:
    mean = np.full_like(result.baseline.mean, 1000.0)
    return mean[..., None], mean
