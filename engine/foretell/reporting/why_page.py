"""The page of an explanation: what each driver adds, over all, by week, by group and item by item; it opens offline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from foretell.data.arrays import Floats
from foretell.data.frequency import spell
from foretell.data.wall_times import wall_times
from foretell.evaluation.periods import period_of
from foretell.explain.explanation import Explanation
from foretell.explain.explanation_chart import driver_colours
from foretell.recipe.item_groups import values_of_items
from foretell.reporting.forecast_totals import period_word, span_in_words
from foretell.reporting.html_blocks import (
    GROUPS,
    Cell,
    cell_table,
    contents,
    facts,
    findings_list,
    group_table,
    header,
    note,
    page,
    picture,
    search_script,
    section,
    settings_section,
    text_of,
)
from foretell.reporting.items_section import shown_name
from foretell.reporting.numbers import count, percent, signed_units, units
from foretell.reporting.page_file import write_page
from foretell.reporting.planner_sections import grouping_columns
from foretell.reporting.stack_svg import stack_svg

_DRIVERS: Final = 6  # columns beside an item or a week; the others are summed up
_DRAWN: Final = 300  # items that have a picture
_SVG_TEXT: Final = 3_000_000  # characters that these may take
_SENTENCE: Final = 3  # drivers that the head names


def save_report(result: Explanation, path: str | Path, *, overwrite: bool = False) -> None:
    """Write the page of an explanation to an .html file; raises ForetellError as `write_page` does."""
    write_page(lambda: render(result), path, overwrite=overwrite)


@dataclass(frozen=True, slots=True, eq=False)
class Why:
    """An explanation, and what a page says of it."""

    result: Explanation
    impact: pd.DataFrame  # a row a driver, the most important first
    order: list[int]  # [D] the drivers in that order

    @classmethod
    def of(cls, result: Explanation) -> Why:
        """The explanation with its drivers in the order of their importance."""
        return cls(result, result.impact(), result.by_importance)

    @property
    def shown(self) -> list[int]:
        """The drivers that have a column of their own."""
        return self.order[: _DRIVERS if len(self.order) > _DRIVERS + 1 else len(self.order)]

    @property
    def heads(self) -> list[str]:
        """The titles of the columns of drivers."""
        rest = len(self.order) - len(self.shown)
        return [*(self.result.names[k] for k in self.shown), *([f"{rest} others"] if rest else [])]

    def columns(self, parts: Floats) -> list[float]:
        """The contributions [D] of the drivers shown, and of the others together."""
        own = [float(parts[k]) for k in self.shown]
        rest = self.order[len(self.shown) :]
        return [*own, float(parts[rest].sum())] if rest else own


def render(result: Explanation) -> str:
    """The whole page."""
    why = Why.of(result)
    body = "".join(each(why) for each in SECTIONS)
    return page("Why", _head(why) + contents(body) + body, style=driver_style(why), script=search_script())


def driver_style(why: Why) -> str:
    """CSS of the drivers' colours: of a dot, and of the bars of a picture."""
    return "".join(
        f".swatch.d{k} {{ background: {colour} }}\nsvg.item path.d{k} {{ fill: {colour}; stroke: none }}\n"
        for k, colour in enumerate(driver_colours(len(why.order)))
    )


def _head(why: Why) -> str:
    result = why.result
    frequency = result.schema.frequency
    first, last = int(result.origin.min()), int(result.origin.max()) + result.horizon - 1
    what = "item" if result.panel is not None else "group"
    sizes = [
        count(len(result), what),
        span_in_words(frequency, result.horizon),
        f"from {frequency.spell(first)} to {frequency.spell(last)}",
        f"explained: {result.explained}",
    ]
    return header("Why", sizes, lead(why))


def lead(why: Why) -> str:
    """What moves the forecast most; HTML."""
    rows = why.impact.head(_SENTENCE).to_dict("records")
    said = ", ".join(
        f"<strong>{text_of(row['driver'])}</strong> ({text_of(percent(row['share']))})"
        for row in rows
        if row["share"] > 0
    )
    forecast, baseline = float(why.result.forecast.sum()), float(why.result.baseline.sum())
    sums = f"Forecast {units(forecast)}, {signed_units(forecast - baseline)} from a baseline of {units(baseline)}."
    return f"{text_of(sums)} Of all that moves it up and down, most is {said}." if said else text_of(sums)


_MEANING: Final = (
    "The baseline is what the model forecasts of such items on other days. Contribution is what a driver adds to it, summed over all"
    " items and steps; share is its part in the sizes of all contributions, up and down alike; impact is the contribution in units of the"
    " most that any driver does, from -1 (all of it lowers) to 1 (all of it raises). It says what the model makes of a column, not what would"
    " happen in the shop."
)


def drivers_table(why: Why) -> str:
    """Every driver, the most important first."""
    last = len(driver_colours(len(why.order))) - 1
    most = float(why.impact["share"].max()) or 1.0
    rows: list[list[str | Cell]] = [
        [
            Cell(str(row["driver"]), dot=f"d{min(k, last)}"),
            signed_units(row["contribution"]),
            Cell(percent(row["share"]), share=float(row["share"]) / most),
            signed_units(row["impact"]),
        ]
        for k, row in enumerate(why.impact.to_dict("records"))
    ]
    return cell_table(["Driver", "Contribution", "Share", "Impact"], rows) + note(_MEANING)


def _drivers(why: Why) -> str:
    return section("Drivers", drivers_table(why))


