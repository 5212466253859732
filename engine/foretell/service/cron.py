"""When a pipeline is due: a cron expression in a time zone, both nights of the change of clocks included.

A time that the clock skips in spring is due when the clock goes on; one that it shows twice in autumn is due once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from foretell.service.refusals import Invalid


def next_due(schedule: str, timezone: str, after: float) -> float:
    """The first due time after `after`, both in seconds since 1970.

    Raises Invalid for what is no schedule, for a zone that does not exist, and for a time that never comes.
    """
    try:
        zone = ZoneInfo(timezone)
    except (OSError, ValueError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise _no_zone(timezone) from error
    except KeyError as error:
        raise _no_zone(timezone) from error
    try:
        found = next(CronSim(schedule, datetime.fromtimestamp(after, UTC).astimezone(zone)))
    except CronSimError as error:
        raise Invalid(
            f"schedule: {schedule!r} is none: {error}. Write minute hour day month weekday, as in 0 3 * * MON.",
            field="toml",
        ) from error
    except StopIteration as error:
        raise Invalid(f"schedule: the time of {schedule!r} never comes", field="toml") from error
    due: float = found.timestamp()
    return due


def _no_zone(timezone: str) -> Invalid:
    return Invalid(f"timezone: {timezone!r} does not exist. Write it as Europe/Berlin or UTC.", field="toml")
