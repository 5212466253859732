"""report.html: one page that opens offline, with nothing to load; `SECTIONS` are what it shows, from top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from foretell.recipe.levels import central_intervals, level_column, level_name
from foretell.reporting import figures, planner_sections
from foretell.reporting.html_blocks import (
    Column,
    contents,
    facts,
    findings_list,
    legend,
    note,
    own_script,
    page,
    picture,
    plain_table,
    section,
    table,
    text_of,
    tone_of,
)
from foretell.reporting.numbers import adaptive, count, fixed, number, percent, seconds, signed_percent
from foretell.system.environment import machine, versions

if TYPE_CHECKING:
    from foretell.evaluation.results import Results

_COSTS = ("fit_seconds", "predict_seconds", "fallbacks")  # which nobody knows of a table that was handed in
_RATIO = fixed(4)


# A share of actuals this far from its level, or nearer, is near, and off
_COVERAGE_TONES: Final = (0.025, 0.075)


def render(results: Results) -> str:
    """The whole page."""
    return page(title_of(results), _body(results), style=stroke_style(results.recipes), script=own_script())


def summary(results: Results) -> str:
    """What a notebook shows: the result in a sentence, and the leaderboard."""
    board = results.leaderboard
    names = ["recipe", "wQL", "WAPE", "bias", "RMSE", "MASE", *central(results.levels)]
    rows = [{name: row[name] for name in names} for row in board.to_dict("records")]
    lead = _lead(results, [window.day for window in results.windows])
    return f"<p>{lead}</p>\n{plain_table(rows)}"


def central(levels: Sequence[float]) -> list[str]:
    """The leaderboard's column of the widest central interval, where there is one."""
    return list(central_intervals(levels))[-1:]


def title_of(results: Results) -> str:
    """Backtest, or what the settings call it."""
    return str(results.settings.get("title", "Backtest"))


def stroke_style(recipes: Sequence[str]) -> str:
    """CSS of the recipes' colours: of a dot, and of a line."""
    return "".join(
        f".c{k} {{ background: {colour} }}\nsvg.item path.s{k} {{ stroke: {colour} }}\n"
        for k, colour in enumerate(figures.colours(recipes).values())
    )


def _body(results: Results) -> str:
    """Head, contents and sections; a section without anything to show is empty text."""
    body = "".join(each(results) for each in SECTIONS)
    return _head(results) + contents(body) + body


# Sections


def _sizes(results: Results) -> list[str]:
    """How much was forecast, in words."""
    return [
        count(len(results.recipes), "recipe"),
        count(max(len(window.panel) for window in results.windows), "item"),
        f"horizon {results.horizon} {figures.step_unit(results)}",
        count(len(results.windows), "window"),
    ]


def _head(results: Results) -> str:
    sizes = " <i>·</i> ".join(map(text_of, _sizes(results)))
    lead = _lead(results, [window.day for window in results.windows])
    return (
        f'<header>\n<p class="brand">foretell</p>\n<h1>{text_of(title_of(results))}</h1>\n'
        f'<p class="facts">{sizes}</p>\n<p class="lead">{lead}</p>\n</header>\n'
    )


def _lead(results: Results, days: Sequence[str]) -> str:
    """The result in a few sentences, as HTML; `days` are the origins of the windows."""
    board = results.leaderboard
    best, wql = board["recipe"][0], board["wQL"][0]
    text = f"<strong>{text_of(best)}</strong> forecasts best, with a wQL of <strong>{number(wql, 4)}</strong>"
    if len(board) > 1 and np.isfinite(board["wQL"].iloc[-1]) and board["wQL"].iloc[-1] > 0:
        naive = "seasonal_naive" if "seasonal_naive" in set(board["recipe"][1:]) else board["recipe"].iloc[-1]
        other = float(board.loc[board["recipe"] == naive, "wQL"].iloc[0])
        text += f", {100 * (1 - wql / other):.0f} % below {text_of(naive)}&rsquo;s {number(other, 4)}"
    text += planner_sections.bias_in_words(results)
    if len(days) > 3:
        return f"{text}. The {len(days)} windows begin between {days[0]} and {days[-1]}."
    return f"{text}. The {'windows begin' if len(days) > 1 else 'window begins'} on {' and '.join(days)}."


