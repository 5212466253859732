"""The plots of forecasts and of reports, on matplotlib's own objects: no pyplot, so nothing global and no window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from foretell.forecast import Forecast, level_name
from foretell.grids import pieces
from foretell.metrics import central_intervals

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from foretell.report import Outcome, Report

INK, MUTED, RULE = "#1b1f24", "#69727d", "#d9dee3"
# Okabe and Ito's palette, which the colour-blind can tell apart; its yellow is too pale for lines on white
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195", "#8c6d31")
_MOST_ERRORS = 1 << 22  # of a recipe that a histogram is made of; of more, those of some items
_CELLS = 1 << 20  # looked at in one go
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
UNITS = {
    "min": "minutes", "h": "hours", "D": "days", "B": "business days", "W": "weeks", "M": "months", "Q": "quarters",
    "Y": "years", "step": "steps",
}  # fmt: skip


def colours(recipes: Sequence[str]) -> dict[str, str]:
    """One colour a recipe."""
    return {recipe: PALETTE[k % len(PALETTE)] for k, recipe in enumerate(recipes)}


def plot_forecast(forecast: Forecast, position: int, *, axes: Axes | None = None) -> Axes:
    """The end of an item's history and its forecast as a fan; `axes.figure` is what to show or save.

    Draws on `axes`, or on those of a new figure.
    """
    if axes is None:
        axes = Figure(figsize=(8, 3.2), layout="constrained").add_subplot()
    draw_history(axes, forecast, position)
    draw_fan(axes, forecast, position, colour=PALETTE[0])
    _time_axis(axes, forecast)
    _value_axis(axes, [forecast], position)
    axes.set_title(_name(forecast, position), loc="left", fontsize=10, color=INK)
    axes.set_ylabel(forecast.schema.target, color=MUTED, fontsize=9)
    axes.legend(
        frameon=False, fontsize=8, labelcolor=MUTED, ncols=4, loc="lower right", bbox_to_anchor=(1, 1), borderpad=0,
        handlelength=1.4, columnspacing=1.2,
    )  # fmt: skip
    return axes


def draw_history(
    axes: Axes, forecast: Forecast, position: int, *, actual: NDArray[Any] | None = None
) -> None:
    """The end of an item's history, and the `actual` [H] of its horizon where it is known."""
    steps, values = _recent(forecast, position)
    frequency, origin = forecast.schema.frequency, int(forecast.origin[position])
    if len(values):
        axes.plot(frequency.timestamps(steps), values, color=MUTED, lw=1.0, label="history", **_dots(values))
    if actual is not None:
        if len(values):  # no gap between what came before the origin and what came after
            actual, origin = np.concatenate([values[-1:], actual]), origin - 1
        when = frequency.timestamps(origin + np.arange(len(actual)))
        axes.plot(when, actual, color=INK, lw=1.3, label="actual", **_dots(actual))


def draw_fan(axes: Axes, forecast: Forecast, position: int, *, colour: str) -> None:
    """An item's quantiles as shaded central intervals and its median as a line."""
    steps = forecast.origin[position] + np.arange(forecast.horizon)
    when, values = forecast.schema.frequency.timestamps(steps), forecast.quantiles[position]
    if forecast.horizon == 1:  # a band needs two points to be seen
        wide = np.timedelta64(1, "s") if np.issubdtype(when.dtype, np.datetime64) else 0.1
        when, values = np.stack([when[0] - wide, when[0] + wide]), np.repeat(values, 2, axis=0)
    intervals = [
        pair for pair in central_intervals(forecast.levels).values() if _worth_shading(forecast, pair)
    ]
    for k, (low, high) in enumerate(reversed(intervals)):
        label = f"{level_name(forecast.levels[low])} to {level_name(forecast.levels[high])}"
        axes.fill_between(
            when,
            values[:, low],
            values[:, high],
            color=colour,
            alpha=0.18 if k == 0 else 0.14,
            lw=0,
            label=label,
        )
    middle = forecast.at([0.5])[position, :, 0]
    axes.plot(when, np.resize(middle, len(when)), color=colour, lw=1.8, label="median")
    axes.axvline(when[0], color=MUTED, lw=0.8, ls=(0, (2, 2)))


