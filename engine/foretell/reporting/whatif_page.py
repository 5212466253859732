"""The page of a what-if: each scenario beside the baseline, in total, by week, by group and item by item; it opens offline."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from foretell.data.arrays import Floats
from foretell.data.frequency import spell
from foretell.evaluation.metrics import ratio
from foretell.evaluation.periods import sums_by_period
from foretell.explain.whatif_result import BASELINE, WhatIf
from foretell.recipe.forecast import Forecast
from foretell.recipe.item_groups import values_of_items
from foretell.reporting.forecast_totals import begins_apart, period_word, span_in_words
from foretell.reporting.html import stroke_style
from foretell.reporting.html_blocks import (
    GROUPS,
    cell_table,
    contents,
    facts,
    findings_list,
    group_table,
    header,
    legend,
    note,
    own_script,
    page,
    picture,
    section,
    settings_section,
    text_of,
)
from foretell.reporting.item_pictures import TOP, Lane, Pictures, pictures_of
from foretell.reporting.items_section import MOST_ITEMS, ItemColumn, ItemTable, items_section
from foretell.reporting.numbers import count, signed_percent, signed_units, units
from foretell.reporting.page_file import write_page
from foretell.reporting.planner_sections import grouping_columns
from foretell.reporting.spread import Spread

_COLUMNS: Final = 4  # scenarios that have a column beside each item
_TITLE: Final = 24  # characters of a scenario's name above a column
# a scenario is what the page is about: its lines are as strong as the baseline's
_STYLE: Final = "svg.item path.other { stroke-width: 3.4; opacity: .95 }\n"


def save_report(result: WhatIf, path: str | Path, *, overwrite: bool = False) -> None:
    """Write the page of a what-if to an .html file; raises ForetellError as `write_page` does."""
    write_page(lambda: render(result), path, overwrite=overwrite)


@dataclass(frozen=True, slots=True, eq=False)
class _Facts:
    """A what-if, and what its page says of it."""

    result: WhatIf
    columns: list[str]  # by which items are grouped
    spreads: dict[str, Spread]  # of the baseline and of each scenario
    totals: dict[str, Floats]  # [N] the sum of each item's means, likewise

    @classmethod
    def of(cls, result: WhatIf) -> _Facts:
        made = forecasts_of(result)
        return cls(
            result,
            grouping_columns(result.baseline.keys, result.baseline.history),
            {name: Spread.of(each, {}) for name, each in made.items()},
            {name: each.mean.sum(axis=1, dtype=np.float64) for name, each in made.items()},
        )

    @property
    def names(self) -> list[str]:
        """The baseline, then the scenarios: in the order of their colours."""
        return list(self.totals)


def forecasts_of(result: WhatIf) -> dict[str, Forecast]:
    """The baseline and the scenarios by name."""
    return {BASELINE: result.baseline, **{each.name: each.forecast for each in result.scenarios}}


def render(result: WhatIf) -> str:
    """The whole page."""
    found = _Facts.of(result)
    body = "".join(each(found) for each in SECTIONS)
    style = stroke_style(found.names) + _STYLE
    return page("What if", _head(found) + contents(body) + body, style=style, script=own_script())


def _head(found: _Facts) -> str:
    baseline = found.result.baseline
    frequency = baseline.schema.frequency
    first, last = int(baseline.origin.min()), int(baseline.origin.max()) + baseline.horizon - 1
    sizes = [
        count(len(found.result), "scenario"),
        count(len(baseline), "item"),
        span_in_words(frequency, baseline.horizon),
        f"from {frequency.spell(first)} to {frequency.spell(last)}",
    ]
    return header("What if", sizes, "<br>".join(_sentence(found, name) for name in found.names[1:4]))


def _sentence(found: _Facts, name: str) -> str:
    """What a scenario comes to; HTML."""
    old, new = (float(found.totals[each].sum()) for each in (BASELINE, name))
    change = f", {signed_percent((new - old) / abs(old))}" if old else ""
    return f"<strong>{text_of(name)}</strong>: {text_of(f'{signed_units(new - old)} units{change}, {units(new)} in place of {units(old)}.')}"


def _total(found: _Facts) -> str:
    chart = "" if begins_apart(found.result.baseline) else _picture(found.result)
    old = float(found.totals[BASELINE].sum())
    spread = found.spreads[BASELINE]
    rows = [[BASELINE, units(old), *map(units, spread.whole), "", "", ""]]
    for each in found.result.scenarios:
        new = float(found.totals[each.name].sum())
        change = signed_percent((new - old) / abs(old)) if old else ""
        ends = map(units, found.spreads[each.name].whole)
        rows.append(
            [each.name, units(new), *ends, signed_units(new - old), change, f"{int(each.touched.sum()):,}"]
        )
    heads = ["Plan", "Forecast", *spread.heads, "Difference", "Change", "Cells set"]
    text = (
        "Forecast is the sum of the means over all items and steps; a cell is one item at one step. In the picture a strip at the top"
        f" lies over the steps that a scenario sets. {spread.said}"
    )
    return section("All items", chart + cell_table(heads, rows) + note(text))


def _picture(result: WhatIf) -> str:
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    result.plot(axes=figure.add_subplot())
    return picture(figure, "all items: the baseline and the scenarios")


def _plans(found: _Facts) -> str:
    """What each scenario changes."""
    rows = "".join(
        f"<dt>{text_of(each.name)}</dt><dd>{'<br>'.join(f'<code>{text_of(change)}</code>' for change in each.changes)}</dd>\n"
        for each in found.result.scenarios
        if each.changes
    )
    return section("What is changed", f'<dl class="glossary">\n{rows}</dl>\n') if rows else ""


def _weeks(found: _Facts) -> str:
    made = forecasts_of(found.result)
    frames = {name: sums_by_period(each, [], _means(each)) for name, each in made.items()}
    base = frames.pop(BASELINE)
    if len(base) < 2:
        return ""
    rows = []
    for k, row in enumerate(base.to_dict("records")):
        old = float(row["forecast"])
        news = [float(frame["forecast"].iloc[k]) for frame in frames.values()]
        rows.append([spell(row["timestamp"]), units(old), *_pairs(old, news)])
    word = period_word(made[BASELINE].schema.frequency, made[BASELINE].horizon)
    heads, over = _compared(f"{word.capitalize()} from", ["Baseline"], frames)
    return section(f"By {word}", cell_table(heads, rows, groups=over))


def _means(forecast: Forecast) -> Callable[[slice], dict[str, NDArray[Any]]]:
    return lambda items: {"forecast": forecast.mean[items]}


def _pairs(old: float, news: Sequence[float]) -> list[str]:
    """The difference of each scenario in units and percent."""
    return [
        text
        for new in news
        for text in (signed_units(new - old), signed_percent((new - old) / abs(old) if old else np.nan))
    ]


def _compared(
    first: str, more: Sequence[str], scenarios: Collection[str]
) -> tuple[list[str], list[tuple[str, int]]]:
    """The heads of a table with two columns a scenario, and the names above them."""
    heads = [first, *more, *(["Difference", "Change"] * len(scenarios))]
    return heads, [("", 1 + len(more)), *((name, 2) for name in scenarios)]


def _groups(found: _Facts) -> str:
    return section("Groups", "".join(_group(found, name) for name in found.columns)) if found.columns else ""


def _group(found: _Facts, column: str) -> str:
    baseline = found.result.baseline
    table = pd.DataFrame({str(k): each for k, each in enumerate(found.totals.values())})
    table["items"] = 1
    sums = table.groupby(values_of_items(baseline.keys, baseline.history, column)).sum()
    sums = sums.sort_values("0", ascending=False, kind="stable")
    rows = []
    for group, row in sums.head(GROUPS).iterrows():
        old, *news = (float(row[str(k)]) for k in range(len(found.names)))
        rows.append([str(group), f"{int(row['items']):,}", units(old), *_pairs(old, news)])
    heads, over = _compared(column, ["Items", "Baseline"], found.names[1:])
    return group_table(column, heads[1:], rows, count=len(sums), over=over)


def item_frame(found: _Facts) -> pd.DataFrame:
    """A row an item, the largest difference first: its position, `baseline`, and `difference k` and `change k` of scenario k."""
    old = found.totals[BASELINE]
    frame = pd.DataFrame({"position": np.arange(len(old)), "baseline": old})
    for k, name in enumerate(found.names[1:]):
        frame[f"difference {k}"] = found.totals[name] - old
        frame[f"change {k}"] = ratio(found.totals[name] - old, np.abs(old))
    size = frame[[f"difference {k}" for k in range(len(found.result))]].abs().max(axis=1)
    order = np.lexsort((-old, -size.to_numpy()))
    return frame.iloc[order].reset_index(drop=True)


def _items(found: _Facts) -> str:
    baseline = found.result.baseline
    shown = item_frame(found).head(MOST_ITEMS)
    place = shown["position"].to_numpy(np.int64)
    others = {each.name: each.forecast for each in found.result.scenarios}
    pictures = pictures_of(baseline, place, others=others, room=True)
    for each in found.result.scenarios[:_COLUMNS]:
        pictures = _with_lane(pictures, f"set by {each.name}", each.touched[place])
    tags = [""] * len(place)
    if found.columns:
        tags = values_of_items(baseline.keys, baseline.history, found.columns[0], place).tolist()
    keys = baseline.keys.iloc[place].itertuples(index=False)
    names = [" / ".join(map(str, row)) for row in keys]
    table = ItemTable(names, tags, shown, _item_columns(found), pictures, found.names)
    many = f" The {MOST_ITEMS:,} that differ most." if len(baseline) > MOST_ITEMS else ""
    beyond = f" The first {_COLUMNS} scenarios have columns." if len(found.result) > _COLUMNS else ""
    shade = f", the shade its {pictures.fan}" if pictures.fan else ""
    text = (
        f"The sums of the means, the largest difference first.{many}{beyond} A row opens its picture: grey is what came before, the thick"
        f" line the mean of the baseline{shade}, the other lines are the means of the scenarios. Below stand the columns that are known"
        " ahead, as the baseline has them, and the steps that each scenario sets."
    )
    return items_section("Items", table, text, above=legend(found.names))


def _item_columns(found: _Facts) -> list[ItemColumn]:
    columns = [ItemColumn("baseline", "Baseline", "units", wide=True)]
    for k, name in enumerate(found.names[1 : 1 + _COLUMNS]):
        title = name if len(name) <= _TITLE else name[: _TITLE - 1] + "\N{HORIZONTAL ELLIPSIS}"
        columns.append(ItemColumn(f"difference {k}", title, "signed units", wide=k > 1))
        columns.append(ItemColumn(f"change {k}", "Change", "signed percent", wide=k > 0))
    return columns


def _with_lane(pictures: Pictures, name: str, on: NDArray[np.bool_]) -> Pictures:
    """Pictures with the steps [n, H] at which something is on below them."""
    past = np.zeros((len(on), pictures.past), np.uint8)
    codes = np.concatenate([past, np.where(on, TOP, 0).astype(np.uint8)], axis=1)
    same = bool((codes == codes[:1]).all())
    lane = Lane(name, True, 0.0, 1.0, codes[0] if same else None)
    whole = pictures.codes if same else np.concatenate([pictures.codes, codes], axis=1)
    return replace(pictures, lanes=(*pictures.lanes, lane), codes=whole)


def _findings(found: _Facts) -> str:
    rows = findings_list(dict.fromkeys((*found.result.findings, *found.result.baseline.findings)))
    return section("What was found", rows) if rows else ""


def _settings(found: _Facts) -> str:
    baseline = found.result.baseline
    asked = {
        "levels": list(baseline.levels),
        "horizon": baseline.horizon,
        "frequency": baseline.schema.frequency.alias,
    }
    return settings_section(facts("What if", asked))


# What the page shows, from top to bottom; another section is a function of the what-if's facts that gives HTML, or nothing.
SECTIONS: Final[tuple[Callable[[_Facts], str], ...]] = (
    _total,
    _plans,
    _weeks,
    _groups,
    _items,
    _findings,
    _settings,
)
