"""The building blocks of the report's page: tables, pictures, notes, numbers, as HTML."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foretell.system.plain_text import printable

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

ABSENT = "\N{EN DASH}"
_FONT = "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table with a row a recipe."""

    name: str  # in the frame
    title: str
    text: Callable[[float], str]
    best: Callable[[Iterable[float]], float] | None = None  # which of its values stands out
    group: str = ""
    bar: bool = False  # a bar behind the number


def page(title: str, body: str, *, style: str = "") -> str:
    """A whole page that opens offline, with nothing to load and no script; `body` is HTML, `style` CSS beside report.css."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>foretell: {text_of(title)}</title>\n<style>\n{_style()}{style}</style>\n</head>\n"
        f"<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )


@cache
def _style() -> str:
    return Path(__file__).with_name("report.css").read_text(encoding="utf-8")


def text_of(value: object) -> str:
    """`value` as HTML that shows it as it is: the one way by which texts come into the page."""
    return html.escape(printable(str(value)))


def table(frame: pd.DataFrame, columns: Sequence[Column], recipes: Sequence[str]) -> str:
    """A row a recipe, numbers at the right, the best of each column marked; `recipes` in the order of their colours."""
    best = {c.name: _best(frame[c.name], c) for c in columns}
    rows = []
    for record in frame.to_dict("records"):
        cells = "".join(_cell(record[c.name], c, best[c.name], frame[c.name].max()) for c in columns)
        rows.append(
            f"<tr><th>{swatch(record['recipe'], recipes)}{text_of(record['recipe'])}</th>{cells}</tr>\n"
        )
    heads = "".join(f"<th>{text_of(c.title)}</th>" for c in columns)
    return (
        f'<div class="scroll"><table>\n<thead>{_group_row(columns)}<tr><th>Recipe</th>{heads}</tr></thead>\n'
        f"<tbody>\n{''.join(rows)}</tbody>\n</table></div>\n"
    )


def plain_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as they are: text, numbers, and a dash where there is none."""
    if not rows:
        return note("Nothing.")
    heads = "".join(f"<th>{text_of(name)}</th>" for name in rows[0])
    lines = []
    for row in rows:
        first, *others = (short(value) for value in row.values())
        lines.append(
            f"<tr><th>{text_of(first)}</th>{''.join(f'<td>{text_of(o)}</td>' for o in others)}</tr>\n"
        )
    return (
        f'<div class="scroll"><table>\n<thead><tr>{heads}</tr></thead>\n'
        f"<tbody>\n{''.join(lines)}</tbody>\n</table></div>\n"
    )


def _group_row(columns: Sequence[Column]) -> str:
    if not any(column.group for column in columns):
        return ""
    spans: list[list[Any]] = []
    for column in columns:
        if spans and spans[-1][0] == column.group:
            spans[-1][1] += 1
        else:
            spans.append([column.group, 1])
    cells = "".join(f'<th colspan="{width}">{text_of(group)}</th>' for group, width in spans)
    return f'<tr class="groups"><th></th>{cells}</tr>'


def _cell(value: float, column: Column, best: float | None, largest: float) -> str:
    classes = ["best"] if best is not None and value == best else []
    style = ""
    if column.bar and math.isfinite(value) and largest > 0:
        classes.append("bar")
        style = f' style="--share:{100 * value / largest:.1f}"'
    kind = f' class="{" ".join(classes)}"' if classes else ""
    return f"<td{kind}{style}>{column.text(value) if math.isfinite(value) else ABSENT}</td>"


def _best(values: pd.Series[float], column: Column) -> float | None:
    finite = [value for value in values if math.isfinite(value)]
    return column.best(finite) if column.best is not None and len(values) > 1 and finite else None


def nearest_to(wanted: float) -> Callable[[Iterable[float]], float]:
    """Which of some values stands out: the one nearest_to to `wanted`."""
    return lambda values: min(values, key=lambda value: abs(value - wanted))


def swatch(recipe: str, recipes: Sequence[str]) -> str:
    """A dot in the recipe's colour, of class c0, c1, .. by its place among `recipes`."""
    return f'<i class="swatch c{recipes.index(recipe)}"></i>'


def legend(recipes: Sequence[str]) -> str:
    """Every recipe beside its dot."""
    marks = "".join(f"<span>{swatch(recipe, recipes)}{text_of(recipe)}</span>" for recipe in recipes)
    return f'<p class="legend">{marks}</p>\n'


def section(title: str, body: str) -> str:
    """A section under its heading; `body` is HTML."""
    return f"<section>\n<h2>{text_of(title)}</h2>\n{body}</section>\n"


def note(text: str) -> str:
    """A remark under a table or picture."""
    return f'<p class="note">{text_of(text)}</p>\n'


def facts(title: str, facts: Mapping[str, Any]) -> str:
    """A small table of names and values; those that are None or empty are left out."""
    rows = "".join(
        f"<tr><th>{text_of(str(name).replace('_', ' '))}</th><td>{text_of(plain(value))}</td></tr>\n"
        for name, value in facts.items()
        if value is not None and value != []
    )
    return f'<table class="facts"><caption>{text_of(title)}</caption>\n{rows}</table>\n'


def picture(figure: Figure, description: str) -> str:
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
    return f'<figure{wide} role="img" aria-label="{text_of(description)}">{svg}</figure>\n'


# Words and numbers


def fixed(digits: int) -> Callable[[float], str]:
    """Writes a number with so many decimals."""
    return lambda value: f"{value:,.{digits}f}"


def number(value: float, digits: int) -> str:
    """A number with so many decimals; a dash where it is not defined."""
    return f"{value:,.{digits}f}" if math.isfinite(value) else ABSENT


def adaptive(value: float) -> str:
    """A number with the fewer decimals the larger it is."""
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2 if abs(value) >= 10 else 3
    return f"{value:,.{digits}f}"


def percent(value: float) -> str:
    """A share as a percentage."""
    return f"{100 * value:.1f} %"


def seconds(value: float) -> str:
    """A time in seconds, minutes or hours."""
    if value >= 3600:
        return f"{value / 3600:.1f} h"
    if value >= 100:
        return f"{value / 60:.1f} min"
    return f"{value:.1f} s" if value >= 1 else f"{value:.2f} s"


def plain(value: Any) -> str:
    """A setting as text: lists with commas, six figures of a number."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(plain, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def short(value: Any) -> str:
    """A value in a table: four figures of a number, a dash for none."""
    return ABSENT if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def count(number: int, word: str) -> str:
    """A number and its word: 1 item, 2 items."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"
