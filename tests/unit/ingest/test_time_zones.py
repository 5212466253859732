"""Times with an offset or a zone become the time on the wall, whatever table they come in."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset

BERLIN = "Europe/Berlin"


def hours(first, count, zone=BERLIN):
    """`count` hours that did pass one after the other in a zone, with 1, 2, 3, ... sold."""
    stamps = pd.date_range(pd.Timestamp(first, tz=zone), periods=count, freq="h")
    return pd.DataFrame({"item_id": "a", "timestamp": stamps, "target": np.arange(1.0, count + 1)})


def csv(tmp_path, frame, spell=lambda stamp: stamp.isoformat()):
    path = tmp_path / "sales.csv"
    frame.assign(timestamp=[spell(stamp) for stamp in frame["timestamp"]]).to_csv(path, index=False)
    return path


def parquet(tmp_path, frame):
    path = tmp_path / "sales.parquet"
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path)
    return path


SOURCES = {
    "pandas": lambda frame, _: frame,
    "pandas, objects": lambda frame, _: frame.astype({"timestamp": object}),
    "polars": lambda frame, _: pl.from_pandas(frame),
    "arrow": lambda frame, _: pa.Table.from_pandas(frame, preserve_index=False),
    "parquet": lambda frame, path: parquet(path, frame),
    "csv, offsets": lambda frame, path: csv(path, frame),
    "csv, offsets without a colon": lambda frame, path: csv(
        path, frame, lambda s: s.strftime("%Y-%m-%d %H:%M%z")
    ),
    "csv, java": lambda frame, path: csv(path, frame, lambda s: s.isoformat() + "[Europe/Berlin]"),
}


def clock(data):
    """The wall time of each step of the only item."""
    panel = data.panel
    stamps = panel.frequency.timestamps(panel.start[0] + np.arange(panel.lengths[0]))
    return [str(stamp)[11:16] for stamp in stamps]


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_every_kind_of_table_is_read_as_local_wall_time(source, tmp_path):
    data = Dataset(source(hours("2024-01-09 22:00", 4), tmp_path), freq="h")
    assert clock(data) == ["22:00", "23:00", "00:00", "01:00"]
    np.testing.assert_array_equal(data.panel.history(0), [1, 2, 3, 4])


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_the_hour_that_is_skipped_in_spring_is_not_observed(source, tmp_path):
    data = Dataset(source(hours("2024-03-31 00:00", 4), tmp_path), freq="h")  # 2 o'clock was 3 o'clock
    assert clock(data) == ["00:00", "01:00", "02:00", "03:00", "04:00"]
    np.testing.assert_array_equal(data.panel.history(0), [1, 2, np.nan, 3, 4])


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_the_hour_that_comes_twice_in_autumn_is_aggregated(source, tmp_path):
    data = Dataset(source(hours("2024-10-27 01:00", 4), tmp_path), freq="h")  # 1, 2, 2 again, 3 o'clock
    assert clock(data) == ["01:00", "02:00", "03:00"]
    np.testing.assert_array_equal(data.panel.history(0), [1, 2 + 3, 4])
    (note,) = [finding for finding in data.findings if finding.code == "aggregated"]
    assert note.message.startswith("1 steps hold several rows")


def test_last_takes_the_later_of_the_two_hours():
    data = Dataset(hours("2024-10-27 01:00", 4).iloc[::-1], freq="h", aggregation={"target": "last"})
    np.testing.assert_array_equal(data.panel.history(0), [1, 3, 4])


def test_the_same_instant_twice_is_a_repeated_row_however_it_is_spelt():
    sold = pd.DataFrame(
        {
            "item_id": "a",
            "timestamp": ["2024-10-27T02:00+02:00", "2024-10-27T02:00:00+02"],
            "target": [1.0, 2.0],
        }
    )
    with pytest.raises(ForetellError, match="2 rows at 2024-10-27 02:00 in"):
        Dataset(sold, freq="h")


def test_the_doubled_hour_without_its_offset_is_a_repeated_row():
    sold = hours("2024-10-27 01:00", 4)
    with pytest.raises(ForetellError, match="2 rows at 2024-10-27 02:00 in"):
        Dataset(sold.assign(timestamp=sold["timestamp"].dt.tz_localize(None)), freq="h")


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_a_zone_that_is_asked_for_counts_for_times_stored_in_utc(source, tmp_path):
    sold = hours("2024-10-26 22:30", 5).assign(timestamp=lambda f: f["timestamp"].dt.tz_convert("UTC"))
    data = Dataset(source(sold, tmp_path), freq="h", timezone=BERLIN)
    assert clock(data) == ["22:30", "23:30", "00:30", "01:30", "02:30"]
    np.testing.assert_array_equal(data.panel.history(0), [1, 2, 3, 4, 5])


def test_days_stored_in_utc_are_the_days_of_the_zone_asked_for():
    # 23:00, then 22:00 of the day before
    midnights = pd.date_range("2024-03-29", periods=4, tz=BERLIN).tz_convert("UTC")
    sold = pd.DataFrame({"item_id": "a", "timestamp": midnights, "target": [1.0, 2, 3, 4]})
    panel = Dataset(sold, freq="D", timezone=BERLIN).panel
    assert str(panel.frequency.timestamps(panel.start)[0])[:10] == "2024-03-29"
    np.testing.assert_array_equal(panel.history(0), [1, 2, 3, 4])


def test_each_row_keeps_its_own_clock_where_no_zone_is_asked_for(tmp_path):
    rows = "item_id,timestamp,target\nny,2024-01-01T08:00-05:00,1\nrome,2024-01-01 08:00 Europe/Rome,2\nhere,2024-01-01 08:00,3\n"
    (tmp_path / "sales.csv").write_text(rows)
    panel = Dataset(tmp_path / "sales.csv", freq="h").panel
    assert {str(s)[:16] for s in panel.frequency.timestamps(panel.start)} == {"2024-01-01T08:00"}
    asked = Dataset(tmp_path / "sales.csv", freq="h", timezone="UTC").panel
    starts = dict(
        zip(asked.names, (str(s)[11:16] for s in asked.frequency.timestamps(asked.start)), strict=True)
    )
    assert starts == {"ny": "13:00", "rome": "07:00", "here": "08:00"}  # what has no offset stays as it is


@pytest.mark.parametrize("offset", ["+05:30", "-03:00", "+00:00"])
def test_a_fixed_offset_of_an_arrow_column_is_its_clock(offset):
    stamps = pa.array([0, 3_600_000_000], pa.timestamp("us", offset))  # 1970-01-01 00:00 and 01:00 in UTC
    sold = pa.table({"item_id": ["a", "a"], "timestamp": stamps, "target": [1.0, 2.0]})
    expected = {"+05:30": ["05:30", "06:30"], "-03:00": ["21:00", "22:00"], "+00:00": ["00:00", "01:00"]}
    assert clock(Dataset(sold, freq="h")) == expected[offset]


@pytest.mark.parametrize(
    "spelt", ["2024-01-02", "2024/01/02", "2024-01-02 00:00:00.000 ", "2024-01-02T00:00"]
)
def test_times_without_a_zone_stay_as_they_are(spelt, tmp_path):
    (tmp_path / "sales.csv").write_text(f"item_id,timestamp,target\na,{spelt},1\n")
    data = Dataset(tmp_path / "sales.csv", freq="D", timezone="America/New_York")
    assert str(data.panel.frequency.timestamps(data.panel.start)[0])[:10] == "2024-01-02"
    assert not [finding for finding in data.findings if finding.code == "time_zone"]


@pytest.mark.parametrize("spelt", ["2024-01-02 08:00 Europe/Atlantis", "2024-01-02 08:00 o'clock"])
def test_an_offset_that_is_none_names_the_row(spelt, tmp_path):
    (tmp_path / "sales.csv").write_text(f"item_id,timestamp,target\na,2024-01-01 08:00,1\na,{spelt},1\n")
    with pytest.raises(ForetellError, match=r"item 'a' in .*: 'timestamp' .* does not parse"):
        Dataset(tmp_path / "sales.csv", freq="h")


def test_how_times_with_a_zone_were_read_is_said(tmp_path):
    def said(source, **options):
        return next(f.message for f in Dataset(source, freq="h", **options).findings if f.code == "time_zone")

    sold = hours("2024-01-09 22:00", 4)
    assert (
        said(sold)
        == "the target table: 4 times are stored in the zone Europe/Berlin, read as the time of day there"
    )
    assert "carry an offset or a zone, read as the time of day written there" in said(csv(tmp_path, sold))
    assert said(sold, timezone="Asia/Tokyo").endswith("read as the time of day in Asia/Tokyo")


@pytest.mark.parametrize(
    ("name", "way_out"), [("Europe/Berln", "'Europe/Berlin'"), ("berlin", "'Europe/Berlin'")]
)
def test_a_zone_that_there_is_not_is_refused_with_the_nearest(name, way_out):
    with pytest.raises(ForetellError, match=f"there is no time zone '{name}'. Did you mean {way_out}"):
        Dataset(hours("2024-01-01", 2), freq="h", timezone=name)


def test_a_schema_remembers_the_zone():
    data = Dataset(hours("2024-01-01 12:00", 24, "UTC"), freq="h", timezone=BERLIN)
    again = Dataset(hours("2024-01-01 12:00", 30, "UTC"), freq="h", schema=data.schema)
    assert clock(data)[0] == clock(again)[0] == "13:00"


def test_a_moment_with_an_offset_is_its_wall_time():
    frequency = Dataset(hours("2024-01-01", 2), freq="h").panel.frequency
    assert frequency.ordinal("2024-01-01 08:00+05:00") == frequency.ordinal("2024-01-01 08:00")
