"""Where training windows begin, at random."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from foretell.data.panel import Panel
from foretell.windows.tensors import _tensor

NOTHING_HIDDEN = -(1 << 40)  # a step before every series' start
SHUT = 1 / 3  # of the windows that show nothing: an item that was closed, rather than a new one


class Spans(NamedTuple):
    """Of each item, the origins that it can train from: at least one observed step on either side."""

    first: Tensor  # [N] ordinal of the first one
    room: Tensor  # [N] how many there are
    weights: Tensor  # [N] cumulated square roots of these


def training_spans(panel: Panel, device: torch.device | str = "cpu") -> Spans:
    """The spans of a panel's history, as tensors on `device`."""
    room = np.maximum(panel.stop - 1, 0)
    arrays = (panel.start + 1, room, np.cumsum(np.sqrt(room)))
    return Spans(*(_tensor(array).to(device) for array in arrays))


def drawing_device(device: torch.device) -> torch.device:
    """Where random windows of a panel on `device` are drawn: there, so that nothing is copied; mps has no float64."""
    return torch.device("cpu") if device.type == "mps" else device


def sample_windows(spans: Spans, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """`count` random (item, origin) pairs, [count] each, drawn on the device of `spans` and `generator`.

    An item is drawn with the square root of its number of origins: a few long series and many short ones are both
    covered. Its origin is uniform.
    """
    draws = torch.rand(2, count, generator=generator, dtype=torch.float64, device=generator.device)
    weights = spans.weights
    items = torch.searchsorted(weights, draws[0] * weights[-1], right=True).clamp(max=len(weights) - 1)
    return items, spans.first[items] + (draws[1] * spans.room[items]).long()


def sample_hidden(count: int, length: int, share: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """[count] step, counted from the origin, before which a window of `length` steps counts as not observed, and [count] `shut`.

    For a `share` of the windows: all of it or its beginning, as of an item that is new; for the others, nothing. Some of those
    of which nothing is left are `shut`: as of an item that was closed, whose own level is known.
    """
    draws = torch.rand(2, count, generator=generator, device=generator.device)
    cut = (length * 2 * draws[1]).long() - length
    hidden = torch.where(draws[0] < share, cut.clamp(max=0), torch.full_like(cut, NOTHING_HIDDEN))
    return hidden, (draws[0] < share * SHUT) & (cut >= 0)
