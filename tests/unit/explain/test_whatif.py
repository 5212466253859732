"""What-if: the plan that is changed, the forecast that follows, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import foretell
from foretell.data.panel import Panel
from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset, make_future_frame
from foretell.models.model import Model
from planned_shop import KNOWN, shop


def change_of(model: Model, data: Dataset, *changes: object) -> np.ndarray:
    """[N, H] the difference of the means that these changes make together."""
    result = model.whatif(data, {"it": list(changes)})
    return result["it"].forecast.mean - result.baseline.mean


def test_a_change_moves_the_forecast_where_its_condition_holds_and_nowhere_else(model, data):
    text = "promo = 1 where family = 'MUG' and timestamp between '2024-04-02' and '2024-04-03'"
    moved = change_of(model, data, text)
    assert moved[:2, 1:3] == pytest.approx(5, abs=0.3)
    assert np.abs(np.delete(moved[:2], [1, 2], axis=1)).max() < 1e-3
    assert (moved[2] == 0).all()


def test_the_forecast_of_a_scenario_is_that_of_a_table_with_the_change_in_it(model, data):
    sales, plan, items = shop()
    there = (plan["item_id"] == "b") & (plan["timestamp"] == "2024-04-03")
    plan.loc[there, ["promo", "price"]] = 1, 2.0
    plan.loc[there, "event"] = "fair"
    by_hand = model.predict(Dataset(sales, plan, items, freq="D", known=KNOWN, open="open"))
    where = "where item_id = 'b' and timestamp = '2024-04-03'"
    changes = [f"promo = 1 {where}", f"price = price * 2 {where}", f"event = 'fair' {where}"]
    scenario = model.whatif(data, {"it": changes})["it"].forecast
    np.testing.assert_array_equal(scenario.mean, by_hand.mean)
    np.testing.assert_array_equal(scenario.quantiles, by_hand.quantiles)


def test_later_changes_see_what_earlier_ones_have_set(model, data):
    two = change_of(model, data, "promo = 1 where item_id = 'a'", "price = 2 where promo = 1")
    assert two[0] == pytest.approx(2, abs=0.3)  # 5 more, 3 less
    assert (two[1:] == 0).all()


def test_a_closed_day_sells_nothing(model, data):
    result = model.whatif(data, {"closed": "open = 0 where date_part('isodow', timestamp) = 7"})
    assert (result["closed"].forecast.mean[:, 6] == 0).all()  # 7 April is a Sunday
    assert (result["closed"].forecast.quantiles[:, 6] == 0).all()


def test_totals_are_sums_of_means_by_whatever_is_asked(model, data):
    result = model.whatif(data, {"it": "promo = 1 where family = 'MUG'", "all": "promo = 1"})
    totals = result.totals()
    assert totals["scenario"].tolist() == ["it", "all"]
    assert totals["baseline"].to_numpy() == pytest.approx(result.baseline.mean.sum(dtype=float))
    assert totals["difference"].to_numpy() == pytest.approx((totals["mean"] - totals["baseline"]).to_numpy())
    assert totals["steps"].tolist() == [14, 21]
    by = result.totals(by=["family", "timestamp"])
    assert len(by) == 2 * 2 * 7
    assert by.query("family == 'BOWL' and scenario == 'it'")["difference"].eq(0).all()
    assert by.groupby("scenario")["mean"].sum().to_dict() == pytest.approx(
        dict(zip(totals["scenario"], totals["mean"], strict=True))
    )


def test_the_frame_has_the_baseline_and_every_scenario(model, data, tmp_path):
    result = model.whatif(data, {"it": "promo = 1"}, items=["b", "a"], levels=[0.25, 0.75])
    frame = result.to_frame()
    wanted = ["scenario", "item_id", "timestamp", "mean", "p25", "p75", "difference"]
    assert list(frame.columns) == wanted
    assert frame["scenario"].value_counts().to_dict() == {"baseline": 14, "it": 14}
    result.save(tmp_path / "it.csv")
    assert list(pd.read_csv(tmp_path / "it.csv").columns) == wanted
    assert "<table" in result._repr_html_()
    assert repr(result) == "WhatIf(2 items, 7 steps; scenarios: it)"


REFUSED = {
    "prmo = 1": "no column 'prmo'. Did you mean 'promo'",
    "family = 'MUG'": "'family' is metadata",
    "item_id = 'x'": "'item_id' is part of the items' key",
    "timestamp = '2024-04-02'": "'timestamp' is the time",
    "target = 1": "'target' is what is forecast",
    "promo = 1 where target > 1": "'target' has no value yet",
    "promo = 'x'": "'promo' holds numbers, but 'x' is a text",
    "event = 3": "'event' holds texts, but 3 is a number",
    "promo = 1 where family = 'MUGG'": "'family' has no 'MUGG'. Did you mean 'MUG'",
    "promo = 1 where timestamp < '2024-03-01'": "the plan runs from 2024-04-01 to 2024-04-07 for 3 items",
    "price = price / promo": "'price' infinite, or larger than 3.4e38 for item 'a' at 2024-04-01",
    "price = promo / promo": "leaves 'price' without a value for item 'a' at 2024-04-01",
    "price = 1e39": "infinite, or larger",
    "price = 1e308 * 1e308": "price",
    "open = 2": "sets the open column 'open' to other than 0 and 1",
    "promo = size where item_id = 'c'": "leaves 'promo' without a value for item 'c' at 2024-04-01",
    "promo = 1 where timestamp > '1.4.2024'": "no point in time",
    "promo = (select 1)": "a subquery is not allowed",
    "promo = 1 where item_id in (select 'a')": "a subquery is not allowed",
    "promo = read_csv('/etc/passwd')": "the function 'read_csv' is not allowed",
    "promo = getenv('HOME')": "the function 'getenv' is not allowed",
    "promo = 1; drop table plan": "2 statements",
    "promo = 1 -- where family = 'MUG'": "a comment",
    "promo = 1, price = 2": "several columns",
    "promo = '1'::int": "a cast is not allowed",
    "promo = $1": "a parameter is not allowed",
    "promo = sum(promo) over ()": "a window function is not allowed",
    "promo = 1 where *": "* is not allowed",
    "promo = null": "null is not allowed",
    "promo": "sets nothing",
    " ": "sets nothing",
    "promo = 1 where " + "(" * 500 + "promo = 1" + ")" * 500: "nested too deeply",
    "promo = 1 where promo = " + "1" * 2000: "more than 2,000",
}


@pytest.mark.parametrize("text", REFUSED, ids=[text[:40] for text in REFUSED])
def test_what_is_refused_is_refused_by_name(text, model, data):
    with pytest.raises(ForetellError) as error:
        model.whatif(data, {"mine": text})
    assert REFUSED[text] in str(error.value)
    assert "scenario 'mine'" in str(error.value)


def test_what_is_odd_but_possible_is_said(model, data):
    def codes(*changes: str) -> list[str]:
        return [finding.code for finding in model.whatif(data, {"it": list(changes)}).findings]

    assert codes("promo = 1 where timestamp > '2024-03-01'") == ["before_origin"]
    assert codes("event = 'circus'")[:1] == ["unseen"]
    assert codes("promo = 0") == ["unchanged"]
    assert "beyond_seen" in codes("price = 100")
    assert codes("promo = size where promo is null or item_id <> 'c'") == ["beyond_seen"]  # 2.5 promotions


def test_a_recipe_that_does_not_look_at_the_column_says_so(data):
    plain = foretell.train(data, recipe="seasonal_naive", horizon=7)
    (finding,) = plain.whatif(data, {"it": "promo = 1"}).findings
    assert finding.code == "no_effect"
    assert "seasonal_naive does not look at" in finding.message


def test_names_of_scenarios_are_checked(model, data):
    wrong: list[Any] = [{}, {"": "promo = 1"}, {"baseline": "promo = 1"}, {"it": []}, "promo = 1"]
    for scenarios in wrong:
        with pytest.raises(ForetellError, match="scenario"):
            model.whatif(data, scenarios)
    with pytest.raises(ForetellError, match=r"no scenario 'on'\. Did you mean 'one'"):
        model.whatif(data, {"one": "promo = 1"})["on"]


def test_columns_are_called_as_in_the_users_shop():
    sales, plan, _ = shop()
    theirs = {"item_id": "sku", "timestamp": "day", "target": "units"}
    target, plan = sales.rename(columns=theirs), plan.rename(columns=theirs)
    data = Dataset(
        target, plan, freq="D", known=["promo"], item_id="sku", timestamp="day", target_column="units"
    )
    model = foretell.train(data, recipe="seasonal_naive", horizon=7, settings={"covariates": "pooled"})
    moved = change_of(model, data, "promo = 1 where sku = 'a' and day = '2024-04-01'")
    assert moved[0, 0] == pytest.approx(5, abs=1)
    assert (moved[1:] == 0).all()


def test_a_text_that_reads_no_files_cannot_be_made_to_by_a_column_of_that_name(model, data):
    with pytest.raises(ForetellError, match="no column"):
        model.whatif(data, {"it": "promo = \"read_text('/etc/passwd')\""})


def test_the_future_frame_holds_the_plan_and_is_empty_where_nothing_is_planned():
    sales, plan, _ = shop()
    plan = plan[plan["timestamp"] < "2024-04-04"]
    data = Dataset(sales, plan, freq="D", known=["promo", "price", "event"], past=["open"])
    frame = make_future_frame(data, 5)
    assert list(frame.columns) == ["item_id", "timestamp", "promo", "price", "event"]
    planned = frame["timestamp"] < "2024-04-04"
    assert frame[planned]["event"].eq("none").all()
    assert frame[planned]["price"].eq(1).all()
    assert frame[~planned][["promo", "price", "event"]].isna().all(axis=None)


def test_the_history_of_all_items_is_summed_without_a_loop_over_them(model, data, monkeypatch):
    result = model.whatif(data, {"always": "promo = 1"})
    sales = shop()[0]
    expected = sales.groupby("timestamp")["target"].sum().to_numpy()

    def called(self, item):
        raise AssertionError("the history of one item was asked for")

    monkeypatch.setattr(Panel, "history", called)
    (line,) = [each for each in result.plot().get_lines() if each.get_label() == "history"]
    drawn = np.asarray(line.get_ydata(), float)
    np.testing.assert_allclose(drawn, expected[-len(drawn) :])
