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
    assert "0.4321 | 0.0794 (TabPFN-TS°) | 0.0818 (TabPFN-TS-3°) | 5.442 | behind |" in found["auto_table"]


@pytest.mark.parametrize(
    ("wql", "spread", "verdict"),
    [
        (0.0780, None, "ahead"),  # nobody measured how sure it is
        (0.0780, 0.02, "level"),
        (0.0780, 0.01, "ahead"),  # beyond one spread
        (0.0810, 0.02, "level"),
        (0.0750, 0.20, "ahead"),  # beyond 3 %
        (0.0900, 0.20, "behind"),
    ],
)
def test_level_is_within_one_spread_and_within_three_percent(
    wql: float, spread: float | None, verdict: str
) -> None:
    rows = TABLES.rows.copy()
    rows.loc[(rows["task"] == "rossmann_1D") & (rows["recipe"] == "auto:time_limit=16m"), "wQL"] = wql
    spreads = {} if spread is None else {"rossmann_1D": spread}
    table = values.values_of(replace(TABLES, rows=rows, spreads=spreads))["auto_table"]
    line = next(line for line in table.splitlines() if line.startswith("| rossmann_1D |"))
    assert line.endswith(f"| {verdict} |")


def test_a_system_trained_on_the_tasks_data_is_no_rival() -> None:
    assert "| 0.0202 (TiRex°) | 0.0203 (PatchTST-FM°) |" in VALUES["auto_table"]
    assert TABLES.tasks["m4_hourly"].marked("Bolt-small") == "Bolt-small°†"


def test_what_was_left_out_is_listed_with_both_figures() -> None:
    lines = VALUES["left_out_table"].splitlines()[2:]
    assert [line.split(" | ")[0] for line in lines] == [
        "| covid_deaths",
        "| fred_md",
        "| australian_tourism",
        "| tourism_yearly",
    ]
    for line in lines:
        here, published = map(float, line.split(" | ")[1:3])
        assert abs(here / published - 1) > 0.02


def test_a_figure_that_nobody_measured_is_named() -> None:
    with pytest.raises(ForetellError, match=r"page\.md asks for '\w+', which is not among what was measured"):
        pages.page({"auto_table": ""})


def test_a_peer_that_was_not_timed_is_named() -> None:
    speed = TABLES.speed[TABLES.speed["system"] != "gluonts.ev"]
    with pytest.raises(
        ForetellError, match=r"speed\.csv has no row of gluonts\.ev and foretell for 'evaluator'"
    ):
        values.values_of(replace(TABLES, speed=speed))
