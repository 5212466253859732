"""The pictures of items as numbers of a byte each, which report.py's SVG and the page's script draw alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array, Floats
from foretell.data.panel import Panel
from foretell.evaluation.segments import flags_of
from foretell.recipe.forecast import Forecast
from foretell.recipe.levels import central_intervals, level_name

MISSING: Final = 255
TOP: Final = 254  # the code of the upper end of a picture
_LANES: Final = 4  # known columns below a picture
_PAST: Final = 120  # steps of history at most, but at least the horizon
Codes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Lane:
    """A known column below the pictures."""

    name: str
    flag: bool  # 0 or 1
    low: float
    high: float
    shared: Codes | None = None  # [L + H], where it is the same for all items


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """What the pictures of n items show: L steps before the origin, H from it on."""

    past: int  # L
    horizon: int  # H
    codes: Codes  # [n, L + H * series + (L + H) * lanes of an item]
    low: Floats  # [n] the value of code 0
    high: Floats  # [n] that of `TOP`
    series: tuple[
        str, ...
    ]  # of the horizon, in order: actual (where there is one), low, high, median, mean, then recipes
    lanes: tuple[Lane, ...]
    ticks: tuple[tuple[tuple[int, str], ...], ...]  # labels of the steps, one list for each origin
    tick: NDArray[np.int64]  # [n] which of them
    fan: str  # what the shade is: p10 to p90


def pictures_of(
    forecast: Forecast,
    items: NDArray[np.int64],
    *,
    actual: Array | None = None,  # [N, H]
    others: Mapping[str, Forecast] | None = None,
    room: bool = False,
) -> Pictures:
    """The pictures of the items at some positions [n]; `others` are recipes whose means are drawn beside.

    What these have above the rest is cut off, unless there is to be `room` for it.
    """
    panel = forecast.history
    assert panel is not None, "a picture begins with what came before the forecast"
    horizon = forecast.horizon
    past = _past_steps(panel, horizon)
    history = panel.target_at(items, panel.origin[items, None] + np.arange(-past, 0))
    low, high, fan = _fan(forecast, items)
    drawn = {} if actual is None else {"actual": actual[items]}
    drawn |= {
        "low": low,
        "high": high,
        "median": forecast.at([0.5])[items, :, 0],
        "mean": forecast.mean[items],
        **{name: other.mean[items] for name, other in (others or {}).items()},
    }
    bottom, top = _ends(history, drawn.get("actual"), low, high)
    if room and others:
        beside = np.stack([other.mean[items] for other in others.values()]).astype(np.float64)
        bottom = np.minimum(bottom, -_round_up(-beside.min(axis=(0, 2))))
        top = np.maximum(top, _round_up(beside.max(axis=(0, 2))))
    coded = [_coded(values, bottom[:, None], top[:, None]) for values in (history, *drawn.values())]
    lanes, codes = _lanes(panel, items, past, horizon)
    ticks, which = _ticks(forecast, items, past)
    return Pictures(
        past,
        horizon,
        np.concatenate([*coded, *codes], axis=1),
        bottom,
        top,
        tuple(drawn),
        lanes,
        ticks,
        which,
        fan,
    )


def _past_steps(panel: Panel, horizon: int) -> int:
    longest = int(panel.stop.max(initial=0))
    return max(min(max(2 * horizon, 2 * panel.season, 8), max(_PAST, horizon), longest), 1)


def _fan(forecast: Forecast, items: NDArray[np.int64]) -> tuple[Array, Array, str]:
    """[n, H] the ends of the widest central interval up to 90 %, and its name; the median where there is none."""
    levels = forecast.levels
    pairs = list(central_intervals(levels).values())
    if not pairs:
        middle = forecast.at([0.5])[items, :, 0]
        return middle, middle, ""
    usual = [pair for pair in pairs if levels[pair[1]] - levels[pair[0]] <= 0.9]
    low, high = usual[-1] if usual else pairs[0]
    name = f"{level_name(levels[low])} to {level_name(levels[high])}"
    return forecast.quantiles[items, :, low], forecast.quantiles[items, :, high], name


def _ends(history: Array, actual: Array | None, low: Array, high: Array) -> tuple[Floats, Floats]:
    """[n] round ends of the axes: from 0 where nothing is negative; spikes of the history and of the fan are cut off."""
    seen = history if actual is None else np.concatenate([history, actual], axis=1)
    filled = np.nan_to_num(seen.astype(np.float64))
    most, least = filled.max(axis=1), np.minimum(filled.min(axis=1), 0)
    usual = np.sort(filled, axis=1)[:, min(int(0.97 * filled.shape[1]), filled.shape[1] - 1)]
    wide = np.where(np.isnan(seen).all(axis=1), np.inf, 2.5 * most)
    top = np.maximum(usual, np.minimum(high.max(axis=1), wide))
    if actual is not None:
        top = np.maximum(top, np.nan_to_num(actual.astype(np.float64)).max(axis=1))
    top = np.where(most <= 1.6 * top, np.maximum(top, most), top)
    bottom = np.minimum(least, np.maximum(np.minimum(low.min(axis=1), 0), 2.5 * least - np.abs(most)))
    return -_round_up(-bottom), np.maximum(_round_up(top), np.where(bottom < 0, 0, 1e-9))


def _round_up(values: Floats) -> Floats:
    """The next of 1, 2, 3, 4, 5, 6, 8, 10 times a power of ten; 0 for what is not above it."""
    positive = np.maximum(values, 0)
    power = 10.0 ** np.floor(np.log10(np.where(positive > 0, positive, 1)))
    steps = np.array([1, 2, 3, 4, 5, 6, 8, 10])
    place = np.searchsorted(steps, positive / power - 1e-9)
    return np.where(positive > 0, steps[np.minimum(place, len(steps) - 1)] * power, 0)


def _coded(values: NDArray[Any], low: Any, high: Any) -> Codes:
    """`values` as codes between `low` (0) and `high`; what lies beyond is at the edge."""
    span = np.where(np.asarray(high) > low, np.asarray(high, np.float64) - low, 1)
    scaled = np.clip((values.astype(np.float64) - low) / span, 0, 1) * TOP
    return np.where(np.isnan(scaled), MISSING, np.nan_to_num(np.round(scaled))).astype(np.uint8)


def _lanes(
    panel: Panel, items: NDArray[np.int64], past: int, horizon: int
) -> tuple[tuple[Lane, ...], list[Codes]]:
    """The known columns that change within the pictures, flags first, and the codes of those that differ between items."""
    lanes: list[Lane] = []
    codes: list[Codes] = []
    if not len(items):
        return (), []
    flags = {k for k, _ in flags_of(panel)} | {panel.schema.open_position}
    known = panel.known_at(items, panel.origin[items, None] + np.arange(-past, horizon))  # [n, L + H, K]
    usable = [k for k, column in enumerate(panel.schema.known) if not column.indicator]
    for k in sorted(usable, key=lambda k: k not in flags):
        values = known[..., k].astype(np.float64)
        if len(lanes) == _LANES or np.isnan(values).all() or np.nanmin(values) == np.nanmax(values):
            continue
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        coded = _coded(values, low, high)
        same = bool((coded == coded[:1]).all())
        lanes.append(Lane(panel.schema.known[k].name, k in flags, low, high, coded[0] if same else None))
        codes += [] if same else [coded]
    return tuple(lanes), codes


def _ticks(
    forecast: Forecast, items: NDArray[np.int64], past: int
) -> tuple[tuple[tuple[tuple[int, str], ...], ...], NDArray[np.int64]]:
    """Labels at the first step, the middle of the history, the origin and the last step: one list an origin, and which is whose."""
    origins, which = np.unique(forecast.origin[items], return_inverse=True)
    places = sorted({0, past // 2, past, past + forecast.horizon - 1}) if len(origins) <= 50 else [past]
    spell = forecast.schema.frequency.spell
    lists = tuple(tuple((t, spell(int(o) + t - past)) for t in places) for o in origins)
    return lists, which.astype(np.int64)


def part_of(pictures: Pictures, name: str) -> slice:
    """Where the codes of a series of the horizon stand."""
    first = pictures.past + pictures.series.index(name) * pictures.horizon
    return slice(first, first + pictures.horizon)


def described(pictures: Pictures, recipes: Sequence[str]) -> dict[str, Any]:
    """What the script needs to draw: sizes, series, lanes and labels; `recipes` in the order of their colours."""
    return {
        "past": pictures.past,
        "horizon": pictures.horizon,
        "series": list(pictures.series),
        "recipes": list(recipes),
        "lanes": [
            {
                "name": lane.name,
                "flag": lane.flag,
                "low": lane.low,
                "high": lane.high,
                "shared": None if lane.shared is None else lane.shared.tolist(),
            }
            for lane in pictures.lanes
        ],
        "ticks": [[[t, text] for t, text in each] for each in pictures.ticks],
    }
