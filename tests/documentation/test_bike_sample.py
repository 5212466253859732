"""The second sample is what its script makes of its source, and what its README says."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import re
import urllib.request
import zipfile
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

SAMPLE = Path(__file__).parents[2] / "data" / "bikes"
FILES = ["days.csv", "days_weather.csv", "hours.csv", "hours_weather.csv"]


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_bikes", SAMPLE / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def source_like(hours: list[str]) -> pd.DataFrame:
    """A table as the source's hour.csv has it, with the columns that are read."""
    times = pd.to_datetime(pd.Series(hours))
    return pd.DataFrame(
        {
            "dteday": times.dt.strftime("%Y-%m-%d"),
            "hr": times.dt.hour,
            "weathersit": [1, 3, 4][: len(hours)],
            "temp": 0.5,
            "hum": 0.81,
            "windspeed": 0.5,
            "casual": [3, 8, 5][: len(hours)],
            "registered": [13, 32, 27][: len(hours)],
        }
    )


def test_the_files_are_those_whose_checksums_the_page_names() -> None:
    named = dict(
        re.findall(r"^\| `(\S+\.csv)` \| `([0-9a-f]{64})` \|$", (SAMPLE / "README.md").read_text(), re.M)
    )
    assert named == {name: hashlib.sha256((SAMPLE / name).read_bytes()).hexdigest() for name in FILES}


def test_days_are_the_sums_of_their_hours() -> None:
    hours = pd.read_csv(SAMPLE / "hours.csv", parse_dates=["timestamp"])
    days = pd.read_csv(SAMPLE / "days.csv", parse_dates=["timestamp"])
    floored = hours.assign(timestamp=hours["timestamp"].dt.floor("D"))
    summed = floored.groupby(["item_id", "timestamp"])["target"].sum().reset_index()
    both = summed.merge(days, on=["item_id", "timestamp"], suffixes=["", "_of_day"])
    assert len(both) == len(summed) == 2 * 70
    assert (both["target"] == both["target_of_day"]).all()


def test_the_weather_has_the_times_of_the_rides_and_none_beyond() -> None:
    for rides, weather in [("days.csv", "days_weather.csv"), ("hours.csv", "hours_weather.csv")]:
        ridden = pd.read_csv(SAMPLE / rides)
        assert sorted(set(ridden["timestamp"])) == list(pd.read_csv(SAMPLE / weather)["timestamp"])


def test_units_are_those_of_a_weather_report(builder: ModuleType, tmp_path: Path) -> None:
    source_like(["2012-09-03 00:00", "2012-09-03 01:00", "2012-09-03 03:00"]).to_csv(tmp_path / "hour.csv")
    builder.main(tmp_path, tmp_path)
    assert (tmp_path / "days_weather.csv").read_text() == (
        "timestamp,temperature,humidity,wind,wet_hours\n2012-09-03,15.5,81.0,33.5,2\n"  # -8 + 47 / 2, 67 / 2
    )
    assert (tmp_path / "days.csv").read_text() == (
        "item_id,timestamp,target\ncasual,2012-09-03,16\nregistered,2012-09-03,72\n"
    )
    assert (tmp_path / "hours_weather.csv").read_text().splitlines()[-1] == (
        "2012-09-03 03:00,15.5,81.0,33.5,storm"
    )


def test_without_a_folder_the_source_is_downloaded(
    builder: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(address: str, timeout: float) -> io.BytesIO:
        assert address == builder.SOURCE
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("hour.csv", source_like(["2012-09-03 00:00"]).to_csv())
        return io.BytesIO(packed.getvalue())

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    builder.main(None, tmp_path)
    assert (tmp_path / "hours.csv").read_text() == (
        "item_id,timestamp,target\ncasual,2012-09-03 00:00,3\nregistered,2012-09-03 00:00,13\n"
    )


def test_the_script_makes_these_files_of_its_source(
    builder: ModuleType, real_data: Path, tmp_path: Path
) -> None:
    copy = real_data / "bike_sharing"
    rides = pd.read_parquet(copy / "target.parquet").astype({"item_id": str})
    hours = pd.read_parquet(copy / "related_shared.parquet").rename(columns={"humidity": "hum"})
    hours = hours.merge(rides.pivot(index="timestamp", columns="item_id", values="target").reset_index())
    hours["dteday"], hours["hr"] = hours["timestamp"].dt.strftime("%Y-%m-%d"), hours["timestamp"].dt.hour
    hours.to_csv(tmp_path / "hour.csv", index=False)
    builder.main(tmp_path, tmp_path)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (SAMPLE / name).read_bytes(), name
