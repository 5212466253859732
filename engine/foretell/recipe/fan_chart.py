"""A forecast drawn as a fan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from foretell.data.frequency import Frequency
from foretell.errors import ForetellError
from foretell.recipe.fan import Fan
from foretell.recipe.forecast_parts import fan_of
from foretell.recipe.levels import central_intervals, level_name
from foretell.system.plain_text import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

    from foretell.recipe.forecast import Forecast

_SHOWN: Final = 6  # items, where none is named
INK, MUTED, RULE = "#1b1f24", "#69727d", "#d9dee3"
_LEGEND: Final[Mapping[str, Any]] = {
    "frameon": False,
    "fontsize": 8,
    "labelcolor": MUTED,
    "borderpad": 0,
    "handlelength": 1.4,
}
# Okabe and Ito's palette, which the colour-blind can tell apart; its yellow is too pale for lines on white
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195", "#8c6d31")
UNITS = {
    "min": "minutes",
    "h": "hours",
    "D": "days",
    "B": "business days",
    "W": "weeks",
    "M": "months",
    "Q": "quarters",
    "Y": "years",
    "step": "steps",
}


def plot_forecast(
    forecast: Forecast, items: Sequence[str | Sequence[object]], *, axes: Axes | None = None
) -> Axes:
    """The fans of `items`, one below the other (default: the largest); the first axes. Raises ForetellError as `Forecast.position`."""
    places = [forecast.position(item) for item in items] or _largest(forecast)
    if not places:
        raise ForetellError("there is nothing to plot: the forecast has no items")
    if axes is not None and len(places) > 1:
        raise ForetellError(f"{len(places)} items need axes of their own: name one, or give no axes")
    if len(places) == 1:
        return plot_fan(fan_of(forecast, places[0]), axes=axes)
    columns = 1 if len(places) <= 3 else 2
    rows = -(-len(places) // columns)
    figure = Figure(figsize=(8 * columns, 2.9 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for place, each in zip(places, grid, strict=False):
        plot_fan(fan_of(forecast, place), axes=each)
    for unused in grid[len(places) :]:
        unused.remove()
    first: Axes = grid[0]
    return first


def _largest(forecast: Forecast) -> list[int]:
    """The items whose means add up to most, in the order of the forecast."""
    size = forecast.mean.sum(axis=1)
    return sorted(np.argsort(-size, kind="stable")[:_SHOWN].tolist())


def plot_fan(fan: Fan, *, axes: Axes | None = None) -> Axes:
    """The end of an item's history and its forecast as a fan; `axes.figure` is what to show or save.

    Draws on `axes`, or on those of a new figure.
    """
    if axes is None:
        axes = Figure(figsize=(8, 3.2), layout="constrained").add_subplot()
    draw_history(axes, fan, actual=fan.actual)
    draw_fan(axes, fan, colour=PALETTE[0])
    time_axis(axes, fan)
    value_axis(axes, [fan], actual=fan.actual)
    as_written(axes.set_title(fan.name, loc="left", fontsize=10, color=INK))
    as_written(axes.set_ylabel(fan.target, color=MUTED, fontsize=9))
    axes.legend(**_LEGEND, ncols=5, loc="lower right", bbox_to_anchor=(1, 1), columnspacing=1.2)
    return axes


def legend_below(axes: Axes, *, columns: int) -> None:
    """A legend under the axes, in rows of so many entries, whose names are shown as they are."""
    legend = axes.legend(**_LEGEND, ncols=columns, loc="upper left", bbox_to_anchor=(0, -0.1))
    for text in legend.get_texts():
        as_written(text)


def as_written(text: Text) -> None:
    """Show a text of a figure as it is: a dollar begins no formula, and what cannot be printed is spelt out.

    Whatever holds a name from data goes through here.
    """
    text.set(parse_math=False, usetex=False, text=printable(text.get_text()))


def draw_history(axes: Axes, fan: Fan, *, actual: NDArray[Any] | None = None) -> None:
    """The end of an item's history, and the `actual` [H] of its horizon where it is known."""
    past, first = fan.past, int(fan.steps[0])
    if len(past):
        when = fan.frequency.timestamps(fan.past_steps)
        axes.plot(when, past, color=MUTED, lw=1.0, label="history", **_dots(past))
    if actual is not None:
        if len(past):  # no gap between what came before the origin and what came after
            actual, first = np.concatenate([past[-1:], actual]), first - 1
        when = fan.frequency.timestamps(first + np.arange(len(actual)))
        axes.plot(when, actual, color=INK, lw=1.3, label="actual", **_dots(actual))


