"""Conformal adjustment of quantiles by what held-out windows say (Romano, Patterson and Candes 2019, NeurIPS).

Each level is shifted by the quantile, at that level, of what its forecasts missed there, in units of the forecast's own
distance from p10 to p90: a wide forecast is shifted further than a narrow one, and one without any width not at all.

What all levels miss alike, as the median does, is trusted by the number of windows, the rest by the number of forecasts: the
items of a window err alike, and a month that was better than foretold says little of the next one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array
from foretell.errors import ForetellError
from foretell.recipe.adjustments import register_adjustment
from foretell.recipe.forecast import Forecast
from foretell.recipe.protocols import HeldOut, Summary
from foretell.system.typed import typed

ENDS = (0.1, 0.9)  # the levels whose distance is the unit of a shift
BUCKETS = 4  # parts of the horizon with shifts of their own, at most
LEAST = 60  # forecasts (an item in a window) that it takes for more than one part
MOST_SHIFT = 1e6  # widths that a level can be shifted by
CAUTION = 20  # forecasts at which shifts are halved: so many say little about the next window
CAUTION_OF_WINDOWS = 4  # windows at which the shift of the median is halved


@register_adjustment
@dataclass(frozen=True, slots=True)
class Calibration:
    """How far each level is shifted, by part of the horizon; the first adjustment of a forecast."""

    kind: ClassVar[str] = "calibration"
    extra_levels: ClassVar[tuple[float, ...]] = ENDS
    levels: tuple[float, ...]  # [Q]
    first: tuple[int, ...]  # [B] the step at which each part of the horizon begins
    shifts: tuple[tuple[float, ...], ...]  # [B, Q] in units of the distance from p10 to p90
    covered: tuple[float, ...]  # [Q] share of held-out actuals at or below each level before the adjustment
    forecasts: int  # pairs of an item and a window that it was learnt from
    windows: int

    @classmethod
    def learn(cls, held: HeldOut) -> Calibration:
        """The shifts that make the levels right on what was held out, with caution where that is little."""
        observed = ~np.isnan(held.actual)
        if not observed.any():
            raise ForetellError(
                "nothing was observed in the held-out windows to calibrate on: leave calibrate= out"
            )
        seen = observed & (_width(held.quantiles, held.levels) > 0)
        count = int(seen.any(2).sum())
        horizon = held.actual.shape[2]
        parts = min(BUCKETS, horizon) if count >= LEAST else 1
        first = [int(edge) for edge in np.linspace(0, horizon, parts + 1)[:-1].round()]
        step = np.searchsorted(first, np.arange(horizon), side="right") - 1
        shifts = tuple(_shift(held, seen, seen & (step == part)) for part in range(parts))
        below = (held.actual[..., None] <= held.quantiles)[seen if seen.any() else observed].mean(0)
        return cls(held.levels, tuple(first), shifts, tuple(below.tolist()), count, len(held.actual))

    def apply(self, forecast: Forecast) -> Forecast:
        """The forecast with its levels shifted, p10 and p90 among them; they may cross."""
        low, high = (forecast.quantiles[..., forecast.levels.index(end)] for end in ENDS)
        return replace(forecast, quantiles=self.shifted(forecast.quantiles, forecast.levels, high - low))

    def shifted(self, quantiles: NDArray[Any], levels: Sequence[float], width: NDArray[Any]) -> Array:
        """[N, H, Q] the quantiles shifted; `width` [N, H] is the distance from p10 to p90."""
        table = np.stack([np.interp(levels, self.levels, row) for row in self.shifts])  # [B, Q]
        step = np.searchsorted(self.first, np.arange(quantiles.shape[1]), side="right") - 1
        return np.asarray(quantiles + width[..., None] * table[step], np.float32)

    def summary(self) -> Summary:
        """One table: by level, coverage on the held-out windows and the mean shift."""
        learnt = f"{self.forecasts} forecasts of {self.windows} held-out windows"
        said = "no held-out forecast has a width to measure by: the levels stay as they are"
        return {f"Calibration (learnt from {learnt})": self.rows() if self.forecasts else [{"remark": said}]}

    def rows(self) -> list[dict[str, Any]]:
        """A table for people: by level, coverage on the held-out windows and the mean shift."""
        shifts = np.mean(self.shifts, axis=0)
        return [
            {"level": level, "covered there": covered, "shift, in widths of p10 to p90": float(shift)}
            for level, covered, shift in zip(self.levels, self.covered, shifts, strict=True)
        ]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types; `from_json` reads them back."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Calibration:
        found = typed(cls, dict(state), cls.kind)
        sizes = {len(found.covered), *map(len, found.shifts)}
        rising = all(a < b for row in (found.levels, found.first) for a, b in pairwise(row))
        if (
            not found.levels
            or sizes != {len(found.levels)}
            or len(found.first) != len(found.shifts)
            or not rising
        ):
            raise ForetellError("the calibration has rows of different lengths, or levels that do not rise")
        if found.first[0] != 0 or max(abs(shift) for row in found.shifts for shift in row) > MOST_SHIFT:
            raise ForetellError(
                f"the calibration shifts by over {MOST_SHIFT:g} widths, or not from step 0 on"
            )
        return found


def _shift(held: HeldOut, seen: NDArray[np.bool_], part: NDArray[np.bool_]) -> tuple[float, ...]:
    """[Q] the shift of each level in a `part` [K, N, H] of the cells that were `seen` [K, N, H].

    What the median misses, which all levels miss alike, is trusted by the number of windows, the rest by the number of
    forecasts.
    """
    missed = _missed(held, part) if part.any() else np.zeros(len(held.levels))
    alike = missed[int(np.argmin(np.abs(np.asarray(held.levels) - 0.5)))]
    count, windows = int(seen.any(2).sum()), int(seen.any((1, 2)).sum())
    trust, common = count / (count + CAUTION), windows / (windows + CAUTION_OF_WINDOWS)
    return tuple((trust * (missed - alike + common * alike)).tolist())


def _missed(held: HeldOut, cells: NDArray[np.bool_]) -> NDArray[np.float64]:
    """[Q] the quantile at each level of what the forecasts of that level missed, in units of their width."""
    width = _width(held.quantiles, held.levels)[cells].astype(np.float64)
    missed = (held.actual[cells][:, None] - held.quantiles[cells]) / width[:, None]
    return np.array([np.quantile(missed[:, q], level) for q, level in enumerate(held.levels)])


def _width(quantiles: NDArray[Any], levels: Sequence[float]) -> NDArray[Any]:
    low, high = (int(np.argmin(np.abs(np.asarray(levels) - end))) for end in ENDS)
    return np.asarray(quantiles[..., high] - quantiles[..., low])
