"""Public holidays of countries as a related table: known covariates that foretell makes itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.frequency import Frequency
from foretell.errors import ForetellError, nearest

BY_COLUMN: Final = "@"  # `@country`: that column of the metadata has each item's country
MOST_DAYS: Final = 7  # that a holiday can reach forward or back


def parse_holidays(given: str | Sequence[str] | None, days: int, frequency: Frequency) -> tuple[str, ...]:
    """Country codes (`DE`, `US-CA`) or one `@column`; raises ForetellError for a country that is not known."""
    names = given.split(",") if isinstance(given, str) else list(given or ())
    if not all(isinstance(name, str) for name in names):
        raise ForetellError(f"holidays must be country codes, such as 'DE' or ['DE', 'US-CA'], got {given!r}")
    names = list(dict.fromkeys(stripped for name in names if (stripped := name.strip())))
    if names and frequency.unit == "step":
        raise ForetellError("holidays need dates, but freq='1' is integer time. Leave them out.")
    if any(name.startswith(BY_COLUMN) for name in names):
        if len(names) > 1 or names[0] == BY_COLUMN:
            raise ForetellError(
                f"holidays by a column of the metadata are one name, such as '@country', got {', '.join(names)!r}"
            )
        return (names[0],)
    return tuple(dict.fromkeys(country_code(name) for name in names))


def by_column(holidays: Sequence[str]) -> str | None:
    """The column that holds each item's country; None where the countries are given, or none are."""
    return holidays[0].removeprefix(BY_COLUMN) if holidays and holidays[0].startswith(BY_COLUMN) else None


def holiday_columns(holidays: Sequence[str], days: int) -> tuple[str, ...]:
    """The names of the known covariates that `holidays` make."""
    codes = [""] if by_column(holidays) is not None else [f" {code}" for code in holidays]
    return tuple(f"{when}holiday{code}" for code in codes for when in _whens(days))


def _whens(days: int) -> list[str]:
    each = [(k, "day" if k == 1 else "days") for k in range(1, days + 1)]
    return ["", *(f"{k} {word} before " for k, word in each), *(f"{k} {word} after " for k, word in each)]


def country_code(name: str, where: str = "holidays") -> str:
    """The code of a country (`DE`, `DEU` or Germany) with its subdivision (`DE-BY`), as the `holidays` library has it.

    Raises ForetellError with the nearest name for one that is not there.
    """
    from holidays.utils import country_holidays, list_supported_countries

    countries = list_supported_countries(include_aliases=False)
    spellings = _spellings(countries)
    country, _, part = name.strip().partition("-")
    code = spellings.get(name.strip().lower()) or spellings.get(country.strip().lower())
    if code is None:
        raise ForetellError(
            f"{where}: the library `holidays` knows no country {name!r}.{_nearest_country(country, spellings)}"
            " Write its code, such as DE, US or GB, with a subdivision where they differ: DE-BY."
        )
    if not part or spellings.get(name.strip().lower()):
        return code
    aliases: dict[str, str] = country_holidays(code).subdivisions_aliases  # Bayern -> BY
    parts = {each.lower(): each for each in countries[code]} | {
        name.lower(): each for name, each in aliases.items()
    }
    if part.strip().lower() not in parts:
        listed = f"It has: {', '.join(countries[code])}." if parts else "It has none."
        raise ForetellError(
            f"{where}: {code} has no subdivision {part!r}.{nearest(part, (*countries[code], *aliases))} {listed}"
        )
    return f"{code}-{parts[part.strip().lower()]}"


def _spellings(countries: Mapping[str, list[str]]) -> dict[str, str]:
    """Every spelling of a country in small letters (de, deu, germany, united states) -> its code."""
    from holidays.registry import COUNTRIES

    spellings: dict[str, str] = {}
    for module, (_, *codes) in COUNTRIES.items():
        code = next((each for each in codes if each in countries), None)
        if code is not None:
            words = [*(module.replace("_", joint) for joint in (" ", "", "-")), *codes]
            spellings |= {word.lower(): code for word in words}
    return spellings


def _nearest_country(name: str, spellings: Mapping[str, str]) -> str:
    described = {word if len(word) > 3 else word.upper(): code for word, code in spellings.items()}
    wanted = name.strip().upper() if len(name.strip()) <= 3 else name.strip().lower()
    close = nearest(wanted, described)
    found = next((code for word, code in described.items() if f"{word!r}" in close), None)
    return f" Did you mean {found!r}?" if found else ""


