"""`Tally`: what forecasts and actuals add up to, by run, date, step and group. All that is watched is read off these sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Floats
from foretell.evaluation.metrics import quantile_loss
from foretell.recipe.levels import central_intervals

# The columns of `Tally.sums`; those of coverage, one a level, come after them.
SUMS: Final = ("forecast", "observed", "size", "loss", "error", "absolute", "open", "inside")
_CELLS: Final = 1 << 20  # looked at in one go


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Sums over the items of a group, one row [T] a run, date, step and group.

    A cell counts where its actual was observed. A forecast whose levels are all one number (a closed day) says nothing of
    coverage, and counts in no share of it.
    """

    run: NDArray[np.int64]  # [T] position of the run
    date: NDArray[np.int64]  # [T] ordinal
    step: NDArray[np.int64]  # [T] 0 is the origin
    group: NDArray[np.int64]  # [T] position of the group
    sums: Floats  # [T, K]
    levels: tuple[float, ...]  # [Q]

    def of(self, name: str) -> Floats:
        """[T] one of the sums: cells forecast, observed; of those observed |y| (size), loss (the mean over levels of twice the
        pinball loss), error (mean - y), absolute error; and of those not certain their number (open) and how many lie inside."""
        return self.sums[:, SUMS.index(name)]

    @property
    def below(self) -> Floats:
        """[T, Q] how many of the open cells lie at or below each level's quantile."""
        return self.sums[:, len(SUMS) :]

    def where(self, rows: NDArray[np.bool_]) -> Tally:
        """These rows alone."""
        return Tally(
            self.run[rows], self.date[rows], self.step[rows], self.group[rows], self.sums[rows], self.levels
        )

    def added_by(self, code: NDArray[np.int64], count: int) -> Floats:
        """[count, K] the sums of the rows with each code 0 .. count - 1; rows of another code are left out."""
        total = np.zeros((count, self.sums.shape[1]))
        kept = (code >= 0) & (code < count)
        np.add.at(total, code[kept], self.sums[kept])
        return total

    @classmethod
    def joined(cls, parts: Sequence[Tally], levels: tuple[float, ...]) -> Tally:
        """The rows of all parts, one after the other."""
        none = np.zeros(0, np.int64)
        empty = cls(none, none, none, none, np.zeros((0, len(SUMS) + len(levels))), levels)
        every = [empty, *parts]
        return cls(
            np.concatenate([part.run for part in every]),
            np.concatenate([part.date for part in every]),
            np.concatenate([part.step for part in every]),
            np.concatenate([part.group for part in every]),
            np.concatenate([part.sums for part in every]),
            levels,
        )


def tally(
    run: int,
    origin: NDArray[np.int64],  # [N] ordinals
    group: NDArray[np.int64],  # [N]
    actual: NDArray[Any],  # [N, H] NaN where not observed
    mean: NDArray[Any],  # [N, H]
    quantiles: NDArray[Any],  # [N, H, Q]
    levels: tuple[float, ...],
) -> Tally:
    """The sums of one run's forecasts, some items after the other."""
    horizon = actual.shape[1]
    items = max(_CELLS // horizon, 1)
    parts = [
        _tally(run, origin[some], group[some], actual[some], mean[some], quantiles[some], levels)
        for some in (slice(first, first + items) for first in range(0, len(actual), items))
    ]
    return parts[0] if len(parts) == 1 else _merged(Tally.joined(parts, levels))


def _tally(
    run: int,
    origin: NDArray[np.int64],
    group: NDArray[np.int64],
    actual: NDArray[Any],
    mean: NDArray[Any],
    quantiles: NDArray[Any],
    levels: tuple[float, ...],
) -> Tally:
    horizon = actual.shape[1]
    first, groups = int(origin.min()), int(group.max()) + 1
    place = ((origin - first)[:, None] * horizon + np.arange(horizon)) * groups + group[:, None]  # [N, H]
    found, code = np.unique(place, return_inverse=True)
    columns = _columns(actual, mean, quantiles, levels)
    sums = np.stack(
        [np.bincount(code.ravel(), column.ravel(), len(found)).astype(np.float64) for column in columns],
        axis=1,
    )
    step = found // groups % horizon
    date = first + found // groups // horizon + step
    return Tally(np.full(len(found), run), date, step, found % groups, sums, levels)


def _merged(parts: Tally) -> Tally:
    """Rows of one place added up."""
    place = np.stack([parts.run, parts.date, parts.step, parts.group])
    (run, date, step, group), code = np.unique(place, axis=1, return_inverse=True)
    return Tally(run, date, step, group, parts.added_by(code.ravel(), len(run)), parts.levels)


def _columns(
    actual: NDArray[Any], mean: NDArray[Any], quantiles: NDArray[Any], levels: tuple[float, ...]
) -> list[Floats]:
    """What each cell adds, [N, H] each, in the order of `Tally.sums`."""
    truth = np.asarray(actual, np.float64)
    seen = ~np.isnan(truth)
    y = np.where(seen, truth, 0)
    error = np.where(seen, mean - y, 0)
    loss = np.where(seen, quantile_loss(y, quantiles, levels).mean(axis=-1), 0)
    unsure = seen & (
        (quantiles[..., 0] != quantiles[..., -1]) if len(levels) > 1 else (quantiles[..., 0] != 0)
    )
    low, high = widest(levels)
    inside = (
        (truth <= quantiles[..., high])
        if low is None
        else ((quantiles[..., low] <= truth) & (truth <= quantiles[..., high]))
    )
    below = [unsure & (truth <= quantiles[..., q]) for q in range(len(levels))]
    whole = np.ones_like(truth)
    found = [whole, seen, np.abs(y), loss, error, np.abs(error), unsure, unsure & inside, *below]
    return [np.asarray(column, np.float64) for column in found]


def widest(levels: Sequence[float]) -> tuple[int | None, int]:
    """The positions of the ends of the widest central interval; without one, None and that of the highest level."""
    pairs = list(central_intervals(levels).values())
    return pairs[-1] if pairs else (None, len(levels) - 1)


def nominal(levels: Sequence[float]) -> float:
    """The share of actuals that should lie inside of what `widest` gives."""
    low, high = widest(levels)
    return levels[high] - (0.0 if low is None else levels[low])
