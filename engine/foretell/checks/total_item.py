"""An item that is the sum of all others: a row called "Total" in an export, which doubles every sum."""

from __future__ import annotations

from typing import Final

import numpy as np

from foretell.checks.target_profile import Profile
from foretell.data.findings import Findings
from foretell.data.layout import Layout
from foretell.data.panel import Panel

_FEWEST: Final = 3  # items, of which one may be the sum of the others
_STEPS: Final = 8  # that show it
_NEARLY_ALL: Final = 0.95  # of its steps, at which it is their sum
_ROUNDING: Final = 1e-3  # of the sum
_HALF: Final = (0.4, 0.6)  # share of all sales that such an item has


def check_total(panel: Panel, profile: Profile, findings: Findings) -> None:
    """Warn of an item that is the sum of all others on nearly every step. Only one that has half of all sales is looked at."""
    if (profile.seen > 0).sum() < _FEWEST:
        return
    item, total = int(np.argmax(profile.size)), float(profile.size.sum())
    low, high = _HALF
    if profile.seen[item] < _STEPS or not low * total <= profile.size[item] <= high * total:
        return
    cells = slice(int(panel.offsets[item]), int(panel.offsets[item + 1]))
    own = np.asarray(panel.target[cells], np.float64)
    others = _sums(panel, item)
    there = ~np.isnan(own)
    equal = np.abs(own[there] - others[there]) <= _ROUNDING * np.maximum(np.abs(others[there]), 1e-9)
    if equal.mean() < _NEARLY_ALL:
        return
    name = " / ".join(map(str, panel.keys.iloc[item]))
    findings.warn(
        "total_item",
        f"item {name!r} is the sum of all other items on {int(equal.sum()):,} of its {int(there.sum()):,} steps: it looks like a"
        " row of totals",
        1,
    )


def _sums(panel: Panel, item: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """[steps of `item`] the sums of all other items at its steps."""
    layout, start, steps = (
        Layout(panel.start, panel.offsets),
        int(panel.start[item]),
        int(panel.lengths[item]),
    )
    sums = np.zeros(steps)
    for first, last in layout.chunks():
        segment, step = layout.expand(first, last)
        values = np.nan_to_num(
            np.asarray(panel.target[layout.offsets[first] : layout.offsets[last]], np.float64)
        )
        at = panel.start[segment] + step - start
        inside = (at >= 0) & (at < steps) & (segment != item)
        sums += np.bincount(at[inside], weights=values[inside], minlength=steps)
    return sums
