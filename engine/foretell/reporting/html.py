"""report.html: one page that opens offline, with nothing to load and no script."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foretell.data.findings import gravest_first
from foretell.recipe.levels import central_intervals, level_column, level_name
from foretell.reporting import figures as plots

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from foretell.data.findings import Finding
    from foretell.evaluation.results import Results

_COSTS = ("fit_seconds", "predict_seconds", "fallbacks")  # which nobody knows of a table that was handed in
_ABSENT = "\N{EN DASH}"
_FONT = "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def render(report: Results) -> str:
    """The whole page."""
    title = str(report.settings.get("title", "Backtest"))
    body = [
        _head(report, title),
        _leaderboard(report),
        _by_level(report),
        _by_window(report),
        _new_items(report),
        _calibrated(report),
        _summaries(report),
        _examples(report),
        _errors(report),
        _shape(report),
        _findings(report),
        _settings(report),
        _glossary(),
    ]
    style = _style() + "".join(
        f".c{k} {{ background: {colour} }}\n"
        for k, colour in enumerate(plots.colours(report.recipes).values())
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>foretell: {escape(title)}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<main>\n{''.join(body)}</main>\n</body>\n</html>\n"
    )


@cache
def _style() -> str:
    return Path(__file__).with_name("report.css").read_text(encoding="utf-8")


# Sections


def _head(report: Results, title: str) -> str:
    items = max(len(window.panel) for window in report.windows)
    facts = [
        _count(len(report.recipes), "recipe"),
        _count(items, "item"),
        f"horizon {report.horizon} {plots.step_unit(report)}",
        _count(len(report.windows), "window"),
    ]
    return (
        f'<header>\n<p class="brand">foretell</p>\n<h1>{escape(title)}</h1>\n'
        f'<p class="facts">{" <i>·</i> ".join(map(escape, facts))}</p>\n<p class="lead">{_lead(report)}</p>\n</header>\n'
    )


def _lead(report: Results) -> str:
    board = report.leaderboard
    best, wql = board["recipe"][0], board["wQL"][0]
    text = f"<strong>{escape(best)}</strong> forecasts best, with a wQL of <strong>{_number(wql, 4)}</strong>"
    if len(board) > 1 and np.isfinite(board["wQL"].iloc[-1]) and board["wQL"].iloc[-1] > 0:
        naive = "seasonal_naive" if "seasonal_naive" in set(board["recipe"][1:]) else board["recipe"].iloc[-1]
        other = float(board.loc[board["recipe"] == naive, "wQL"].iloc[0])
        text += f", {100 * (1 - wql / other):.0f} % below {escape(naive)}&rsquo;s {_number(other, 4)}"
    days = [window.day for window in report.windows]
    if len(days) > 3:
        return f"{text}. The {len(days)} windows begin between {days[0]} and {days[-1]}."
    return f"{text}. The {'windows begin' if len(days) > 1 else 'window begins'} on {' and '.join(days)}."


def _leaderboard(report: Results) -> str:
    ratio, lowest = _fixed(4), min
    columns = [
        _Column("wQL", "wQL", ratio, lowest, bar=True),
        _Column("WAPE", "WAPE", ratio, lowest),
        _Column("RMSE", "RMSE", _adaptive, lowest),
        _Column("MAPE", "MAPE", ratio, lowest),
        _Column("sMAPE", "sMAPE", ratio, lowest),
        _Column("MASE", "MASE", _fixed(3), lowest),
        _Column("fit_seconds", "Training", _seconds, lowest),
        _Column("predict_seconds", "Forecasting", _seconds, lowest),
        _Column("fallbacks", "Fallbacks", _fixed(0)),
    ]
    costs = bool(report.leaderboard["fit_seconds"].notna().any())
    columns = [c for c in columns if costs or c.name not in _COSTS]
    windows = len(report.windows)
    note = "Lower is better. " + (
        f"Scores are pooled over items within a window, then averaged over the {windows} windows{'; times are sums' if costs else ''}."
        if windows > 1
        else "Scores are pooled over all items and steps of the window."
    )
    note += " The best value of each column stands out. What the scores mean is said at the end."
    return _section("Leaderboard", _table(report.leaderboard, columns, report) + _note(note))


def _by_level(report: Results) -> str:
    levels = report.levels
    wql = [
        _Column(level_column("wQL", level), level_name(level), _fixed(4), min, group="wQL")
        for level in levels
    ]
    covered = [
        _Column(
            level_column("coverage", level),
            level_name(level),
            _percent,
            _nearest(level),
            group="Actuals at or below",
        )
        for level in levels
    ]
    inside = [
        _Column(
            name,
            f"{level_name(levels[low])} to {level_name(levels[high])}",
            _percent,
            _nearest(levels[high] - levels[low]),
            group="Actuals inside",
        )
        for name, (low, high) in central_intervals(levels).items()
    ]
    tables = [wql, covered, inside] if len(levels) > 4 else [[*wql, *covered, *inside]]
    note = (
        "Of calibrated quantiles, p10 has 10 % of the actuals at or below it, and p10 to p90 has 80 % inside."
    )
    return _section(
        "By level",
        "".join(_table(report.leaderboard, columns, report) for columns in tables if columns) + _note(note),
    )


def _by_window(report: Results) -> str:
    if len(report.windows) == 1:
        return ""
    wide = report.scores.pivot_table(index="recipe", columns="window", values="wQL", sort=False, dropna=False)
    frame = wide.rename(columns=str).reset_index()
    columns = [_Column(str(w.number), w.day, _fixed(4), min, group="wQL by origin") for w in report.windows]
    table = _table(frame, columns, report) if len(columns) <= 10 else ""
    picture = _picture(plots.figure_windows(report), "wQL by window") if len(columns) > 2 else ""
    return _section("By window", picture + table)


def _new_items(report: Results) -> str:
    frame = report.new_items
    if frame.empty:
        return ""
    columns = [
        _Column("items", "Items", _fixed(0)),
        _Column("wQL", "wQL", _fixed(4), min, bar=True),
        _Column("WAPE", "WAPE", _fixed(4), min),
        _Column("RMSE", "RMSE", _adaptive, min),
        _Column("sMAPE", "sMAPE", _fixed(4), min),
    ]
    note = "Items that had no observed value before the origin. They are scored here, and nowhere else."
    return _section("Items without history", _table(frame, columns, report) + _note(note))


def _calibrated(report: Results) -> str:
    table = report.calibration
    if table.empty:
        return ""
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.itertuples(index=False)]
    note = "On the windows of this backtest. The adjustment was learnt from windows before their origins."
    return _section("Before and after calibration", _plain_table(rows) + _note(note))


def _summaries(report: Results) -> str:
    """What the predictors say of how they were fitted, table by table."""
    several = len({window.number for _, window, _ in report.summaries}) > 1
    return "".join(
        _section(
            f"How {recipe} was fitted" + (f", origin {window.day}" if several else ""),
            "".join(f"<h3>{escape(title)}</h3>\n{_plain_table(rows)}" for title, rows in summary.items()),
        )
        for recipe, window, summary in report.summaries
    )


def _examples(report: Results) -> str:
    names = report.outcome().window.panel.names
    parts = []
    for word, item in example_items(report).items():
        value = report.outcome().scores.items["wQL"][item]
        figure = plots.figure_item(report, item)
        parts.append(
            f'<h3>{word} <b>{escape(names[item])}</b> <span class="quiet">wQL {_number(value, 4)}'
            f" with {escape(report.recipes[0])}</span></h3>\n" + _picture(figure, f"{word} {names[item]}")
        )
    note = (
        "The last window: the best, the median and the worst item by the wQL of the best recipe, each recipe on the same"
        " scale. Black is what happened, grey what came before; the line is the median, the shade the central intervals. Spikes far beyond all else are cut off."
    )
    return _section("Forecasts", "".join(parts) + _note(note)) if parts else ""


def _errors(report: Results) -> str:
    note = "All windows, items and steps. Left of zero the forecast was too low. The outermost bars hold everything beyond."
    return _section(
        "Forecast errors", _picture(plots.figure_errors(report), "histograms of errors") + _note(note)
    )


def _shape(report: Results) -> str:
    closed = ", without the steps at which an item was closed," if report.settings.get("open") else ""
    left = f"<h2>Calibration</h2>{_picture(plots.figure_calibration(report), 'calibration')}" + _note(
        f"Above the dashed line, quantiles are too high; below it, too low. Counted{closed} over all windows."
    )
    right = (
        f"<h2>Error by step ahead</h2>{_picture(plots.figure_steps(report), 'wQL by step ahead')}"
        + _note(f"Pooled over items, averaged over windows; the origin is step 1 of {report.horizon}.")
    )
    return f'<section class="pair">\n<div>{left}</div>\n<div>{right}</div>\n{_legend(report)}</section>\n'


def _findings(report: Results) -> str:
    rows = [
        f'<li class="is-{escape(f.severity)}"><span>{escape(f.severity)}</span><div>{escape(f.message)}{_advice(f)}</div></li>\n'
        for f in gravest_first(report.findings)
    ]
    body = f'<ul class="findings">\n{"".join(rows)}</ul>\n' if rows else _note("Nothing out of the ordinary.")
    tables = "".join(
        f"<h3>{escape(title)}</h3>\n{_plain_table(each)}" for title, each in report.data_tables.items()
    )
    return _section("What was found in the data", body + tables)


def _advice(finding: Finding) -> str:
    """What a finding means, and the option that changes it."""
    text = escape(" \N{RIGHTWARDS ARROW} ".join(part for part in (finding.meaning, finding.option) if part))
    return f"<small>{text}</small>" if text else ""


def _settings(report: Results) -> str:
    from foretell.system.environment import machine, versions

    recipes: Mapping[str, Any] = report.settings.get("recipes", {})
    plain = {k: v for k, v in report.settings.items() if k not in ("recipes", "title")}
    where = {k: v for k, v in machine().items() if v is not None}
    blocks = [
        _facts("Run", plain),
        *(_facts(name, settings) for name, settings in recipes.items()),
        _facts("Machine and versions", {**where, **versions()}),
    ]
    return _section("Settings", f'<div class="columns">{"".join(blocks)}</div>')


def _glossary() -> str:
    return _section(
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
<dt>Fallbacks</dt><dd>Forecasts of items whose own model failed, so that a simpler one stood in.</dd>
<dt>&ndash;</dt><dd>Not defined: the denominator is zero, or nothing was observed.</dd>
</dl>\n""",
    )


