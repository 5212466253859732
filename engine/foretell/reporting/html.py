"""report.html: one page that opens offline, with nothing to load and no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from foretell.data.findings import gravest_first
from foretell.recipe.levels import central_intervals, level_column, level_name
from foretell.reporting import figures
from foretell.reporting.html_blocks import (
    Column,
    adaptive,
    count,
    facts,
    fixed,
    legend,
    nearest_to,
    note,
    number,
    page,
    percent,
    picture,
    plain_table,
    seconds,
    section,
    table,
    text_of,
)
from foretell.system.environment import machine, versions

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from foretell.data.findings import Finding
    from foretell.evaluation.outcome import Outcome, Window
    from foretell.evaluation.results import Results
    from foretell.recipe.protocols import Summary

_COSTS = ("fit_seconds", "predict_seconds", "fallbacks")  # which nobody knows of a table that was handed in
_RATIO = fixed(4)


def render(results: Results) -> str:
    """The whole page."""
    title = str(results.settings.get("title", "Backtest"))
    style = "".join(
        f".c{k} {{ background: {colour} }}\n"
        for k, colour in enumerate(figures.colours(results.recipes).values())
    )
    return page(title, "".join(_sections(results, title)), style=style)


def _sections(results: Results, title: str) -> list[str]:
    """The page from top to bottom; a section without anything to show is empty text."""
    board, levels, recipes, windows = results.leaderboard, results.levels, results.recipes, results.windows
    return [
        _head(title, _sizes(results), _lead(board, [window.day for window in windows])),
        _leaderboard(board, recipes, windows=len(windows)),
        _by_level(board, recipes, levels),
        _by_window(results, windows) if len(windows) > 1 else "",
        _new_items(results.new_items, recipes) if len(results.new_items) else "",
        _calibrated(results.calibration) if len(results.calibration) else "",
        _summaries(results.summaries),
        _examples(results),
        _errors(figures.figure_errors(results)),
        _shape(
            figures.figure_calibration(results),
            figures.figure_steps(results),
            recipes,
            horizon=results.horizon,
            closing=bool(results.settings.get("open")),
        ),
        _findings(results.findings, results.data_tables),
        _settings(results.settings),
        _glossary(),
    ]


# Sections


def _sizes(results: Results) -> list[str]:
    """How much was forecast, in words."""
    return [
        count(len(results.recipes), "recipe"),
        count(max(len(window.panel) for window in results.windows), "item"),
        f"horizon {results.horizon} {figures.step_unit(results)}",
        count(len(results.windows), "window"),
    ]


def _head(title: str, sizes: Sequence[str], lead: str) -> str:
    return (
        f'<header>\n<p class="brand">foretell</p>\n<h1>{text_of(title)}</h1>\n'
        f'<p class="facts">{" <i>·</i> ".join(map(text_of, sizes))}</p>\n<p class="lead">{lead}</p>\n</header>\n'
    )


def _lead(board: pd.DataFrame, days: Sequence[str]) -> str:
    """The result in a sentence or two, as HTML; `days` are the origins of the windows."""
    best, wql = board["recipe"][0], board["wQL"][0]
    text = f"<strong>{text_of(best)}</strong> forecasts best, with a wQL of <strong>{number(wql, 4)}</strong>"
    if len(board) > 1 and np.isfinite(board["wQL"].iloc[-1]) and board["wQL"].iloc[-1] > 0:
        naive = "seasonal_naive" if "seasonal_naive" in set(board["recipe"][1:]) else board["recipe"].iloc[-1]
        other = float(board.loc[board["recipe"] == naive, "wQL"].iloc[0])
        text += f", {100 * (1 - wql / other):.0f} % below {text_of(naive)}&rsquo;s {number(other, 4)}"
    if len(days) > 3:
        return f"{text}. The {len(days)} windows begin between {days[0]} and {days[-1]}."
    return f"{text}. The {'windows begin' if len(days) > 1 else 'window begins'} on {' and '.join(days)}."


def _leaderboard(board: pd.DataFrame, recipes: Sequence[str], *, windows: int) -> str:
    columns = [
        Column("wQL", "wQL", _RATIO, min, bar=True),
        Column("WAPE", "WAPE", _RATIO, min),
        Column("RMSE", "RMSE", adaptive, min),
        Column("MAPE", "MAPE", _RATIO, min),
        Column("sMAPE", "sMAPE", _RATIO, min),
        Column("MASE", "MASE", fixed(3), min),
        Column("fit_seconds", "Training", seconds, min),
        Column("predict_seconds", "Forecasting", seconds, min),
        Column("fallbacks", "Fallbacks", fixed(0)),
    ]
    costs = bool(board["fit_seconds"].notna().any())
    columns = [c for c in columns if costs or c.name not in _COSTS]
    text = "Lower is better. " + (
        f"Scores are pooled over items within a window, then averaged over the {windows} windows{'; times are sums' if costs else ''}."
        if windows > 1
        else "Scores are pooled over all items and steps of the window."
    )
    text += " The best value of each column stands out. What the scores mean is said at the end."
    return section("Leaderboard", table(board, columns, recipes) + note(text))


def _by_level(board: pd.DataFrame, recipes: Sequence[str], levels: Sequence[float]) -> str:
    groups = [
        [Column(level_column("wQL", level), level_name(level), _RATIO, min, group="wQL") for level in levels],
        [_covered(level) for level in levels],
        *_intervals(levels),
    ]
    tables = groups if len(levels) > 4 else [[column for group in groups for column in group]]
    text = (
        "Of calibrated quantiles, p10 has 10 % of the actuals at or below it, and p10 to p90 has 80 % inside."
    )
    return section("By level", "".join(table(board, each, recipes) for each in tables if each) + note(text))


def _covered(level: float) -> Column:
    name = level_column("coverage", level)
    return Column(name, level_name(level), percent, nearest_to(level), group="Actuals at or below")


def _intervals(levels: Sequence[float]) -> tuple[list[Column], list[Column]]:
    """Of each central interval: the share of actuals inside, and the MSIS."""
    inside, scores = [], []
    for name, (low, high) in central_intervals(levels).items():
        ends = f"{level_name(levels[low])} to {level_name(levels[high])}"
        width = nearest_to(levels[high] - levels[low])
        inside.append(Column(name, ends, percent, width, group="Actuals inside"))
        scores.append(Column(name.replace("interval", "MSIS"), ends, fixed(3), min, group="MSIS"))
    return inside, scores


def _by_window(results: Results, windows: Sequence[Window]) -> str:
    """A table up to ten windows, a picture from three on."""
    wide = results.scores.pivot_table(
        index="recipe", columns="window", values="wQL", sort=False, dropna=False
    )
    columns = [Column(str(w.number), w.day, _RATIO, min, group="wQL by origin") for w in windows]
    frame = wide.rename(columns=str).reset_index()
    numbers = table(frame, columns, results.recipes) if len(columns) <= 10 else ""
    curves = picture(figures.figure_windows(results), "wQL by window") if len(columns) > 2 else ""
    return section("By window", curves + numbers)


def _new_items(frame: pd.DataFrame, recipes: Sequence[str]) -> str:
    columns = [
        Column("items", "Items", fixed(0)),
        Column("wQL", "wQL", _RATIO, min, bar=True),
        Column("WAPE", "WAPE", _RATIO, min),
        Column("RMSE", "RMSE", adaptive, min),
        Column("sMAPE", "sMAPE", _RATIO, min),
    ]
    text = "Items that had no observed value before the origin. They are scored here, and nowhere else."
    return section("Items without history", table(frame, columns, recipes) + note(text))


def _calibrated(frame: pd.DataFrame) -> str:
    rows = [dict(zip(frame.columns, row, strict=True)) for row in frame.itertuples(index=False)]
    text = "On the windows of this backtest. The adjustment was learnt from windows before their origins."
    return section("Before and after calibration", plain_table(rows) + note(text))


def _summaries(summaries: Sequence[tuple[str, Window, Summary]]) -> str:
    """What the predictors say of how they were fitted, table by table."""
    several = len({window.number for _, window, _ in summaries}) > 1
    return "".join(
        section(
            f"How {recipe} was fitted" + (f", origin {window.day}" if several else ""),
            "".join(f"<h3>{text_of(title)}</h3>\n{plain_table(rows)}" for title, rows in summary.items()),
        )
        for recipe, window, summary in summaries
    )


def _examples(results: Results) -> str:
    best = results.outcome()
    names, wql = best.window.panel.names, best.scores.items["wQL"]
    parts = [
        f'<h3>{word} <b>{text_of(names[item])}</b> <span class="quiet">wQL {number(wql[item], 4)}'
        f" with {text_of(best.recipe)}</span></h3>\n"
        + picture(figures.figure_item(results, item), f"{word} {names[item]}")
        for word, item in example_items(best).items()
    ]
    text = (
        "The last window: the best, the median and the worst item by the wQL of the best recipe, each recipe on the same"
        " scale. Black is what happened, grey what came before; the line is the median, the shade the central intervals. Spikes far beyond all else are cut off."
    )
    return section("Forecasts", "".join(parts) + note(text)) if parts else ""


def _errors(histograms: Figure) -> str:
    text = "All windows, items and steps. Left of zero the forecast was too low. The outermost bars hold everything beyond."
    return section("Forecast errors", picture(histograms, "histograms of errors") + note(text))


def _shape(calibration: Figure, steps: Figure, recipes: Sequence[str], *, horizon: int, closing: bool) -> str:
    """Calibration beside the error by step; `closing` says that items were closed at some steps."""
    closed = ", without the steps at which an item was closed," if closing else ""
    left = f"<h2>Calibration</h2>{picture(calibration, 'calibration')}" + note(
        f"Above the dashed line, quantiles are too high; below it, too low. Counted{closed} over all windows."
    )
    right = f"<h2>Error by step ahead</h2>{picture(steps, 'wQL by step ahead')}" + note(
        f"Pooled over items, averaged over windows; the origin is step 1 of {horizon}."
    )
    return f'<section class="pair">\n<div>{left}</div>\n<div>{right}</div>\n{legend(recipes)}</section>\n'


def _findings(findings: Sequence[Finding], data_tables: Summary) -> str:
    rows = [
        f'<li class="is-{text_of(f.severity)}"><span>{text_of(f.severity)}</span><div>{text_of(f.message)}{_advice(f)}</div></li>\n'
        for f in gravest_first(findings)
    ]
    body = f'<ul class="findings">\n{"".join(rows)}</ul>\n' if rows else note("Nothing out of the ordinary.")
    tables = "".join(f"<h3>{text_of(title)}</h3>\n{plain_table(each)}" for title, each in data_tables.items())
    return section("What was found in the data", body + tables)


def _advice(finding: Finding) -> str:
    """What a finding means, and the option that changes it."""
    text = text_of(" \N{RIGHTWARDS ARROW} ".join(part for part in (finding.meaning, finding.option) if part))
    return f"<small>{text}</small>" if text else ""


def _settings(settings: Mapping[str, Any]) -> str:
    recipes: Mapping[str, Any] = settings.get("recipes", {})
    plain = {k: v for k, v in settings.items() if k not in ("recipes", "title")}
    where = {k: v for k, v in machine().items() if v is not None}
    blocks = [
        facts("Run", plain),
        *(facts(name, each) for name, each in recipes.items()),
        facts("Machine and versions", {**where, **versions()}),
    ]
    return section("Settings", f'<div class="columns">{"".join(blocks)}</div>')


def _glossary() -> str:
    return section(
        "What the scores mean",
        """<dl class="glossary">
