"""Tables that list only the days of a promotion, asked as weeks."""

import pandas as pd
import pytest

from foretell import Dataset

DAYS = pd.date_range("2024-01-01", periods=56)  # eight weeks from a Monday on
SALES = pd.DataFrame({"item_id": "a", "timestamp": DAYS, "target": range(56)})


def weeks_of(promotions: list[int], *, value: int = 1, **options: object) -> Dataset:
    days = pd.DataFrame({"item_id": "a", "timestamp": DAYS[promotions], "promo": value})
    return Dataset(SALES, related=days, freq="W-MON", known=["promo"], **options)  # type: ignore[arg-type]


def codes(data: Dataset) -> set[str]:
    return {finding.code for finding in data.findings}


@pytest.mark.parametrize("promotions", [[0, 1, 2, 9], [3, 17, 31]], ids=["several", "one a week"])
def test_a_week_of_one_listed_day_counts_as_one_of_all_and_that_is_said(promotions: list[int]) -> None:
    (found,) = [f for f in weeks_of(promotions).findings if f.code == "listed_days"]
    assert found.severity == "warning"
    assert "lists 'promo' only where it is 1, and a step of 'W-MON'" in found.message
    assert "aggregation={'promo': 'sum'}" in found.message


def test_days_that_are_counted_as_advised_make_one_and_three_of_their_weeks() -> None:
    filling = {"promo": dict.fromkeys(("front", "middle", "back", "future"), "zero")}
    data = weeks_of([0, 1, 2, 9], aggregation={"promo": "sum"}, filling=filling)
    assert "listed_days" not in codes(data)
    assert data.panel.known[:3, 0].tolist() == [3.0, 1.0, 0.0]


def test_a_table_of_all_days_or_of_other_values_lists_nothing() -> None:
    assert "listed_days" not in codes(weeks_of(list(range(56))))
    assert "listed_days" not in codes(weeks_of([0, 1, 9], value=2))