def figure_item(report: Report, item: int, *, columns: int = 3) -> Figure:
    """One item's actuals beside each recipe's fan, in the last window; one axes a recipe, all on one scale."""
    recipes, colour = report.recipes, colours(report.recipes)
    rows, across = -(-len(recipes) // columns), min(columns, len(recipes))
    figure = Figure(figsize=(11, 2.35 * rows + 0.1), layout="constrained")
    grid = _grid(figure, rows, across)
    for axes, recipe in zip(grid.flat, recipes, strict=False):
        outcome = report.outcome(recipe)
        draw_history(axes, outcome.forecast, item, actual=outcome.window.actual[item])
        draw_fan(axes, outcome.forecast, item, colour=colour[recipe])
        _titles(axes, recipe, f"wQL {outcome.scores.items['wQL'][item]:.3f}")
        _time_axis(axes, outcome.forecast)
    outcomes = [report.outcome(recipe) for recipe in recipes]
    _value_axis(grid[0, 0], [o.forecast for o in outcomes], item, actual=outcomes[0].window.actual[item])
    for axes in grid[:, 0]:
        axes.set_ylabel(report.outcomes[0].forecast.schema.target, color=MUTED, fontsize=9)
    _drop_unused(grid, len(recipes))
    return figure


def figure_errors(report: Report, *, columns: int = 3) -> Figure:
    """A histogram a recipe of mean forecast minus actual, over all windows, items and steps."""
    recipes, colour = report.recipes, colours(report.recipes)
    apart = max(sum(o.forecast.mean.size for o in report.outcomes) // (len(recipes) * _MOST_ERRORS), 1)
    errors = {
        recipe: _errors([o for o in report.outcomes if o.recipe == recipe], apart) for recipe in recipes
    }
    reach = max((float(np.quantile(np.abs(e), 0.98)) for e in errors.values() if len(e)), default=1.0) or 1.0
    edges = np.linspace(-reach, reach, 42)
    rows, across = -(-len(recipes) // columns), min(columns, len(recipes))
    figure = Figure(figsize=(11, 2.1 * rows + 0.3), layout="constrained")
    grid = _grid(figure, rows, across)
    for axes, recipe in zip(grid.flat, recipes, strict=False):
        values = errors[recipe]
        shares = np.histogram(np.clip(values, -reach, reach), edges)[0] / max(len(values), 1)
        axes.bar(
            edges[:-1], shares, width=np.diff(edges), align="edge", color=colour[recipe], alpha=0.75, lw=0
        )
        axes.axvline(0, color=INK, lw=0.9)
        bias = float(values.mean()) if len(values) else np.nan
        _titles(axes, recipe, f"mean error {_signed(bias)}")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:.0f} %"))
        _plain(axes)
    target = report.outcomes[0].forecast.schema.target
    sampled = f", of one item in {apart}" if apart > 1 else ""
    figure.supxlabel(f"forecast mean minus actual ({target}){sampled}", fontsize=9, color=MUTED)
    grid[0, 0].set_ylabel("share of steps", color=MUTED, fontsize=9)
    _drop_unused(grid, len(recipes))
    return figure


def figure_calibration(report: Report) -> Figure:
    """Level against the share of actuals at or below its quantile, a line a recipe; closed steps are left out."""
    figure = Figure(figsize=(5.4, 4.3), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=(0, (4, 3)))
    for k, (recipe, colour) in enumerate(colours(report.recipes).items()):
        shares = np.mean([_calibration(o) for o in report.outcomes if o.recipe == recipe], axis=0)
        axes.plot(report.levels, shares, color=colour, **_line(k))
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="level", ylabel="share of actuals at or below")
    axes.set_aspect("equal")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:.0f} %"))
    _plain(axes)
    return figure


