"""The page of a forecast: totals and groups by week, and every item with its picture and its known columns; it opens offline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.arrays import Floats
from foretell.data.findings import gravest_first
from foretell.data.frequency import spell
from foretell.data.panel import Panel
from foretell.errors import ForetellError
from foretell.evaluation.history import zero_share
from foretell.evaluation.metrics import ratio
from foretell.evaluation.periods import period_of, sums_by_period
from foretell.recipe.fan_chart import UNITS
from foretell.recipe.forecast import Forecast
from foretell.recipe.item_groups import values_of_items
from foretell.reporting import figures
from foretell.reporting.html import stroke_style
from foretell.reporting.html_blocks import (
    cell_table,
    contents,
    facts,
    note,
    own_script,
    page,
    picture,
    section,
    text_of,
)
from foretell.reporting.item_pictures import pictures_of
from foretell.reporting.items_section import MOST_ITEMS, ItemColumn, ItemTable, items_section
from foretell.reporting.numbers import count, percent, signed_percent, units
from foretell.reporting.planner_sections import grouping_columns
from foretell.system.atomic_files import write_text
from foretell.system.big_arrays import pieces
from foretell.system.environment import machine, versions
from foretell.system.folder_lock import claimed
from foretell.system.results import may_replace_page

_CELLS: Final = 1 << 22  # looked at in one go
_GROUPS: Final = 40  # of a column that are shown
_NAME: Final = "forecast"
_COLUMNS: Final = (
    ItemColumn("forecast", "Forecast", "units"),
    ItemColumn("before", "Before", "units", wide=True),
    ItemColumn("change", "Change", "signed percent"),
    ItemColumn("share", "Share", "percent", wide=True),
    ItemColumn("zero_share", "Zeros", "percent", wide=True),
)


def save_report(forecast: Forecast, path: str | Path, *, overwrite: bool = False) -> None:
    """Write the page of a forecast to an .html file, whole or not at all.

    Raises ForetellError where the file is there already, and for a forecast of totals; to `overwrite` replaces a page of foretell, and
    nothing else.
    """
    if forecast.history is None:
        raise ForetellError(
            "a page shows items and what came before them: save the report of the forecast, not of its totals"
        )
    if Path(path).suffix.lower() != ".html":
        raise ForetellError(f"a page must end in .html, got {str(path)!r}")
    with claimed(path):
        may_replace_page(path, overwrite=overwrite)
        write_text(path, render(forecast))


def render(forecast: Forecast) -> str:
    """The whole page."""
    body = "".join(each(forecast) for each in SECTIONS)
    return page(
        "Forecast", _head(forecast) + contents(body) + body, style=stroke_style([_NAME]), script=own_script()
    )


def _panel(forecast: Forecast) -> Panel:
    assert forecast.history is not None, "a page begins with what came before the forecast"
    return forecast.history


def _head(forecast: Forecast) -> str:
    frequency = forecast.schema.frequency
    first, last = int(forecast.origin.min()), int(forecast.origin.max()) + forecast.horizon - 1
    sizes = [
        count(len(forecast), "item"),
        f"{forecast.horizon} {UNITS[frequency.unit]}"
        if frequency.multiple == 1
        else count(forecast.horizon, "step"),
    ]
    span = f"from {frequency.spell(first)} to {frequency.spell(last)}"
    sold, before = float(forecast.mean.sum(dtype=np.float64)), _before(forecast)
    change = float(ratio(np.asarray(sold - before.sum()), np.asarray(abs(before.sum()))))
    than = (
        f", {signed_percent(change)} against the {forecast.horizon} steps before"
        if np.isfinite(change)
        else ""
    )
    return (
        f'<header>\n<p class="brand">foretell</p>\n<h1>Forecast</h1>\n<p class="facts">{text_of(" · ".join([*sizes, span]))}</p>\n'
        f'<p class="lead">All items together: <strong>{text_of(units(sold))}</strong>{text_of(than)}.</p>\n</header>\n'
    )


def _before(forecast: Forecast) -> Floats:
    """[N] what each item sold in as many steps before the origin as are forecast."""
    panel, sums = _panel(forecast), np.zeros(len(forecast))
    for items in pieces(len(forecast), max(_CELLS // forecast.horizon, 1)):
        some = np.arange(items.start, items.stop)
        past = panel.target_at(some, panel.origin[some, None] + np.arange(-forecast.horizon, 0))
        sums[items] = np.nansum(past, axis=1, dtype=np.float64)
    return sums


def _mean(forecast: Forecast) -> Callable[[slice], dict[str, NDArray[np.float32]]]:
    return lambda items: {"forecast": forecast.mean[items]}


def _total(forecast: Forecast) -> str:
    chart = picture(
        figures.figure_total(_panel(forecast), {_NAME: forecast.mean}), "all items: history and forecast"
    )
    frame = sums_by_period(forecast, [], _mean(forecast))
    word = period_of(forecast.schema.frequency, forecast.horizon)[1]
    rows = [[spell(row["timestamp"]), units(row["forecast"])] for row in frame.to_dict("records")]
    text = "The sums of the means. Grey is what came before."
    return section(
        "All items", chart + cell_table([f"{word.capitalize()} from", "Forecast"], rows) + note(text)
    )


def _groups(forecast: Forecast) -> str:
    names = grouping_columns(forecast, forecast.history)
    text = "The sums of the means; before is what was sold in as many steps before the first."
    return section("Groups", "".join(_group(forecast, name) for name in names) + note(text)) if names else ""


def _group(forecast: Forecast, name: str) -> str:
    frame = sums_by_period(forecast, [name], _mean(forecast))
    before = (
        pd.Series(_before(forecast)).groupby(values_of_items(forecast.keys, forecast.history, name)).sum()
    )
    sums = frame.groupby(name).agg(items=("items", "first"), forecast=("forecast", "sum"))
    sums = sums.sort_values("forecast", ascending=False, kind="stable")
    weeks = frame.pivot_table(index=name, columns="period", values="forecast")
    begins = frame.drop_duplicates("period").head(12)
    rows = []
    for row in sums.head(_GROUPS).reset_index().to_dict("records"):
        old, new = float(before[row[name]]), float(row["forecast"])
        change = (new - old) / abs(old) if old else np.nan
        each = [units(float(weeks.loc[row[name], period])) for period in begins["period"]]
        rows.append(
            [str(row[name]), f"{row['items']:,}", units(new), units(old), signed_percent(change), *each]
        )
    heads = [name, "Items", "Forecast", "Before", "Change", *map(spell, begins["timestamp"])]
    more = note(f"The {_GROUPS} largest of {len(sums):,} groups.") if len(sums) > _GROUPS else ""
    return f"<h3>By <b>{text_of(name)}</b></h3>\n{cell_table(heads, rows)}{more}"


def item_frame(forecast: Forecast) -> pd.DataFrame:
    """A row an item, the largest forecast first: its position, `forecast`, `before`, `change`, `share`, `zero_share`."""
    total, before = forecast.mean.sum(axis=1, dtype=np.float64), _before(forecast)
    frame = pd.DataFrame(
        {
            "position": np.arange(len(forecast)),
            "forecast": total,
            "before": before,
            "change": ratio(total - before, np.abs(before)),
            "share": ratio(total, np.full(len(total), total.sum())),
            "zero_share": zero_share(_panel(forecast)),
        }
    )
    return frame.sort_values("forecast", ascending=False, kind="stable", ignore_index=True)


def _items(forecast: Forecast) -> str:
    shown = item_frame(forecast).head(MOST_ITEMS)
    place = shown["position"].to_numpy(np.int64)
    pictures = pictures_of(forecast, place)
    names = grouping_columns(forecast, forecast.history)
    tags = (
        [""] * len(place)
        if not names
        else values_of_items(forecast.keys, forecast.history, names[0], place).tolist()
    )
    keys = forecast.keys.iloc[place].itertuples(index=False)
    table = ItemTable([" / ".join(map(str, row)) for row in keys], tags, shown, _COLUMNS, pictures, [_NAME])
    many = f" The {MOST_ITEMS:,} of the largest forecasts." if len(forecast) > MOST_ITEMS else ""
    shade = f", the shade {pictures.fan}" if pictures.fan else ""
    known = "; the columns that are known ahead stand below" if pictures.lanes else ""
    text = (
        f"The sums of the means, the largest first.{many} Before is what was sold in as many steps before the first, zeros the share of the"
        f" history without a sale. A row opens its picture: grey is what came before, the thick line the mean, dashes the median{shade}{known}."
    )
    return items_section("Items", table, text)


def _findings(forecast: Forecast) -> str:
    rows = "".join(
        f'<li class="is-{text_of(f.severity)}"><span>{text_of(f.severity)}</span><div>{text_of(f.message)}</div></li>\n'
        for f in gravest_first(forecast.findings)
    )
    return section("What was found in the data", f'<ul class="findings">\n{rows}</ul>\n') if rows else ""


def _settings(forecast: Forecast) -> str:
    where = {name: value for name, value in machine().items() if value is not None}
    asked = {
        "levels": list(forecast.levels),
        "horizon": forecast.horizon,
        "frequency": forecast.schema.frequency.alias,
        "fallbacks": percent(float(forecast.fallbacks.mean())),
    }
    blocks = [facts("Forecast", asked), facts("Machine and versions", {**where, **versions()})]
    return section("Settings", f'<div class="columns">{"".join(blocks)}</div>')


# What the page shows, from top to bottom; another section is a function of the forecast that gives HTML, or nothing.
SECTIONS: Final[tuple[Callable[[Forecast], str], ...]] = (_total, _groups, _items, _findings, _settings)
