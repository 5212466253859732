"""The panel: what can be seen from an origin, and what cannot."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from foretell.data.schema import Schema
from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset

NAN = np.nan


@pytest.fixture
def panel():
    """a: 1 .. 6; b: 10, 20 in the last two days; promo known two days further; b is closed on the last day."""
    days = pd.date_range("2024-01-01", periods=8)
    target = pd.DataFrame(
        {
            "item_id": list("aaaaaabb"),
            "timestamp": [*days[:6], *days[4:6]],
            "target": [1, 2, 3, 4, 5, 6, 10, 20],
        }
    )
    related = pd.DataFrame(
        {
            "item_id": ["a"] * 8 + ["b"] * 8,
            "timestamp": [*days, *days],
            "promo": range(16),
            "open": [1] * 15 + [0],
        }
    )
    return Dataset(target, related, freq="D", known=["promo"], open="open").panel


def test_an_origin_hides_what_comes_after_it_and_copies_nothing(panel):
    earlier = panel.until(3)
    assert earlier.history(0).tolist() == [1, 2, 3]
    assert earlier.stop.tolist() == [3, 0]
    assert np.shares_memory(earlier.target, panel.target)


def test_the_context_is_what_came_before_the_origin_without_closed_days_and_what_came_later(panel):
    np.testing.assert_array_equal(panel.context(3), [[4, 5, 6], [NAN, 10, 20]])
    np.testing.assert_array_equal(panel.until(1).context(3), [[3, 4, 5], [NAN, NAN, 10]])
    closed = np.where(np.arange(len(panel.known))[:, None] == 4, 0, panel.known)  # a's fifth day
    np.testing.assert_array_equal(replace(panel, known=closed).context(3)[0], [4, NAN, 6])
    assert np.isnan(panel.until(8).context(2)).all()


def test_the_actuals_are_what_followed_the_origin(panel):
    np.testing.assert_array_equal(panel.actuals(3, 4), [[4, 5, 6, NAN], [NAN, 10, 20, NAN]])


def test_known_covariates_reach_past_the_end(panel):
    ahead = panel.known_at(np.arange(2), panel.origin[:, None] + np.arange(3))
    np.testing.assert_array_equal(ahead[:, :, 0], [[6, 7, NAN], [14, 15, NAN]])


def test_a_closed_step_is_where_the_open_column_is_zero(panel):
    assert panel.closed(2).tolist() == [[False, False], [False, True]]
    assert panel.until(2).closed(4).tolist() == [[False] * 4, [False, False, False, True]]


def test_a_horizon_beyond_the_known_covariates_names_item_column_and_dates(panel):
    panel.check_horizon(2)
    with pytest.raises(
        ForetellError,
        match="item 'a': related column 'promo' ends 2024-01-08, but the horizon reaches 2024-01-09",
    ):
        panel.check_horizon(3)
    panel.until(1).check_horizon(3)


def test_a_selection_holds_the_same_series_in_the_order_asked(panel):
    some = panel.take(np.array([1, 0]))
    assert some.names == ["b", "a"]
    np.testing.assert_array_equal(some.history(1), panel.history(0))
    ordinals = panel.start[[1, 0], None] + np.arange(4)
    np.testing.assert_array_equal(
        some.known_at(np.arange(2), ordinals), panel.known_at(np.array([1, 0]), ordinals)
    )
    np.testing.assert_array_equal(some.actuals(2, 3), panel.actuals(2, 3)[::-1])


def test_a_schema_survives_json(panel):
    assert Schema.from_json(json.loads(json.dumps(panel.schema.to_json()))) == panel.schema
    with pytest.raises(ForetellError, match="fields that this version does not know: flavour"):
        Schema.from_json(panel.schema.to_json() | {"flavour": 1})


def test_what_is_computed_once_is_kept_with_the_panel_but_not_with_one_made_from_it(panel):
    calls = []
    make = lambda: calls.append(1) or len(calls)  # noqa: E731
    assert [panel.once("count", make), panel.once("count", make)] == [1, 1]
    assert panel.until(1).once("count", make) == 2
    assert panel.take(np.arange(2)).once("count", make) == 3
