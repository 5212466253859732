"""`Fan`: one item's forecast and the end of its history, as the arrays that a fan chart draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from foretell.data.frequency import Frequency, Ordinals


@dataclass(frozen=True, slots=True)
class Fan:
    """The forecast of one item, and the end of the history before it."""

    name: str  # of the item
    target: str  # of the axis of values
    frequency: Frequency
    steps: Ordinals  # [H] of the forecast
    levels: tuple[float, ...]  # [Q], rising
    quantiles: NDArray[Any]  # [H, Q]
    median: NDArray[Any]  # [H]
    past_steps: Ordinals  # [L]; none where the forecast does not say what it was made from
    past: NDArray[Any]  # [L], NaN where not observed
    mean: NDArray[Any] | None = None  # [H]
    actual: NDArray[Any] | None = None  # [H] what happened, NaN where not observed; in a backtest
