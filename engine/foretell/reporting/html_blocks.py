"""The building blocks of the report's page: tables, pictures, notes, numbers, as HTML."""

from __future__ import annotations

import base64
import hashlib
import html
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from foretell.data.findings import Finding, gravest_first
from foretell.reporting.numbers import ABSENT, plain, short
from foretell.system.environment import machine, versions
from foretell.system.plain_text import printable

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

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
    tone: Callable[[float], str] | None = None  # near, off or far: the colour of a value


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table, its class (near, off or far), a dot before its text, and a bar behind it."""

    text: str
    tone: str = ""
    dot: str = ""  # the class of its colour
    share: float | None = None  # of the bar's whole length


def page(title: str, body: str, *, style: str = "", script: str = "") -> str:
    """A whole page that opens offline, with nothing to load; `body` is HTML, `style` CSS beside report.css.

    `script` is the only code that a browser will run in it: its policy names the script's hash, and forbids all requests.
    """
    allowed = "; script-src 'sha256-" + _digest(script) + "'" if script else ""
    policy = f"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'{allowed}"
    code = f"<script>{script}</script>\n" if script else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>foretell: {text_of(title)}</title>\n<style>\n{_style()}{style}</style>\n</head>\n"
        f"<body>\n<main>\n{body}</main>\n{code}</body>\n</html>\n"
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


@cache
def _style() -> str:
    return Path(__file__).with_name("report.css").read_text(encoding="utf-8")


@cache
def own_script() -> str:
    """The script of the report's items: it sorts, searches and draws."""
    return Path(__file__).with_name("report.js").read_text(encoding="utf-8")


@cache
def search_script() -> str:
    """A script that searches the rows of a page which all stand in it."""
    return Path(__file__).with_name("search.js").read_text(encoding="utf-8")


def json_block(name: str, value: Any) -> str:
    """Data for the page's script. No text in it can end the block: < > and & are written as escapes of JSON."""
    text = orjson.dumps(_printable(value), option=orjson.OPT_SERIALIZE_NUMPY).decode()
    for mark in "<>&":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return f'<script type="application/json" id="{text_of(name)}">{text}</script>\n'


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


def _printable(value: Any) -> Any:
    """`value` with its texts as a page may show them."""
    if isinstance(value, Mapping):
        return {printable(str(name)): _printable(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_printable(each) for each in value]
    return printable(value) if isinstance(value, str) else value


def cell_table(
    heads: Sequence[str], rows: Sequence[Sequence[str | Cell]], *, groups: Sequence[tuple[str, int]] = ()
) -> str:
    """A table of texts, the first column a heading; `groups` are titles over so many columns each, from the first on."""
    above = "".join(f'<th colspan="{width}">{text_of(title)}</th>' for title, width in groups)
    over = f'<tr class="groups">{above}</tr>' if groups else ""
    top = "".join(f"<th>{text_of(head)}</th>" for head in heads)
    lines = "".join(
        f"<tr><th>{_text_in(first)}</th>{''.join(_cell_of(each) for each in others)}</tr>\n"
        for first, *others in rows
    )
    return f'<div class="scroll"><table>\n<thead>{over}<tr>{top}</tr></thead>\n<tbody>\n{lines}</tbody>\n</table></div>\n'


GROUPS: Final = 40  # of one column that a table shows


def group_table(
    name: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[str | Cell]],
    *,
    count: int,
    over: Sequence[tuple[str, int]] = (),
) -> str:
    """The groups of the column `name`: a row each, of the `GROUPS` largest of `count`."""
    more = note(f"The {GROUPS} largest of {count:,} groups.") if count > GROUPS else ""
    return f"<h3>By <b>{text_of(name)}</b></h3>\n{cell_table([name, *heads], rows, groups=over)}{more}"


def _text_in(cell: str | Cell) -> str:
    if not isinstance(cell, Cell):
        return text_of(cell)
    return (f'<i class="swatch {text_of(cell.dot)}"></i>' if cell.dot else "") + text_of(cell.text)


