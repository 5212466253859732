"""The timestamps of steps as a clock on the wall shows them: none of the hour that it skips in spring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from foretell.data.frequency import Frequency, Ordinals

if TYPE_CHECKING:
    import pandas as pd

_LONGEST: Final = 25 * 60  # minutes that a clock skips at most: Samoa and Kiribati skipped whole days


def wall_times(
    frequency: Frequency, timezone: str | None, ordinals: Ordinals
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """The timestamps of `ordinals` [R], and whether the step has any time at all in the zone: [R], [R].

    A step that begins within a skipped hour and goes on behind it has the first time behind it. Days are dates: they keep
    midnight, also where the clock skips it.
    """
    stamps = frequency.timestamps(ordinals)
    if timezone is None or len(stamps) == 0 or not (frequency.minutes or frequency.unit in ("D", "B")):
        return stamps, np.ones(len(stamps), bool)
    distinct, where = _distinct(np.asarray(ordinals))
    begun = frequency.timestamps(distinct).astype("datetime64[ns]")
    shown = _shown(begun, timezone)
    exists = frequency.ordinals(shown) == distinct
    return (shown[where] if frequency.minutes else stamps), exists[where]


def _distinct(ordinals: Ordinals) -> tuple[Ordinals, NDArray[np.int64]]:
    """As np.unique with its inverse; of many rows of few steps every step between, without a sort."""
    least, most = int(ordinals.min()), int(ordinals.max())
    if most - least < len(ordinals):
        return np.arange(least, most + 1), ordinals - least
    distinct, where = np.unique(ordinals, return_inverse=True)
    return distinct, where


def _shown(stamps: NDArray[Any], timezone: str) -> NDArray[Any]:
    """`stamps` [R], those that the clock of the zone skips as the first time behind."""
    missing = np.flatnonzero(_local(stamps, timezone).isna())
    shown = stamps.copy()
    for position in missing:  # few: an hour a year
        # pandas' own "shift_forward" goes on to the full hour where the clock skips half of one
        after = stamps[position] + np.arange(_LONGEST) * np.timedelta64(1, "m")
        shown[position] = after[np.asarray(_local(after, timezone).notna())][0]
    return shown


def _local(stamps: NDArray[Any], timezone: str) -> pd.DatetimeIndex:
    """`stamps` [R] on the clock of the zone, NaT where it skips them."""
    import pandas as pd

    first = np.ones(len(stamps), bool)  # which of the two hours in autumn does not matter here
    return pd.DatetimeIndex(stamps).tz_localize(timezone, ambiguous=first, nonexistent="NaT")


def skipped(frequency: Frequency, timezone: str | None, ordinals: Ordinals) -> NDArray[np.bool_]:
    """[R] whether each step lies within an hour, or a day, that the clock of the zone skips."""
    return ~wall_times(frequency, timezone, ordinals)[1]
