"""The frequency that each item's observations have, against the one that was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foretell.checks.target_profile import Profile
from foretell.data.frequency import Frequency
from foretell.data.panel import Panel

_FEW: Final = 4  # observations from which a usual distance (7 days, 24 hours) shows a frequency
_SEVERAL: Final = 8  # observations from which any common divisor does: chance makes one in 1 % of the cases
_DAYS: Final = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_MONTHLY: Final = {"MS": (28, 31), "QS": (90, 92), "YS": (365, 366)}  # days from one to the next
_USUAL: Final[dict[str, dict[int, str]]] = {  # unit -> steps of it -> the frequency of so many
    "h": {24: "D", 168: "W"},
    "min": {60: "h", 1440: "D"},
    "B": {5: "W"},
    "D": {7: "W"},
    "M": {3: "QS", 12: "YS"},
    "Q": {4: "YS"},
}


@dataclass(frozen=True, slots=True)
class Spacing:
    """Items whose observations have one frequency."""

    found: str  # an alias, or words where there is none
    items: NDArray[np.int64]  # positions in the panel
    as_asked: bool


def spacings(panel: Panel, profile: Profile) -> list[Spacing]:
    """The frequencies found, the one asked for first, then by number of items; items with too few observations last."""
    frequency, apart, every = panel.frequency, profile.apart, profile.every
    enough = _enough_observed(frequency, profile)
    found = [Spacing(frequency.alias, np.flatnonzero(enough & (apart == 1)), True)]
    coarse = np.flatnonzero(enough & (apart > 1))
    kinds = np.stack([apart[coarse], every[coarse], _weekday(frequency, profile.first[coarse])], axis=1)
    kinds[kinds[:, 1] % 7 != 0, 2] = 0
    which, group = np.unique(kinds, axis=0, return_inverse=True)
    named: dict[str, list[NDArray[np.int64]]] = {}
    for k, (fewest, divisor, weekday) in enumerate(which.tolist()):
        name = _spell(frequency, fewest, divisor, weekday)
        named.setdefault(name, []).append(coarse[group.ravel() == k])
    others = [Spacing(name, np.sort(np.concatenate(parts)), False) for name, parts in named.items()]
    found += sorted(others, key=lambda each: -len(each.items))
    found.append(Spacing("too few observations to tell", np.flatnonzero(~enough), True))
    return [each for each in found if len(each.items)]


def _enough_observed(frequency: Frequency, profile: Profile) -> NDArray[np.bool_]:
    """[N] whether an item has enough observations to show their frequency.

    One step from the next somewhere is enough for the frequency asked. Without that, sales on odd days may be all there is.
    """
    seen, apart, every = profile.seen, profile.apart, profile.every
    usual = np.isin(every * frequency.multiple, list(_USUAL.get(frequency.unit, ()))) & (seen >= _FEW)
    if frequency.unit == "D" and frequency.multiple == 1:
        for fewest, most in _MONTHLY.values():
            usual |= (apart >= fewest) & (apart <= most) & (seen >= _FEW)
    return np.asarray((apart == 1) | usual | ((every > 1) & (seen >= _SEVERAL)))


def _weekday(frequency: Frequency, ordinals: NDArray[np.int64]) -> NDArray[np.int64]:
    if frequency.unit != "D":
        return np.zeros(len(ordinals), np.int64)
    return (frequency.timestamps(ordinals).astype("datetime64[D]").astype(np.int64) + 3) % 7


def _spell(frequency: Frequency, apart: int, every: int, weekday: int) -> str:
    """The alias of observations `apart` steps from each other at least, all distances multiples of `every`."""
    steps = every * frequency.multiple
    if frequency.unit == "D" and every % 7:
        alias = next(
            (a for a, (fewest, most) in _MONTHLY.items() if fewest <= apart * frequency.multiple <= most),
            None,
        )
        if alias is not None:
            return alias
    usual = _USUAL.get(frequency.unit, {})
    best = max((each for each in usual if steps % each == 0), default=None)
    if best is not None:
        count = steps // best
        day = f"-{_DAYS[weekday]}" if frequency.unit == "D" else ""
        return f"{count if count > 1 else ''}{usual[best]}{day}"
    unit = frequency.alias.lstrip("0123456789")
    return f"every {steps} steps" if frequency.unit == "step" else f"{steps}{unit}"
