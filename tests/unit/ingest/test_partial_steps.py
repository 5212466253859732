"""Steps at the ends of the data that are not whole are left out, by the calendar and with a warning, or kept as asked."""

import json

import numpy as np
import pandas as pd
import pytest

import foretell
from foretell.data.schema import Schema
from foretell.ingest.dataset import Dataset


def daily(first, last, freq="D", items=("a",), **columns):
    stamps = pd.date_range(first, last, freq=freq)
    frames = [pd.DataFrame({"item_id": item, "timestamp": stamps, "target": 1.0} | columns) for item in items]
    return pd.concat(frames, ignore_index=True)


def partial(data):
    return [finding for finding in data.findings if finding.code == "partial"]


def ends(data, item=0):
    """First step, first step forecast."""
    panel = data.panel
    return tuple(
        str(stamp)[:16].removesuffix("T00:00")
        for stamp in panel.frequency.timestamps(np.array([panel.start[item], panel.origin[item]]))
    )


@pytest.mark.parametrize(
    ("rows", "freq", "expected"),
    [
        (daily("2023-01-01", "2024-07-03"), "MS", ("2023-01-01", "2024-07-01")),
        (daily("2023-01-01", "2024-07-30"), "MS", ("2023-01-01", "2024-07-01")),
        (daily("2023-01-01", "2024-07-31"), "MS", ("2023-01-01", "2024-08-01")),
        (daily("2023-01-17", "2024-07-31"), "MS", ("2023-02-01", "2024-08-01")),
        (daily("2023-01-02", "2024-07-31"), "W-MON", ("2023-01-02", "2024-07-29")),
        (daily("2023-01-02", "2024-07-28"), "W-MON", ("2023-01-02", "2024-07-29")),
        (daily("2021-01-01", "2024-11-30"), "QS", ("2021-01-01", "2024-10-01")),
        (daily("2021-01-01", "2024-12-30"), "YE", ("2021-12-31", "2024-12-31")),
        (
            daily("2023-01-02", "2024-03-29", "B"),
            "MS",
            ("2023-01-01", "2024-04-01"),
        ),  # ends on Friday the 29th
        (daily("2023-01-02", "2024-03-28", "B"), "MS", ("2023-01-01", "2024-03-01")),
        (daily("2023-01-02", "2024-07-29", "W-MON"), "MS", ("2023-01-01", "2024-08-01")),
        (daily("2023-01-02", "2024-07-22", "W-MON"), "MS", ("2023-01-01", "2024-07-01")),
        (daily("2020-01-01", "2024-08-01", "MS"), "QS", ("2020-01-01", "2024-07-01")),
        (daily("2020-02-01", "2024-09-01", "MS"), "QS", ("2020-04-01", "2024-10-01")),
        (daily("2020-01-31", "2024-09-30", "ME"), "QS", ("2020-01-01", "2024-10-01")),
        (daily("2020-01-31", "2024-08-31", "ME"), "QS", ("2020-01-01", "2024-07-01")),
        (daily("2024-01-01", "2024-02-05 13:00", "h"), "D", ("2024-01-01", "2024-02-05")),
        (daily("2024-01-01 05:00", "2024-02-05 23:00", "h"), "D", ("2024-01-02", "2024-02-06")),
        (daily("2024-01-01", "2024-02-29 13:00", "h"), "MS", ("2024-01-01", "2024-02-01")),
        (daily("2024-01-01", "2024-01-09 13:30", "15min"), "h", ("2024-01-01", "2024-01-09T13:00")),
        (daily("2024-01-01", "2024-01-09 13:45", "15min"), "h", ("2024-01-01", "2024-01-09T14:00")),
        (daily("2024-01-01 06:00", "2024-01-09 01:00", "h"), "8h", ("2024-01-01T08:00", "2024-01-09")),
    ],
)
def test_a_step_without_its_last_finer_time_is_left_out(rows, freq, expected):
    data = Dataset(rows, freq=freq)
    assert ends(data) == expected
    named = [finding.message for finding in partial(data) if "last step" in finding.message]
    if named:
        assert f"the first step forecast is {expected[1].replace('T', ' ')}" in named[0]
        assert "partial='keep'" in named[0]


def test_days_that_are_closed_every_week_are_not_missed():
    rows = daily("2023-01-01", "2024-06-30")  # ends on a Sunday
    rows = rows[rows["timestamp"].dt.weekday < 6]
    assert ends(Dataset(rows, freq="MS"))[1] == "2024-07-01"
    assert ends(Dataset(rows[rows["timestamp"] < "2024-06-29"], freq="MS"))[1] == "2024-06-01"


def test_the_table_decides_not_the_rows_of_an_item():
    rows = pd.concat([daily("2023-01-01", "2024-06-30"), daily("2023-01-20", "2024-06-11", items=["rare"])])
    data = Dataset(rows, freq="MS")
    assert not partial(data)
    assert data.panel.history(1)[[0, -1]].tolist() == [12, 11]


