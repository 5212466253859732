"""One item's picture as SVG, from its codes; report.js draws the same for the items that have none in the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from foretell.reporting.html_blocks import text_of
from foretell.reporting.item_pictures import MISSING, TOP, Codes, Pictures, part_of
from foretell.reporting.numbers import units

WIDTH: Final = 1280
LEFT, RIGHT, UP, DOWN = 96, 1264, 16, 296  # of the picture's plot
LABELS: Final = 330  # the line of the dates
LANE: Final = 52  # height of a known column below


def item_svg(pictures: Pictures, item: int, recipes: Sequence[str], name: str) -> str:
    """The picture of the item at position `item`: history, actual, fan, median, mean, the other recipes, known columns."""
    codes = pictures.codes[item]
    past = pictures.past
    parts = [_grid(pictures, item)]
    low, high = codes[part_of(pictures, "low")], codes[part_of(pictures, "high")]
    parts.append(f'<path class="fan" d="{_band(pictures, low, high)}"/>')
    others = pictures.series[pictures.series.index("mean") + 1 :]
    for other in others:
        parts.append(_line(pictures, f"other s{recipes.index(other)}", codes[part_of(pictures, other)], past))
    parts.append(_line(pictures, "past", codes[:past], 0))
    if "actual" in pictures.series:
        joined = np.concatenate([codes[past - 1 : past], codes[part_of(pictures, "actual")]])
        parts.append(_line(pictures, "actual", joined, past - 1))
    parts += [_line(pictures, kind, codes[part_of(pictures, kind)], past) for kind in ("median", "mean")]
    parts += _lanes(pictures, codes)
    height = LABELS + 14 + LANE * len(pictures.lanes)
    return (
        f'<svg class="item" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{text_of(name)}">'
        f"{''.join(parts)}</svg>"
    )


def _x(pictures: Pictures, t: float) -> int:
    return int(LEFT + t * (RIGHT - LEFT) / max(pictures.past + pictures.horizon - 1, 1) + 0.5)


def _y(code: int, up: int = UP, down: int = DOWN) -> int:
    return int(down - code * (down - up) / TOP + 0.5)


def _points(pictures: Pictures, codes: Codes, first: int, up: int = UP, down: int = DOWN) -> str:
    """The path of a line; a gap where nothing was observed, a dot between two gaps."""
    path, before = "", False
    for k, code in enumerate(codes.tolist()):
        if code != MISSING:
            path += f"{'L' if before else 'M'}{_x(pictures, first + k)} {_y(code, up, down)}"
            alone = not before and (k + 1 == len(codes) or codes[k + 1] == MISSING)
            path += "h0" if alone else ""
        before = code != MISSING
    return path


def _line(pictures: Pictures, kind: str, codes: Codes, first: int) -> str:
    return f'<path class="{kind}" d="{_points(pictures, codes, first)}"/>'


def _band(pictures: Pictures, low: Codes, high: Codes) -> str:
    ways = [(k, code) for k, code in enumerate(high.tolist())]
    ways += [(k, code) for k, code in reversed(list(enumerate(low.tolist())))]
    there = [f"{_x(pictures, pictures.past + k)} {_y(code)}" for k, code in ways if code != MISSING]
    return f"M{'L'.join(there)}Z" if there else ""


def _grid(pictures: Pictures, item: int) -> str:
    low, high = float(pictures.low[item]), float(pictures.high[item])
    lines = []
    for code, value in ((0, low), (TOP // 2, (low + high) / 2), (TOP, high)):
        y = _y(code)
        lines.append(
            f'<path class="grid" d="M{LEFT} {y}H{RIGHT}"/><text x="{LEFT - 10}" y="{y + 8}" class="end">{text_of(units(value))}</text>'
        )
    x = _x(pictures, pictures.past)
    lines.append(f'<path class="origin" d="M{x} {UP}V{DOWN}"/>')
    for t, label in pictures.ticks[pictures.tick[item]]:
        side = "start" if t == 0 else "end" if t >= pictures.past + pictures.horizon - 1 else "middle"
        lines.append(f'<text x="{_x(pictures, t)}" y="{LABELS}" class="{side}">{text_of(label)}</text>')
    return "".join(lines)


def _lanes(pictures: Pictures, codes: Codes) -> list[str]:
    width = pictures.past + pictures.horizon
    at = pictures.past + pictures.horizon * len(pictures.series)
    parts = []
    for k, lane in enumerate(pictures.lanes):
        top = LABELS + 14 + LANE * k
        values = lane.shared
        if values is None:
            values, at = codes[at : at + width], at + width
        ends = "" if lane.flag else f" {units(lane.low)} to {units(lane.high)}"
        parts.append(f'<text x="{LEFT}" y="{top + 16}" class="start">{text_of(lane.name + ends)}</text>')
        shape = (
            _blocks(pictures, values, top + 34)
            if lane.flag
            else _points(pictures, values, 0, top + 22, top + 46)
        )
        parts.append(f'<path class="{"flag" if lane.flag else "known"}" d="{shape}"/>')
    return parts


def _blocks(pictures: Pictures, codes: Codes, y: int) -> str:
    """A stroke over each run of steps at which a flag is 1."""
    path, begin = "", -1
    for t, code in enumerate([*codes.tolist(), 0]):
        on = MISSING > code > TOP // 2
        if on and begin < 0:
            begin = t
        if not on and begin >= 0:
            path += f"M{_x(pictures, begin - 0.5)} {y}H{_x(pictures, t - 0.5)}"
            begin = -1
    return path
