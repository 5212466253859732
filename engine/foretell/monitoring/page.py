"""monitor.html: the verdict, its reasons and the tables behind them, as one page that opens offline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from foretell.monitoring.figures import figure_monitor
from foretell.monitoring.reasons import spelt_chance
from foretell.monitoring.score_tables import records
from foretell.reporting.html_blocks import (
    facts,
    findings_list,
    note,
    page,
    picture,
    plain_table,
    section,
    text_of,
)
from foretell.system.environment import machine, versions

if TYPE_CHECKING:
    from foretell.monitoring.judgement import Judgement, Reason

_LEADS: Final = {
    "fine": "The model is <strong>fine</strong>: nothing says that it forecasts otherwise than in its back-test.",
    "watch": "The model is <strong>to be watched</strong>: something is unusual, but not enough to train it again for.",
    "retrain": "The model is <strong>to be trained again</strong>: it forecasts otherwise than in its back-test.",
}
_STYLE: Final = """.is-retrain span { background: #fde3d8; color: #8f3200 }
.is-watch span { background: #fdf0d5; color: #8a5a00 }
.is-fine span { background: #e7f1e4; color: #1d5c2a }
"""
_PERCENT: Final = ("wQL", "WAPE", "bias", "interval", "coverage", "at or below", "usual", "share")
_MOST_ROWS: Final = 200  # of a table on the page; the files have all


def render(found: Judgement) -> str:
    """The whole page."""
    sections = [
        _head(found),
        section("Why", _reasons(found.reasons)),
        section(
            "Block by block",
            picture(figure_monitor(found), "wQL, coverage and bias by block of dates") + _legend(),
        ),
        section("Runs", _table(_shown(found.runs, "missing", "file")) + note(_RUNS)),
        section("Groups", _table(_shown(found.groups, "missing"))) if len(found.groups) else "",
        section("Steps ahead", _table(_shown(found.steps, "missing"))),
        section("What the model is fed", _table(found.inputs) + note(_INPUTS)) if len(found.inputs) else "",
        _findings(found),
        section("Settings", _settings(found)),
    ]
    return page("Monitor", "".join(sections), style=_STYLE)


def summary(found: Judgement) -> str:
    """What a notebook shows: verdict, reasons and the latest runs."""
    runs = _shown(found.runs, "missing", "file").tail(10)
    return f"<p>{_LEADS[found.verdict]}</p>\n{_reasons(found.reasons)}{_table(runs)}"


_RUNS: Final = (
    "Scores of what has come so far; usual is what the back-test had at the same steps ahead, for sales of this size. The verdict is"
    " as it was when the next run was made."
)
_INPUTS: Final = (
    "Distance is the population stability index between the latest dates and training; beside it the farthest that a stretch of the"
    " training itself lay. Of a category it is the rise of the share of items that training did not know."
)


def _head(found: Judgement) -> str:
    asked = found.settings
    sizes = [f"{asked['runs']} runs", f"from {asked['first run']}", f"actuals until {asked['actuals until']}"]
    line = " <i>·</i> ".join(map(text_of, sizes))
    return (
        f'<header>\n<p class="brand">foretell</p>\n<h1>Monitor: {text_of(found.verdict)}</h1>\n'
        f'<p class="facts">{line}</p>\n<p class="lead">{_LEADS[found.verdict]}</p>\n</header>\n'
    )


def _reasons(reasons: tuple[Reason, ...]) -> str:
    rows = "".join(
        f'<li class="is-{text_of(r.verdict)}"><span>{text_of(r.verdict)}</span><div>{text_of(_sentence(r.text))}{_odds(r)}</div></li>\n'
        for r in reasons
    )
    return f'<ul class="findings">\n{rows}</ul>\n'


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "." if not text.startswith("wQL") else text + "."


def _odds(reason: Reason) -> str:
    if reason.chance is None or reason.verdict != "fine":
        return ""
    return f"<small>of models without drift {text_of(spelt_chance(reason.chance))} come further</small>"


def _legend() -> str:
    return note(
        "Grey: the back-test. Blue: fine, yellow: to be watched, red: to be trained again. The band holds two deviations of the"
        " back-test's blocks on either side."
    )


def _shown(table: pd.DataFrame, *without: str) -> pd.DataFrame:
    return table.drop(columns=[name for name in without if name in table])


def _table(table: pd.DataFrame) -> str:
    rows = [
        {name: _cell(name, value) for name, value in row.items()} for row in records(table.head(_MOST_ROWS))
    ]
    more = (
        note(f"The first {_MOST_ROWS} of {len(table):,} rows; the CSV file has all.")
        if len(table) > _MOST_ROWS
        else ""
    )
    return plain_table(rows) + more


def _cell(name: str, value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else ""
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else value
    signed = "+" if name in ("bias", "usual bias") else ""
    return f"{100 * value:{signed}.1f} %" if name.startswith(_PERCENT) else f"{value:.3f}"


def _findings(found: Judgement) -> str:
    rows = findings_list(found.findings)
    return section("What was found in the forecasts", rows) if rows else ""


def _settings(found: Judgement) -> str:
    where = {name: value for name, value in machine().items() if value is not None}
    blocks = [facts("Monitor", found.settings), facts("Machine and versions", {**where, **versions()})]
    return f'<div class="columns">{"".join(blocks)}</div>'