def example_items(report: Results) -> dict[str, int]:
    """Which items show the best, the median and the worst wQL of the best recipe in the last window."""
    outcome = report.outcome()
    wql, size = outcome.scores.items["wQL"], np.nansum(np.abs(outcome.window.actual), axis=1)
    usable = outcome.window.has_history & np.isfinite(wql)
    # the wQL of an item that sold nothing is a sum, not a ratio: it ranks elsewhere
    selling = usable & (size > 0)
    found = np.flatnonzero(selling if selling.any() else usable)
    ranked = found[np.argsort(wql[found], kind="stable")]
    if len(ranked) < 3:
        return dict(zip(("Best", "Worst"), ranked.tolist(), strict=False))
    return {"Best": int(ranked[0]), "Median": int(ranked[len(ranked) // 2]), "Worst": int(ranked[-1])}


# Building blocks


@dataclass(frozen=True, slots=True)
class _Column:
    name: str  # in the frame
    title: str
    text: Callable[[float], str]
    best: Callable[[Iterable[float]], float] | None = None  # which of its values stands out
    group: str = ""
    bar: bool = False  # a bar behind the number


def _table(frame: pd.DataFrame, columns: Sequence[_Column], report: Results) -> str:
    """A row a recipe; numbers at the right, the best of each column marked."""
    best = {c.name: _best(frame[c.name], c) for c in columns}
    rows = []
    for record in frame.to_dict("records"):
        cells = "".join(_cell(record[c.name], c, best[c.name], frame[c.name].max()) for c in columns)
        rows.append(
            f"<tr><th>{_swatch(record['recipe'], report)}{escape(str(record['recipe']))}</th>{cells}</tr>\n"
        )
    heads = "".join(f"<th>{escape(c.title)}</th>" for c in columns)
    return (
        f'<div class="scroll"><table>\n<thead>{_group_row(columns)}<tr><th>Recipe</th>{heads}</tr></thead>\n'
        f"<tbody>\n{''.join(rows)}</tbody>\n</table></div>\n"
    )


def _plain_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as they are: text, numbers, and a dash where there is none."""
    if not rows:
        return _note("Nothing.")
    heads = "".join(f"<th>{escape(str(name))}</th>" for name in rows[0])
    lines = []
    for row in rows:
        first, *others = (_short(value) for value in row.values())
        lines.append(f"<tr><th>{escape(first)}</th>{''.join(f'<td>{escape(o)}</td>' for o in others)}</tr>\n")
    return (
        f'<div class="scroll"><table>\n<thead><tr>{heads}</tr></thead>\n'
        f"<tbody>\n{''.join(lines)}</tbody>\n</table></div>\n"
    )


def _group_row(columns: Sequence[_Column]) -> str:
    if not any(column.group for column in columns):
        return ""
    spans: list[list[Any]] = []
    for column in columns:
        if spans and spans[-1][0] == column.group:
            spans[-1][1] += 1
        else:
            spans.append([column.group, 1])
    cells = "".join(f'<th colspan="{width}">{escape(group)}</th>' for group, width in spans)
    return f'<tr class="groups"><th></th>{cells}</tr>'


def _cell(value: float, column: _Column, best: float | None, largest: float) -> str:
    classes = ["best"] if best is not None and value == best else []
    style = ""
    if column.bar and math.isfinite(value) and largest > 0:
        classes.append("bar")
        style = f' style="--share:{100 * value / largest:.1f}"'
    kind = f' class="{" ".join(classes)}"' if classes else ""
    return f"<td{kind}{style}>{column.text(value) if math.isfinite(value) else _ABSENT}</td>"


def _best(values: pd.Series[float], column: _Column) -> float | None:
    finite = [value for value in values if math.isfinite(value)]
    return column.best(finite) if column.best is not None and len(values) > 1 and finite else None


def _nearest(wanted: float) -> Callable[[Iterable[float]], float]:
    return lambda values: min(values, key=lambda value: abs(value - wanted))


def _swatch(recipe: str, report: Results) -> str:
    return f'<i class="swatch c{report.recipes.index(recipe)}"></i>'


def _legend(report: Results) -> str:
    marks = "".join(f"<span>{_swatch(recipe, report)}{escape(recipe)}</span>" for recipe in report.recipes)
    return f'<p class="legend">{marks}</p>\n'


def _section(title: str, body: str) -> str:
    return f"<section>\n<h2>{escape(title)}</h2>\n{body}</section>\n"


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>\n'


def _facts(title: str, facts: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><th>{escape(str(name).replace('_', ' '))}</th><td>{escape(_plain(value))}</td></tr>\n"
        for name, value in facts.items()
        if value is not None and value != []
    )
    return f'<table class="facts"><caption>{escape(title)}</caption>\n{rows}</table>\n'


def _picture(figure: Figure, description: str) -> str:
    """A figure as SVG within the page, its text set in the page's own font."""
    import matplotlib

    text = StringIO()
    with matplotlib.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": description}
    ):  # ids differ between figures
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    svg = re.sub(r"'DejaVu Sans'[^;\"]*", _FONT, svg[svg.index("<svg") :])
    svg = re.sub(r'<svg ([^>]*?)width="[^"]*" height="[^"]*"', r"<svg \1", svg, count=1)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    wide = ' class="wide"' if figure.get_figwidth() > 8 else ""
    return f'<figure{wide} role="img" aria-label="{escape(description)}">{svg}</figure>\n'


# Words and numbers


def _fixed(digits: int) -> Callable[[float], str]:
    return lambda value: f"{value:,.{digits}f}"


def _number(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}" if math.isfinite(value) else _ABSENT


def _adaptive(value: float) -> str:
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2 if abs(value) >= 10 else 3
    return f"{value:,.{digits}f}"


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _seconds(value: float) -> str:
    if value >= 3600:
        return f"{value / 3600:.1f} h"
    if value >= 100:
        return f"{value / 60:.1f} min"
    return f"{value:.1f} s" if value >= 1 else f"{value:.2f} s"


def _plain(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_plain, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _short(value: Any) -> str:
    """A value in a table: four figures of a number, a dash for none."""
    return _ABSENT if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
