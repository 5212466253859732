"""The sections of a report that a planner reads: totals, groups, items, kinds of items, and how sure the order of recipes is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from foretell.data.frequency import spell
from foretell.evaluation.periods import period_of
from foretell.recipe.item_groups import columns_of_items, values_of_items
from foretell.reporting import figures
from foretell.reporting.html_blocks import (
    GROUPS,
    Cell,
    cell_table,
    group_table,
    legend,
    note,
    picture,
    section,
    swatch,
    text_of,
    tone_of,
)
from foretell.reporting.item_pictures import pictures_of
from foretell.reporting.items_section import MOST_ITEMS, ItemColumn, ItemTable, items_section
from foretell.reporting.numbers import number, percent, signed_percent, signed_units, units

if TYPE_CHECKING:
    from foretell.data.panel import Panel
    from foretell.evaluation.results import Results

_ROWS: Final = 60  # of a table of weeks; of more, each window is a row
_GROUPINGS: Final = 3  # columns by which items are grouped
_MOST_GROUPS: Final = 1_000  # of a column that is one of groups at all
_WEEKS: Final = 8  # columns of weeks beside a group
BIAS_TONES: Final = (0.05, 0.15)  # a bias up to these is near, and off
_TONES: Final = "Green: within 5 % of what was sold; yellow: within 15 %; red: farther. Above 0 the forecast was too high."
ITEM_COLUMNS: Final = (
    ItemColumn("error", "Error", "units"),
    ItemColumn("actual", "Actual", "units", wide=True),
    ItemColumn("forecast", "Forecast", "units", wide=True),
    ItemColumn("bias", "Bias", "signed percent"),
    ItemColumn("share", "Share", "percent", wide=True),
    ItemColumn("zero_share", "Zeros", "percent", wide=True),
    ItemColumn("against_naive", "To last season", "signed percent", tone=True),
)


def total(results: Results) -> str:
    """All items against what was sold, week by week."""
    frame = results.periods()
    word = _word(results)
    rows = _period_rows(results, frame) if len(frame) <= _ROWS else _window_rows(frame)
    chart = picture(figures.figure_total_of(results), "all items: actual and the forecasts")
    chart += legend(results.recipes)
    others = results.recipes[1:] if len(frame) <= _ROWS else []
    first = f"{word.capitalize()} from" if len(frame) <= _ROWS else "Window"
    heads = [first, "Actual", "Forecast", "Difference", "Bias", *others]
    groups = [("", 5), ("Bias of others", len(others))] if others else []
    text = f"The mean of {results.recipes[0]}, summed over the items and steps that were observed. {_TONES}"
    return section("All items", chart + cell_table(heads, rows, groups=groups) + note(text))


def bias_in_words(results: Results) -> str:
    """How much too high or too low the best recipe was over all items, as the end of a sentence; HTML."""
    bias = _pooled_bias(results.periods())
    if not np.isfinite(bias):
        return ""
    side = "too high" if bias > 0 else "too low"
    return f"; its total is {percent(abs(bias))} {side}" if abs(bias) >= 0.0005 else "; its total is right"


def _word(results: Results) -> str:
    forecast = results.forecast()
    return period_of(forecast.schema.frequency, forecast.horizon)[1]


def _period_rows(results: Results, frame: pd.DataFrame) -> list[list[str | Cell]]:
    each = [
        results.periods(recipe=recipe).set_index(["window", "period"])["bias"]
        for recipe in results.recipes[1:]
    ]
    others = [found.reindex(pd.MultiIndex.from_frame(frame[["window", "period"]])).tolist() for found in each]
    rows: list[list[str | Cell]] = [
        [spell(row["timestamp"]), *_against(row), *(bias_cell(found[k]) for found in others)]
        for k, row in enumerate(frame.to_dict("records"))
    ]
    rest = [bias_cell(_pooled_bias(results.periods(recipe=recipe))) for recipe in results.recipes[1:]]
    return [*rows, ["All", *_against(frame[["actual", "forecast"]].sum()), *rest]]


def _window_rows(frame: pd.DataFrame) -> list[list[str | Cell]]:
    sums = frame.groupby("window", sort=True).agg(
        actual=("actual", "sum"), forecast=("forecast", "sum"), begin=("timestamp", "first")
    )
    return [[spell(row["begin"]), *_against(row)] for row in sums.to_dict("records")]


def _pooled_bias(frame: pd.DataFrame) -> float:
    return _bias(float(frame["actual"].sum()), float(frame["forecast"].sum()))


def _bias(actual: float, forecast: float) -> float:
    return (forecast - actual) / abs(actual) if actual else np.nan


def _against(row: Mapping[Any, Any] | pd.Series[Any]) -> list[str | Cell]:
    """Actual, forecast, difference and bias of a row that has the first two."""
    actual, forecast = float(row["actual"]), float(row["forecast"])
    return [
        units(actual),
        units(forecast),
        signed_units(forecast - actual),
        bias_cell(_bias(actual, forecast)),
    ]


def bias_cell(bias: float) -> Cell:
    """A bias, coloured by its distance from none."""
    return Cell(signed_percent(bias), tone_of(abs(bias), *BIAS_TONES))


def groups(results: Results) -> str:
    """Each group of the metadata and of the key's dimensions against what was sold, week by week."""
    panel = results.outcome().window.panel
    parts = [_group_table(results, name) for name in grouping_columns(results.forecast().keys, panel)]
    text = f"The mean of {results.recipes[0]} over all windows; the last columns are the bias of each {_word(results)} of the last window. {_TONES}"
    return section("Groups", "".join(parts) + note(text)) if parts else ""


