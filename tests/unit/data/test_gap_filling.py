"""Gaps by place and method: values worked out by hand, and a plain loop to agree with."""

import numpy as np
import pandas as pd
import pytest

from foretell.data.columns import names_of
from foretell.data.gap_filling import fill, parse_rule
from foretell.data.layout import Layout
from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset

NAN = np.nan


def filled(values, rule, *, future=0, lengths=None):
    """The values after filling, as a list, and the codes."""
    array = np.array(values, np.float32)
    layout = Layout.of(np.zeros(len(lengths or [0]), np.int64), np.array(lengths or [len(values)], np.int64))
    codes, gaps = fill(array, layout, rule=rule, future=future)
    return array.tolist(), codes.tolist(), gaps


def test_each_place_has_its_own_method():
    rule = {"front": "zero", "middle": {"value": 9.0}, "back": "previous"}
    values, codes, gaps = filled([NAN, 1, NAN, 3, NAN, NAN], rule)
    assert values == [0, 1, 9, 3, 3, 3]
    assert codes == [1, 0, 1, 0, 2, 2]
    assert gaps.steps == {"front": 1, "middle": 1, "back": 2, "future": 0}


def test_without_a_rule_nothing_is_filled_and_gaps_are_counted():
    values, codes, gaps = filled([1, NAN, 3], None)
    assert np.isnan(values[1])
    assert codes == [0, 0, 0]
    assert (gaps.total, gaps.series) == (1, 1)


@pytest.mark.parametrize(("method", "expected"), [("mean", 7 / 3), ("median", 2), ("min", 1), ("max", 4)])
def test_statistics_are_those_of_the_entries_before_the_gap(method, expected):
    # 1, 2, 4 and never the 100 after it
    values, codes, _ = filled([1, 2, 4, NAN, NAN, 100], {"middle": method})
    assert values[3:5] == pytest.approx([expected, expected])
    assert codes[3:5] == [2, 2]


def test_statistics_look_back_64_entries_over_earlier_gaps():
    history = np.arange(100, dtype=float)
    history[90] = NAN
    values, _, _ = filled([*history, NAN, 1.0], {"middle": "min", "back": "zero"})
    # 64 observed entries before step 100: 99 .. 35 without 90, of which the least is 35; before step 90: 26 .. 89
    assert (values[100], values[90]) == (35, 26)


def test_known_columns_may_look_ahead():
    assert filled([NAN, 2, NAN, NAN, 8, NAN], {"front": "next", "middle": "linear"})[0][:5] == [2, 2, 4, 6, 8]
    assert filled([2, NAN, 8], {"middle": "next"})[0] == [2, 8, 8]


def test_steps_beyond_the_end_are_the_future_even_when_values_follow():
    values, _, gaps = filled([1, NAN, NAN, NAN, 5], {"middle": "zero", "future": "previous"}, future=3)
    assert values == [1, 0, 1, 1, 5]  # steps 2, 3 and 4 lie beyond the end
    assert gaps.steps["future"] == 2


def test_a_series_never_fills_from_its_neighbour():
    values, _, _ = filled(
        [7, NAN, NAN, 5, 1, NAN],
        {"front": "zero", "middle": "mean", "back": "previous"},
        lengths=[2, 2, 0, 2],
    )
    assert values == [7, 7, 0, 5, 1, 1]


def plain_loop(values, rule, future):
    """One series, one step at a time."""
    values = [float(value) for value in values]
    out = list(values)
    seen = [t for t, v in enumerate(values) if not np.isnan(v)]
    for t, value in enumerate(values):
        if not np.isnan(value):
            continue
        before, after = [s for s in seen if s < t], [s for s in seen if s > t]
        place = (
            "future"
            if t >= len(values) - future
            else "front"
            if not before
            else "back"
            if not after
            else "middle"
        )
        method, window = rule.get(place, "nan"), [values[s] for s in before[-64:]]
        if method == "zero":
            out[t] = 0.0
        elif isinstance(method, dict):
            out[t] = method["value"]
        elif method == "next" and after:
            out[t] = values[after[0]]
        elif method == "linear" and before and after:
            a, b = before[-1], after[0]
            out[t] = values[a] + (values[b] - values[a]) * (t - a) / (b - a)
        elif method == "previous" and before:
            out[t] = window[-1]
        elif method in ("mean", "median", "min", "max") and before:
            out[t] = getattr(np, method)(window)
    return out


