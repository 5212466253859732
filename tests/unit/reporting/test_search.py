"""The page of an explanation is searched by a script of its own; pages are dark where a browser asks for it."""

from __future__ import annotations

import pandas as pd

import foretell
from foretell.reporting.html_blocks import _style, page, search_script
from foretell.reporting.why_page import render


def test_the_items_of_an_explanation_can_be_searched() -> None:
    days = pd.date_range("2024-01-01", periods=30)
    sales = pd.concat(
        pd.DataFrame({"item_id": name, "timestamp": days, "target": range(30)})
        for name in ("mug", "bag", "cup")
    )
    model = foretell.train(foretell.Dataset(sales, freq="D"), recipe="seasonal_naive", horizon=3)
    text = render(model.explain(permutations=4))
    assert '<div class="items searched"' in text
    assert search_script() in text
    assert "script-src 'sha256-" in text  # and no other script runs


def test_a_dark_page_has_a_dark_ground_and_every_colour_that_it_names() -> None:
    style = _style()
    assert "@media screen and (prefers-color-scheme: dark)" in style
    light, dark = (part.split("}")[0] for part in style.split(":root {")[1:3])
    names = {line.split(":")[0].strip() for line in light.split(";")} - {""}
    missing = names - {line.split(":")[0].strip() for line in dark.split(";")}
    assert missing == set()
    assert "background: #fff; color" not in page("Test", "")
