"""Timestamps and ordinals: both ways, and the same in SQL as in numpy."""

from dataclasses import replace
from datetime import datetime

import duckdb
import numpy as np
import pandas as pd
import pytest

from foretell.data.frequency import Frequency, spell
from foretell.errors import ForetellError

ALIASES = [  # "at": minutes after the full steps
    "min",
    "15min",
    "15min at 7",
    "h",
    "8h at 360",
    "6h",
    "D",
    "2D",
    "B",
    "W",
    "W-FRI",
    "2W-MON",
    "MS",
    "ME",
    "2MS",
    "QS",
    "QS-FEB",
    "QE",
    "YS",
    "YE",
    "YS-JUL",
    "3YS",
]


def frequency_of(alias: str) -> Frequency:
    name, _, offset = alias.partition(" at ")
    return replace(Frequency.parse(name), phase=int(offset or 0))


def moments(seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    years = random.integers(-40 * 365, 60 * 365, 400)  # 1930 to 2029: on both sides of 1970
    return years.astype("datetime64[D]").astype("datetime64[us]") + random.integers(0, 86_400_000_000, 400)


def in_sql(expression: str, stamps: np.ndarray) -> list[object]:
    frame = pd.DataFrame({"place": np.arange(len(stamps)), "moment": stamps})
    with duckdb.connect() as connection:
        connection.register("frame", frame)
        found = connection.execute(f"SELECT {expression} FROM frame ORDER BY place").fetchall()
    return [row[0] for row in found]


@pytest.mark.parametrize("alias", ALIASES)
def test_the_ordinal_in_sql_equals_the_ordinal_in_numpy(alias):
    stamps = np.concatenate(
        [moments(), np.array(["1970-01-01", "1969-12-31T23:59:59.999999"], "datetime64[us]")]
    )
    frequency = frequency_of(alias).aligned(np.datetime64("1955-05-17"))
    found = in_sql(frequency.sql("CAST(moment AS TIMESTAMP)"), stamps)
    np.testing.assert_array_equal(found, frequency.ordinals(stamps))


@pytest.mark.parametrize("alias", ALIASES)
def test_a_moment_is_its_steps_timestamp_in_sql_where_it_is_in_numpy(alias):
    frequency = frequency_of(alias).aligned(np.datetime64("1955-05-17"))
    own = frequency.timestamps(frequency.ordinals(moments())).astype("datetime64[us]")
    days = np.arange("1960-01-01", "1984-01-01", dtype="datetime64[D]").astype("datetime64[us]")
    stamps = np.concatenate(
        [own, days, moments(), own + np.timedelta64(1, "D"), own + np.timedelta64(1, "m")]
    )
    found = in_sql(frequency.stamped_sql("CAST(moment AS TIMESTAMP)"), stamps)
    np.testing.assert_array_equal(found, frequency.timestamps(frequency.ordinals(stamps)) == stamps)


@pytest.mark.parametrize("alias", ALIASES)
def test_a_step_has_one_timestamp_and_it_lies_in_that_step(alias):
    frequency = frequency_of(alias).aligned(np.datetime64("1999-03-02"))
    steps = np.arange(-50, 50)
    np.testing.assert_array_equal(frequency.ordinals(frequency.timestamps(steps)), steps)


@pytest.mark.parametrize("alias", [alias for alias in ALIASES if " at " not in alias])
def test_steps_follow_each_other_as_in_pandas(alias):
    dates = pd.date_range("1968-03-01", periods=40, freq=alias.replace("2D", "D"))
    frequency = Frequency.parse(alias.replace("2D", "D")).aligned(dates[0].to_datetime64())
    np.testing.assert_array_equal(np.diff(frequency.ordinals(dates.to_numpy())), 1)
    np.testing.assert_array_equal(
        frequency.timestamps(frequency.ordinals(dates.to_numpy())), dates.to_numpy()
    )


def test_a_saturday_belongs_to_the_friday_before_it_in_business_days():
    friday, saturday, monday = Frequency.parse("B").ordinals(
        np.array(["2024-03-01", "2024-03-02", "2024-03-04"], "datetime64[us]")
    )
    assert (saturday, monday) == (friday, friday + 1)


def test_integer_time_is_its_own_ordinal():
    frequency = Frequency.parse("1")
    assert frequency.ordinals(np.array([-3, 0, 7])).tolist() == [-3, 0, 7]
    assert frequency.timestamps(np.array([5])).tolist() == [5]
    assert frequency.calendar(np.arange(4)).shape == (4, 0)


@pytest.mark.parametrize(
    ("alias", "season"), [("h", 24), ("15min", 96), ("D", 7), ("W", 52), ("MS", 12), ("QS", 4), ("YS", 1)]
)
def test_the_first_season_is_the_usual_one(alias, season):
    assert Frequency.parse(alias).seasons[0] == season


@pytest.mark.parametrize("alias", ["", "0D", "fortnight", "W-XYZ", "D-MON", "-1h", "1.5h"])
def test_a_frequency_that_there_is_not_is_refused(alias):
    with pytest.raises(ForetellError, match="frequency must be one of"):
        Frequency.parse(alias)


@pytest.mark.parametrize("alias", [alias for alias in ALIASES if " at " not in alias])
def test_the_alias_of_a_frequency_parses_back_to_it(alias):
    assert Frequency.parse(Frequency.parse(alias).alias) == Frequency.parse(alias)


@pytest.mark.parametrize(
    ("alias", "moment", "text"),
    [
        ("D", "2024-03-01", "2024-03-01"),
        ("30min", "2024-03-01T06:30", "2024-03-01 06:30"),
        ("h", "2024-03-01T06:00", "2024-03-01 06:00"),
        ("h", "2024-03-01T00:00", "2024-03-01"),
        ("1", "17", "17"),
    ],
)
def test_dates_are_as_short_as_they_say_all(alias: str, moment: str, text: str) -> None:
    frequency = Frequency.parse(alias)
    assert frequency.spell(frequency.ordinal(moment)) == text


def test_the_moment_of_a_row_keeps_its_seconds() -> None:
    assert spell(datetime(2024, 3, 1, 6, 0, 17)) == "2024-03-01 06:00:17"
    assert spell(pd.Timestamp("2024-03-01 06:00")) == "2024-03-01 06:00"
    assert spell(np.datetime64("2024-03-01T06:00", "m")) == "2024-03-01 06:00"