@pytest.mark.parametrize("method", ["zero", "previous", "mean", "median", "min", "max", "next", "linear"])
def test_filling_equals_a_plain_loop(method):
    random = np.random.default_rng(3)
    lengths = [200, 0, 1, 150, 3]
    values = np.where(random.random(sum(lengths)) < 0.4, NAN, random.normal(size=sum(lengths))).astype(
        np.float32
    )
    rule = {"front": {"value": 2.5}, "middle": method, "back": method, "future": method}
    got, _, _ = filled(values, rule, future=0, lengths=lengths)
    parts = np.split(values, np.cumsum(lengths)[:-1])
    expected = np.concatenate([plain_loop(part, rule, 0) for part in parts])
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)  # float32 against float64


@pytest.mark.parametrize(
    ("rule", "role", "message"),
    [
        ({"midle": "zero"}, "target", "no place 'midle'. Did you mean 'middle'"),
        ({"middle": "zeros"}, "target", "no method 'zeros' there. Did you mean 'zero'"),
        ({"future": "zero"}, "target", "no place 'future'"),
        ({"middle": "linear"}, "past", "no method 'linear' there"),
        ({"front": "mean"}, "target", "no method 'mean' there"),
        ({"middle": "value"}, "target", "a value is given as 3.5"),
        ({"middle": float("inf")}, "target", "no method inf"),
        ("zero", "target", "must say place and method"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rule, role, message):
    with pytest.raises(ForetellError, match=message):
        parse_rule("price", rule, role)


def test_a_bare_number_is_a_value():
    assert parse_rule("price", {"middle": 3}, "known") == {"middle": {"value": 3.0}}
    assert parse_rule("price", {"middle": {"value": 3}}, "known") == {"middle": {"value": 3.0}}
    assert parse_rule("kind", {"middle": {"value": "none"}}, "known", text=True) == {
        "middle": {"value": "none"}
    }


def sales(values, start="2024-01-01"):
    times = pd.date_range(start, periods=len(values))
    return pd.DataFrame({"item_id": "a", "timestamp": times, "target": values}).dropna()


def test_a_gap_that_crosses_the_origin_is_a_back_gap_there():
    data = Dataset(
        sales([1, 2, NAN, NAN, NAN, 6]), freq="D", filling={"target": {"middle": "zero", "back": "previous"}}
    )
    assert data.panel.target.tolist() == [1, 2, 0, 0, 0, 6]
    panel = data.panel.until(2)
    assert panel.history(0).tolist() == [1, 2, 2, 2]
    assert panel.filled.tolist() == [0, 0, 2, 2, 1, 0]
    assert panel.until(0).target.tolist() == data.panel.target.tolist()


def test_a_filled_step_is_scored_only_where_it_was_zero_or_a_value():
    zero = Dataset(sales([1, 2, NAN, 4]), freq="D", filling={"target": {"middle": "zero"}}).panel
    guess = Dataset(sales([1, 2, NAN, 4]), freq="D", filling={"target": {"middle": "mean"}}).panel
    assert zero.actuals(2, 2).tolist() == [[0, 4]]
    np.testing.assert_array_equal(guess.actuals(2, 2), [[NAN, 4]])


def test_front_filling_reaches_back_to_the_first_step_of_the_panel():
    both = pd.concat([sales([1, 2, 3]), sales([5], "2024-01-03").assign(item_id="b")])
    plain = Dataset(both, freq="D").panel
    front = Dataset(both, freq="D", filling={"target": {"front": "zero"}}).panel
    assert plain.lengths.tolist() == [3, 1]
    assert front.target.tolist() == [1, 2, 3, 0, 0, 5]


def test_at_an_origin_before_its_first_sale_an_item_has_no_zeros_either():
    both = pd.concat([sales([1, 2, 3]), sales([5], "2024-01-03").assign(item_id="b")])
    panel = Dataset(both, freq="D", filling={"target": {"front": "zero"}}).panel.until(1)
    assert np.isnan(panel.history(1)).all()


def test_past_covariates_are_filled_again_at_the_origin():
    price = sales([10, 11, NAN, NAN, 14, 15]).rename(columns={"target": "price"})
    rule = {"price": {"middle": "zero", "back": "previous"}}
    panel = Dataset(sales([1, 2, 3, 4, 5, 6]), price, freq="D", past=["price"], filling=rule).panel
    assert panel.past[:, 0].tolist() == [10, 11, 0, 0, 14, 15]
    assert panel.until(3).past[:3, 0].tolist() == [10, 11, 11]


def test_a_text_column_is_filled_by_a_word():
    kind = pd.DataFrame(
        {"timestamp": pd.to_datetime(["2024-01-01", "2024-01-03"]), "event": ["fair", "rain"]}
    )
    rule = {"event": {"middle": {"value": "none"}}}
    panel = Dataset(sales([1, 2, 3]), kind, freq="D", known=["event"], filling=rule).panel
    assert names_of(panel.schema.known) == ("event=fair", "event=rain", "event=other")
    assert panel.known.tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
