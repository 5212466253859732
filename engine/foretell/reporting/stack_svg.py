"""What each driver adds to one item's forecast, step by step, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from foretell.data.arrays import Floats
from foretell.explain.explanation import Explanation
from foretell.explain.explanation_chart import driver_colours
from foretell.reporting.html_blocks import text_of
from foretell.reporting.item_svg import LEFT, RIGHT, UP, WIDTH
from foretell.reporting.numbers import signed_units, units

_DOWN: Final = 336  # of the plot; below it stand the dates
_LABELS: Final = 370


def stack_svg(result: Explanation, item: int, order: Sequence[int], name: str) -> str:
    """The picture of the item (or group) at a position: bars from the baseline, the drivers in `order` of their colours, and the forecast."""
    parts = _coloured(result.contributions[item], order)  # [H, C]
    apart = result.forecast[item] - result.baseline[item]
    high = max(float(np.maximum(parts, 0).sum(axis=1).max()), float(apart.max()), 0.0)
    low = min(float(np.minimum(parts, 0).sum(axis=1).min()), float(apart.min()), 0.0)
    span = (high - low) or 1.0

    def y(value: float) -> int:
        return int(_DOWN - (value - low) / span * (_DOWN - UP) + 0.5)

    lines = [_grid(y(value), text) for value, text in _levels(low, high, float(result.baseline[item].mean()))]
    width = (RIGHT - LEFT) / len(parts)
    up, down = np.zeros(len(parts)), np.zeros(len(parts))
    for k in range(parts.shape[1]):
        path = ""
        for t, value in enumerate(parts[:, k].tolist()):
            below = up if value >= 0 else down
            top, foot = y(below[t] + max(value, 0)), y(below[t] + min(value, 0))
            if top != foot:
                path += f"M{int(LEFT + (t + 0.1) * width)} {foot}V{top}h{max(int(0.8 * width), 1)}V{foot}z"
            below[t] += value
        lines.append(f'<path class="d{k}" d="{path}"/>' if path else "")
    course = "L".join(f"{int(LEFT + (t + 0.5) * width)} {y(value)}" for t, value in enumerate(apart.tolist()))
    lines.append(f'<path class="actual" d="M{course}{"h0" if len(apart) == 1 else ""}"/>')
    lines += _dates(result, item, width)
    return f'<svg class="item" viewBox="0 0 {WIDTH} {_LABELS + 10}" role="img" aria-label="{text_of(name)}">{"".join(lines)}</svg>'


def _coloured(parts: Floats, order: Sequence[int]) -> Floats:
    """[H, C] the contributions by colour: the last colour is of all that have none of their own."""
    shown = len(driver_colours(len(order)))
    if shown == len(order):
        return parts[:, list(order)]
    own = parts[:, list(order[: shown - 1])]
    return np.concatenate([own, parts[:, list(order[shown - 1 :])].sum(axis=1, keepdims=True)], axis=1)


def _levels(low: float, high: float, baseline: float) -> list[tuple[float, str]]:
    """The lines across the picture: the ends, and the baseline at 0 under its own value."""
    middle = [(0.0, units(baseline))]
    return [
        *((value, signed_units(value)) for value in (low, high) if abs(value) > 0.12 * (high - low)),
        *middle,
    ]


def _grid(y: int, text: str) -> str:
    return f'<path class="grid" d="M{LEFT} {y}H{RIGHT}"/><text x="{LEFT - 10}" y="{y + 8}" class="end">{text_of(text)}</text>'


def _dates(result: Explanation, item: int, width: float) -> list[str]:
    horizon, origin = result.horizon, int(result.origin[item])
    places = {0: "start", horizon // 2: "middle", horizon - 1: "end"} if horizon > 2 else {0: "start"}
    spell = result.schema.frequency.spell
    ends = {"start": 0.1, "middle": 0.5, "end": 0.9}
    return [
        f'<text x="{int(LEFT + (t + ends[side]) * width)}" y="{_LABELS}" class="{side}">{text_of(spell(origin + t))}</text>'
        for t, side in places.items()
    ]
