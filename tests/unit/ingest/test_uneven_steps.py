"""Warnings for sales written only where something sold, and for rows of another calendar."""

import numpy as np
import pandas as pd
import pytest

import foretell
from foretell.cli.option_names import as_options
from foretell.ingest.dataset import Dataset


def sold(keep, *, items=4, days=200, freq="D", scale=1.0, seed=0):
    """Counts of at least 1 on the days that `keep` lets stand."""
    rng = np.random.default_rng(seed)
    stamps = pd.date_range("2024-01-01", periods=days, freq=freq)
    frames = [
        pd.DataFrame(
            {"item_id": f"i{k}", "timestamp": stamps, "target": scale * (1.0 + rng.poisson(2, days))}
        )
        for k in range(items)
    ]
    table = pd.concat(frames, ignore_index=True)
    return table[keep(table["timestamp"], rng)]


def thinned(stamps, rng):
    return rng.random(len(stamps)) < 0.66


def found(data, code):
    return [finding for finding in data.findings if finding.code == code]


def test_rows_only_where_something_sold_are_a_warning():
    data = Dataset(sold(thinned), freq="D")
    (warning,) = found(data, "transactions")
    assert "33% of the steps inside" in warning.message
    assert "--filling target.middle=zero" in as_options(warning.message)
    assert "--filling target.middle=zero --filling target.back=zero" in as_options(warning.option)
    assert warning.count == sum(np.isnan(data.panel.history(i)).sum() for i in range(4)) - trailing(data)
    assert "transactions" in [finding.code for finding in foretell.check(data).warnings]


def test_fractions_with_as_many_scattered_gaps_are_warned_of_in_weaker_words():
    (warning,) = found(Dataset(sold(thinned, scale=0.37), freq="D"), "transactions")
    assert "such are sales in money or weight, or with returns" in warning.message
    assert "If that is so, forecasts are too high without" in warning.message


def trailing(data):
    """Steps behind the last value of each item."""
    return sum(int(np.isnan(h)[::-1].argmin()) for h in map(data.panel.history, range(4)))


@pytest.mark.parametrize(
    "table",
    [
        sold(lambda stamps, rng: stamps.dt.weekday < 6),  # closed on Sundays
        sold(lambda stamps, rng: stamps.dt.weekday < 5, items=1),
        sold(lambda stamps, rng: rng.random(len(stamps)) < 0.97),
        # no counts: a meter with outages
        sold(lambda stamps, rng: np.arange(len(stamps)) // 40 % 4 != 1, scale=0.37),
        sold(thinned).assign(target=lambda f: f["target"].where(f.index % 50 > 0, 0.0)),  # zeros are written
    ],
)
def test_closed_days_few_gaps_measurements_and_written_zeros_are_none(table):
    assert not found(Dataset(table, freq="D"), "transactions")


def test_a_filling_of_the_gaps_settles_it():
    filling = {"target": {"middle": "zero"}}
    assert not found(Dataset(sold(thinned), freq="D", filling=filling), "transactions")
    assert found(Dataset(sold(thinned), freq="D", filling={"target": {"back": "zero"}}), "transactions")


@pytest.mark.parametrize(
    ("keep", "freq"),
    [
        (lambda stamps, rng: stamps.dt.day == 1, "D"),  # months
        (lambda stamps, rng: stamps.dt.dayofyear % 10 == 5, "D"),
    ],
)
def test_rows_of_longer_steps_are_no_sales(keep, freq):
    assert not found(Dataset(sold(keep, items=9, days=700), freq=freq), "transactions")


@pytest.mark.slow
def test_with_the_filling_the_total_comes_right():
    whole = sold(lambda stamps, rng: stamps.dt.day > 0, items=12, days=230)
    rng = np.random.default_rng(1)
    whole["target"] = whole["target"].where(rng.random(len(whole)) < 0.66, 0.0)
    begin = whole["timestamp"].max() - pd.Timedelta(days=27)
    past, actual = whole[whole["timestamp"] < begin], whole[whole["timestamp"] >= begin]["target"].sum()
    filling = {"target": {"middle": "zero", "back": "zero"}}
    written = past[past["target"] > 0]
    plain, filled = Dataset(written, freq="D"), Dataset(written, freq="D", filling=filling)

    def forecast(data, recipe):
        return foretell.train(data, recipe=recipe, horizon=28).predict()

    assert forecast(plain, "ets").mean.sum() > 1.25 * actual
    assert forecast(filled, "ets").mean.sum() == pytest.approx(actual, rel=0.05)
    # the last week again: its median, for its mean is that of spreads which are cut at 0
    week = past.groupby("item_id").tail(7)["target"].sum()
    assert forecast(plain, "seasonal_naive").quantiles[:, :, 1].sum() > 1.25 * 4 * week
    assert forecast(filled, "seasonal_naive").quantiles[:, :, 1].sum() == pytest.approx(4 * week)


@pytest.mark.parametrize(
    ("name", "freq"),
    [
        ("favorita_transactions", "D"),
        ("electricity_small", "h"),
        ("rossmann", "D"),
        ("store_item_demand", "D"),
        ("pedestrian", "h"),
        ("hospital", "MS"),
        ("m3", "1"),
    ],
)
def test_real_data_of_whole_steps_are_no_sales(real_data, name, freq):
    if freq == "1":
        data = Dataset(real_data / name / "train.parquet", freq=freq, timestamp="t")
    else:
        data = Dataset(real_data / name / "target.parquet", freq=freq)
    assert not found(data, "transactions")
    assert not found(data, "other_calendar")


def test_nights_are_closed():
    table = sold(lambda stamps, rng: stamps.dt.hour.between(8, 19), days=24 * 30, freq="h")
    assert not found(Dataset(table, freq="h"), "transactions")


def test_periods_of_four_and_five_weeks_asked_as_months_are_a_warning():
    weeks = np.cumsum([0, *[4, 4, 5] * 12])
    stamps = pd.Timestamp("2021-01-31") + pd.to_timedelta(
        7 * weeks, "D"
    )  # the last Sundays of a 4-4-5 calendar
    table = pd.DataFrame({"item_id": "a", "timestamp": stamps, "target": 1.0 + np.arange(len(stamps))})
    data = Dataset(table, freq="MS")
    per_month = (
        stamps.to_period("M")
        .value_counts()
        .reindex(pd.period_range("2021-01", stamps[-1], freq="M"), fill_value=0)
    )
    assert per_month.min() == 0 and per_month.max() == 2  # noqa: PT018
    (warning,) = found(data, "other_calendar")
    assert warning.severity == "warning"


def test_days_in_months_and_doubled_days_are_no_other_calendar():
    days = sold(lambda stamps, rng: stamps.dt.weekday < 7)
    assert not found(Dataset(days, freq="MS"), "other_calendar")
    late = days.iloc[::40].assign(timestamp=lambda f: f["timestamp"] + pd.Timedelta(hours=9))
    assert not found(Dataset(pd.concat([days, late]), freq="D"), "other_calendar")
