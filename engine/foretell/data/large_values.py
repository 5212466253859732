"""Values that are finite and yet too large to be computed with."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from foretell.data.panel import Panel
from foretell.errors import ForetellError

LARGE: Final = 1e15  # from which on squares and sums over a history may leave what 32 bits hold


def too_large(panel: Panel, *, least: float = LARGE) -> ForetellError | None:
    """What to say where a history holds a value of at least this size, with the item of the largest; None where none does."""
    sizes = [_largest(panel.history(item)) for item in range(len(panel))]
    item = int(np.argmax(sizes)) if sizes else 0
    if not sizes or sizes[item] < least:
        return None
    return ForetellError(
        f"item {panel.names[item]!r} holds values as large as {sizes[item]:.3g}, too large to be brought to a common scale."
        " Give the target in a larger unit, such as thousands or millions."
    )


def _largest(history: NDArray[np.float32]) -> float:
    """The size of the largest finite value; 0 where there is none."""
    sizes = np.abs(history)
    return float(np.max(sizes, where=np.isfinite(sizes), initial=0))