def _cell_of(cell: str | Cell) -> str:
    if not isinstance(cell, Cell):
        return f"<td>{text_of(cell)}</td>"
    bar = (
        ""
        if cell.share is None or not math.isfinite(cell.share)
        else f' style="--share:{100 * cell.share:.1f}"'
    )
    tone = " ".join(part for part in (cell.tone, "bar" if bar else "") if part)
    kind = f' class="{text_of(tone)}"' if tone else ""
    return f"<td{kind}{bar}>{_text_in(cell)}</td>"


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
    if column.tone is not None and math.isfinite(value):
        classes.append(column.tone(value))
    style = ""
    if column.bar and math.isfinite(value) and largest > 0:
        classes.append("bar")
        style = f' style="--share:{100 * value / largest:.1f}"'
    kind = f' class="{" ".join(classes)}"' if classes else ""
    return f"<td{kind}{style}>{column.text(value) if math.isfinite(value) else ABSENT}</td>"


def _best(values: pd.Series[float], column: Column) -> float | None:
    finite = [value for value in values if math.isfinite(value)]
    return column.best(finite) if column.best is not None and len(values) > 1 and finite else None


def tone_of(distance: float, near: float, off: float) -> str:
    """How far a value is from where it should be, as the class of its cell: near, off or far."""
    return (
        ""
        if not math.isfinite(distance)
        else "near"
        if distance <= near
        else "off"
        if distance <= off
        else "far"
    )


def swatch(recipe: str, recipes: Sequence[str]) -> str:
    """A dot in the recipe's colour, of class c0, c1, .. by its place among `recipes`."""
    return f'<i class="swatch c{recipes.index(recipe)}"></i>'


def legend(recipes: Sequence[str]) -> str:
    """Every recipe beside its dot."""
    marks = "".join(f"<span>{swatch(recipe, recipes)}{text_of(recipe)}</span>" for recipe in recipes)
    return f'<p class="legend">{marks}</p>\n'


def section(title: str, body: str) -> str:
    """A section under its heading; `body` is HTML."""
    return f'<section id="{anchor(title)}">\n<h2>{text_of(title)}</h2>\n{body}</section>\n'


def anchor(title: str) -> str:
    """Where a section is found within the page."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def contents(body: str) -> str:
    """Links to the sections of `body`."""
    found = re.findall(r'<section id="([a-z0-9-]+)"[^>]*>\n<h2>([^<]*)</h2>', body)
    links = "".join(f'<a href="#{name}">{title}</a>' for name, title in found)
    return f"<nav>{links}</nav>\n"


def note(text: str) -> str:
    """A remark under a table or picture."""
    return f'<p class="note">{text_of(text)}</p>\n'


def findings_list(findings: Iterable[Finding]) -> str:
    """Findings, the gravest first, each with what it means and the option that changes it."""
    rows = "".join(
        f'<li class="is-{text_of(f.severity)}"><span>{text_of(f.severity)}</span><div>{text_of(f.message)}{_advice(f)}</div></li>\n'
        for f in gravest_first(findings)
    )
    return f'<ul class="findings">\n{rows}</ul>\n' if rows else ""


def _advice(finding: Finding) -> str:
    text = text_of(" \N{RIGHTWARDS ARROW} ".join(part for part in (finding.meaning, finding.option) if part))
    return f"<small>{text}</small>" if text else ""


def facts(title: str, facts: Mapping[str, Any]) -> str:
    """A small table of names and values; those that are None or empty are left out."""
    rows = "".join(
        f"<tr><th>{text_of(str(name).replace('_', ' '))}</th><td>{text_of(plain(value))}</td></tr>\n"
        for name, value in facts.items()
        if value is not None and value != []
    )
    return f'<table class="facts"><caption>{text_of(title)}</caption>\n{rows}</table>\n'


def settings_section(*blocks: str) -> str:
    """The last section of a page: what was asked, and the machine and versions that made it."""
    where = {name: value for name, value in machine().items() if value is not None}
    made = facts("Machine and versions", {**where, **versions()})
    return section("Settings", f'<div class="columns">{"".join(blocks)}{made}</div>')


def header(title: str, sizes: Sequence[str], lead: str, *, below: str = "") -> str:
    """The head of a page: its title, its `sizes`, and what it comes to; `lead` and what stands `below` it are HTML."""
    return (
        f'<header>\n<p class="brand">foretell</p>\n<h1>{text_of(title)}</h1>\n<p class="facts">{text_of(" · ".join(sizes))}</p>\n'
        f'<p class="lead">{lead}</p>\n{below}</header>\n'
    )


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
