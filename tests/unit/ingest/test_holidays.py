"""Public holidays as known covariates: which days, at which frequency, for which item, and how far ahead."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from foretell.data.columns import names_of
from foretell.data.frequency import Frequency
from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset, make_future_frame
from foretell.ingest.holidays import country_code, holiday_columns, holiday_table
from foretell.models.model import fitted_of
from foretell.workflows.backtest import backtest
from foretell.workflows.train import load, train

NAN = np.nan


def sales(names=("a",), first="2023-12-20", periods=10, freq="D"):
    stamps = pd.date_range(first, periods=periods, freq=freq)
    frames = [
        pd.DataFrame({"item_id": name, "timestamp": stamps, "target": np.arange(1.0, periods + 1)})
        for name in names
    ]
    return pd.concat(frames, ignore_index=True)


def values(code, freq, first, last, days=1):
    """The holiday table from one date to another, a column a name, a row a step."""
    frequency = Frequency.parse(freq)
    span = (frequency.ordinal(first), frequency.ordinal(last))
    return holiday_table((code,), days, frequency=frequency, span=span).set_index("timestamp")


def at(data, column, dates, item=0):
    """The known column of an item at some dates."""
    panel = data.panel
    steps = np.array([[panel.frequency.ordinal(date) for date in dates]])
    return panel.known_at(np.array([item]), steps)[0, :, names_of(panel.schema.known).index(column)].tolist()


def test_a_day_is_a_holiday_before_one_or_after_one():
    christmas = values("DE", "D", "2023-12-23", "2023-12-28")  # the 25th and 26th are holidays
    assert christmas["holiday DE"].tolist() == [0, 0, 1, 1, 0, 0]
    assert christmas["1 day before holiday DE"].tolist() == [0, 1, 0, 0, 0, 0]
    assert christmas["1 day after holiday DE"].tolist() == [0, 0, 0, 0, 1, 0]


def test_more_days_have_a_column_each():
    assert holiday_columns(("DE",), 2) == (
        "holiday DE",
        "1 day before holiday DE",
        "2 days before holiday DE",
        "1 day after holiday DE",
        "2 days after holiday DE",
    )
    assert holiday_columns(("DE", "AT"), 0) == ("holiday DE", "holiday AT")
    christmas = values("DE", "D", "2023-12-22", "2023-12-29", days=2)
    assert christmas["2 days before holiday DE"].tolist() == [0, 1, 0, 0, 0, 0, 0, 0]
    assert christmas["2 days after holiday DE"].tolist() == [0, 0, 0, 0, 0, 0, 1, 0]


def test_each_hour_has_its_days_values():
    hours = values("DE", "6h", "2023-12-24 00:00", "2023-12-25 18:00")
    assert hours["holiday DE"].tolist() == [0] * 4 + [1] * 4
    assert hours["1 day before holiday DE"].tolist() == [1] * 4 + [0] * 4


@pytest.mark.parametrize(
    ("freq", "first", "last", "holidays"),
    [
        ("W-MON", "2023-12-18", "2024-01-01", [0, 2, 1]),  # weeks from the 18th, the 25th (25, 26), the 1st
        ("MS", "2023-10-01", "2024-01-01", [1, 0, 2, 1]),  # 3 October; none; 25, 26 December; 1 January
        ("ME", "2023-10-31", "2024-01-31", [1, 0, 2, 1]),
        ("QE", "2023-12-31", "2023-12-31", [3]),
        ("YS", "2023-01-01", "2023-01-01", [9]),  # the nine holidays of all of Germany
        ("24h", "2023-12-24", "2023-12-27", [0, 1, 1, 0]),
    ],
)
def test_a_longer_step_has_the_sum_over_its_days(freq, first, last, holidays):
    assert values("DE", freq, first, last)["holiday DE"].tolist() == holidays


def test_a_monday_holiday_counts_before_it_in_the_week_before():
    # 28 August 2023 was a Monday, and a bank holiday in parts
    weeks = values("GB", "W-MON", "2023-08-14", "2023-08-28")
    england = values("GB-ENG", "W-MON", "2023-08-14", "2023-08-28")
    assert england["1 day before holiday GB-ENG"].tolist() == [0, 1, 0]
    assert weeks["holiday GB"].tolist() == [0, 0, 0]


def test_business_days_are_counted_without_the_weekend():
    days = values("DE", "B", "2023-12-21", "2023-12-28")  # Thu 21, Fri 22, Mon 25, Tue 26, Wed 27, Thu 28
    assert days["holiday DE"].tolist() == [0, 0, 1, 1, 0, 0]
    assert days["1 day before holiday DE"].tolist() == [0, 1, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("DE", "DE"),
        ("de", "DE"),
        ("DEU", "DE"),
        ("Germany", "DE"),
        ("DE-BY", "DE-BY"),
        ("de-by", "DE-BY"),
        ("DE-Bayern", "DE-BY"),
        ("United States", "US"),
        ("GB-ENG", "GB-ENG"),
        ("Guinea-Bissau", "GW"),
    ],
)
def test_a_country_may_be_spelt_in_several_ways(name, code):
    assert country_code(name) == code


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Germny", "knows no country 'Germny'. Did you mean 'DE'?"),
        ("DX", "knows no country 'DX'."),
        ("DE-Bayer", "DE has no subdivision 'Bayer'. Did you mean 'Bayern'? It has: BB, BE, BW"),
        ("VA-X", "VA has no subdivision 'X'. It has none."),
    ],
)
def test_an_unknown_country_is_refused_with_the_nearest(name, message):
    with pytest.raises(ForetellError) as caught:
        Dataset(sales(), freq="D", holidays=name)
    assert message in str(caught.value)


def test_holidays_of_several_countries_stand_side_by_side():
    data = Dataset(sales(), freq="D", holidays="DE, US", holiday_days=0)
    assert names_of(data.schema.known) == ("holiday DE", "holiday US")
    assert at(data, "holiday DE", ["2023-12-25", "2023-12-26", "2023-12-27"]) == [1, 1, 0]
    assert at(data, "holiday US", ["2023-12-25", "2023-12-26", "2023-12-27"]) == [1, 0, 0]


def test_each_item_has_the_holidays_of_its_own_country():
    items = pd.DataFrame({"item_id": ["a", "b", "c"], "country": ["DE-BY", "us", None]})
    data = Dataset(sales(("a", "b", "c")), items=items, freq="D", holidays="@country")
    for item, expected in enumerate([[1, 1], [1, 0], [NAN, NAN]]):
        np.testing.assert_array_equal(at(data, "holiday", ["2023-12-25", "2023-12-26"], item), expected)
    assert names_of(data.schema.known[0:2]) == ("holiday", "holiday is missing")
    assert "1 items have no rows in the holidays table, first item 'c'" in str(data.findings)


def test_the_country_may_be_a_dimension():
    sold = pd.concat([sales().assign(country=code) for code in ("DE", "US")])
    data = Dataset(sold, freq="D", dimensions=["country"], holidays="@country", holiday_days=0)
    assert [at(data, "holiday", ["2023-12-26"], item) for item in (0, 1)] == [[1], [0]]


def test_a_country_that_is_none_names_its_item():
    items = pd.DataFrame({"item_id": ["a", "b"], "country": ["DE", "Bavria"]})
    with pytest.raises(
        ForetellError, match="item 'b', column 'country': the library `holidays` knows no country 'Bavria'"
    ):
        Dataset(sales(("a", "b")), items=items, freq="D", holidays="@country")


@pytest.mark.parametrize("items", [None, pd.DataFrame({"item_id": ["a"], "land": ["DE"]})])
def test_a_column_that_is_not_there_is_refused(items):
    with pytest.raises(
        ForetellError, match="holidays by 'country': neither the item metadata nor the dimensions have"
    ):
        Dataset(sales(), items=items, freq="D", holidays="@country")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"freq": "D", "holidays": "DE,@country"}, "are one name, such as '@country'"),
        (
            {"freq": "D", "holidays": "DE", "holiday_days": 9},
            "holiday_days must be a whole number from 0 to 7",
        ),
        ({"freq": "1", "holidays": "DE"}, "freq='1' is integer time"),
        ({"freq": "D", "holidays": [1]}, "holidays must be country codes"),
    ],
)
def test_holidays_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ForetellError, match=message):
        Dataset(sales(), **options)


def test_holidays_reach_as_far_as_the_longest_horizon():
    data = Dataset(sales(first="2022-01-01", periods=500), freq="D", holidays="DE")
    model = train(data, recipe="seasonal_naive", horizon=450)  # beyond the year that is stored anyway
    assert fitted_of(model).panel.future >= 450
    assert model.predict().horizon == 450


def test_a_short_new_history_is_forecast_over_the_whole_horizon():
    promo = pd.DataFrame({"timestamp": pd.date_range("2023-12-20", periods=60), "promo": 1.0})
    options: dict[str, Any] = {"freq": "D", "known": ["promo"]}
    model = train(
        Dataset(sales(periods=30), promo, holidays="DE", **options), recipe="seasonal_naive", horizon=20
    )
    forecast = model.predict(Dataset(sales(periods=5), promo, schema=model.schema, **options))
    assert forecast.horizon == 20


def test_a_saved_model_remembers_its_holidays(tmp_path):
    data = Dataset(sales(periods=40), freq="D", holidays="DE-BY", holiday_days=2)
    train(data, recipe="seasonal_naive", horizon=7).save(tmp_path / "model")
    model = load(tmp_path / "model")
    assert (model.schema.holidays, model.schema.holiday_days) == (("DE-BY",), 2)
    assert model.predict(Dataset(sales(periods=50), freq="D")).horizon == 7
    with pytest.raises(ForetellError, match=r"trained with the holidays DE-BY .* Leave holidays= out"):
        model.predict(Dataset(sales(periods=50), freq="D", holidays="US"))


def test_a_backtest_takes_holidays():
    data = Dataset(sales(periods=40), freq="D", holidays="DE")
    report = backtest(data, horizon=7, recipes=["seasonal_naive"], windows=2)
    assert "holiday DE" in report.settings["known"]


def test_a_future_frame_leaves_holidays_out():
    promo = pd.DataFrame({"timestamp": pd.date_range("2023-12-20", periods=15), "promo": 1.0})
    data = Dataset(sales(), promo, freq="D", known=["promo"], holidays="DE")
    assert list(make_future_frame(data, 2)) == ["item_id", "timestamp", "promo"]


def test_a_table_can_be_made_of_countries_all_over_the_library():
    from holidays.utils import list_supported_countries

    some = sorted(list_supported_countries())[::25]  # all of them take seconds
    for code in some:
        assert values(code, "YS", "2023-01-01", "2023-01-01").iloc[0, 0] > 0, code