def _total(why: Why) -> str:
    result = why.result
    if int(result.origin.min()) != int(result.origin.max()):
        return section(
            "Over time",
            note(
                "Items begin at different times, so that their steps do not add up: each has its own picture below."
            ),
        )
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    result.plot(axes=figure.add_subplot())
    steps, _ = period_of(result.schema.frequency, result.horizon)
    begins = np.arange(0, result.horizon, steps)
    parts = np.add.reduceat(result.contributions.sum(axis=0), begins, axis=0)
    base, made = (np.add.reduceat(each.sum(axis=0), begins) for each in (result.baseline, result.forecast))
    stamps = wall_times(result.schema.frequency, result.schema.timezone, int(result.origin[0]) + begins)[0]
    rows: list[list[str | Cell]] = [
        [spell(stamps[k]), units(base[k]), *map(signed_units, why.columns(parts[k])), units(made[k])]
        for k in range(len(begins))
    ]
    word = period_word(result.schema.frequency, result.horizon)
    heads = [f"{word.capitalize()} from", "Baseline", *why.heads, "Forecast"]
    chart = picture(figure, "what each driver adds, step by step")
    text = "All items together. Bars above the line raise the forecast, bars below it lower it; the line is the forecast."
    return section("Over time", chart + cell_table(heads, rows) + note(text))


def _groups(why: Why) -> str:
    result = why.result
    names = grouping_columns(result.keys, result.panel)
    return section("Groups", "".join(_group(why, name) for name in names)) if names else ""


def _group(why: Why, name: str) -> str:
    result = why.result
    parts = pd.DataFrame(result.contributions.sum(axis=1)).rename(columns=str)
    table = parts.assign(items=1, baseline=result.baseline.sum(axis=1), forecast=result.forecast.sum(axis=1))
    sums = table.groupby(values_of_items(result.keys, result.panel, name)).sum()
    sums = sums.sort_values("forecast", ascending=False, kind="stable")
    rows: list[list[str | Cell]] = []
    for group, row in sums.head(GROUPS).iterrows():
        own = row[[str(k) for k in range(len(why.order))]].to_numpy(np.float64)
        cells = [units(row["baseline"]), *map(signed_units, why.columns(own)), units(row["forecast"])]
        rows.append([str(group), f"{int(row['items']):,}", *cells])
    return group_table(name, ["Items", "Baseline", *why.heads, "Forecast"], rows, count=len(sums))


def items_table(why: Why) -> str:
    """Each item (or group) with its picture, the largest forecast first."""
    result, size = why.result, 0
    rows: list[str] = []
    for at in np.argsort(-result.forecast.sum(axis=1), kind="stable")[:_DRAWN].tolist():
        row = _row(why, at)
        size += len(row)
        if size > _SVG_TEXT and rows:
            break
        rows.append(row)
    heads = ["Forecast", "Baseline", *why.heads]
    head = "".join(
        f'<span class="{_kind(k)}">{text_of(shown_name(title))}</span>' for k, title in enumerate(heads)
    )
    title = "Item" if result.panel is not None else "Group"
    body = (
        f'<div class="items searched" style="--columns:{len(heads)};--narrow:{sum("wide" not in _kind(k) for k in range(len(heads)))}">\n'
        f'<div class="row heads"><b>{title}</b>{head}</div>\n{"".join(rows)}</div>\n'
    )
    few = (
        f" The {len(rows):,} largest of {len(result):,}; the table of contributions has all."
        if len(rows) < len(result)
        else ""
    )
    text = (
        f"The sums over all steps, the largest forecast first.{few} A row opens its picture: bars above the line in the middle, the"
        " baseline, raise the forecast, bars below lower it; the line is the forecast."
    )
    return _legend(why) + body + note(text)


def _items(why: Why) -> str:
    return section("Items" if why.result.panel is not None else "Sums", items_table(why))


def _row(why: Why, at: int) -> str:
    result = why.result
    name = shown_name(" / ".join(map(str, result.keys.iloc[at])))
    sums = [units(float(each[at].sum())) for each in (result.forecast, result.baseline)]
    cells = [*sums, *map(signed_units, why.columns(result.contributions[at].sum(axis=0)))]
    texts = "".join(f'<span class="{_kind(k)}">{text_of(text)}</span>' for k, text in enumerate(cells))
    return (
        f'<details><summary class="row"><b><bdi dir="auto">{text_of(name)}</bdi></b>{texts}</summary>'
        f'<div class="picture">{stack_svg(result, at, why.order, name)}</div></details>\n'
    )


def _kind(column: int) -> str:
    """The class of a cell; on a phone forecast and the two most important drivers stay."""
    return "n" if column in (0, 2, 3) else "n wide"


def _legend(why: Why) -> str:
    colours = driver_colours(len(why.order))
    names = [why.result.names[k] for k in why.order[: len(colours)]]
    if len(why.order) > len(colours):
        names[-1] = f"{len(why.order) - len(colours) + 1} others"
    marks = "".join(
        f'<span><i class="swatch d{k}"></i>{text_of(shown_name(name))}</span>' for k, name in enumerate(names)
    )
    return f'<p class="legend">{marks}</p>\n'


def _findings(why: Why) -> str:
    rows = findings_list(why.result.findings)
    return section("What was found", rows) if rows else ""


def _settings(why: Why) -> str:
    result = why.result
    asked = {
        "explained": result.explained,
        "horizon": result.horizon,
        "frequency": result.schema.frequency.alias,
        "permutations": result.permutations,
        "drivers": result.names,
    }
    return settings_section(facts("Why", asked))


# What the page shows, from top to bottom; another section is a function of the explanation that gives HTML, or nothing.
SECTIONS: Final[tuple[Callable[[Why], str], ...]] = (_drivers, _total, _groups, _items, _findings, _settings)
