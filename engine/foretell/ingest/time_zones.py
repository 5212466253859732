"""Local wall time: times with an offset or a zone, as SQL of the local time and of the instant.

The local time decides the step that a row belongs to, the instant whether two rows have the same time: in the hour that
daylight saving repeats, two instants share one local time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from foretell.errors import ForetellError, nearest

# 2024-03-31T01:00:00.5 and whatever follows it: Z, +02:00, Europe/Berlin, +02:00[Europe/Berlin]
_SPELT: Final = r"^\s*(\d+[-/]\d+[-/]\d+[T ]+\d+:\d+(?::\d+(?:\.\d+)?)?)\s*(.*?)\s*$"
_DATE: Final = 10  # characters of a date: nothing so short can carry a zone


def check_timezone(name: str | None) -> str | None:
    """`name`, if there is a time zone of that name; raises ForetellError with the nearest one otherwise."""
    from zoneinfo import available_timezones

    if name is None or name in (known := available_timezones()):
        return name
    close = nearest(str(name), known) or _by_city(str(name), known)
    raise ForetellError(
        f"there is no time zone {name!r}.{close} Write it as Europe/Berlin or America/New_York."
    )


def _by_city(name: str, zones: set[str]) -> str:
    """A sentence offering the zone of a city that was given without its continent."""
    cities = {zone.rpartition("/")[2].lower(): zone for zone in sorted(zones, reverse=True)}
    found = cities.get(name.rpartition("/")[2].replace(" ", "_").lower())
    return f" Did you mean {found!r}?" if found else ""


def carries_zone(text: str) -> str:
    """SQL, true where the text of a time has an offset or a zone. It is evaluated for every row: a date costs one comparison."""
    return f"CASE WHEN length({text}) <= {_DATE} THEN false ELSE {_marked(text)} END"


def _marked(text: str) -> str:
    """SQL, true where a text longer than a date ends in a letter, or has a sign behind the date."""
    return f"(right({text}, 1) > '9' OR contains({text}, '+') OR contains(substr({text}, {_DATE + 1}), '-'))"


def spelt_wall(text: str, tails: Sequence[str], local: str | None) -> str:
    """SQL of the wall time that a text spells, in the zone `local` where that is given; NULL where it does not parse.

    `tails` are what may be missing from a short spelling: `-01` for the day of a month.
    """
    spellings = (f"TRY_CAST({part} AS TIMESTAMP)" for part in (text, *(f"({text} || '{t}')" for t in tails)))
    plain = f"coalesce({', '.join(spellings)})"
    zoned = spelt_instant(text)
    wall = f"TRY_CAST({_part(text, 1)} AS TIMESTAMP)" if local is None else f"timezone('{local}', {zoned})"
    # A branch is computed for its own rows only: the patterns of times with a zone cost nothing where there are none.
    return (
        f"CASE WHEN length({text}) <= {_DATE} THEN {plain}"
        f" WHEN {_marked(text)} THEN CASE WHEN {zoned} IS NOT NULL THEN {wall} END ELSE {plain} END"
    )


def spelt_instant(text: str) -> str:
    """SQL of the TIMESTAMPTZ that a text with an offset or a zone spells; NULL where it does not parse."""
    zone = f"regexp_replace({_part(text, 2)}, '^([-+][0-9:]+|[Zz])\\s*\\[.*\\]$', '\\1')"  # Java writes both
    zone = f"regexp_replace({zone}, '^\\[(.*)\\]$', '\\1')"
    named = f"CASE WHEN regexp_matches({zone}, '^[A-Za-z]{{2}}') THEN ' ' ELSE '' END"
    return f"TRY_CAST({_part(text, 1)} || {named} || {zone} AS TIMESTAMPTZ)"


def _part(text: str, group: int) -> str:
    return f"regexp_extract({text}, '{_SPELT}', {group})"


def stored_wall(column: str, zone: str, local: str | None) -> str:
    """SQL of the wall time of a column stored as instants, in the zone `local`, else in the column's own."""
    moment = f"CAST({column} AS TIMESTAMPTZ)"
    offset = re.fullmatch(r"([-+])(\d\d):?(\d\d)", zone)
    if local is None and offset is not None:
        minutes = int(offset[1] + "1") * (int(offset[2]) * 60 + int(offset[3]))
        return f"(timezone('UTC', {moment}) + to_minutes({minutes}))"
    name = (local or zone).replace("'", "''")  # the name comes from a file: not to be trusted
    return f"timezone('{name}', {moment})"


def describe_zones(label: str, count: int, zone: str | None, local: str | None) -> str:
    """How `count` times with a zone were read, for a finding; `zone` is the column's own, None where each row has one."""
    if local is not None:
        return f"{label}: {count:,} times carry an offset or a zone, read as the time of day in {local}"
    if zone is None:
        return f"{label}: {count:,} times carry an offset or a zone, read as the time of day written there"
    return f"{label}: {count:,} times are stored in the zone {zone}, read as the time of day there"
