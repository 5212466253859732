"""The last windows before the origin, held out to judge on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array
from foretell.data.panel import Panel
from foretell.data.plausible_range import Extent, PlausibleRange
from foretell.data.validation_windows import (
    LEAST_HORIZONS,
    horizons_of_history,
    part_of_horizon,
    validation_windows,
)
from foretell.errors import ForetellError
from foretell.recipe.levels import check_levels
from foretell.recipe.task import Task

FORECASTS = 600  # items times windows that members are judged on, at most
CELLS = 2_000_000  # numbers in one member's validation forecasts, at most
WINDOWS = 8  # validation windows, at most


@dataclass(frozen=True, slots=True, eq=False)
class ValidationWindows:
    """The last windows before the origin, held out to judge members on."""

    early: Panel  # all items as they stood before the first window
    panels: tuple[Panel, ...]  # [K] a sample of the items at the origin of each window, earliest first
    actual: Array  # [K, N, H], NaN from `steps` on
    levels: tuple[float, ...]
    items: NDArray[np.int64]  # [N] where the sampled items stand in the panel
    steps: int  # of the horizon that members are judged on: all, but where histories are short

    def within_reach(self, quantiles: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Forecasts [K, N, H, Q] of the windows with those that are not plausible within reach, and which are [K, N]."""
        extent = Extent.of(self.early)
        reach = [PlausibleRange.of_items(panel, quantiles.shape[2], extent) for panel in self.panels]
        plausible = np.stack([r.holds(part, self.levels) for r, part in zip(reach, quantiles, strict=True)])
        if plausible.all():  # nearly always
            return quantiles, plausible
        parts = zip(reach, quantiles, plausible, strict=True)
        return np.stack([r.bounded(part, self.levels, good) for r, part, good in parts]), plausible

    @classmethod
    def of(
        cls,
        panel: Panel,
        task: Task,
        *,
        windows: int | None,
        seed: int,
        levels: Sequence[float] = (0.1, 0.5, 0.9),
        part: bool = False,
    ) -> ValidationWindows | None:
        """`windows` of them (default: by the length of the histories), or None where histories are too short for one.

        Members are judged at the task's levels and `levels`. Where histories are too short and a `part` of the horizon will do,
        the one window has the first steps of it alone.
        """
        count, steps = count_windows(panel, task.horizon, windows), task.horizon
        if count == 0 and part:
            steps = part_of_horizon(panel, task.horizon)
            count = min(steps, 1)
        if count == 0:
            return None
        levels = check_levels((*task.levels, *levels))
        early = panel.before(count * steps)
        candidates = np.flatnonzero(early.stop > 0)
        most = min(FORECASTS // count, CELLS // (count * task.horizon * len(levels)))
        chosen = np.sort(np.random.default_rng(seed).permutation(candidates)[: max(1, most)])
        sample = panel.take(chosen)
        back = [(count - k) * steps for k in range(count)]
        ahead = np.arange(task.horizon)
        actual = np.stack(
            [sample.target_at(np.arange(len(chosen)), (sample.origin - b)[:, None] + ahead) for b in back]
        )
        actual[..., steps:] = np.nan  # at and beyond the origin
        if not np.isfinite(actual).any():
            return None
        return cls(early, tuple(sample.before(b) for b in back), actual, levels, chosen, steps)


def count_windows(panel: Panel, horizon: int, wanted: int | None) -> int:
    """How many windows before the origin are held out: `wanted`, by default as many as the histories suggest, at most 8.

    0 where histories are too short for one. Raises ForetellError where `wanted` leave nothing to train on.
    """
    if wanted is None:
        return validation_windows(panel, horizon, most=WINDOWS)
    most = max(horizons_of_history(panel, horizon) - (LEAST_HORIZONS - 1), 0)
    if wanted > most:
        stop = panel.stop[panel.stop > 0]
        raise ForetellError(
            f"{wanted} validation windows of {horizon} steps leave less than two horizons to train on: the typical"
            f" history has {int(np.median(stop)) if len(stop) else 0} steps. Ask for at most {most}."
        )
    return wanted