def test_rows_of_one_step_each_are_never_partial():
    for rows in (daily("2024-01-01", "2024-12-31", "W-MON"), daily("2024-01-01 06:00", "2024-03-01", "D")):
        assert not partial(Dataset(rows, freq="W-MON" if len(rows) < 60 else "D"))


def test_sparse_sales_end_where_a_usual_gap_would_not_reach():
    rng = np.random.default_rng(0)
    rows = daily("2022-01-01", "2024-07-31")
    rows = rows[rng.random(len(rows)) < 0.25]
    assert ends(Dataset(rows, freq="MS"))[1] == "2024-08-01"
    assert ends(Dataset(rows[rows["timestamp"] < "2024-07-10"], freq="MS"))[1] == "2024-07-01"


def test_a_partial_step_is_kept_as_asked():
    data = Dataset(daily("2023-01-01", "2024-07-03"), freq="MS", partial="keep")
    assert ends(data)[1] == "2024-08-01"
    assert data.panel.history(0)[-1] == 3
    (note,) = partial(data)
    assert note.severity == "note"
    assert (
        "2024-07-01, is partial: its rows end 2024-07-03. It is kept: the first step forecast is 2024-08-01"
        in note.message
    )


def test_items_that_end_on_their_own_are_judged_on_their_own():
    rows = pd.concat([daily("2023-01-01", "2024-06-30"), daily("2023-01-01", "2024-03-11", items=["b", "c"])])
    data = Dataset(rows, freq="MS", ends="own")
    assert [ends(data, item)[1] for item in range(3)] == ["2024-07-01", "2024-03-01", "2024-03-01"]
    (warning,) = partial(data)
    assert warning.count == 2
    assert "item 'b', 2024-03-01, is partial: its rows end 2024-03-11" in warning.message


def test_an_item_of_the_partial_step_alone_is_a_new_item():
    rows = pd.concat([daily("2023-01-01", "2024-07-20"), daily("2024-07-05", "2024-07-20", items=["new"])])
    panel = Dataset(rows, freq="MS").panel
    assert panel.names == ["a", "new"]
    assert panel.lengths.tolist() == [18, 0]
    assert panel.origin[0] == panel.origin[1]


@pytest.mark.parametrize("twice", [False, True])
def test_columns_that_end_with_the_target_stay_past(twice):
    rows = daily("2023-01-01", "2024-07-03", price=2.0)
    related = rows if twice else rows[["item_id", "timestamp", "price"]].copy()
    data = Dataset(rows, related=related, freq="MS")
    assert data.schema.roles == {"price": "past"}
    assert data.panel.past.tolist() == [[2.0]] * 18


def test_empty_rows_behind_the_partial_step_do_not_hide_it():
    rows = daily("2023-01-01", "2024-09-15")
    rows.loc[rows["timestamp"] > "2024-07-03", "target"] = np.nan
    assert ends(Dataset(rows, freq="MS"))[1] == "2024-07-01"


def test_a_large_file_is_judged_as_a_small_one(tmp_path, monkeypatch):
    monkeypatch.setattr("foretell.ingest.sources._COSTLY", 0)
    daily("2023-01-01", "2024-07-03").to_csv(tmp_path / "sales.csv", index=False)
    assert ends(Dataset(tmp_path / "sales.csv", freq="MS"))[1] == "2024-07-01"


@pytest.mark.parametrize("way", ["drop", "keep"])
def test_every_verb_agrees_on_the_last_step(way, tmp_path):
    rows = daily("2022-01-01", "2024-07-03", items=["a", "b"])
    data = Dataset(rows, freq="MS", partial=way)
    begin = pd.Timestamp("2024-07-01" if way == "drop" else "2024-08-01")
    model = foretell.train(data, recipe="seasonal_naive", horizon=3)
    assert model.predict().to_frame()["timestamp"].min() == begin
    model.save(tmp_path / "model")
    loaded = foretell.load(tmp_path / "model")
    again = Dataset(rows, freq="MS")  # a model remembers what it was trained with
    frame = loaded.predict(again).to_frame()
    assert frame["timestamp"].min() == begin
    assert loaded.predict(Dataset(rows, freq="MS", schema=loaded.schema)).to_frame().equals(frame)
    report = foretell.backtest(data, recipes=["seasonal_naive"], horizon=3)
    assert report.forecasts["timestamp"].max() == begin - pd.DateOffset(months=1)
    assert "partial" in [f.code for f in foretell.check(data)]
    assert "partial" in [f.code for f in report.findings]


def test_a_schema_of_an_earlier_release_keeps_partial_steps():
    schema = Dataset(daily("2023-01-01", "2024-07-03"), freq="MS").schema
    state = json.loads(json.dumps(schema.to_json()))
    assert Schema.from_json(state).partial == "drop"
    del state["partial"]
    assert Schema.from_json(state).partial == "keep"


def promoted(last, *, items=("a", "b"), first="2023-01-02", **ends):
    """A plan of promotions on Mondays, a row a day to `last`, or to the day of each item."""
    frames = []
    for item in items:
        days = pd.date_range(first, ends.get(item, last))
        frames.append(
            pd.DataFrame({"item_id": item, "timestamp": days, "promo": (days.weekday == 0).astype(float)})
        )
    return pd.concat(frames, ignore_index=True)


