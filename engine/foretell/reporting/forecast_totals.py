"""What the page of a forecast says of all items and of groups: sums by week, how far they may be off, and the change to before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.checks.alarms import panel_alarms
from foretell.data.findings import Finding
from foretell.data.frequency import Frequency, spell
from foretell.data.panel import Panel
from foretell.evaluation.before import Before
from foretell.evaluation.periods import period_of, sums_by_period
from foretell.explain.explanation import Explanation
from foretell.hierarchy.groups import levels_of, spelt_level
from foretell.recipe.fan_chart import UNITS
from foretell.recipe.forecast import Forecast
from foretell.recipe.item_groups import Texts, columns_of_items, values_of_items
from foretell.reporting import figures
from foretell.reporting.html_blocks import GROUPS, cell_table, group_table, note, picture, section, text_of
from foretell.reporting.numbers import ABSENT, count, percent, signed_percent, units
from foretell.reporting.planner_sections import grouping_columns
from foretell.reporting.spread import Spread

NAME: Final = "forecast"
_WEEKS: Final = 12  # columns of weeks beside a group


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """A forecast, and what its page says of it."""

    forecast: Forecast
    panel: Panel
    before: Before
    grouped: Mapping[str, Texts]  # name -> [N] the group of each item
    spread: Spread
    findings: tuple[Finding, ...]
    why: Explanation | None = None  # of some of its items

    @classmethod
    def of(
        cls, forecast: Forecast, *, by: Sequence[str] | None = None, why: Explanation | None = None
    ) -> Facts:
        """Everything that the sections share: paths are drawn once, and the history is looked at once.

        `by` are paths of columns, as those of a hierarchy; by default the groups are those of some columns. Raises ForetellError for
        columns that are not there.
        """
        panel = forecast.history
        assert panel is not None, "a page begins with what came before the forecast"
        known = columns_of_items(forecast.keys, panel)
        levels = (
            [(name,) for name in grouping_columns(forecast.keys, panel)]
            if by is None
            else levels_of(by, known)
        )
        grouped = {spelt_level(level): groups_in_words(forecast, level) for level in levels if level}
        spread = Spread.of(forecast, grouped)
        read = (*forecast.findings, *spread.findings)
        return cls(
            forecast,
            panel,
            Before.of(panel, forecast.horizon),
            grouped,
            spread,
            panel_alarms(panel, horizon=forecast.horizon, read=read),
            why,
        )

    @property
    def span(self) -> str:
        """The horizon in words: 28 days."""
        return span_in_words(self.forecast.schema.frequency, self.forecast.horizon)

    def state(self, item: int) -> str:
        """What an item is if it is not compared with before: 'new', or that it has ended and when."""
        if self.before.new[item]:
            return "new"
        if not self.before.ended[item]:
            return ""
        last = self.before.last(self.panel, item)
        return "" if last is None else f"no value since {self.panel.frequency.spell(last)}"


def groups_in_words(forecast: Forecast, level: Sequence[str]) -> Texts:
    """[N] the group of each item at a level of a hierarchy: north / s1."""
    parts = [values_of_items(forecast.keys, forecast.history, column).tolist() for column in level]
    return np.array([" / ".join(map(str, row)) for row in zip(*parts, strict=True)], object)


def span_in_words(frequency: Frequency, steps: int) -> str:
    """So many steps of a frequency: 28 days, 1 week, 96 steps of 15 minutes."""
    word = UNITS[frequency.unit]
    if frequency.multiple == 1:
        return f"{steps:,} {word if steps != 1 else word[:-1]}"
    return f"{count(steps, 'step')} of {frequency.multiple} {word}"


def period_word(frequency: Frequency, horizon: int) -> str:
    """What a row of a table by time is: week, month, step."""
    word = period_of(frequency, horizon)[1]
    return UNITS[frequency.unit][:-1] if word == "step" and frequency.multiple == 1 else word


def lead(found: Facts) -> str:
    """The sum of all items, how far it may be off, and how it compares; HTML."""
    mean, before = found.forecast.mean.sum(axis=1, dtype=np.float64), found.before
    whole = f"All items together: <strong>{text_of(units(float(mean.sum())))}</strong>"
    if len(found.spread.levels) == 2:
        ends = " to ".join(units(float(each)) for each in found.spread.whole)
        whole += f" ({text_of(' to '.join(found.spread.heads))}: {text_of(ends)})"
    both = before.both
    old = float(before.sold[both].sum())
    if not both.any() or not old:
        return whole + "."
    change = signed_percent((float(mean[both].sum()) - old) / abs(old))
    than = f"{change} against the {found.span} before"
    if both.all():
        return f"{whole}, {text_of(than)}."
    return f"{whole}. {text_of(f'The {int(both.sum()):,} items of both periods: {than}.')}"


def moved_by(found: Facts) -> str:
    """Which part of the sum is of items that have ended or are new, and so not compared; empty where none is."""
    mean, before = found.forecast.mean.sum(axis=1, dtype=np.float64), found.before
    said = []
    for which, text in (
        (before.ended, f"without a value in the last {span_in_words(found.panel.frequency, before.half)}"),
        (before.new, f"without a value before the last {found.span}"),
    ):
        if which.any():
            part = float(mean[which].sum())
            share = f", {percent(part / mean.sum())} of it," if mean.sum() else ""
            said.append(f"{units(part)}{share} is forecast of {count(int(which.sum()), 'item')} {text}")
    together = " and ".join(said)
    return f"Of the sum {together}: these are not compared." if said else ""


def total(found: Facts) -> str:
    """All items, step by step as a picture and week by week as a table."""
    forecast, spread = found.forecast, found.spread
    chart = picture(
        figures.figure_total(found.panel, {NAME: forecast.mean}, fan=spread.fan),
        "all items: history and forecast",
    )
    frame = sums_by_period(forecast, [], mean_of(forecast))
    rows = [
        [
            spell(row["timestamp"]),
            units(row["forecast"]),
            *map(units, spread.periods[k] if spread.levels else ()),
        ]
        for k, row in enumerate(frame.to_dict("records"))
    ]
    if len(rows) > 1:
        mean = float(forecast.mean.sum(dtype=np.float64))
        rows.append(["All", units(mean), *map(units, spread.whole)])
    word = period_word(forecast.schema.frequency, forecast.horizon)
    apart = (
        " Items begin at different times: each counts from its own first step on."
        if begins_apart(forecast)
        else ""
    )
    shade = f", the shade {' to '.join((spread.heads[0], spread.heads[-1]))}" if spread.fan else ""
    text = f"Forecast is the sum of the means. In the picture grey is what came before{shade}.{apart} {spread.said}"
    heads = [f"{word.capitalize()} from", "Forecast", *spread.heads]
    return section("All items", chart + cell_table(heads, rows) + note(text))


def begins_apart(forecast: Forecast) -> bool:
    """Whether items begin at different times, so that their steps do not add up."""
    return int(forecast.origin.min()) != int(forecast.origin.max())


def mean_of(forecast: Forecast) -> Callable[[slice], dict[str, NDArray[np.float32]]]:
    """The cells that `sums_by_period` adds up."""
    return lambda items: {"forecast": forecast.mean[items]}


def groups(found: Facts) -> str:
    """The groups of the metadata and of the key's dimensions."""
    if not found.grouped:
        return ""
    text = f"Forecast is the sum of the means, and so are the columns of dates. Before is what was sold in the {found.span} before."
    if not found.before.both.all():
        half = span_in_words(found.panel.frequency, found.before.half)
        text += (
            f" Items without a value in the last {half} (ended) or none before the last {found.span} (new) are forecast, but have no"
            " before: their part of the forecast stands apart, and the change is that of all others."
        )
    return section(
        "Groups", "".join(_group(found, name) for name in found.grouped) + note(f"{text} {found.spread.said}")
    )