def grouping_columns(keys: pd.DataFrame, panel: Panel | None) -> list[str]:
    """The columns that are shown by group: dimensions and metadata texts of at least two values, up to three."""
    texts = set() if panel is None else set(panel.schema.static_cat)
    names = [name for name in columns_of_items(keys, panel) if name in texts or name in keys.columns[1:]]
    counts = {name: len(set(values_of_items(keys, panel, name).tolist())) for name in names}
    return [name for name in names if 2 <= counts[name] <= _MOST_GROUPS][:_GROUPINGS]


def _group_table(results: Results, name: str) -> str:
    frame = results.periods([name])
    last = frame[frame["window"] == frame["window"].max()]
    begins = last.drop_duplicates("period").head(_WEEKS)
    weeks = last.pivot_table(index=name, columns="period", values="bias", dropna=False)
    sums = frame.groupby(name).agg(
        items=("items", "max"), actual=("actual", "sum"), forecast=("forecast", "sum")
    )
    shown = sums.sort_values("actual", ascending=False, kind="stable").head(GROUPS)
    rows: list[Sequence[str | Cell]] = [
        [
            str(row[name]),
            f"{row['items']:,}",
            *_against(row),
            *(bias_cell(float(weeks[week].get(row[name], np.nan))) for week in begins["period"]),
        ]
        for row in shown.reset_index().to_dict("records")
    ]
    heads = ["Items", "Actual", "Forecast", "Difference", "Bias", *map(spell, begins["timestamp"])]
    return group_table(name, heads, rows, count=len(sums))


def items(results: Results) -> str:
    """Every item, the largest error in units first, with its picture."""
    best, shown = results.outcome(), results.items.head(MOST_ITEMS)
    key = list(best.forecast.keys.columns)
    place = pd.MultiIndex.from_frame(best.forecast.keys).get_indexer(pd.MultiIndex.from_frame(shown[key]))
    pictured = place[: int(np.argmax(place < 0))] if (place < 0).any() else place
    others = {name: each.forecast for name, each in results.beside(best).items() if name != best.recipe}
    pictures = pictures_of(best.forecast, pictured.astype(np.int64), actual=best.window.actual, others=others)
    tags = [""] * len(shown)
    if names := grouping_columns(best.forecast.keys, best.window.panel):
        found = values_of_items(best.forecast.keys, best.window.panel, names[0], np.maximum(place, 0))
        tags = [str(tag) if at >= 0 else "" for tag, at in zip(found, place, strict=True)]
    table = ItemTable(
        [" / ".join(map(str, row)) for row in shown[key].itertuples(index=False)],
        tags,
        shown,
        ITEM_COLUMNS,
        pictures,
        results.recipes,
    )
    return items_section("Items", table, _items_text(results, pictures.fan, bool(pictures.lanes)))


