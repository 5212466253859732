"""The table of items of a report: sorted and searched by the page's script, readable without it, each row opening its picture."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.reporting.html_blocks import json_block, note, section, text_of
from foretell.reporting.item_pictures import Pictures, described
from foretell.reporting.item_svg import item_svg
from foretell.reporting.numbers import percent, signed_percent, signed_units, units

MOST_ITEMS: Final = 10_000  # in the page; the files have all
MOST_DRAWN: Final = 300  # pictures that are SVG in the page
_SVG_TEXT: Final = 1_500_000  # characters that these may take
_PACKED_TEXT: Final = 2_300_000  # characters that the numbers of the others may take
_NAME: Final = 80  # characters of a name that are shown
_WRITERS: Final = {
    "units": units,
    "signed units": signed_units,
    "percent": percent,
    "signed percent": signed_percent,
}


@dataclass(frozen=True, slots=True)
class ItemColumn:
    """One column of the table of items."""

    name: str  # in the frame
    title: str
    kind: Literal["units", "signed units", "percent", "signed percent"]
    tone: bool = False  # whether below 0 is good, and above is not
    wide: bool = False  # left out on a phone


@dataclass(frozen=True, slots=True, eq=False)
class ItemTable:
    """The items of a report, the most important first, and the pictures of the first of them."""

    names: Sequence[str]  # [n]
    tags: Sequence[str]  # [n] a group of each, or nothing
    numbers: pd.DataFrame  # [n] the columns
    columns: Sequence[ItemColumn]
    pictures: Pictures  # of the first m items
    recipes: Sequence[str]  # in the order of their colours


def items_section(title: str, table: ItemTable, explained: str, *, above: str = "") -> str:
    """The section: rows with SVG for the most important items, and the numbers of all for the script; `above` is HTML over them."""
    rows, drawn = _rows(table)
    packed, pictures = _packed(table.pictures, drawn)
    head = "".join(
        f'<span class="{_classes(c)}" data-column="{text_of(c.name)}">{text_of(c.title)}</span>'
        for c in table.columns
    )
    narrow = sum(not column.wide for column in table.columns)
    more = len(table.names) - drawn
    quiet = (
        f"{drawn:,} of {len(table.names):,} items; a browser that runs the script of this page shows all, and sorts and searches them."
        if more
        else ""
    )
    body = (
        f'<div id="item-table" class="items" style="--columns:{len(table.columns)};--narrow:{narrow}">\n<div class="tools"></div>\n'
        f'<div class="row heads"><b>Item</b>{head}</div>\n'
        f'<div class="list">\n{rows}</div>\n<p class="more note">{text_of(quiet)}</p>\n</div>\n'
    )
    return section(
        title, above + body + note(explained) + json_block("item-data", _data(table, pictures, packed, drawn))
    )


def _rows(table: ItemTable) -> tuple[str, int]:
    """The rows that stand in the page, and how many these are: as many as have room for their pictures."""
    rows, size = [], 0
    for k in range(min(MOST_DRAWN, len(table.names), len(table.pictures.codes))):
        svg = item_svg(table.pictures, k, table.recipes, shown_name(table.names[k]))
        size += len(svg)
        if size > _SVG_TEXT and k:
            break
        rows.append(
            f'<details data-item="{k}"><summary class="row">{_cells(table, k)}</summary><div class="picture">{svg}</div></details>\n'
        )
    return "".join(rows), len(rows)


def _cells(table: ItemTable, k: int) -> str:
    tag = f" <i>{text_of(table.tags[k])}</i>" if table.tags[k] else ""
    cells = [f'<b><bdi dir="auto">{text_of(shown_name(table.names[k]))}</bdi>{tag}</b>']
    for column in table.columns:
        value = float(table.numbers[column.name].iloc[k])
        cells.append(
            f'<span class="{_classes(column, value)}">{text_of(_WRITERS[column.kind](value))}</span>'
        )
    return "".join(cells)


def _classes(column: ItemColumn, value: float = np.nan) -> str:
    tone = ("good" if value < 0 else "bad") if column.tone and np.isfinite(value) and value != 0 else ""
    return " ".join(part for part in ("n", "wide" if column.wide else "", tone) if part)


def shown_name(name: str) -> str:
    """A name as a page shows it: of a very long one its beginning and its end."""
    if len(name) <= _NAME:
        return name
    return f"{name[: _NAME - 24]}\N{HORIZONTAL ELLIPSIS}{name[-20:]} ({len(name):,} characters)"


def _packed(pictures: Pictures, drawn: int) -> tuple[str, Pictures]:
    """The codes of the pictures that are not drawn, as text; without other recipes, and of fewer items, where they are too many."""
    for chosen in (pictures, _alone(pictures)):
        text = _text_of_codes(chosen.codes[drawn:])
        if len(text) <= _PACKED_TEXT:
            return text, chosen
    count = int((len(chosen.codes) - drawn) * 0.95 * _PACKED_TEXT / len(text))
    kept = replace(chosen, codes=chosen.codes[: drawn + count])
    return _text_of_codes(kept.codes[drawn:]), kept


def _text_of_codes(codes: NDArray[np.uint8]) -> str:
    return base64.b64encode(zlib.compress(codes.tobytes(), 6)).decode() if len(codes) else ""


def _alone(pictures: Pictures) -> Pictures:
    """The pictures without the means of other recipes."""
    count = pictures.series.index("mean") + 1
    first, last = (pictures.past + pictures.horizon * k for k in (count, len(pictures.series)))
    codes = np.delete(pictures.codes, np.s_[first:last], axis=1)
    return replace(pictures, codes=codes, series=pictures.series[:count])


def _data(table: ItemTable, pictures: Pictures, packed: str, drawn: int) -> dict[str, Any]:
    tags = list(dict.fromkeys(table.tags))
    place = {tag: k for k, tag in enumerate(tags)}
    return {
        "names": [shown_name(name) for name in table.names],
        "tags": tags,
        "tag": [place[tag] for tag in table.tags],
        "columns": [{"name": c.name, "kind": c.kind, "tone": c.tone, "wide": c.wide} for c in table.columns],
        "numbers": {c.name: _rounded(table.numbers[c.name].to_numpy(np.float64)) for c in table.columns},
        "drawn": drawn,
        "pictures": len(pictures.codes),
        "low": _rounded(pictures.low[: len(pictures.codes)]),
        "high": _rounded(pictures.high[: len(pictures.codes)]),
        "tick": pictures.tick[: len(pictures.codes)].tolist() if len(pictures.ticks) > 1 else [],
        **described(pictures, table.recipes),
        "codes": packed,
    }


def _rounded(values: NDArray[np.float64]) -> list[float | None]:
    """Six figures of each, as short as JSON has them; nothing for what is not defined."""
    return [
        None if not np.isfinite(v) else int(w) if (w := float(f"{v:.6g}")).is_integer() else w
        for v in values.tolist()
    ]
