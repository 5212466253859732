"""The timestamps of steps as a clock on the wall shows them: none of the hour that it skips in spring."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretell.data.frequency import Frequency, Ordinals


def wall_times(
    frequency: Frequency, timezone: str | None, ordinals: Ordinals
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """The timestamps of `ordinals` [R], and whether the step has any time at all in the zone: [R], [R].

    A step that begins within a skipped hour and goes on behind it has the first time behind it.
    """
    import pandas as pd

    stamps = frequency.timestamps(ordinals)
    there = np.ones(len(stamps), bool)
    if timezone is None or not frequency.minutes or len(stamps) == 0:
        return stamps, there
    distinct, where = np.unique(stamps, return_inverse=True)
    local = pd.DatetimeIndex(distinct).tz_localize(
        timezone, ambiguous=np.ones(len(distinct), bool), nonexistent="shift_forward"
    )
    shown = local.tz_localize(None).to_numpy().astype("datetime64[ns]")
    exists = frequency.ordinals(shown) == frequency.ordinals(distinct)
    return shown[where], exists[where]


def skipped(frequency: Frequency, timezone: str | None, ordinals: Ordinals) -> NDArray[np.bool_]:
    """[R] whether each step lies within an hour that the clock of the zone skips."""
    return ~wall_times(frequency, timezone, ordinals)[1]
