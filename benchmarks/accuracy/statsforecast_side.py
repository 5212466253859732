"""statsforecast's models as they come, on the target alone: AutoETS, AutoARIMA, AutoTheta and the median of four of them (SCUM)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from statsforecast.models import AutoARIMA, AutoCES, AutoETS, AutoTheta, DynamicOptimizedTheta

from foretell.errors import ForetellError

Numbers = NDArray[np.float64]
MODELS: Final[dict[str, tuple[Callable[..., Any], ...]]] = {
    "AutoETS": (AutoETS,),
    "AutoTheta": (AutoTheta,),
    "AutoARIMA": (AutoARIMA,),
    # the M4 competition's sixth place (Petropoulos and Svetunkov 2020, Int. J. Forecasting 36)
    "SCUM": (AutoARIMA, AutoETS, AutoCES, DynamicOptimizedTheta),
}


class TooSlow(ForetellError):
    """A model that did not forecast every series within the time limit."""


def forecasts(
    name: str,
    histories: Sequence[Numbers],
    *,
    horizon: int,
    season: int,
    levels: Sequence[float],
    deadline: float,
) -> Numbers:
    """[N, H, Q] of one window; raises TooSlow where `deadline` (of time.perf_counter) passes before the last series."""
    made = np.empty((len(histories), horizon, len(levels)))
    for item, values in enumerate(histories):
        if time.perf_counter() > deadline:
            raise TooSlow(f"{name} had forecast {item} of {len(histories)} series when its time was over")
        parts = list(_parts(MODELS[name], values, horizon=horizon, season=season, levels=levels))
        made[item] = np.median(parts, axis=0)
    return made


def _parts(
    models: Sequence[Callable[..., Any]],
    values: Numbers,
    *,
    horizon: int,
    season: int,
    levels: Sequence[float],
) -> Iterator[Numbers]:
    """[H, Q] of each model; the last value where one cannot be fitted."""
    widths = sorted({_width(level) for level in levels} - {0})
    for model in models:
        try:
            found = model(season_length=season).forecast(y=values, h=horizon, level=widths)
        except Exception:  # of a library: a short or constant series
            yield np.full((horizon, len(levels)), values[-1])
            continue
        columns = [_column(found, level) for level in levels]
        yield np.nan_to_num(np.stack(columns, axis=1), nan=float(values[-1]))


def _width(level: float) -> float:
    """The central interval, in percent, that has the level as an end; a whole number as an int, for it is a column's name."""
    percent = round(100 * abs(1 - 2 * level), 6)
    return int(percent) if percent == int(percent) else percent


def _column(found: dict[str, Numbers], level: float) -> Numbers:
    width = _width(level)
    return found[f"{'lo' if level < 0.5 else 'hi'}-{width}"] if width else found["mean"]