<dt>wQL</dt><dd>Weighted quantile loss: twice the pinball loss, summed over items and steps, over the sum of the absolute
actuals; the mean over the levels. At p50 it is the WAPE of the median.</dd>
<dt>WAPE</dt><dd>Sum of absolute errors of the mean over the sum of the absolute actuals.</dd>
<dt>RMSE</dt><dd>Root of the mean squared error of the mean, in the unit of the target.</dd>
<dt>MAPE, sMAPE</dt><dd>Mean of the absolute error of the mean relative to the actual (where that is not 0), or to the half
sum of actual and forecast.</dd>
<dt>MASE</dt><dd>Absolute error of the median relative to that of repeating the last season within the item&rsquo;s own history;
the mean over items. Below 1 is better than that.</dd>
<dt>MSIS</dt><dd>Interval score of a central interval: its width, and what actuals lie outside of it, weighted by 2 over the share
that may; scaled as in MASE.</dd>
<dt>Fallbacks</dt><dd>Forecasts of items whose own model failed, so that a simpler one stood in.</dd>
<dt>&ndash;</dt><dd>Not defined: the denominator is zero, or nothing was observed.</dd>
</dl>\n""",
    )


def example_items(outcome: Outcome) -> dict[str, int]:
    """Which items show the best, the median and the worst wQL of a recipe in a window."""
    wql, size = outcome.scores.items["wQL"], np.nansum(np.abs(outcome.window.actual), axis=1)
    usable = outcome.window.has_history & np.isfinite(wql)
    # the wQL of an item that sold nothing is a sum, not a ratio: it ranks elsewhere
    selling = usable & (size > 0)
    found = np.flatnonzero(selling if selling.any() else usable)
    ranked = found[np.argsort(wql[found], kind="stable")]
    if len(ranked) < 3:
        return dict(zip(("Best", "Worst"), ranked.tolist(), strict=False))
    return {"Best": int(ranked[0]), "Median": int(ranked[len(ranked) // 2]), "Worst": int(ranked[-1])}
