"""One rule says how many windows are held out, for networks and for ensembles."""

from __future__ import annotations

import pytest

from foretell.data.validation_windows import validation_windows
from foretell.models.validation import count_windows
from panels import weeks


@pytest.mark.parametrize(
    ("items", "steps", "windows"),
    # a horizon of 5: 100 steps are 20 horizons, a quarter of them 5; 32 forecasts of 10 items are 3 windows
    [(1, 14, 0), (1, 15, 1), (10, 100, 3), (7, 100, 4), (50, 100, 2), (50, 30, 1), (1, 1000, 32)],
)
def test_windows_by_items_and_history(items: int, steps: int, windows: int) -> None:
    assert validation_windows(weeks(items, steps), 5) == windows


def test_ensembles_hold_out_the_same_windows_as_networks_up_to_eight() -> None:
    for items in (1, 3, 5, 7, 10, 15, 33):
        for steps in (10, 40, 100, 1000):
            panel = weeks(items, steps)
            assert count_windows(panel, 5, None) == min(validation_windows(panel, 5), 8)
