"""A calendar that shows other dates from an origin on: how a recipe is asked what it would forecast of another day."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretell.data.frequency import Frequency


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """Stretches of ordinals, one after the other, each standing for real time up to an origin and for earlier dates from there on.

    The first stretch, all ordinals below `begin`[0], is real time throughout.
    """

    begin: NDArray[np.int64]  # [K] rising: the first ordinal of each
    moved: NDArray[np.int64]  # [K] how far its ordinals lie beyond the real ones
    origin: NDArray[np.int64]  # [K] real ordinals
    shift: NDArray[
        np.int64
    ]  # [K] steps back from the origin to the dates shown there; they repeat when they reach it

    def real(self, ordinals: NDArray[np.int64]) -> NDArray[np.int64]:
        """The real ordinals whose dates are shown at `ordinals`."""
        track = np.searchsorted(self.begin, ordinals, side="right") - 1
        moved = track >= 0
        if not moved.any():
            return ordinals
        k = np.maximum(track, 0)
        there = ordinals - self.moved[k]
        ahead = there - self.origin[k]
        shown = np.where(ahead >= 0, self.origin[k] - self.shift[k] + ahead % self.shift[k], there)
        return np.where(moved, shown, ordinals)


@dataclass(frozen=True, slots=True)
class OtherDates(Frequency):
    """A grid of time whose timestamps, and so whose calendar, are those of other dates on some tracks."""

    tracks: Tracks | None = field(default=None, compare=False)

    @classmethod
    def of(cls, frequency: Frequency, tracks: Tracks) -> OtherDates:
        """`frequency` with these tracks."""
        return cls(**{each.name: getattr(frequency, each.name) for each in fields(Frequency)}, tracks=tracks)

    def timestamps(self, ordinals: NDArray[Any]) -> NDArray[Any]:
        """The timestamps that are shown at `ordinals`."""
        steps = np.asarray(ordinals, dtype=np.int64)
        # not super(): a dataclass with slots is another class than the one that is written here
        return Frequency.timestamps(self, steps if self.tracks is None else self.tracks.real(steps))


def make_tracks(
    origins: NDArray[np.int64], shifts: NDArray[np.int64], *, first: int, last: int, seasons: tuple[int, ...]
) -> Tracks:
    """Tracks for each of `origins` [O] with each of `shifts` [B], in that order: K = O * B.

    Each has room for the real ordinals `first` to `last`, and lies as far away as keeps the phase of every season that of the dates
    which are shown.
    """
    origin, shift = (each.ravel() for each in np.meshgrid(origins, shifts, indexing="ij"))
    period = int(np.lcm.reduce(np.asarray(seasons, np.int64)))
    room = last - first + 1
    stride = room + (period if 0 < period <= room else 0)
    moved = stride * (1 + np.arange(len(origin), dtype=np.int64))
    if 0 < period <= room:
        moved += (-shift - moved) % period
    return Tracks(moved + first, moved, origin, shift)
