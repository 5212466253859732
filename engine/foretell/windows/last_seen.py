"""Where an item was observed last, before a gap that is longer than what a window looks at."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foretell.data.layout import Layout
from foretell.data.panel import Panel
from foretell.data.segments import open_steps, visible
from foretell.windows.tensors import _tensor


class LastSeen:
    """The last observed steps of a panel's stretches: those that long gaps, or the origins, end.

    Only these are kept, so that it is small whatever the panel's size: where something was observed within a window, nobody
    asks.
    """

    def __init__(self, panel: Panel, gap: int, device: torch.device) -> None:
        """Of stretches that are followed by more than `gap` steps (0 or more) in which nothing was observed."""
        ends = np.concatenate([[-1], ends_of_stretches(panel, gap)])  # the first stands for none
        arrays = (ends, panel.start, panel.offsets[:-1], panel.lengths)
        self._ends, self._start, self._first, self._lengths = (_tensor(each).to(device) for each in arrays)

    def before(self, items: Tensor, ordinals: Tensor) -> tuple[Tensor, Tensor]:
        """The ordinals [B] at which `items` [B] were observed last before `ordinals` [B], and whether they ever were.

        Right where nothing was observed in the `gap` steps before; elsewhere it may name an earlier step.
        """
        first, start = self._first[items], self._start[items]
        cell = first + torch.minimum(ordinals - start, self._lengths[items]) - 1
        end = self._ends[torch.searchsorted(self._ends, cell, right=True).clamp(min=1) - 1]
        return start + end - first, end >= first


def ends_of_stretches(panel: Panel, gap: int) -> NDArray[np.int64]:
    """[G] rising: the cells of the target that were observed, before each origin, with the next one more than `gap` steps on.

    The last one of each item is among them. Closed steps count as not observed.
    """
    layout, is_open = Layout(panel.start, panel.offsets), open_steps(panel)
    found = [np.zeros(0, np.int64)]
    for items, values, begin in visible(panel.target, layout, panel.stop):
        there = ~np.isnan(values)
        if is_open is not None:
            there &= is_open(items)
        cells = np.flatnonzero(there)
        owner = np.searchsorted(begin, cells, side="right")
        last = np.diff(owner, append=-1) != 0
        long = np.diff(cells, append=0) > gap + 1
        found.append(cells[last | long] + layout.offsets[items.start])
    return np.concatenate(found)
