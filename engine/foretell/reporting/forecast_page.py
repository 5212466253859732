"""The page of a forecast: totals and groups by week, and every item with its picture and its known columns; it opens offline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.errors import ForetellError
from foretell.evaluation.history import zero_share
from foretell.evaluation.metrics import ratio
from foretell.explain.explanation import Explanation
from foretell.recipe.forecast import Forecast
from foretell.reporting import forecast_totals
from foretell.reporting.forecast_totals import NAME, Facts, span_in_words
from foretell.reporting.html import stroke_style
from foretell.reporting.html_blocks import (
    anchor,
    contents,
    facts,
    findings_list,
    header,
    note,
    own_script,
    page,
    section,
    settings_section,
    text_of,
)
from foretell.reporting.item_pictures import pictures_of
from foretell.reporting.items_section import MOST_ITEMS, ItemColumn, ItemTable, items_section
from foretell.reporting.numbers import count, percent
from foretell.reporting.page_file import write_page
from foretell.reporting.why_page import Why, driver_style, drivers_table, items_table

_COLUMNS: Final = (
    ItemColumn("forecast", "Forecast", "units"),
    ItemColumn("before", "Before", "units", wide=True),
    ItemColumn("change", "Change", "signed percent"),
    ItemColumn("share", "Share", "percent", wide=True),
    ItemColumn("zero_share", "Zeros", "percent", wide=True),
)
_FOUND: Final = "What was found in the data"


def save_report(
    forecast: Forecast,
    path: str | Path,
    *,
    by: Sequence[str] | None = None,
    why: Explanation | None = None,
    overwrite: bool = False,
) -> None:
    """Write the page of a forecast to an .html file, whole or not at all; with `why` an explanation of some items besides.

    `by` are paths of columns as those of a hierarchy, by which it groups. Raises ForetellError for columns that are not there, where the file is there already, and for a forecast of totals; to `overwrite` replaces a page of foretell, and
    nothing else.
    """
    if forecast.history is None:
        raise ForetellError(
            "a page shows items and what came before them: save the report of the forecast, not of its totals"
        )
    write_page(lambda: render(forecast, by=by, why=why), path, overwrite=overwrite)


def render(forecast: Forecast, *, by: Sequence[str] | None = None, why: Explanation | None = None) -> str:
    """The whole page."""
    found = Facts.of(forecast, by=by, why=why)
    body = "".join(each(found) for each in SECTIONS)
    style = stroke_style([NAME]) + ("" if why is None else driver_style(Why.of(why)))
    return page("Forecast", _head(found) + contents(body) + body, style=style, script=own_script())


def _head(found: Facts) -> str:
    forecast = found.forecast
    frequency = forecast.schema.frequency
    first, last = int(forecast.origin.min()), int(forecast.origin.max()) + forecast.horizon - 1
    span = f"from {frequency.spell(first)} to {frequency.spell(last)}"
    sizes = [count(len(forecast), "item"), span_in_words(frequency, forecast.horizon), span]
    warned = sum(finding.severity != "note" for finding in found.findings)
    link = (
        f' <a href="#{anchor(_FOUND)}">{text_of(count(warned, "warning"))} about the data</a>'
        if warned
        else ""
    )
    below = f'<p class="note">{text_of(forecast_totals.moved_by(found))}{link}</p>\n'
    return header("Forecast", sizes, forecast_totals.lead(found), below=below)


def item_frame(found: Facts) -> pd.DataFrame:
    """A row an item, the largest forecast first: its position, `forecast`, `before`, `change`, `share`, `zero_share`.

    There is no change of items that ended before or are new.
    """
    forecast, before = found.forecast, found.before
    total = forecast.mean.sum(axis=1, dtype=np.float64)
    change = ratio(total - before.sold, np.abs(before.sold))
    frame = pd.DataFrame(
        {
            "position": np.arange(len(forecast)),
            "forecast": total,
            "before": before.sold,
            "change": np.where(before.both, change, np.nan),
            "share": ratio(total, np.full(len(total), total.sum())),
            "zero_share": zero_share(found.panel),
        }
    )
    return frame.sort_values("forecast", ascending=False, kind="stable", ignore_index=True)


def _tags(found: Facts, place: NDArray[np.int64]) -> list[str]:
    """[n] the group of each item, and that it has ended or is new."""
    groups = next(iter(found.grouped.values()))[place].tolist() if found.grouped else [""] * len(place)
    return [
        " · ".join(part for part in (str(tag), found.state(int(at))) if part)
        for tag, at in zip(groups, place, strict=True)
    ]


def _items(found: Facts) -> str:
    forecast = found.forecast
    shown = item_frame(found).head(MOST_ITEMS)
    place = shown["position"].to_numpy(np.int64)
    pictures = pictures_of(forecast, place)
    keys = forecast.keys.iloc[place].itertuples(index=False)
    table = ItemTable(
        [" / ".join(map(str, row)) for row in keys], _tags(found, place), shown, _COLUMNS, pictures, [NAME]
    )
    many = f" The {MOST_ITEMS:,} of the largest forecasts." if len(forecast) > MOST_ITEMS else ""
    shade = f", the shade {pictures.fan}" if pictures.fan else ""
    known = "; the columns that are known ahead stand below" if pictures.lanes else ""
    text = (
        f"The sums of the means, the largest first.{many} Before is what was sold in the {found.span} before, zeros the share of the"
        f" history without a sale. A row opens its picture: grey is what came before, the thick line the mean, dashes the median{shade}{known}."
    )
    return items_section("Items", table, text)


def _why(found: Facts) -> str:
    """What some of the items' forecasts are made of, where that was asked."""
    if found.why is None:
        return ""
    why = Why.of(found.why)
    asked = note(f"Of {count(len(found.why), 'item' if found.why.panel is not None else 'group')}.")
    return section("Why", asked + drivers_table(why) + items_table(why))


def _findings(found: Facts) -> str:
    rows = findings_list(found.findings)
    return section(_FOUND, rows) if rows else ""


def _settings(found: Facts) -> str:
    forecast = found.forecast
    asked = {
        "levels": list(forecast.levels),
        "horizon": forecast.horizon,
        "frequency": forecast.schema.frequency.alias,
        "fallbacks": percent(float(forecast.fallbacks.mean())),
    }
    return settings_section(facts("Forecast", asked))


# What the page shows, from top to bottom; another section is a function of the forecast's facts that gives HTML, or nothing.
SECTIONS: Final[tuple[Callable[[Facts], str], ...]] = (
    forecast_totals.total,
    forecast_totals.groups,
    _items,
    _why,
    _findings,
    _settings,
)
