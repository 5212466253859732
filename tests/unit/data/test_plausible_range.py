"""How far a forecast may lie from what was observed, worked out by hand."""

from __future__ import annotations

import numpy as np

from foretell.data.plausible_range import Extent, PlausibleRange
from panels import daily

LEVELS = (0.1, 0.5, 0.9)


def reach(*series: list[float], horizon: int = 5) -> PlausibleRange:
    panel = daily(series, covariates=False)
    return PlausibleRange.of_items(panel, horizon, Extent.of(panel))


def flat(*values: float) -> np.ndarray:
    """[1, 5, 3] the same quantiles at all steps."""
    return np.tile(np.array(values, np.float32), (1, 5, 1))


def test_an_item_of_0_to_44_may_be_forecast_to_sell_200_but_not_27634() -> None:
    found = reach(
        [0.0, 44.0] * 10
    )  # the median by 2 + 2 * 5 / 20 widths beyond: up to 44 + 2.5 * 44 = 154; p90 up to 374
    assert found.holds(flat(0, 150, 370), LEVELS).tolist() == [True]
    assert found.holds(flat(0, 155, 370), LEVELS).tolist() == [False]
    assert found.holds(flat(0, 20, 27634), LEVELS).tolist() == [False]
    assert found.holds(flat(0, 20, 40), LEVELS, np.full((1, 5), 375.0)).tolist() == [False]
    assert found.bounded(flat(0, 20, 27634), LEVELS, np.array([False])).max() == 374


def test_what_is_brought_within_reach_still_rises_from_level_to_level() -> None:
    some = reach([0.0, 44.0] * 10).bounded(flat(1e5, 2e5, 3e5), LEVELS, np.array([False]))
    np.testing.assert_allclose(some[0, 0], [154, 154, 374])


def test_a_steady_item_may_move_by_its_own_size() -> None:
    assert reach([100.0] * 30 + [101.0] * 10).holds(flat(90, 140, 200), LEVELS).all()


def test_an_item_that_is_hardly_known_may_be_as_large_as_the_others() -> None:
    found = reach([1.0, 2.0], [0.0] * 30, [], [0.0, 500.0] * 10)
    many = np.repeat(flat(0, 400, 600), 4, axis=0)
    assert found.holds(many, LEVELS).all()
    assert found.holds(100 * many, LEVELS).tolist() == [False] * 4


def test_where_nothing_was_observed_any_forecast_is_plausible() -> None:
    assert reach([0.0] * 9).holds(flat(0, 1, 1e9), LEVELS).all()
