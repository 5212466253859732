"""Changes that are tables or functions, plans of other shapes, and the limits of a change."""

from __future__ import annotations

import operator
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import foretell
from foretell.data.future_plan import FuturePlan
from foretell.errors import ForetellError
from foretell.explain import text_changes
from foretell.explain.assignment import parse_assignment
from foretell.explain.changed_plan import untouched
from foretell.explain.plan_columns import plan_columns
from foretell.ingest.dataset import Dataset, make_future_frame
from planned_shop import KNOWN, shop


def moved(model, data, *changes: object) -> np.ndarray:
    """[N, H] the difference of the means that these changes make together."""
    result = model.whatif(data, {"it": list(changes)})
    return result["it"].forecast.mean - result.baseline.mean


def rows(**columns: object) -> pd.DataFrame:
    return pd.DataFrame(columns)


DAY = "2024-04-02"
TEXT = f"promo = 1 where item_id = 'b' and timestamp = '{DAY}'"


def test_a_table_of_rows_is_the_same_as_the_text_that_says_it(model, data, tmp_path):
    table = rows(item_id=["b"], timestamp=[DAY], promo=[1])
    table.to_csv(tmp_path / "rows.csv", index=False)
    expected = moved(model, data, TEXT)
    for change in (table, tmp_path / "rows.csv"):
        np.testing.assert_array_equal(moved(model, data, change), expected)


def test_a_table_may_speak_of_a_family_or_of_all_items_and_empty_cells_change_nothing(model, data):
    family = rows(family=["MUG", "BOWL"], timestamp=[DAY, DAY], promo=[1, None], event=[None, "fair"])
    told = [f"promo = 1 where family = 'MUG' and timestamp = '{DAY}'"]
    told += [f"event = 'fair' where family = 'BOWL' and timestamp = '{DAY}'"]
    np.testing.assert_array_equal(moved(model, data, family), moved(model, data, *told))
    everyone = rows(timestamp=[DAY], promo=[1])
    np.testing.assert_array_equal(
        moved(model, data, everyone), moved(model, data, f"promo = 1 where timestamp = '{DAY}'")
    )


def test_the_future_frame_as_it_is_changes_nothing(model, data):
    frame = make_future_frame(data, 7)
    result = model.whatif(data, {"it": frame})
    assert (result["it"].forecast.mean == result.baseline.mean).all()
    assert {finding.code for finding in result.findings} == {"unchanged"}


def test_rows_that_meet_no_step_of_the_plan_are_said(model, data):
    table = rows(
        item_id=["b", "b", "b", "x"], timestamp=[DAY, "2024-03-31", "2024-05-01", DAY], promo=[1, 1, 1, 1]
    )
    found = {finding.code: finding for finding in model.whatif(data, {"it": table}).findings}
    assert set(found) == {"before_origin", "beyond_horizon", "not_forecast"}
    assert "first item 'x'" in found["not_forecast"].message
    assert found["before_origin"].count == found["beyond_horizon"].count == 1


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (rows(item_id=["b"], timestamp=[DAY], prmo=[1]), "no column 'prmo'. Did you mean 'promo'"),
        (rows(item_id=["b"], timestamp=[DAY], size=[1.0]), "'size' is metadata"),
        (rows(item_id=["b"], promo=[1]), "needs one column of times, 'timestamp'"),
        (rows(item_id=["b"], timestamp=[DAY]), "no column to replace"),
        (rows(item_id=["b"], timestamp=[DAY], promo=["x"]), "'promo' must be a number, got 'x'"),
        (rows(item_id=["b"], timestamp=["soon"], promo=[1]), "'soon' does not parse"),
        (rows(item_id=["b"], timestamp=["2023-01-01"], promo=[1]), "meets no step of the plan"),
        (rows(item_id=["b", "b"], timestamp=[DAY, DAY], promo=[1, 2]), "2 rows at 2024-04-02"),
        (rows(item_id=["b"], timestamp=[DAY], open=[3]), "other than 0 and 1"),
        (17, "must be a pandas, polars or Arrow table"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(table, said, model, data):
    with pytest.raises(ForetellError) as error:
        model.whatif(data, {"mine": table})
    assert said in str(error.value)
    assert "scenario 'mine'" in str(error.value)


def promote(plan: pd.DataFrame) -> pd.DataFrame:
    there = (plan["item_id"] == "b") & (plan["timestamp"] == DAY)
    return plan.assign(promo=plan["promo"].where(~there, 1))


def test_a_function_of_the_frame_is_the_same_as_the_text_that_says_it(model, data):
    np.testing.assert_array_equal(moved(model, data, promote), moved(model, data, TEXT))
    seen = []
    model.whatif(data, {"it": lambda plan: seen.append(plan) or plan})
    wanted = ["item_id", "timestamp", "promo", "price", "event", "open", "family", "size"]
    assert list(seen[0].columns) == wanted
    assert len(seen[0]) == 21


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda plan: None, "must return the frame that it was given, got NoneType"),
        (lambda plan: plan.head(3), "must return the 21 rows that it was given"),
        (lambda plan: plan[::-1], "in their order"),
        (lambda plan: plan.assign(prmo=1), "no column 'prmo'. Did you mean 'promo'"),
        (lambda plan: plan.assign(family="MUG"), "'family' is metadata"),
        (lambda plan: plan.assign(item_id="b"), "'item_id' is part of the items' key"),
        (lambda plan: plan.assign(promo="x"), "holds numbers, other things"),
        (lambda plan: plan.assign(event=7), "holds texts, 7"),
        (lambda plan: plan.assign(price=np.nan), "leaves 'price' without a value"),
        (lambda plan: plan.assign(price=np.inf), "infinite"),
        (lambda plan: plan["x"], "raised KeyError: 'x'"),
    ],
)
def test_what_a_function_may_not_return_is_refused(function, said, model, data):
    with pytest.raises(ForetellError) as error:
        model.whatif(data, {"mine": function})
    assert said in str(error.value)


