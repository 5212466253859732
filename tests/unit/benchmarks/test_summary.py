"""The page of benchmarks and README's figures are what the committed tables say."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from benchmarks.summary import pages, values

from foretell.errors import ForetellError

TABLES = values.read_tables()
VALUES = values.values_of(TABLES)


def test_the_page_and_readme_are_what_the_command_writes() -> None:
    assert pages.PAGE.read_text(encoding="utf-8") == pages.page(VALUES), "run python -m benchmarks.summary"
    text = pages.README.read_text(encoding="utf-8")
    assert text == pages.readme(text, VALUES), "run python -m benchmarks.summary"


def test_no_score_stands_in_readme_by_hand() -> None:
    text = pages.README.read_text(encoding="utf-8")
    by_hand = text.partition(pages.BEGIN)[0] + text.partition(pages.END)[2]
    assert not re.findall(r"(?<![\w\"=])0?\.\d{3,}|\d+ times|\d+ seconds", by_hand)


def test_another_row_gives_another_page() -> None:
    rows = TABLES.rows.copy()
    mine = (rows["task"] == "rossmann_1D") & (rows["recipe"] == "auto:time_limit=16m")
    assert mine.any()
    rows.loc[mine, "wQL"] = 0.4321
    found = values.values_of(replace(TABLES, rows=rows))
    assert "| rossmann_1D | 16 min | 0.4321 |" in found["auto_table"]
    assert found["rossmann_1D_auto"] == "0.4321"
    assert "0.4321 | 0.0955 (Chronos-2) | 0.1096 (CatBoost) | behind |" in found["auto_table"]


def test_a_figure_between_the_seeds_is_level() -> None:
    rows = TABLES.rows.copy()
    mine = (rows["task"] == "rossmann_1D") & (rows["recipe"] == "auto:time_limit=16m")
    rows.loc[mine, "wQL"] = [0.09, 0.093, 0.097]
    assert (
        "| rossmann_1D | 16 min | 0.0930 | 0.0955 (Chronos-2) | 0.1096 (CatBoost) | level |"
        in (values.values_of(replace(TABLES, rows=rows))["auto_table"])
    )


def test_a_figure_that_nobody_measured_is_named() -> None:
    with pytest.raises(ForetellError, match=r"page\.md asks for '\w+', which is not among what was measured"):
        pages.page({"auto_table": ""})


def test_a_peer_that_was_not_timed_is_named() -> None:
    speed = TABLES.speed[TABLES.speed["system"] != "gluonts.ev"]
    with pytest.raises(
        ForetellError, match=r"speed\.csv has no row of gluonts\.ev and foretell for 'evaluator'"
    ):
        values.values_of(replace(TABLES, speed=speed))