def _leaderboard(results: Results) -> str:
    board, windows = results.leaderboard, len(results.windows)
    columns = [
        Column("wQL", "wQL", _RATIO, min, bar=True),
        Column("WAPE", "WAPE", percent, min),
        Column("bias", "Bias", signed_percent, tone=_bias_tone),
        Column("RMSE", "RMSE", adaptive, min),
        Column("MAPE", "MAPE", percent, min),
        Column("sMAPE", "sMAPE", percent, min),
        Column("MASE", "MASE", fixed(3), min),
        Column("fit_seconds", "Training", seconds, min),
        Column("predict_seconds", "Forecasting", seconds, min),
        Column("fallbacks", "Fallbacks", fixed(0)),
    ]
    costs = bool(board["fit_seconds"].notna().any())
    columns = [c for c in columns if costs or c.name not in _COSTS]
    text = "Lower is better; a bias is best near 0. " + (
        f"Scores are pooled over items within a window, then averaged over the {windows} windows{'; times are sums' if costs else ''}."
        if windows > 1
        else "Scores are pooled over all items and steps of the window."
    )
    text += " The best value of each column stands out. What the scores mean is said at the end."
    body = table(board, columns, results.recipes) + note(text) + planner_sections.certainty(results)
    return section("Leaderboard", body)


def _bias_tone(bias: float) -> str:
    return tone_of(abs(bias), *planner_sections.BIAS_TONES)


def _by_level(results: Results) -> str:
    levels, recipes = results.levels, results.recipes
    board = results.leaderboard.set_index("recipe")
    shares = results.coverage.set_index("recipe")
    frame = board.assign(**{str(name): shares[name] for name in shares}).reset_index()
    losses = [
        Column(level_column("wQL", level), level_name(level), _RATIO, min, group="wQL") for level in levels
    ]
    groups = [losses, [_covered(level) for level in levels], *_intervals(levels)]
    tables = groups if len(levels) > 4 else [[column for group in groups for column in group]]
    closed = (
        " Steps at which an item was closed are left out of both." if results.settings.get("open") else ""
    )
    text = (
        "Of calibrated quantiles, p10 has 10 % of the actuals at or below it, and p10 to p90 has 80 % inside. Green: within 2.5 points of"
        f" that; yellow: within 7.5; red: farther. Where sales are often 0, more lie at or below a low quantile, which is 0 too.{closed}"
    )
    return section("By level", "".join(table(frame, each, recipes) for each in tables if each) + note(text))


def _covered(level: float) -> Column:
    return Column(
        level_column("coverage", level),
        level_name(level),
        percent,
        group="Actuals at or below",
        tone=_tone(level),
    )


def _tone(wanted: float) -> Callable[[float], str]:
    """The colour of a share that should be `wanted`: by its distance."""
    return lambda share: tone_of(abs(share - wanted), *_COVERAGE_TONES)


def _intervals(levels: Sequence[float]) -> tuple[list[Column], list[Column]]:
    """Of each central interval: the share of actuals inside, and the MSIS."""
    inside, scores = [], []
    for name, (low, high) in central_intervals(levels).items():
        ends = f"{level_name(levels[low])} to {level_name(levels[high])}"
        tone = _tone(levels[high] - levels[low])
        inside.append(Column(name, ends, percent, group="Actuals inside", tone=tone))
        scores.append(Column(name.replace("interval", "MSIS"), ends, fixed(3), min, group="MSIS"))
    return inside, scores


def _hierarchy(results: Results) -> str:
    """wQL by level of the hierarchy that was asked for."""
    found = results.groups
    if not len(found):
        return ""
    wide = found.pivot_table(index="recipe", columns="by", values="wQL", sort=False, dropna=False)
    columns = [
        Column(name, name, _RATIO, min, group="wQL by level of the hierarchy") for name in map(str, wide)
    ]
    text = "The sums of each level are forecast by joint paths of the items: they add up from level to level."
    return section(
        "By level of the hierarchy", table(wide.reset_index(), columns, results.recipes) + note(text)
    )


def _by_window(results: Results) -> str:
    """A table up to ten windows, a picture from three on."""
    windows = results.windows
    if len(windows) == 1:
        return ""
    wide = results.scores.pivot_table(
        index="recipe", columns="window", values="wQL", sort=False, dropna=False
    )
    columns = [Column(str(w.number), w.day, _RATIO, min, group="wQL by origin") for w in windows]
    frame = wide.rename(columns=str).reset_index()
    numbers = table(frame, columns, results.recipes) if len(columns) <= 10 else ""
    curves = picture(figures.figure_windows(results), "wQL by window") if len(columns) > 2 else ""
    return section("By window", curves + numbers)


