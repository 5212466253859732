"""The names of time zones."""

from __future__ import annotations

from foretell.errors import ForetellError, nearest


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