SALES = daily("2023-01-02", "2024-06-30", items=("a", "b"))  # ends on a Sunday


def known_ahead(data, item=0):
    panel = data.panel
    reach = panel.origin[item] + np.arange(panel.future)
    return panel.known_at(np.array([item]), reach[None])[0, :, 0].tolist()


def test_a_plan_that_ends_within_a_week_gives_that_week_no_value():
    whole = Dataset(SALES, promoted("2024-07-28"), freq="W-MON", known=["promo"])
    cut = Dataset(SALES, promoted("2024-07-22"), freq="W-MON", known=["promo"])
    assert known_ahead(whole) == pytest.approx([1 / 7] * 4)
    assert known_ahead(cut) == pytest.approx([1 / 7] * 3)  # not a week of promotions
    (warning,) = partial(cut)
    assert warning.severity == "warning"
    assert "the last step, 2024-07-22, is partial: its rows end 2024-07-22" in warning.message
    assert "keys" not in warning.message  # all items end there
    assert [finding.code for finding in foretell.check(cut, horizon=4).errors] == ["known_ends"]
    assert not foretell.check(cut, horizon=3).errors
    assert not partial(whole)


def test_a_plan_of_a_part_of_a_week_is_kept_as_asked():
    data = Dataset(SALES, promoted("2024-07-22"), freq="W-MON", known=["promo"], partial="keep")
    assert known_ahead(data) == pytest.approx([1 / 7] * 3 + [1])
    (note,) = partial(data)
    assert note.severity == "note"


def test_items_whose_plans_end_apart_are_judged_apart():
    data = Dataset(
        SALES,
        promoted("2024-07-28", b="2024-07-16"),
        freq="W-MON",
        known=["promo"],
        filling={"promo": {"future": "zero"}},
    )
    assert known_ahead(data, 0)[:4] == pytest.approx([1 / 7] * 4)
    assert known_ahead(data, 1)[:4] == pytest.approx([1 / 7] * 2 + [0, 0])
    (warning,) = partial(data)
    assert warning.count == 1
    assert "1 of its 2 keys end within a step; first item 'b': the last step, 2024-07-15" in warning.message


def test_a_column_that_ends_before_its_table_does_is_judged_by_its_own_end():
    plan = promoted("2024-07-28").assign(price=2.0, shelf="low")
    plan.loc[plan["timestamp"] > "2024-06-25", "price"] = np.nan  # a Tuesday
    data = Dataset(SALES, plan, freq="W-MON", known=["promo", "shelf"], past=["price"])
    last = [data.panel.past[data.panel.offsets[item + 1] - 1, 0] for item in range(2)]
    assert np.isnan(last).all()
    assert len(known_ahead(data)) == 4
    (warning,) = partial(data)
    assert "the last step, 2024-06-24, is partial: its values of 'price' end 2024-06-25" in warning.message


def test_a_list_of_promotion_days_has_no_partial_steps():
    plan = promoted("2024-07-22")
    data = Dataset(
        SALES, plan[plan["promo"] == 1], freq="W-MON", known=["promo"], filling={"promo": {"future": "zero"}}
    )
    assert not partial(data)


def test_tables_keyed_by_a_region_or_by_time_alone_are_judged_too():
    items = pd.DataFrame({"item_id": ["a", "b"], "region": ["north", "south"]})
    days = pd.date_range("2023-01-02", "2024-07-23")
    world = pd.DataFrame({"timestamp": days, "campaign": 1.0})
    region = pd.concat(
        pd.DataFrame({"region": name, "timestamp": days[: len(days) - cut], "fair": 1.0})
        for name, cut in (("north", 2), ("south", 0))
    )
    data = Dataset(SALES, [world, region], items, freq="W-MON", known=["campaign", "fair"])
    assert len(partial(data)) == 2
    assert known_ahead(data, 1) == pytest.approx([1] * 3)


def test_a_plan_in_the_table_of_the_target_is_cut_with_it():
    rows = SALES.assign(promo=(SALES["timestamp"].dt.weekday == 0).astype(float))
    rows = rows[rows["timestamp"] < "2024-06-26"]
    data = Dataset(rows, rows, freq="W-MON", known=["promo"])
    assert data.panel.future == 0
    assert len(partial(data)) == 2
    assert (
        len(partial(Dataset(rows, rows, freq="W-MON", past=["promo"]))) == 1
    )  # the target's end is told once


def test_the_hours_of_a_weather_table_make_a_day_whole():
    sales = daily("2024-01-01", "2024-03-10")
    hours = pd.date_range("2024-01-01", "2024-03-12 05:00", freq="h")
    weather = pd.DataFrame({"timestamp": hours, "sun": hours.hour.to_numpy(float)})
    data = Dataset(sales, weather, freq="D", known=["sun"])
    assert known_ahead(data) == pytest.approx([11.5])
    assert "is partial: its rows end 2024-03-12 05:00" in partial(data)[0].message