def draw_fan(axes: Axes, fan: Fan, *, colour: str) -> None:
    """An item's quantiles as shaded central intervals, its median as a line and its mean as a dotted one."""
    when, values = fan.frequency.timestamps(fan.steps), fan.quantiles
    if len(fan.steps) == 1:  # a band needs two points to be seen
        wide = np.timedelta64(1, "s") if np.issubdtype(when.dtype, np.datetime64) else 0.1
        when, values = np.stack([when[0] - wide, when[0] + wide]), np.repeat(values, 2, axis=0)
    intervals = [pair for pair in central_intervals(fan.levels).values() if _worth_shading(fan.levels, pair)]
    for k, (low, high) in enumerate(reversed(intervals)):
        label = f"{level_name(fan.levels[low])} to {level_name(fan.levels[high])}"
        axes.fill_between(
            when,
            values[:, low],
            values[:, high],
            color=colour,
            alpha=0.18 if k == 0 else 0.14,
            lw=0,
            label=label,
        )
    axes.plot(when, np.resize(fan.median, len(when)), color=colour, lw=1.8, label="median")
    if fan.mean is not None:
        axes.plot(when, np.resize(fan.mean, len(when)), color=colour, lw=1.3, ls=(0, (1, 1.2)), label="mean")
    axes.axvline(when[0], color=MUTED, lw=0.8, ls=(0, (2, 2)))


def _dots(values: NDArray[Any]) -> Mapping[str, Any]:
    """A marker where a line alone would not be seen: an observation between two that are missing."""
    seen = ~np.isnan(values)
    alone = seen & ~np.concatenate([[False], seen[:-1]]) & ~np.concatenate([seen[1:], [False]])
    return {"marker": "o", "ms": 2.2, "markevery": np.flatnonzero(alone).tolist()} if alone.any() else {}


def _worth_shading(levels: Sequence[float], pair: tuple[int, int]) -> bool:
    """The widest interval, and one inner one of about half: more shades than that are not told apart."""
    widths = {p: levels[p[1]] - levels[p[0]] for p in central_intervals(levels).values()}
    widest = max(widths, key=lambda p: widths[p] if widths[p] <= 0.9 else 0)
    inner = min(widths, key=lambda p: abs(widths[p] - 0.5))
    return pair == widest or (pair == inner and widths[inner] < 0.75 * widths[widest])


def plain_axes(axes: Axes) -> None:
    """No box, a light grid for values, small grey ticks."""
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(RULE)
    axes.grid(axis="y", color=RULE, lw=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=MUTED, labelsize=8.5, length=0)
    axes.xaxis.label.set(color=MUTED, fontsize=9)
    axes.yaxis.label.set(color=MUTED, fontsize=9)


def time_axis(axes: Axes, fan: Fan) -> None:
    """Few and short dates below, or whole numbers where time is integer."""
    dates_below(axes, fan.frequency)


def dates_below(axes: Axes, frequency: Frequency) -> None:
    """`time_axis` of a frequency."""
    plain_axes(axes)
    if frequency.unit == "step":
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        return
    locator = AutoDateLocator(minticks=3, maxticks=6)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(  # type: ignore[no-untyped-call]
        locator,
        show_offset=False,
        formats=[
            "%Y",
            "%b",
            "%d %b",
            "%H:%M",
            "%H:%M",
            "%H:%M",
        ],  # of ticks that are years, months, days, hours, ...
        zero_formats=[
            "",
            "%Y",
            "%d %b",
            "%d %b",
            "%H:%M",
            "%H:%M",
        ],  # of the first one within the next larger unit
    )
    axes.xaxis.set_major_formatter(formatter)


def value_axis(axes: Axes, fans: Sequence[Fan], *, actual: NDArray[Any] | None = None) -> None:
    """Room for what was observed and for the fans, but spikes and fans far beyond all else are cut off.

    From zero where nothing is negative.
    """
    past = fans[0].past
    truth = past[:0] if actual is None else actual
    seen = np.concatenate([past, truth])
    values = np.concatenate([fan.quantiles.ravel() for fan in fans])
    low, high = float(values.min()), float(values.max())
    if not np.isnan(seen).all():
        ends = np.array([np.nanmin(seen), np.nanmax(seen)])
        span = float(np.ptp(ends)) or max(abs(float(ends[0])), 1.0)
        low, high = max(low, float(ends[0]) - 1.5 * span), min(high, float(ends[1]) + 1.5 * span)
        usual = np.append(np.nanquantile(seen, [0.03, 0.97]), truth[~np.isnan(truth)])
        low, high = min(low, float(usual.min())), max(high, float(usual.max()))
        slack = 0.6 * (high - low)
        low = low if ends[0] < low - slack else min(low, float(ends[0]))
        high = high if ends[1] > high + slack else max(high, float(ends[1]))
    margin = 0.06 * ((high - low) or 1.0)
    axes.set_ylim(0 if low >= 0 else low - margin, high + margin)