def holiday_table(
    holidays: Sequence[str],
    days: int,
    *,
    frequency: Frequency,
    span: tuple[int, int],
    countries: Iterable[str] = (),
) -> pd.DataFrame:
    """A related table: a row a step of `span` (first ordinal, last), with a column for each of `holiday_columns`.

    With `@column` it has a row a step and country of `countries`, spelt in that column as in the metadata. Raises ForetellError where no
    item has a country.
    """
    steps = np.arange(span[0], span[1] + 1)
    stamps = frequency.timestamps(steps)
    column = by_column(holidays)
    if column is None:
        made = [_values(code, days, frequency, steps) for code in holidays]
        table = np.concatenate(made, axis=1)
        return pd.DataFrame(
            {"timestamp": stamps} | dict(zip(holiday_columns(holidays, days), table.T, strict=True))
        )
    frames = []
    for spelt in sorted(set(countries)):
        table = _values(country_code(spelt, f"metadata column {column!r}"), days, frequency, steps)
        names = holiday_columns(holidays, days)
        frames.append(
            pd.DataFrame({column: spelt, "timestamp": stamps} | dict(zip(names, table.T, strict=True)))
        )
    if not frames:
        raise ForetellError(f"holidays by {column!r}: no item has a country there. Fill the column in.")
    return pd.concat(frames, ignore_index=True)


def _values(code: str, days: int, frequency: Frequency, steps: NDArray[np.int64]) -> NDArray[np.float64]:
    """[steps, 1 + 2 * days]: the holiday, the days before it and after; a step of several days has the sum over them.

    Steps within a day have that day's values. On business days, days are counted without the weekends.
    """
    margin = days + 1
    if frequency.unit in ("min", "h") and not _of_whole_days(frequency):
        own = frequency.timestamps(steps).astype("datetime64[D]").astype(np.int64)
        first = int(own[0]) - margin
        flags = _flags(code, np.arange(first, int(own[-1]) + margin + 1), days)
        return flags[own - first]
    first, last = (
        int(d)
        for d in frequency.timestamps(np.array([steps[0], steps[-1] + 1]))
        .astype("datetime64[D]")
        .astype(np.int64)
    )
    # A step may be stamped at its end: look a step further to either side, and let `ordinals` sort the days.
    wide = 2 * max(last - first, 7) // max(len(steps), 1) + 7
    around = np.arange(first - wide - 2 * margin, last + wide + 2 * margin)
    if frequency.unit == "B":
        around = around[(around + 3) % 7 < 5]  # 1970-01-01 was a Thursday
    flags = _flags(code, around, days)
    # steps of 24h that begin at 6 have the date of their beginning
    later = np.timedelta64(frequency.phase % 1440 if frequency.minutes else 0, "m")
    owner = frequency.ordinals(around.astype("datetime64[D]") + later) - steps[0]
    inside = (owner >= 0) & (owner < len(steps))
    out = np.zeros((len(steps), flags.shape[1]))
    np.add.at(out, owner[inside], flags[inside])
    return out


def _of_whole_days(frequency: Frequency) -> bool:
    return frequency.minutes >= 1440


def _flags(code: str, days: NDArray[np.int64], reach: int) -> NDArray[np.float64]:
    """[days, 1 + 2 * reach] of consecutive (business) days: 1 on a holiday; k before the next one, k after the last one.

    A holiday itself is neither before nor after another one.
    """
    is_holiday = np.isin(days, _dates(code, int(days[0]), int(days[-1])))
    where = np.arange(len(days))
    found = np.flatnonzero(is_holiday)
    ahead = np.append(found, len(days) + reach + 1)[np.searchsorted(found, where)] - where
    behind = where - np.insert(found, 0, -reach - 1)[np.searchsorted(found, where, side="right")]
    away = np.arange(1, reach + 1)
    flags = [is_holiday[:, None], ahead[:, None] == away, (behind[:, None] == away) & ~is_holiday[:, None]]
    return np.concatenate(flags, axis=1).astype(np.float64)


def _dates(code: str, first: int, last: int) -> NDArray[np.int64]:
    """The public holidays between two days (counted from 1970-01-01), observed ones included."""
    import holidays as library

    country, _, part = code.partition("-")
    years = [int(str(np.datetime64(day, "D"))[:4]) for day in (first, last)]
    found: Any = library.country_holidays(country, subdiv=part or None, years=range(years[0], years[1] + 1))
    return np.array(sorted(found), dtype="datetime64[D]").astype(np.int64)
