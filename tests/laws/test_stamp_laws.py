"""Whatever the frequency and its offset: SQL and numpy agree on steps, and a round trip keeps every label."""

from dataclasses import replace

import duckdb
import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foretell.data.frequency import Frequency
from foretell.ingest.dataset import Dataset

law = settings(derandomize=True, deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
DATES = (pd.Timestamp("1930-01-01"), pd.Timestamp("2030-01-01"))  # 15 steps of 9 years end before 2262
LIMITS = (pd.Timestamp("1700-01-01"), pd.Timestamp("2250-01-01"))


@st.composite
def frequencies(draw):
    unit = draw(st.sampled_from(["min", "h", "D", "B", "W", "M", "Q", "Y"]))
    multiple = draw(st.integers(1, 9))
    anchor = draw(st.integers(0, {"W": 6, "Q": 2, "Y": 11}.get(unit, 0)))
    plain = Frequency(unit, multiple, anchor)
    if unit in ("M", "Q", "Y") and draw(st.booleans()):
        plain = replace(plain, stamp="end")
    return replace(plain, phase=draw(st.integers(0, (plain.minutes or multiple) - 1)))


@law
@given(frequencies(), st.lists(st.datetimes(*LIMITS), min_size=1, max_size=40))
def test_steps_and_stamps_in_sql_are_those_in_numpy(frequency, moments):
    stamps = np.array(moments, "datetime64[us]")
    own = frequency.timestamps(frequency.ordinals(stamps)).astype("datetime64[us]")
    stamps = np.concatenate([stamps, own])
    frame = pd.DataFrame({"place": np.arange(len(stamps)), "moment": stamps})
    with duckdb.connect() as connection:
        connection.register("frame", frame)
        parts = f"{frequency.sql('moment')}, {frequency.stamped_sql('moment')}"
        found = connection.execute(f"SELECT {parts} FROM frame ORDER BY place").fetchall()
    steps = frequency.ordinals(stamps)
    assert [row[0] for row in found] == steps.tolist()
    assert [row[1] for row in found] == (frequency.timestamps(steps) == stamps).tolist()


@law
@given(frequencies(), st.datetimes(*DATES), st.integers(2, 12))
def test_a_round_trip_keeps_the_labels(frequency, first, count):
    stamps = frequency.timestamps(frequency.ordinal(first) + np.arange(count + 3))
    table = pd.DataFrame({"item_id": "a", "timestamp": stamps[:count], "target": np.arange(count) + 1.0})
    panel = Dataset(table, freq=frequency.alias).panel
    np.testing.assert_array_equal(panel.frequency.timestamps(panel.start[0] + np.arange(count + 3)), stamps)
    np.testing.assert_array_equal(panel.history(0), np.arange(count) + 1)