def _items_text(results: Results, fan: str, lanes: bool) -> str:
    shade = f"the shade {fan}, " if fan else ""
    also = " and its known columns below" if lanes else ""
    many = f" The {MOST_ITEMS:,} with the largest error." if len(results.items) > MOST_ITEMS else ""
    return (
        f"Of {results.recipes[0]}, the mean over all windows, the largest error in units first.{many} Error is the sum of the absolute errors,"
        " share that of all that was sold, zeros the share of the steps before the origin without a sale, to last season the error against"
        " that of repeating the last season: below 0 is better. A row opens its picture, of the last window: grey is what came before,"
        f" black what happened, the thick line the mean, {shade}dashes the median, thin lines the means of the other recipes,{also}."
    ).replace(",.", ".")


def kinds(results: Results) -> str:
    """Accuracy by volume, zeros, history and promotion days: where a recipe is good, and where another is better."""
    frame = results.segments
    best = frame[frame["recipe"] == results.recipes[0]]
    parts = [part for kind in dict.fromkeys(best["kind"]) if (part := _kind_rows(results, frame, kind))]
    if not parts:
        return ""
    several = len(results.recipes) > 1
    heads = [
        "",
        "Items",
        "Share",
        "Bias",
        "WAPE",
        "To last season",
        *(results.recipes if several else ["wQL"]),
    ]
    columns = [("", 6), ("wQL", len(results.recipes))] if several else []
    tables = "".join(
        f"<h3>By <b>{text_of(kind)}</b></h3>\n{cell_table(heads, rows, groups=columns)}"
        for kind, rows in parts
    )
    text = f"Bias, WAPE and the comparison with repeating the last season are those of {results.recipes[0]}, over all windows. The share is that of all actuals."
    return section("Where it is accurate", tables + note(text))


_KIND_TITLES: Final = {
    "volume": "volume before the origin",
    "zeros": "zeros before the origin",
    "history": "length of the history",
}


def _kind_rows(results: Results, frame: pd.DataFrame, kind: str) -> tuple[str, list[list[str | Cell]]] | None:
    """A title and a row a class; nothing where all is one class."""
    some = frame[frame["kind"] == kind]
    wql = {(row["recipe"], row["class"]): float(row["wQL"]) for row in some.to_dict("records")}
    best = some[some["recipe"] == results.recipes[0]]
    if len(best) < 2:
        return None
    rows: list[list[str | Cell]] = []
    for record in best.to_dict("records"):
        ahead = [wql.get((recipe, record["class"]), np.nan) for recipe in results.recipes]
        rows.append(
            [
                str(record["class"]),
                f"{record['items']:,}",
                percent(record["share"]),
                bias_cell(record["bias"]),
                percent(record["WAPE"]),
                signed_percent(record["against_naive"]),
                *(number(value, 4) for value in ahead),
            ]
        )
    return _KIND_TITLES.get(kind, kind), rows


def certainty(results: Results) -> str:
    """How sure the order of the leaderboard is."""
    frame = results.ranking
    if not len(frame) or frame["low"].isna().all():
        return ""
    rows = "".join(_pair(row, results.recipes) for row in frame.to_dict("records"))
    text = (
        "In 95 % of other draws of the same items the difference to the next recipe lies between these two numbers. What happened to all"
        " items alike on a date is in every draw: more windows say more than more items."
    )
    return f'<h3>How sure is this order?</h3>\n<ul class="sure">\n{rows}</ul>\n{note(text)}'


def _pair(row: Mapping[Any, Any], recipes: Sequence[str]) -> str:
    """A recipe and the next, as HTML."""
    apart = f"by {row['difference']:.4f} of wQL, between {row['low']:.4f} and {row['high']:.4f}"
    return (
        f"<li>{swatch(row['recipe'], recipes)}<strong>{text_of(row['recipe'])}</strong> before {text_of(row['next'])}:"
        f' {_sure(row["low"], row["sure"])} <span class="quiet">{text_of(apart)}</span></li>\n'
    )


def _sure(low: float, sure: float) -> str:
    """The share of draws, in words."""
    if low > 0:
        return "sure"
    return "likely" if sure >= 0.9 else "a toss-up" if sure < 0.75 else "perhaps"
