"""What the arrays of a panel can be: their shapes, and the ranges of what each item says of itself.

Whoever reads a panel takes these for granted, so they are checked before a panel from a folder is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foretell.data.filled_codes import GUESSED
from foretell.data.panel import Panel
from foretell.data.schema import Schema
from foretell.errors import ForetellError
from foretell.system.big_arrays import pieces
from foretell.system.listener import heed

_EXACT: Final = 1 << 53  # steps of integer time that float64 counts
_DATES: Final = ("1678-01-01", "2262-01-01")  # what nanoseconds reach
_OPTIONAL: Final = ("filled", "past_filled")


def wanted_arrays(
    shapes: Mapping[str, tuple[int, ...]], schema: Schema, future: int
) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Array -> dtype and shape, worked out from the numbers of items and steps that `shapes` say.

    Raises ForetellError for arrays that are missing or unknown.
    """
    items = (shapes.get("start") or (0,))[0]
    steps = (shapes.get("target") or (0,))[0]
    known, past = len(schema.known), len(schema.past)
    wanted = {
        "start": ("<i8", (items,)),
        "offsets": ("<i8", (items + 1,)),
        "origin": ("<i8", (items,)),
        "target": ("<f4", (steps,)),
        "known": ("<f4", (steps + items * future, known)),
        "past": ("<f4", (steps, past)),
        "static_real": ("<f4", (items, len(schema.static_real))),
        "static_cat": ("<i4", (items, len(schema.static_cat))),
        "filled": ("|u1", (steps,)),
        "past_filled": ("|u1", (steps, past)),
    }
    strange, absent = set(shapes) - set(wanted), set(wanted) - set(shapes) - set(_OPTIONAL)
    if strange or absent:
        raise ForetellError(
            f"a panel has the arrays {', '.join(wanted)}; missing: {', '.join(sorted(absent)) or 'none'}, not known:"
            f" {', '.join(sorted(strange)) or 'none'}."
        )
    return {name: wanted[name] for name in shapes}


def check_offsets(offsets: NDArray[np.int64], steps: int) -> None:
    """Raises ForetellError unless the `offsets` [N + 1] of the items rise from 0 to the number of steps."""
    if offsets[0] != 0 or (np.diff(offsets) < 0).any() or offsets[-1] != steps:
        raise ForetellError("its offsets do not rise from 0 to the number of steps")


def check_items(panel: Panel) -> None:
    """Raises ForetellError where the times or codes of an item are none; everything here has an entry an item."""
    lengths = panel.lengths
    least, most = _limits(panel.schema)
    for name in ("start", "origin"):
        values = getattr(panel, name)
        if ((values < least) | (values > most)).any():
            raise ForetellError(f"its {name} lies outside of the times that there are")
    if (panel.start + lengths + panel.future > most).any():
        raise ForetellError("its series reach beyond the times that there are")
    codes = np.asarray(panel.schema.cardinalities, np.int64)
    if ((panel.static_cat < 0) | (panel.static_cat >= codes)).any():
        raise ForetellError("its static_cat has codes that its vocabularies have not")
    if np.isinf(panel.static_real).any():
        raise ForetellError("its static_real has infinite values")


def check_values(panel: Panel, *, small: int | None) -> None:
    """Raises ForetellError where steps hold values that they cannot have, in arrays of up to `small` bytes (None: in all)."""
    for name in ("target", "known", "past"):
        _check_each(name, getattr(panel, name), np.isinf, small)
    for name in _OPTIONAL:
        codes = getattr(panel, name)
        if codes is not None:
            _check_each(name, codes, lambda values: values > GUESSED, small)


def _check_each(name: str, values: NDArray[Any], wrong: Any, small: int | None) -> None:
    if small is not None and values.nbytes > small:
        return
    for part in pieces(len(values)):
        heed()
        if wrong(values[part]).any():
            raise ForetellError(f"its {name} has values that it cannot have")


def _limits(schema: Schema) -> tuple[int, int]:
    """The first and the last ordinal that there is."""
    if schema.frequency.unit == "step":
        return -_EXACT, _EXACT
    first, last = schema.frequency.ordinals(np.array(_DATES, "datetime64[us]"))
    return int(first), int(last)
