"""Whether the mean of a total is where its quantiles say: recipes may learn them apart, and a sum shows it where they differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array, Floats
from foretell.data.findings import Finding
from foretell.data.frequency import Frequency
from foretell.recipe.item_groups import ItemGroups

ENDS: Final = (0.1, 0.9)  # levels that the mean of a total should lie between


def means_outside(
    groups: ItemGroups,
    mean: Floats,  # [G, T]
    ends: Array,  # [G, T, 2] quantiles at `ENDS`
    *,
    spans: Sequence[slice],  # [T] steps that each is the sum of
    origin: NDArray[np.int64],  # [G] ordinals of step 0
    frequency: Frequency,
) -> tuple[Finding, ...]:
    """A finding that names the first total whose mean lies outside its p10 to p90; none where all lie inside.

    A value of one item at one step is no total: where an item sells now and then, a mean above p90 = 0 is right. So it is where
    p10 and p90 of a total are one number.
    """
    low, high = ends[..., 0].astype(np.float64), ends[..., 1].astype(np.float64)
    wide = np.array([span.stop - span.start > 1 for span in spans])
    several = (groups.sizes > 1)[:, None] | wide
    slack = 1e-6 * (np.abs(low) + np.abs(high))  # of float32
    outside = several & (high > low) & ((mean < low - slack) | (mean > high + slack))
    if not outside.any():
        return ()
    group, at = (int(each) for each in np.argwhere(outside)[0])
    name = " / ".join(map(str, groups.keys.iloc[group]))
    which = "a total" if outside.size == 1 else f"{int(outside.sum()):,} of {outside.size:,} totals"
    above = mean[group, at] > high[group, at]
    level, end = ("p90", high) if above else ("p10", low)
    message = (
        f"the mean of {which} lies outside its p10 to p90, first {name!r} from"
        f" {frequency.spell(int(origin[group]) + spans[at].start)}: {mean[group, at]:,.6g} {'above' if above else 'below'}"
        f" {level} {end[group, at]:,.6g}. Recipes such as boosted trees learn mean and quantiles apart, and here they differ:"
        " train with calibrate=True"
    )
    return (Finding("warning", "mean_outside", message, int(outside.sum())),)
