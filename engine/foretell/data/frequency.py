"""The time grid: pandas-style alias strings in, integer ordinals inside, timestamps out."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from foretell.errors import ForetellError
from foretell.system.sql_text import integer

Unit = Literal["min", "h", "D", "B", "W", "M", "Q", "Y", "step"]
Ordinals = NDArray[np.int64]

WEEKDAYS: Final = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_SPELLINGS: Final[dict[str, tuple[Unit, Literal["start", "end"]]]] = {
    "min": ("min", "start"),
    "T": ("min", "start"),
    "h": ("h", "start"),
    "H": ("h", "start"),
    "D": ("D", "start"),
    "B": ("B", "start"),
    "W": ("W", "start"),
    "MS": ("M", "start"),
    "ME": ("M", "end"),
    "M": ("M", "end"),
    "QS": ("Q", "start"),
    "QE": ("Q", "end"),
    "Q": ("Q", "end"),
    "YS": ("Y", "start"),
    "AS": ("Y", "start"),
    "YE": ("Y", "end"),
    "Y": ("Y", "end"),
    "A": ("Y", "end"),
}
MOST_MULTIPLE: Final = 1_000_000  # of a unit in one step
_MINUTES: Final[dict[Unit, int]] = {"min": 1, "h": 60}
_MONTHS_IN: Final[dict[Unit, int]] = {"M": 1, "Q": 3, "Y": 12}
_MONDAY: Final = 3  # 1970-01-01 was a Thursday: three days into its week
# numpy takes no bare integers for days or months any more
ONE_DAY: Final = np.timedelta64(1, "D")
ONE_MONTH: Final = np.timedelta64(1, "M")
_DAY_US: Final = 86_400_000_000
_MINUTE_US: Final = 60_000_000


@dataclass(frozen=True, slots=True)
class Frequency:
    """A regular grid of time; step k of it is the ordinal k.

    An ordinal counts steps from the first one at or after 1970-01-01. A timestamp inside a step belongs to that step
    (floored): a Tuesday of `W-FRI` belongs to the Friday before it. `unit="step"` is plain integer time.
    """

    unit: Unit  # of a base step
    multiple: int = 1  # base steps in a step
    anchor: int = 0  # weekday (0 = Monday) of W; first month (0 = January) of Q and Y
    # D and more: the base step that ordinal 0 begins at, modulo `multiple`; min and h: minutes that the steps begin
    # after the full ones (15min at :07 has 7, shifts of 8h at 6, 14 and 22 have 360)
    phase: int = 0
    stamp: Literal["start", "end"] = "start"  # M, Q, Y: which day of the period its timestamp is

    def __post_init__(self) -> None:
        """Raises ForetellError for a field of another type, or beyond what its unit has."""
        if self.unit not in get_args(Unit) or self.stamp not in ("start", "end"):
            raise ForetellError(f"a frequency has no unit {self.unit!r} with the stamp {self.stamp!r}")
        anchors = {"W": 7, "Q": 3, "Y": 12}.get(self.unit, 1)
        _check_range("multiple", self.multiple, 1, MOST_MULTIPLE)
        _check_range("anchor", self.anchor, 0, anchors - 1)
        _check_range("phase", self.phase, 0, (self.minutes or self.multiple) - 1)

    @classmethod
    def parse(cls, alias: str | Frequency) -> Frequency:
        """The frequency that a pandas alias names (`D`, `15min`, `W-FRI`, `QS-FEB`, ...; `1` is integer time).

        Raises ForetellError for anything else.
        """
        if isinstance(alias, Frequency):
            return alias
        text = str(alias).strip()
        if text == "1":
            return cls("step")
        match = re.fullmatch(r"([0-9]*)([A-Za-z]+)(?:-([A-Za-z]{3}))?", text)
        if match is None or match[2] not in _SPELLINGS or match[1] == "0":
            raise _unknown(alias)
        unit, stamp = _SPELLINGS[match[2]]
        return cls(unit, int(match[1] or 1), _anchor(alias, unit, stamp, match[3]), 0, stamp)

    @property
    def alias(self) -> str:
        """The alias that `parse` reads back to this frequency (its phase apart)."""
        if self.unit == "step":
            return "1"
        name = {"M": "M", "Q": "Q", "Y": "Y"}.get(self.unit, self.unit)
        if self.unit in _MONTHS_IN:
            name += "S" if self.stamp == "start" else "E"
        suffix = ""
        if self.unit == "W":
            suffix = f"-{WEEKDAYS[self.anchor]}"
        elif self.unit in ("Q", "Y"):
            suffix = f"-{MONTHS[(self.anchor if self.stamp == 'start' else self.anchor - 1) % 12]}"
        return f"{self.multiple if self.multiple > 1 else ''}{name}{suffix}"

    def fits(self, asked: str | Frequency) -> bool:
        """Whether this frequency is the one asked for, its phase apart; `W`, `QS` and `YE` alone leave the anchor open."""
        other = Frequency.parse(asked)
        anchor = other.anchor if names_anchor(asked) else self.anchor
        return replace(other, phase=0, anchor=anchor) == replace(self, phase=0)

    @property
    def minutes(self) -> int:
        """The minutes of a step of min or h; 0 for other units."""
        return _MINUTES.get(self.unit, 0) * self.multiple

    def aligned(self, first: np.datetime64) -> Frequency:
        """This frequency with its multiples counted from `first` (2W data begin in an odd or an even week)."""
        if self.multiple == 1 or self.unit in ("min", "h", "step"):
            return self
        single = replace(self, multiple=1, phase=0)
        base = int(single.ordinals(np.asarray([first]))[0])
        if self.stamp == "end" and single.timestamps(np.array([base]))[0] == first:
            base += 1  # the last day of a step: the next one begins behind it
        return replace(self, phase=base % self.multiple)

    def ordinals(self, timestamps: NDArray[Any]) -> Ordinals:
        """The ordinals of `timestamps`, a datetime64 array (integers when `unit` is "step"), of the same shape."""
        if self.unit == "step":
            return np.asarray(timestamps, dtype=np.int64)
        moments = np.asarray(timestamps, dtype="datetime64[us]")
        if self.unit in _MINUTES:
            return (moments.astype(np.int64) - self.phase * _MINUTE_US) // (self.minutes * _MINUTE_US)
        if self.unit in _MONTHS_IN:
            base = (moments.astype("datetime64[M]").astype(np.int64) - self.anchor) // _MONTHS_IN[self.unit]
        else:
            base = self._days_to_base(moments.astype(np.int64) // _DAY_US)
        return (base - self.phase) // self.multiple

    def timestamps(self, ordinals: NDArray[Any]) -> NDArray[Any]:
        """The timestamps of `ordinals`, datetime64[ns] (the integers themselves when `unit` is "step")."""
        steps = np.asarray(ordinals, dtype=np.int64)
        if self.unit == "step":
            return steps
        if self.unit in _MINUTES:
            return (steps * self.minutes + self.phase).astype("datetime64[m]").astype("datetime64[ns]")
        base = steps * self.multiple + self.phase
        if self.unit in _MONTHS_IN:
            width = _MONTHS_IN[self.unit]
            if self.stamp == "end":
                after = ((base + self.multiple) * width + self.anchor).astype("datetime64[M]")
                return (after.astype("datetime64[D]") - ONE_DAY).astype("datetime64[ns]")
            return (base * width + self.anchor).astype("datetime64[M]").astype("datetime64[ns]")
        return self._base_to_days(base).astype("datetime64[D]").astype("datetime64[ns]")

    def spell(self, ordinal: int) -> str:
        """The timestamp of `ordinal` as text, no longer than needed: 2024-03-01, 2024-03-01 06:00, or 17."""
        return spell(self.timestamps(np.array([ordinal]))[0])

    def sql(self, column: str) -> str:
        """A DuckDB expression of the ordinal (BIGINT) of the TIMESTAMP or integer `column`, equal to `ordinals`."""
        if self.unit == "step":
            return f"CAST({column} AS BIGINT)"
        if self.unit in _MINUTES:
            since = f"(epoch_us({column}) - {integer(self.phase * _MINUTE_US)})"
            return f"CAST(floor({since} / {integer(self.minutes * _MINUTE_US)}.0) AS BIGINT)"
        days = f"CAST(floor(epoch_us({column}) / {integer(_DAY_US)}.0) AS BIGINT)"
        if self.unit in _MONTHS_IN:
            months = f"((year({column}) - 1970) * 12 + month({column}) - 1)"
            base = f"floor(({months} - {integer(self.anchor)}) / {integer(_MONTHS_IN[self.unit])}.0)"
        elif self.unit == "W":
            base = f"floor(({days} + {integer(_MONDAY - self.anchor)}) / 7.0)"
        elif self.unit == "B":
            week = f"floor(({days} + {integer(_MONDAY)}) / 7.0)"
            base = f"({week} * 5 + least({days} + {integer(_MONDAY)} - {week} * 7, 4))"
        else:
            base = days
        return f"CAST(floor(({base} - {integer(self.phase)}) / {integer(self.multiple)}.0) AS BIGINT)"

    def stamped_sql(self, column: str) -> str:
        """A DuckDB expression, true where the TIMESTAMP `column` is the timestamp of its step."""
        if self.unit == "step":
            return "true"
        if self.unit in _MINUTES:
            since = f"(epoch_us({column}) - {integer(self.phase * _MINUTE_US)})"
            return f"{since} % {integer(self.minutes * _MINUTE_US)} = 0"
        midnight = f"epoch_us({column}) % {integer(_DAY_US)} = 0"
        days = f"(epoch_us({column}) // {integer(_DAY_US)})"
        if self.unit in _MONTHS_IN:
            width = _MONTHS_IN[self.unit]
            first = column if self.stamp == "start" else f"({column} + INTERVAL 1 DAY)"
            months = f"((year({first}) - 1970) * 12 + month({first}) - 1)"
            since = f"({months} - {integer(self.anchor + self.phase * width)})"
            return f"({midnight} AND day({first}) = 1 AND {since} % {integer(width * self.multiple)} = 0)"
        if self.unit == "W":
            since = f"({days} + {integer(_MONDAY - self.anchor - 7 * self.phase)})"
            return f"({midnight} AND {since} % {integer(7 * self.multiple)} = 0)"
        if self.unit == "D":
            return f"({midnight} AND ({days} - {integer(self.phase)}) % {integer(self.multiple)} = 0)"
        since = f"({replace(self, multiple=1, phase=0).sql(column)} - {integer(self.phase)})"
        return f"({midnight} AND isodow({column}) <= 5 AND {since} % {integer(self.multiple)} = 0)"

    def ordinal(self, moment: object) -> int:
        """The ordinal of one moment: a date string, a timestamp, or an integer when time is integer.

        Raises ForetellError for anything else.
        """
        import pandas as pd

        try:
            if self.unit == "step":
                return int(str(moment))
            wall = pd.Timestamp(moment).tz_localize(None)  # type: ignore[arg-type]  # what cannot be read raises
            return int(self.ordinals(np.asarray([wall.to_datetime64()]))[0])
        except (ValueError, TypeError) as error:
            spelt = "a whole number" if self.unit == "step" else "2024-12-31 or 2024-12-31 18:00"
            raise ForetellError(f"{moment!r} is no point in time. Write it as {spelt}.") from error

    @property
    def seasons(self) -> tuple[int, ...]:
        """Usual seasonal periods in steps, the first one first to mind; (1,) when there is none."""
        minutes = self.minutes
        if minutes:
            return tuple(
                cycle // minutes for cycle in (1440, 10080) if cycle % minutes == 0 and cycle > minutes
            ) or (1,)
        period = {"D": 7, "B": 5, "W": 52, "M": 12, "Q": 4}.get(self.unit, 1)
        return (period // self.multiple,) if period % self.multiple == 0 else (1,)

    @property
    def year(self) -> int | None:
        """Steps in about a year, in whole weeks where there are weeks (364 for days); None where it is one or less."""
        minutes = _MINUTES.get(self.unit, 0)
        steps = {"D": 364, "B": 260, "W": 52, "M": 12, "Q": 4}.get(self.unit, 0)
        steps = (524_160 // minutes if minutes else steps) // self.multiple
        return steps if steps > 1 else None

    def calendar_names(self) -> tuple[str, ...]:
        """The names of the columns of `calendar`."""
        return tuple(_calendar(self, np.zeros(0, np.int64)))

    def calendar(self, ordinals: Ordinals) -> NDArray[np.float32]:
        """Calendar features of `ordinals` [L] -> [L, F], each about in [-1, 1]; F = 0 for integer time and years."""
        columns = list(_calendar(self, ordinals).values())
        return (
            np.stack(columns, axis=-1).astype(np.float32)
            if columns
            else np.zeros((len(ordinals), 0), np.float32)
        )

    def _days_to_base(self, days: Ordinals) -> Ordinals:
        if self.unit == "W":
            return (days + _MONDAY - self.anchor) // 7
        if self.unit == "B":
            week, weekday = np.divmod(days + _MONDAY, 7)
            return week * 5 + np.minimum(weekday, 4)
        return days

    def _base_to_days(self, base: Ordinals) -> Ordinals:
        if self.unit == "W":
            return base * 7 - _MONDAY + self.anchor
        if self.unit == "B":
            week, weekday = np.divmod(base, 5)
            return week * 7 + weekday - _MONDAY
        return base


def names_anchor(alias: str | Frequency) -> bool:
    """Whether an alias says on which day or in which month its steps begin (`W-FRI`, not `W`)."""
    return isinstance(alias, Frequency) or "-" in str(alias)


def spell(moment: Any) -> str:
    """A timestamp (datetime64, datetime, pandas', or an integer) as text, without a time of day or seconds that are zero."""
    day, _, clock = str(moment).replace("T", " ").partition(" ")
    clock = re.sub(r"\.0+$", "", clock)
    if clock.count(":") == 2:
        clock = clock.removesuffix(":00")
    return day if clock in ("", "00:00") else f"{day} {clock}"


def _check_range(name: str, value: object, least: int, most: int) -> None:
    if type(value) is not int or not least <= value <= most:
        raise ForetellError(
            f"the {name} of a frequency must be a whole number from {least} to {most}, got {value!r}"
        )


def _anchor(alias: object, unit: Unit, stamp: str, suffix: str | None) -> int:
    if unit == "W":
        day = (suffix or "SUN").upper()
        if day not in WEEKDAYS:
            raise _unknown(alias)
        return WEEKDAYS.index(day)
    if suffix is not None and (unit not in ("Q", "Y") or suffix.upper() not in MONTHS):
        raise _unknown(alias)
    if unit not in ("Q", "Y"):
        return 0
    month = MONTHS.index(suffix.upper()) if suffix else (0 if stamp == "start" else 11)
    return (month if stamp == "start" else month + 1) % _MONTHS_IN[unit]


def _unknown(alias: object) -> ForetellError:
    return ForetellError(
        f"frequency must be one of min, h, D, B, W, MS, ME, QS, QE, YS, YE with an optional multiple and anchor"
        f" (15min, W-FRI, QS-FEB), or 1 for integer time, got {alias!r}"
    )


def _calendar(frequency: Frequency, ordinals: Ordinals) -> dict[str, NDArray[np.float64]]:
    """The calendar features by name; which ones is decided by the unit alone."""
    unit = frequency.unit
    if unit in ("step", "Y"):
        return {}
    stamps = frequency.timestamps(ordinals).astype("datetime64[m]")
    days = stamps.astype("datetime64[D]")
    months = stamps.astype("datetime64[M]")
    columns: dict[str, NDArray[np.float64]] = {}
    if unit in ("min", "h"):
        columns |= _harmonics("day", (stamps - days).astype(np.int64) / 1440.0, 4)
    if unit in ("min", "h", "D", "B"):
        weekday = (days.astype(np.int64) + _MONDAY) % 7
        columns |= {f"weekday={d}": (weekday == d).astype(np.float64) for d in range(7 if unit != "B" else 5)}
    if unit in ("D", "B"):
        last = ((months + ONE_MONTH).astype("datetime64[D]") - months.astype("datetime64[D]")).astype(
            np.int64
        )
        through = (days - months.astype("datetime64[D]")).astype(np.int64) / np.maximum(last - 1, 1)
        december = (months.astype(np.int64) % 12 == 11) * np.minimum(through * 1.25, 1.0)
        columns |= {"month": through * 2 - 1, "december": december} | _harmonics("month", through, 1)
    if unit in ("M", "Q"):
        month = months.astype(np.int64) % 12
        columns |= {f"month={m + 1}": (month == m).astype(np.float64) for m in range(12)}
    else:
        years = days.astype("datetime64[Y]").astype("datetime64[D]")
        columns |= _harmonics("year", (days - years).astype(np.int64) / 365.25, 3 if unit == "W" else 2)
    return columns


def _harmonics(name: str, turns: NDArray[np.float64], order: int) -> dict[str, NDArray[np.float64]]:
    angle = 2 * np.pi * turns
    return {
        f"{wave.__name__}{k} of {name}": wave(k * angle)
        for k in range(1, order + 1)
        for wave in (np.sin, np.cos)
    }


assert set(get_args(Unit)) >= set(_MONTHS_IN) | set(_MINUTES)
