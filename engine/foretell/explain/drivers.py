"""Drivers: what a forecast is explained by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from foretell.data.columns import Column
from foretell.data.schema import Schema
from foretell.ingest.holidays import holiday_columns

Kind = Literal["known", "past", "static", "holidays", "calendar", "history", "others"]

MOST: Final = 20  # drivers beside the history
HISTORY: Final = "history"
CALENDAR: Final = "calendar"
HOLIDAYS: Final = "holidays"
OTHERS: Final = "other columns"


@dataclass(frozen=True, slots=True)
class Driver:
    """Something that moves a forecast: a column of the user's tables, holidays, the calendar, or the item's own history."""

    name: str
    kind: Kind
    known: tuple[int, ...] = ()  # its columns of `Panel.known`
    past: tuple[int, ...] = ()  # of `Panel.past`
    real: tuple[int, ...] = ()  # of `Panel.static_real`
    category: tuple[int, ...] = ()  # of `Panel.static_cat`


def drivers_of(schema: Schema) -> tuple[Driver, ...]:
    """All drivers but the history: the columns in the order of the schema, holidays as one, the calendar last.

    The open column is none: a closed day sells nothing whatever else is so.
    """
    holidays = set(holiday_columns(schema.holidays, schema.holiday_days)) if schema.holidays else set()
    found: list[Driver] = []
    for source, places in _sources(schema.known).items():
        if source != schema.open and source not in holidays:
            found.append(Driver(source, "known", known=places))
    for source, places in _sources(schema.past).items():
        found.append(Driver(source, "past", past=places))
    for source, places in _sources(schema.static_real).items():
        found.append(Driver(source, "static", real=places))
    for place, source in enumerate(schema.static_cat):
        found.append(Driver(source, "static", category=(place,)))
    taken = [driver.name for driver in found]
    if holidays:
        places = tuple(k for k, column in enumerate(schema.known) if column.source in holidays)
        found.append(Driver(own_name(HOLIDAYS, taken), "holidays", known=places))
    if schema.frequency.calendar_names():
        found.append(Driver(own_name(CALENDAR, taken), "calendar"))
    return tuple(found)


def own_name(name: str, taken: Iterable[str]) -> str:
    """`name`, or one like it that no column of the user's has."""
    taken = set(taken)
    while name in taken:
        name = f"{name} of foretell"
    return name


def grouped(drivers: tuple[Driver, ...], least: Iterable[int]) -> tuple[Driver, ...]:
    """The drivers with those at the positions `least` as one, the last."""
    apart = set(least)
    some = [driver for k, driver in enumerate(drivers) if k in apart]
    rest = [driver for k, driver in enumerate(drivers) if k not in apart]
    together = Driver(
        own_name(OTHERS, (driver.name for driver in rest)),
        "others",
        *(
            tuple(k for each in some for k in getattr(each, part))
            for part in ("known", "past", "real", "category")
        ),
    )
    return (*rest, together)


def _sources(columns: Iterable[Column]) -> dict[str, tuple[int, ...]]:
    places: dict[str, tuple[int, ...]] = {}
    for k, column in enumerate(columns):
        places[column.source] = (*places.get(column.source, ()), k)
    return places
