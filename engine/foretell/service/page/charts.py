"""Charts of the screens as SVG: shapes with attributes of their own, colours by class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup, escape

from foretell.reporting.numbers import units
from foretell.system.plain_text import printable

WIDTH: Final = 1280  # as the pictures of items
LEFT, RIGHT, UP, DOWN = 96, 1264, 16, 296  # of the plot
LABELS: Final = 330  # the line of the dates
_HEIGHT: Final = LABELS + 14


def courses(title: str, labels: Sequence[str], lines: Sequence[tuple[str, Sequence[float]]]) -> Markup:
    """Lines over the same steps, each with the class of its stroke; the axis begins at 0 where nothing is below."""
    values = [value for _, line in lines for value in line if math.isfinite(value)]
    low, high = min([0.0, *values]), max([0.0, *values]) or 1.0
    span = (high - low) or 1.0

    def y(value: float) -> int:
        return int(DOWN - (value - low) / span * (DOWN - UP) + 0.5)

    def x(step: int) -> int:
        return int(LEFT + step * (RIGHT - LEFT) / max(len(labels) - 1, 1) + 0.5)

    parts = [
        Markup('<path class="grid" d="M{} {}H{}"/><text x="{}" y="{}" class="end">{}</text>').format(
            LEFT, y(value), RIGHT, LEFT - 10, y(value) + 8, units(value)
        )
        for value in (low, (low + high) / 2, high)
    ]
    for kind, line in lines:
        path, pen = "", "M"
        for step, value in enumerate(line):
            path += f"{pen}{x(step)} {y(value)}" if math.isfinite(value) else ""
            pen = "L" if math.isfinite(value) else "M"
        parts.append(Markup('<path class="{}" d="{}"/>').format(kind, path))
    ends = (
        {0: "start", (len(labels) - 1) // 2: "middle", len(labels) - 1: "end"}
        if len(labels) > 2
        else {0: "start"}
    )
    parts += [
        Markup('<text x="{}" y="{}" class="{}">{}</text>').format(x(step), LABELS, side, labels[step])
        for step, side in ends.items()
    ]
    name = escape(printable(title))
    head = Markup('<svg class="item" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
        WIDTH, _HEIGHT, name
    )
    return head + Markup("").join(parts) + Markup("</svg>")


def interval(low: float, middle: float, high: float, most: float) -> Markup:
    """A range as a bar with its middle, on an axis from 0 to `most`."""

    def at(value: float) -> float:
        return 200 * min(max(value / most, 0.0), 1.0) if most > 0 and math.isfinite(value) else 0.0

    return Markup(
        '<svg class="interval" viewBox="0 0 200 12" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="whole" width="200" height="12"/><rect class="part" x="{:.1f}" width="{:.1f}" height="12"/>'
        '<rect class="middle" x="{:.1f}" width="1.6" height="12"/></svg>'
    ).format(at(low), max(at(high) - at(low), 0.8), at(middle))


def signed_bar(share: float) -> Markup:
    """A bar to the right of the middle where `share` is above 0, to the left where it is below."""
    width = 50 * min(abs(share), 1.0) if math.isfinite(share) else 0.0
    return Markup(
        '<svg class="meter signed {}" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="whole" width="100" height="8"/><rect class="part" x="{:.1f}" width="{:.1f}" height="8"/></svg>'
    ).format("up" if share >= 0 else "down", 50.0 if share >= 0 else 50 - width, width)
