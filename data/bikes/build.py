"""Builds the sample of rented bikes: python data/bikes/build.py [FOLDER]

FOLDER holds hour.csv of UCI's Bike Sharing data set; without it, the data set is downloaded from UCI. The result is the same, byte
for byte, at every run.
"""

from __future__ import annotations

import io
import sys
import urllib.request
import zipfile
from pathlib import Path

import pandas as pd

SOURCE = "https://archive.ics.uci.edu/static/public/275/bike+sharing+dataset.zip"
RIDERS = ["casual", "registered"]
HOURS = (
    pd.Timestamp("2012-09-03"),
    pd.Timestamp("2012-11-11 23:00"),
)  # ten weeks, with the storm of 29 October
COLDEST, WARMEST = -8, 39  # degrees Celsius that the source scales to 0 and 1
STRONGEST = 67  # kilometres per hour that the source scales to 1
WEATHER = {1: "clear", 2: "cloudy", 3: "wet", 4: "storm"}  # the source's words are in README.md
WET = 3  # from this kind of weather on


def main(source: Path | None, out: Path) -> None:
    hours = read_hours(source)
    rides, weather = hours[RIDERS], measured(hours)
    write(long(rides.resample("D").sum()), out / "days.csv", "%Y-%m-%d")
    write(by_day(weather).reset_index(), out / "days_weather.csv", "%Y-%m-%d")
    first, last = HOURS
    write(long(rides.loc[first:last]), out / "hours.csv", "%Y-%m-%d %H:%M")
    by_hour = weather.loc[first:last].assign(weather=hours["weathersit"].map(WEATHER))
    write(by_hour.drop(columns="wet").reset_index(), out / "hours_weather.csv", "%Y-%m-%d %H:%M")


def read_hours(source: Path | None) -> pd.DataFrame:
    """The source's table of hours, with the time as its index."""
    if source is None:
        with urllib.request.urlopen(SOURCE, timeout=60) as answer:
            archive = zipfile.ZipFile(io.BytesIO(answer.read()))
        table = pd.read_csv(archive.open("hour.csv"))
    else:
        table = pd.read_csv(source / "hour.csv")
    times = pd.to_datetime(table["dteday"]) + pd.to_timedelta(table["hr"], unit="h")
    return table.set_index(pd.DatetimeIndex(times, name="timestamp")).sort_index()


def measured(hours: pd.DataFrame) -> pd.DataFrame:
    """The weather in the units of a weather report; `wet` is 1 in an hour with rain or snow."""
    return pd.DataFrame(
        {
            "temperature": COLDEST + (WARMEST - COLDEST) * hours["temp"],
            "humidity": 100 * hours["hum"],
            "wind": STRONGEST * hours["windspeed"],
            "wet": (hours["weathersit"] >= WET).astype(int),
        }
    )


def by_day(weather: pd.DataFrame) -> pd.DataFrame:
    """Means of the hours that there are, and the number of wet ones."""
    days = weather.resample("D").mean()
    return days.drop(columns="wet").assign(wet_hours=weather["wet"].resample("D").sum())


def long(rides: pd.DataFrame) -> pd.DataFrame:
    """A row a kind of rider and step."""
    table = rides.rename_axis(columns="item_id").T.stack().rename("target").astype(int)
    return table.reset_index()


def write(table: pd.DataFrame, path: Path, times: str) -> None:
    # Rounded in decimals by hand: how floats are printed then cannot differ by a last digit from one machine to another.
    for name in table.columns.intersection(["temperature", "humidity", "wind"]):
        table[name] = table[name].map(lambda value: f"{value:.1f}")
    table.to_csv(path, index=False, date_format=times, lineterminator="\n")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sys.exit("usage: python data/bikes/build.py [FOLDER_WITH_HOUR_CSV]")
    main(Path(sys.argv[1]) if len(sys.argv) == 2 else None, Path(__file__).parent)