def out_of_memory(plan):
    raise MemoryError


def leaves(plan):
    raise SystemExit(3)


def deeper(plan):
    def inner():
        return plan["x"]

    return inner()


def test_what_a_function_raises_is_said_with_its_file_and_line(model, data):
    with pytest.raises(
        ForetellError, match=r"'deeper' \(.*test_other_changes\.py, line \d+\) raised KeyError: 'x'"
    ) as error:
        model.whatif(data, {"mine": deeper})
    line = deeper.__code__.co_firstlineno + 2
    assert f"line {line})" in str(error.value)
    with pytest.raises(ForetellError, match="raised TypeError"):
        model.whatif(data, {"mine": operator.itemgetter({})})  # not written in Python: no line of it


@pytest.mark.parametrize(("function", "kind"), [(out_of_memory, MemoryError), (leaves, SystemExit)])
def test_what_ends_the_program_ends_it_from_a_function_too(function, kind, model, data):
    with pytest.raises(kind):
        model.whatif(data, {"mine": function})


def test_a_query_that_takes_too_long_is_ended(data, monkeypatch):
    monkeypatch.setattr(text_changes, "SECONDS", 0.3)
    plan = FuturePlan(data.panel, 7)
    columns = plan_columns(plan, {})
    slow = replace(
        parse_assignment("promo = 1", columns), condition="(SELECT count(*) FROM range(100000000000)) > 0"
    )
    begun = time.monotonic()
    with pytest.raises(ForetellError, match=r"took longer than 0\.3 seconds"):
        text_changes.assign(untouched(plan), slow, columns)
    assert time.monotonic() - begun < 30


def test_a_large_plan_is_looked_at_some_items_at_a_time(model, data, monkeypatch):
    expected = moved(model, data, "promo = 1 where item_id <> 'b'", "event = 'fair' where item_id = 'c'")
    monkeypatch.setattr(text_changes, "CELLS", 7)
    found = moved(model, data, "promo = 1 where item_id <> 'b'", "event = 'fair' where item_id = 'c'")
    np.testing.assert_array_equal(found, expected)


def test_an_item_without_history_can_be_planned(model):
    sales, plan, items = shop()
    data = Dataset(sales[sales["item_id"] != "c"], plan, items, freq="D", known=KNOWN, open="open")
    assert moved(model, data, "promo = 1 where item_id = 'c'")[2] == pytest.approx(5, abs=0.5)


def test_integer_time_is_compared_with_numbers():
    sales, plan, _ = shop()
    sales, plan = (each.assign(timestamp=each["timestamp"].dt.dayofyear - 1) for each in (sales, plan))
    data = Dataset(sales, plan, freq="1", season=7, known=KNOWN)
    model = foretell.train(data, recipe="seasonal_naive", horizon=7, settings={"covariates": "pooled"})
    found = moved(model, data, "promo = 1 where timestamp between 92 and 93 and item_id = 'a'")
    assert np.flatnonzero(np.abs(found[0]) > 1).tolist() == [1, 2]
    with pytest.raises(ForetellError, match="the plan runs from 91 to 97"):
        moved(model, data, "promo = 1 where timestamp < 91")
    with pytest.raises(ForetellError, match="date_part takes the time's column"):
        moved(model, data, "promo = 1 where date_part('dow', timestamp) = 1")


def test_an_hour_that_the_clock_skips_is_no_step_of_the_plan():
    hours = pd.date_range("2024-03-29", periods=72, freq="h")
    plan = rows(timestamp=hours, promo=np.arange(72) % 5 == 0).astype({"promo": int})
    sales = rows(item_id="a", timestamp=hours[:48], target=np.arange(48.0) % 24)
    data = Dataset(sales, plan, freq="h", known=["promo"], timezone="Europe/Berlin")
    model = foretell.train(data, recipe="seasonal_naive", horizon=12)
    result = model.whatif(data, {"it": "promo = 1"})
    assert result["it"].touched.sum() == 11  # 2 o'clock of 31 March is none
    assert len(result.to_frame()) == 22


def test_a_scenario_has_joint_totals_of_its_own(model, data):
    result = model.whatif(data, {"it": "promo = 1"})
    before, after = (each.total(by=[], steps=7) for each in (result.baseline, result["it"].forecast))
    assert after.mean[0, 0] - before.mean[0, 0] == pytest.approx(result.totals()["difference"][0], rel=1e-4)
    assert (after.quantiles > before.quantiles).all()


@pytest.mark.parametrize("item", ["a", None])
def test_the_picture_has_a_line_for_each_plan_and_shows_names_as_they_are(item, model, data):
    name = "50 $ off $x^2$ <b>"
    result = model.whatif(data, {name: "promo = 1 where timestamp = '2024-04-03'", "long" * 30: "price = 2"})
    axes = result.plot(item)
    axes.figure.savefig("/dev/null", format="svg")
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert {"history", "baseline", name} <= set(labels)
    assert max(map(len, labels)) <= 48
    assert "&lt;b&gt;" in result._repr_html_()