def _group(found: Facts, name: str) -> str:
    forecast, before = found.forecast, found.before
    frame = sums_by_period(forecast, {name: found.grouped[name]}, mean_of(forecast))
    sums = _compared(found, name).sort_values("forecast", ascending=False, kind="stable")
    weeks = frame.pivot_table(index=name, columns="period", values="forecast")
    begins = frame.drop_duplicates("period").head(_WEEKS)
    apart = not before.both.all()
    rows = []
    for row in sums.head(GROUPS).reset_index().to_dict("records"):
        old, compared = float(row["before"]), float(row["compared"])
        change = (compared - old) / abs(old) if old else np.nan
        rest = float(row["forecast"]) - compared
        rows.append(
            [
                str(row[name]),
                f"{row['items']:,}",
                units(row["forecast"]),
                units(old),
                signed_percent(change),
                *([_moved(rest, row)] if apart else []),
                *map(units, found.spread.groups[name][row[name]] if found.spread.levels else ()),
                *(units(float(weeks.loc[row[name], period])) for period in begins["period"]),
            ]
        )
    heads = ["Forecast", "Before", "Change", *(["Ended or new"] if apart else []), *found.spread.heads]
    heads = ["Items", *heads, *map(spell, begins["timestamp"])]
    return group_table(name, heads, rows, count=len(sums))


def _compared(found: Facts, name: str) -> pd.DataFrame:
    """A row a group: `items`, `forecast`, `before` and `compared` (of the items of both periods), `ended`, `new` (how many)."""
    forecast, before = found.forecast, found.before
    mean, both = forecast.mean.sum(axis=1, dtype=np.float64), before.both
    table = pd.DataFrame(
        {
            name: found.grouped[name],
            "items": 1,
            "forecast": mean,
            "before": np.where(both, before.sold, 0),
            "compared": np.where(both, mean, 0),
            "ended": before.ended.astype(np.int64),
            "new": before.new.astype(np.int64),
        }
    )
    return table.groupby(name).sum()


def _moved(part: float, row: Mapping[Any, Any]) -> str:
    """What is forecast of the items of a group that have ended or are new: 2,403 (1 ended)."""
    what = ", ".join(f"{row[kind]:,} {kind}" for kind in ("ended", "new") if row[kind])
    return f"{units(part)} ({what})" if what else ABSENT