def _new_items(results: Results) -> str:
    if not len(results.new_items):
        return ""
    columns = [
        Column("items", "Items", fixed(0)),
        Column("wQL", "wQL", _RATIO, min, bar=True),
        Column("WAPE", "WAPE", percent, min),
        Column("RMSE", "RMSE", adaptive, min),
        Column("sMAPE", "sMAPE", percent, min),
    ]
    text = "Items that had no observed value before the origin. They are scored here, and nowhere else."
    return section("Items without history", table(results.new_items, columns, results.recipes) + note(text))


def _calibrated(results: Results) -> str:
    frame = results.calibration
    if not len(frame):
        return ""
    rows = [dict(zip(frame.columns, row, strict=True)) for row in frame.itertuples(index=False)]
    text = "On the windows of this backtest. The adjustment was learnt from windows before their origins."
    return section("Before and after calibration", plain_table(rows) + note(text))


def _summaries(results: Results) -> str:
    """What the predictors say of how they were fitted, table by table."""
    summaries = results.summaries
    several = len({window.number for _, window, _ in summaries}) > 1
    return "".join(
        section(
            f"How {recipe} was fitted" + (f", origin {window.day}" if several else ""),
            "".join(f"<h3>{text_of(title)}</h3>\n{plain_table(rows)}" for title, rows in summary.items()),
        )
        for recipe, window, summary in summaries
    )


def _errors(results: Results) -> str:
    text = "All windows, items and steps. Left of zero the forecast was too low. The outermost bars hold everything beyond."
    return section(
        "Forecast errors", picture(figures.figure_errors(results), "histograms of errors") + note(text)
    )


def _shape(results: Results) -> str:
    """Calibration beside the error by step."""
    closed = ", without the steps at which an item was closed," if results.settings.get("open") else ""
    left = f"<h2>Calibration</h2>{picture(figures.figure_calibration(results), 'calibration')}" + note(
        f"Above the dashed line, quantiles are too high; below it, too low. Counted{closed} over all windows."
    )
    right = (
        f"<h2>Error by step ahead</h2>{picture(figures.figure_steps(results), 'wQL by step ahead')}"
        + note(f"Pooled over items, averaged over windows; the origin is step 1 of {results.horizon}.")
    )
    return f'<section class="pair">\n<div>{left}</div>\n<div>{right}</div>\n{legend(results.recipes)}</section>\n'


def _findings(results: Results) -> str:
    body = findings_list(results.findings) or note("Nothing out of the ordinary.")
    tables = "".join(
        f"<h3>{text_of(title)}</h3>\n{plain_table(each)}" for title, each in results.data_tables.items()
    )
    return section("What was found in the data", body + tables)


def _settings(results: Results) -> str:
    settings = results.settings
    recipes: Mapping[str, Any] = settings.get("recipes", {})
    plain = {k: v for k, v in settings.items() if k not in ("recipes", "title")}
    where = {k: v for k, v in machine().items() if v is not None}
    blocks = [
        facts("Run", plain),
        *(facts(name, each) for name, each in recipes.items()),
        facts("Machine and versions", {**where, **versions()}),
    ]
    return section("Settings", f'<div class="columns">{"".join(blocks)}</div>')


def _glossary(_: Results) -> str:
    return section(
        "What the scores mean",
        """<dl class="glossary">
<dt>wQL</dt><dd>Weighted quantile loss: twice the pinball loss, summed over items and steps, over the sum of the absolute
actuals; the mean over the levels. At p50 it is the WAPE of the median.</dd>
<dt>WAPE</dt><dd>Sum of absolute errors of the mean over the sum of the absolute actuals.</dd>
<dt>Bias</dt><dd>Sum of the means less that of the actuals, over the sum of the absolute actuals: above 0 is too high.</dd>
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


# What the page shows, from top to bottom; another section is a function of the results that gives HTML, or nothing.
SECTIONS: Final[tuple[Callable[[Results], str], ...]] = (
    planner_sections.total,
    planner_sections.groups,
    planner_sections.items,
    _leaderboard,
    _hierarchy,
    planner_sections.kinds,
    _by_level,
    _by_window,
    _new_items,
    _calibrated,
    _summaries,
    _errors,
    _shape,
    _findings,
    _settings,
    _glossary,
)
