"""The baseline and its scenarios, drawn for one item or for all together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from foretell.data.panel import Panel
from foretell.data.panel_sums import total_by_step
from foretell.recipe.fan import Fan
from foretell.recipe.fan_chart import (
    INK,
    MUTED,
    PALETTE,
    as_written,
    draw_history,
    legend_below,
    time_axis,
    value_axis,
)
from foretell.recipe.forecast import Forecast
from foretell.recipe.forecast_parts import fan_of
from foretell.recipe.levels import central_intervals, level_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STRIP: Final = 0.018  # of the height: a strip over the steps that a scenario sets
_NAME: Final = 48  # characters of a scenario's name in the legend


def plot_scenarios(
    forecasts: Mapping[str, Forecast],
    changed: Sequence[NDArray[np.bool_]],
    item: str | Sequence[object] | None = None,
    *,
    axes: Axes | None = None,
) -> Axes:
    """The means of `forecasts` by name, the baseline first, of one item or summed over all; `axes.figure` is what to show or save.

    `changed` are the cells [N, H] that each scenario sets: a strip at the top shows their steps. An item's baseline has its widest
    central interval too.
    """
    if axes is None:
        axes = Figure(figsize=(8, 3.4), layout="constrained").add_subplot()
    made = list(forecasts.values())
    if item is None:
        fans = [_summed(forecast) for forecast in made]
        touched = [_by_step(each, made[0], fans[0]) > 0 for each in changed]
    else:
        at = made[0].position(item)
        fans = [replace(fan_of(each, at), median=each.mean[at]) for each in made]
        touched = [each[at] for each in changed]
        _draw_interval(axes, fans[0])
    draw_history(axes, fans[0])
    for k, (name, fan) in enumerate(zip(forecasts, fans, strict=True)):
        _draw_mean(axes, fan, name, k)
    for k, steps in enumerate(touched):
        _draw_strip(axes, fans[0], steps, k)
    _finish(axes, fans)
    return axes


def _summed(forecast: Forecast) -> Fan:
    """All items together, step by step: sums of means; the history too where all items end together."""
    panel = forecast.history
    assert panel is not None, "a what-if knows what it was made from"
    first, last = int(forecast.origin.min()), int(forecast.origin.max()) + forecast.horizon
    steps = np.arange(first, last)
    fan = Fan(
        name=f"all {len(forecast):,} items",
        target=forecast.schema.target,
        frequency=forecast.schema.frequency,
        steps=steps,
        levels=(0.5,),
        quantiles=np.zeros((len(steps), 1)),
        median=np.zeros(len(steps)),
        past_steps=np.zeros(0, np.int64),
        past=np.zeros(0),
    )
    mean = _by_step(forecast.mean, forecast, fan)
    past_steps, past = _past(panel, max(2 * forecast.horizon, 2 * panel.season, 8))
    return replace(fan, median=mean, quantiles=mean[:, None], past_steps=past_steps, past=past)


def _by_step(values: NDArray[Any], forecast: Forecast, fan: Fan) -> NDArray[np.float64]:
    """[N, H] summed over the items that share a step."""
    steps = forecast.origin[:, None] + np.arange(forecast.horizon) - fan.steps[0]
    weights = values.ravel().astype(np.float64)
    return np.asarray(np.bincount(steps.ravel(), weights, minlength=len(fan.steps)), np.float64)


def _past(panel: Panel, length: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The sums of what was observed of all items in the last `length` steps; none where they end apart."""
    origin = int(panel.origin.max())
    if (panel.origin != origin).any():
        return np.zeros(0, np.int64), np.zeros(0)
    return np.arange(origin - length, origin), total_by_step(panel, length)


def _draw_interval(axes: Axes, fan: Fan) -> None:
    pairs = central_intervals(fan.levels)
    if not pairs or len(fan.steps) < 2:
        return
    low, high = pairs[max(pairs)]
    label = f"baseline, {level_name(fan.levels[low])} to {level_name(fan.levels[high])}"
    bands = fan.quantiles[:, low], fan.quantiles[:, high]
    axes.fill_between(_times(fan), *bands, color=PALETTE[0], alpha=0.16, lw=0, label=label)


def _draw_mean(axes: Axes, fan: Fan, name: str, number: int) -> None:
    """The baseline (number 0) lies over the scenarios: what shows beside it differs from it."""
    marks: dict[str, Any] = {"marker": "o", "ms": 4} if len(fan.steps) == 1 else {}
    (line,) = axes.plot(
        _times(fan), fan.median, color=_colour(number), lw=1.6, zorder=3 if number == 0 else 2.5, **marks
    )
    line.set_label(name if len(name) <= _NAME else name[: _NAME - 3] + "...")


def _draw_strip(axes: Axes, fan: Fan, touched: NDArray[np.bool_], number: int) -> None:
    """At the top, over each run of steps that scenario `number` sets."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], touched, [False]]).astype(np.int8)))
    top, (now, then) = 1 - 1.5 * _STRIP * number, fan.frequency.timestamps(fan.steps[0] + np.arange(2))
    for first, last in edges.reshape(-1, 2):
        ends = fan.frequency.timestamps(fan.steps[0] + np.array([first, last])) - (then - now) / 2
        axes.axvspan(ends[0], ends[1], ymin=top - _STRIP, ymax=top, color=_colour(number + 1), lw=0, zorder=4)


def _colour(number: int) -> str:
    return PALETTE[number % len(PALETTE)]


def _times(fan: Fan) -> NDArray[Any]:
    return fan.frequency.timestamps(fan.steps)


def _finish(axes: Axes, fans: Sequence[Fan]) -> None:
    fan = fans[0]
    axes.axvline(_times(fan)[0], color=MUTED, lw=0.8, ls=(0, (2, 2)))
    time_axis(axes, fan)
    value_axis(axes, fans)
    as_written(axes.set_title(fan.name, loc="left", fontsize=10, color=INK))
    as_written(axes.set_ylabel(fan.target, color=MUTED, fontsize=9))
    legend_below(axes, columns=3)