def figure_steps(report: Report) -> Figure:
    """wQL by step ahead, a line a recipe: the mean over windows; steps at which nothing was sold have none."""
    figure = Figure(figsize=(5.4, 4.3), layout="constrained")
    axes = figure.add_subplot()
    for k, (recipe, colour) in enumerate(colours(report.recipes).items()):
        rows = report.steps[(report.steps["recipe"] == recipe) & report.steps["WAPE"].notna()]
        curve = rows.groupby("step")["wQL"].mean()
        axes.plot(curve.index, curve, color=colour, **_line(k, every=max(len(curve) // 12, 1)))
    axes.set(xlabel=f"steps ahead ({step_unit(report)})", ylabel="wQL")
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=1 - 0.02 * report.horizon)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _plain(axes)
    return figure


def figure_windows(report: Report) -> Figure:
    """wQL by window, a line a recipe."""
    figure = Figure(figsize=(11, 2.8), layout="constrained")
    axes = figure.add_subplot()
    days = [window.day for window in report.windows]
    for k, (recipe, colour) in enumerate(colours(report.recipes).items()):
        rows = report.scores[report.scores["recipe"] == recipe]
        axes.plot(range(len(days)), rows["wQL"], color=colour, **_line(k))
    shown = list(range(0, len(days), max(-(-len(days) // 10), 1)))
    axes.set_xticks(shown, [days[k] for k in shown])
    axes.set(xlabel="origin", ylabel="wQL")
    axes.set_ylim(bottom=0)
    _plain(axes)
    return figure


def step_unit(report: Report) -> str:
    """What a step is, in the plural: days, 15-minute steps."""
    frequency = report.outcomes[0].forecast.schema.frequency
    word = UNITS[frequency.unit]
    return word if frequency.multiple == 1 else f"steps of {frequency.multiple} {word}"


def _recent(forecast: Forecast, position: int) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Ordinals and values of the last two horizons or two seasons of history, whichever is longer."""
    panel = forecast.history
    if panel is None:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    wanted = max(2 * forecast.horizon, 2 * panel.season, 8)
    values = panel.history(position)[-wanted:]
    end = int(panel.start[position] + panel.stop[position])
    return np.arange(end - len(values), end), values


def _dots(values: NDArray[Any]) -> Mapping[str, Any]:
    """A marker where a line alone would not be seen: an observation between two that are missing."""
    seen = ~np.isnan(values)
    alone = seen & ~np.concatenate([[False], seen[:-1]]) & ~np.concatenate([seen[1:], [False]])
    return {"marker": "o", "ms": 2.2, "markevery": np.flatnonzero(alone).tolist()} if alone.any() else {}


def _worth_shading(forecast: Forecast, pair: tuple[int, int]) -> bool:
    """The widest interval, and one inner one of about half: more shades than that are not told apart."""
    widths = {
        p: forecast.levels[p[1]] - forecast.levels[p[0]] for p in central_intervals(forecast.levels).values()
    }
    widest = max(widths, key=lambda p: widths[p] if widths[p] <= 0.9 else 0)
    inner = min(widths, key=lambda p: abs(widths[p] - 0.5))
    return pair == widest or (pair == inner and widths[inner] < 0.75 * widths[widest])


def _errors(outcomes: Sequence[Outcome], apart: int) -> NDArray[Any]:
    """The errors of the means that are defined, of every item or of some, `apart` from each other."""
    some = slice(None, None, apart)
    parts = [(o.forecast.mean[some] - o.window.actual[some])[o.window.has_history[some]] for o in outcomes]
    values = np.concatenate([part.ravel() for part in parts]).astype(np.float64)
    return np.asarray(values[~np.isnan(values)])


def _calibration(outcome: Outcome) -> NDArray[np.float64]:
    """[Q]; a closed step, whose 0 is known, says nothing about calibration."""
    window, horizon = outcome.window, outcome.forecast.horizon
    below, count = np.zeros(len(outcome.forecast.levels)), 0
    for items in pieces(len(outcome.forecast), max(_CELLS // horizon, 1)):
        some = window.has_history[items]
        closed = window.panel.between(items.start, items.stop).closed(horizon)
        actual = np.where(closed, np.nan, window.actual[items])[some]
        seen = ~np.isnan(actual)
        below += (actual[seen][:, None] <= outcome.forecast.quantiles[items][some][seen]).sum(axis=0)
        count += int(seen.sum())
    return below / count if count else np.full(len(below), np.nan)


def _line(k: int, *, every: int = 1) -> dict[str, Any]:
    style = "-" if k < len(PALETTE) else "--"
    return {
        "marker": MARKERS[k % len(MARKERS)],
        "ms": 5,
        "lw": 1.8,
        "ls": style,
        "markevery": every,
        "mec": "white",
        "mew": 0.6,
    }


def _plain(axes: Axes) -> None:
    """No box, a light grid for values, small grey ticks."""
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(RULE)
    axes.grid(axis="y", color=RULE, lw=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=MUTED, labelsize=8.5, length=0)
    axes.xaxis.label.set(color=MUTED, fontsize=9)
    axes.yaxis.label.set(color=MUTED, fontsize=9)


def _time_axis(axes: Axes, forecast: Forecast) -> None:
    _plain(axes)
    if forecast.schema.frequency.unit == "step":
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        return
    locator = AutoDateLocator(minticks=3, maxticks=6)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(  # type: ignore[no-untyped-call]
        locator, show_offset=False,
        formats=["%Y", "%b", "%d %b", "%H:%M", "%H:%M", "%H:%M"],  # of ticks that are years, months, days, hours, ...
        zero_formats=["", "%Y", "%d %b", "%d %b", "%H:%M", "%H:%M"],  # of the first one within the next larger unit
    )  # fmt: skip
    axes.xaxis.set_major_formatter(formatter)


def _value_axis(
    axes: Axes, forecasts: Sequence[Forecast], position: int, *, actual: NDArray[Any] | None = None
) -> None:
    """Room for what was observed and for the fans, but spikes and fans far beyond all else are cut off.

    From zero where nothing is negative.
    """
    past = _recent(forecasts[0], position)[1]
    truth = past[:0] if actual is None else actual
    seen = np.concatenate([past, truth])
    fans = np.concatenate([forecast.quantiles[position].ravel() for forecast in forecasts])
    low, high = float(fans.min()), float(fans.max())
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


def _grid(figure: Figure, rows: int, columns: int) -> NDArray[Any]:
    """[rows, columns] axes on one scale."""
    figure.get_layout_engine().set(wspace=0.05, hspace=0.06)  # type: ignore[union-attr, call-arg]  # a constrained one
    return np.asarray(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False))


def _titles(axes: Axes, left: str, right: str) -> None:
    axes.set_title(left, loc="left", fontsize=9.5, color=INK, fontweight="bold")
    axes.set_title(right, loc="right", fontsize=9, color=MUTED)


def _drop_unused(grid: NDArray[Any], used: int) -> None:
    """Empty places of a grid give way; the axes above one then show their own dates."""
    rows, columns = grid.shape
    for k in range(used, rows * columns):
        grid.flat[k].remove()
        if k >= columns:
            grid.flat[k - columns].tick_params(labelbottom=True)


def _name(forecast: Forecast, position: int) -> str:
    return " / ".join(str(part) for part in forecast.keys.iloc[position])


def _signed(value: float) -> str:
    return f"{value:+.3g}" if np.isfinite(value) else "not defined"
