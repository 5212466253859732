"""Local wall time: times with an offset or a zone, as SQL of the local time and of the instant.

The local time decides the step that a row belongs to, the instant whether two rows have the same time: in the hour that
daylight saving repeats, two instants share one local time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from foretell.system.sql_text import integer, literal

# 2024-03-31T01:00:00.5 and whatever follows it: Z, +02:00, Europe/Berlin, +02:00[Europe/Berlin]
_SPELT: Final = r"^\s*(\d+[-/]\d+[-/]\d+[T ]+\d+:\d+(?::\d+(?:\.\d+)?)?)\s*(.*?)\s*$"
_DATE: Final = 10  # characters of a date: nothing so short can carry a zone


def carries_zone(text: str) -> str:
    """SQL, true where the text of a time has an offset or a zone. It is evaluated for every row: a date costs one comparison."""
    return f"CASE WHEN length({text}) <= {integer(_DATE)} THEN false ELSE {_marked(text)} END"


def _marked(text: str) -> str:
    """SQL, true where a text longer than a date ends in a letter, or has a sign behind the date."""
    return f"(right({text}, 1) > '9' OR contains({text}, '+') OR contains(substr({text}, {integer(_DATE + 1)}), '-'))"


def spelt_wall(text: str, tails: Sequence[str], local: str | None) -> str:
    """SQL of the wall time that a text spells, in the zone `local` where that is given; NULL where it does not parse.

    `tails` are what may be missing from a short spelling: `-01` for the day of a month.
    """
    spellings = (
        f"TRY_CAST({part} AS TIMESTAMP)"
        for part in (
            text,
            *(f"({text} || {literal(t)})" for t in tails),
            f"trim({text})",
        )  # the last for blanks
    )
    plain = f"coalesce({', '.join(spellings)})"
    zoned = spelt_instant(text)
    wall = (
        f"TRY_CAST({_part(text, 1)} AS TIMESTAMP)"
        if local is None
        else f"timezone({literal(local)}, {zoned})"
    )
    # A branch is computed for its own rows only: the patterns of times with a zone cost nothing where there are none.
    return (
        f"CASE WHEN length({text}) <= {integer(_DATE)} THEN {plain}"
        f" WHEN {_marked(text)} THEN CASE WHEN {zoned} IS NOT NULL THEN {wall} END ELSE {plain} END"
    )


def spelt_instant(text: str) -> str:
    """SQL of the TIMESTAMPTZ that a text with an offset or a zone spells; NULL where it does not parse."""
    zone = f"regexp_replace({_part(text, 2)}, '^([-+][0-9:]+|[Zz])\\s*\\[.*\\]$', '\\1')"  # Java writes both
    zone = f"regexp_replace({zone}, '^\\[(.*)\\]$', '\\1')"
    named = f"CASE WHEN regexp_matches({zone}, '^[A-Za-z]{{2}}') THEN ' ' ELSE '' END"
    return f"TRY_CAST({_part(text, 1)} || {named} || {zone} AS TIMESTAMPTZ)"


def _part(text: str, group: int) -> str:
    return f"regexp_extract({text}, {literal(_SPELT)}, {integer(group)})"


def stored_wall(column: str, zone: str, local: str | None) -> str:
    """SQL of the wall time of a column stored as instants, in the zone `local`, else in the column's own."""
    moment = f"CAST({column} AS TIMESTAMPTZ)"
    offset = re.fullmatch(r"([-+])(\d\d):?(\d\d)", zone)
    if local is None and offset is not None:
        minutes = int(offset[1] + "1") * (int(offset[2]) * 60 + int(offset[3]))
        return f"(timezone('UTC', {moment}) + to_minutes({integer(minutes)}))"
    return f"timezone({literal(local or zone)}, {moment})"


def describe_zones(label: str, count: int, zone: str | None, local: str | None) -> str:
    """How `count` times with a zone were read, for a finding; `zone` is the column's own, None where each row has one."""
    if local is not None:
        return f"{label}: {count:,} times carry an offset or a zone, read as the time of day in {local}"
    if zone is None:
        return f"{label}: {count:,} times carry an offset or a zone, read as the time of day written there"
    return f"{label}: {count:,} times are stored in the zone {zone}, read as the time of day there"
