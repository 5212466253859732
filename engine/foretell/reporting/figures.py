"""The plots of forecasts and of reports, on matplotlib's own objects: no pyplot, so nothing global and no window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from foretell.data.panel_sums import total_by_step
from foretell.errors import ForetellError, nearest
from foretell.recipe.fan_chart import (
    INK,
    MUTED,
    PALETTE,
    UNITS,
    as_written,
    dates_below,
    draw_fan,
    draw_history,
    plain_axes,
    time_axis,
    value_axis,
)
from foretell.recipe.forecast_parts import fan_of
from foretell.recipe.levels import level_column
from foretell.reporting.numbers import short
from foretell.system.atomic_files import write_bytes
from foretell.system.big_arrays import pieces
from foretell.system.folder_lock import claimed
from foretell.system.plain_text import printable
from foretell.system.results import may_replace_page

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from foretell.data.panel import Panel
    from foretell.evaluation.outcome import Outcome
    from foretell.evaluation.results import Results
_MOST_ERRORS = 1 << 22  # of a recipe that a histogram is made of; of more, those of some items
_CELLS = 1 << 20  # looked at in one go
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


def save_figure(figure: Any, path: Path, *, overwrite: bool = False) -> None:
    """Write a figure to a .png or .svg file, whole or not at all, marked as foretell's.

    Raises ForetellError where the file is there already; to `overwrite` replaces a page or picture of foretell, and nothing else.
    """
    kind = path.suffix.lower().removeprefix(".")
    mark = {"Creator": "foretell", "Date": None} if kind == "svg" else {"Software": "foretell"}
    drawn = BytesIO()
    figure.savefig(drawn, format=kind, dpi=150, metadata=mark)
    with claimed(path):
        may_replace_page(path, overwrite=overwrite)
        write_bytes(path, drawn.getvalue())


def colours(recipes: Sequence[str]) -> dict[str, str]:
    """One colour a recipe."""
    return {recipe: PALETTE[k % len(PALETTE)] for k, recipe in enumerate(recipes)}


def figure_item(report: Results, item: int, *, columns: int = 3) -> Figure:
    """One item's actuals beside each recipe's fan, in the last window; one axes a recipe, all on one scale."""
    beside, colour = report.beside(report.outcome()), colours(report.recipes)
    recipes = list(beside)
    fans = {recipe: fan_of(each.forecast, item) for recipe, each in beside.items()}
    rows, across = -(-len(recipes) // columns), min(columns, len(recipes))
    figure = Figure(figsize=(11, 2.35 * rows + 0.1), layout="constrained")
    grid = _grid(figure, rows, across)
    for axes, recipe in zip(grid.flat, recipes, strict=False):
        outcome = beside[recipe]
        draw_history(axes, fans[recipe], actual=outcome.window.actual[item])
        draw_fan(axes, fans[recipe], colour=colour[recipe])
        _titles(axes, recipe, f"wQL {outcome.scores.items['wQL'][item]:.3f}")
        time_axis(axes, fans[recipe])
    actual = report.outcome().window.actual[item]
    value_axis(grid[0, 0], list(fans.values()), actual=actual)
    for axes in grid[:, 0]:
        as_written(axes.set_ylabel(report.outcomes[0].forecast.schema.target, color=MUTED, fontsize=9))
    _drop_unused(grid, len(recipes))
    return figure


def figure_errors(report: Results, *, columns: int = 3) -> Figure:
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
        _histogram(axes, errors[recipe], edges, colour=colour[recipe])
        bias = float(errors[recipe].mean()) if len(errors[recipe]) else np.nan
        _titles(axes, recipe, f"mean error {_signed(bias)}")
    target = report.outcomes[0].forecast.schema.target
    sampled = f", of one item in {apart}" if apart > 1 else ""
    label = f"forecast mean minus actual ({target}){sampled}"
    as_written(figure.supxlabel(label, fontsize=9, color=MUTED))
    grid[0, 0].set_ylabel("share of steps", color=MUTED, fontsize=9)
    _drop_unused(grid, len(recipes))
    return figure


def figure_calibration(report: Results) -> Figure:
    """Level against the share of actuals at or below its quantile, a line a recipe; closed steps are left out."""
    figure = Figure(figsize=(5.4, 4.3), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=(0, (4, 3)))
    columns = [level_column("coverage", level) for level in report.levels]
    for k, (recipe, colour) in enumerate(colours(report.recipes).items()):
        shares = report.coverage.loc[report.coverage["recipe"] == recipe, columns].to_numpy(float)[0]
        axes.plot(report.levels, shares, color=colour, **_line(k))
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="level", ylabel="share of actuals at or below")
    axes.set_aspect("equal")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:.0f} %"))
    plain_axes(axes)
    return figure


def figure_steps(report: Results) -> Figure:
    """wQL by step ahead, a line a recipe: the mean over windows; steps at which nothing was sold have none."""
    figure = Figure(figsize=(5.4, 4.3), layout="constrained")
    axes = figure.add_subplot()
    for k, (recipe, colour) in enumerate(colours(report.recipes).items()):
        rows = report.steps[(report.steps["recipe"] == recipe) & report.steps["WAPE"].notna()]
        curve = rows.groupby("step")["wQL"].mean()
        axes.plot(curve.index, curve, color=colour, **_line(k, every=max(len(curve) // 12, 1)))
    as_written(axes.set_xlabel(f"steps ahead ({step_unit(report)})"))
    axes.set(ylabel="wQL")
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=1 - 0.02 * report.horizon)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    plain_axes(axes)
    return figure


def figure_total(
    panel: Panel,
    means: Mapping[str, NDArray[Any]],
    *,
    actual: NDArray[Any] | None = None,
    order: Sequence[str] = (),  # of the colours
    fan: tuple[NDArray[Any], NDArray[Any]] | None = None,  # [H] the ends of an interval of the sum
) -> Figure:
    """All items together: what was sold before the origin (and `actual` [N, H] after it), and `means` [N, H] on one axis, first best."""
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    axes = figure.add_subplot()
    horizon = next(iter(means.values())).shape[1]
    past = max(min(max(2 * horizon, 2 * panel.season, 8), int(panel.stop.max(initial=0))), 1)
    before = total_by_step(panel, past)
    when = panel.frequency.timestamps(int(panel.origin.max()) + np.arange(-past, horizon))
    axes.plot(when[:past], before, color=MUTED, lw=1.0)
    after = None if actual is None else _total(actual)
    if after is not None:
        axes.plot(when[past - 1 :], np.concatenate([before[-1:], after]), color=INK, lw=1.5)
    colour = colours(order or list(means))
    if fan is not None:
        axes.fill_between(when[past:], *fan, color=colour[next(iter(means))], alpha=0.16, lw=0)
    for k, (recipe, values) in enumerate(means.items()):
        mean = _total(values)
        shown = mean if after is None else np.where(np.isnan(after), np.nan, mean)
        axes.plot(when[past:], shown, color=colour[recipe], lw=1.2 if k else 2.2, alpha=0.75 if k else 1)
    axes.axvline(when[past], color=MUTED, lw=0.8, ls=(0, (2, 2)))
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,.0f}"))
    dates_below(axes, panel.frequency)
    as_written(axes.set_ylabel(f"{panel.schema.target}, all items", color=MUTED, fontsize=9))
    return figure


def figure_total_of(report: Results) -> Figure:
    """`figure_total` of the last window, with every recipe that forecast it."""
    best = report.outcome()
    means = {recipe: each.forecast.mean for recipe, each in report.beside(best).items()}
    return figure_total(best.window.panel, means, actual=best.window.actual, order=report.recipes)


def _total(values: NDArray[Any]) -> NDArray[np.float64]:
    """[H] the sums over items; NaN where none has a value."""
    total, seen = np.zeros(values.shape[1]), np.zeros(values.shape[1], np.int64)
    for items in pieces(len(values), max(_CELLS // values.shape[1], 1)):
        total += np.nansum(values[items].astype(np.float64), axis=0)
        seen += (~np.isnan(values[items])).sum(axis=0)
    return np.where(seen > 0, total, np.nan)


def figure_leaderboard(report: Results, metric: str = "wQL") -> Figure:
    """A score of each recipe as bars, the leaderboard's first on top.

    Raises ForetellError for a column that the leaderboard does not have.
    """
    board = report.leaderboard
    known = [str(name) for name in board.columns if name != "recipe"]
    if metric not in known:
        raise ForetellError(
            f"no column {metric!r} in the leaderboard.{nearest(metric, known)} It has: {', '.join(known)}"
        )
    figure = Figure(figsize=(7, 0.42 * len(board) + 0.7), layout="constrained")
    axes = figure.add_subplot()
    place, values = np.arange(len(board))[::-1], board[metric].to_numpy(float)
    colour = colours(report.recipes)
    axes.barh(place, np.nan_to_num(values), height=0.62, color=[colour[name] for name in board["recipe"]])
    for y, value in zip(place, values, strict=True):
        axes.text(
            max(np.nan_to_num(value), 0), y, f"  {short(float(value))}", va="center", fontsize=9, color=INK
        )
    plain_axes(axes)
    axes.grid(visible=False)
    axes.set_yticks(place, [printable(name) for name in board["recipe"]])
    for label in axes.get_yticklabels():
        as_written(label)
    axes.margins(x=0.15)
    as_written(axes.set_xlabel(metric))
    return figure


def figure_windows(report: Results) -> Figure:
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
    plain_axes(axes)
    return figure


def step_unit(report: Results) -> str:
    """What a step is, in the plural: days, 15-minute steps."""
    frequency = report.outcomes[0].forecast.schema.frequency
    word = UNITS[frequency.unit]
    return word if frequency.multiple == 1 else f"steps of {frequency.multiple} {word}"


def _errors(outcomes: Sequence[Outcome], apart: int) -> NDArray[Any]:
    """The errors of the means that are defined, of every item or of some, `apart` from each other."""
    some = slice(None, None, apart)
    parts = [(o.forecast.mean[some] - o.window.actual[some])[o.window.has_history[some]] for o in outcomes]
    values = np.concatenate([part.ravel() for part in parts]).astype(np.float64)
    return np.asarray(values[~np.isnan(values)])


def _histogram(axes: Axes, values: NDArray[Any], edges: NDArray[Any], *, colour: str) -> None:
    """Shares of `values` between `edges`; the outermost bars hold everything beyond."""
    shares = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0] / max(len(values), 1)
    axes.bar(edges[:-1], shares, width=np.diff(edges), align="edge", color=colour, alpha=0.75, lw=0)
    axes.axvline(0, color=INK, lw=0.9)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:.0f} %"))
    plain_axes(axes)


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


def _grid(figure: Figure, rows: int, columns: int) -> NDArray[Any]:
    """[rows, columns] axes on one scale."""
    figure.get_layout_engine().set(wspace=0.05, hspace=0.06)  # type: ignore[union-attr, call-arg]  # a constrained one
    return np.asarray(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False))


def _titles(axes: Axes, left: str, right: str) -> None:
    as_written(axes.set_title(left, loc="left", fontsize=9.5, color=INK, fontweight="bold"))
    as_written(axes.set_title(right, loc="right", fontsize=9, color=MUTED))


def _drop_unused(grid: NDArray[Any], used: int) -> None:
    """Empty places of a grid give way; the axes above one then show their own dates."""
    rows, columns = grid.shape
    for k in range(used, rows * columns):
        grid.flat[k].remove()
        if k >= columns:
            grid.flat[k - columns].tick_params(labelbottom=True)


def _signed(value: float) -> str:
    return f"{value:+.3g}" if np.isfinite(value) else "not defined"
