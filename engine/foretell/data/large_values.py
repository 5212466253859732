"""Values that are finite and yet too large to be computed with."""

from __future__ import annotations

from typing import Final

import numpy as np

from foretell.data.panel import Panel
from foretell.errors import ForetellError

LARGE: Final = 1e15  # from which on squares and sums over a history may leave what 32 bits hold


def too_large(panel: Panel, *, least: float = LARGE) -> ForetellError | None:
    """What to say where a history holds a value of at least this size, with the item of the largest; None where none does."""
    sizes = [float(np.nanmax(np.abs(panel.history(item)), initial=0)) for item in range(len(panel))]
    item = int(np.argmax(sizes)) if sizes else 0
    if not sizes or sizes[item] < least:
        return None
    return ForetellError(
        f"item {panel.names[item]!r} holds values as large as {sizes[item]:.3g}, too large to be brought to a common scale."
        " Give the target in a larger unit, such as thousands or millions."
    )
