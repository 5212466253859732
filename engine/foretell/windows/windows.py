"""Index arithmetic: (item, origin) pairs in, batches of tensors out; no Python per series, no copy of the panel."""

from __future__ import annotations

import copy
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from foretell.data.arrays import Array
from foretell.data.layout import Layout
from foretell.data.panel import Panel
from foretell.data.segments import segment_means
from foretell.windows.covariate_scale import CovariateScale, trust
from foretell.windows.last_seen import LastSeen
from foretell.windows.sampling import Spans, drawing_device, training_spans
from foretell.windows.tensors import _align, _take, _tensor

# standardised covariates stay within this many deviations: one typing error must not drown the rest
CLIP = 5.0


class Windows:
    """A panel as tensors on a device, read at (item, ordinal) pairs.

    The target and the past covariates read as not observed at and beyond each item's origin, and where it is closed; the
    known covariates at and beyond the end of its horizon.

    Args:
        panel: N series on one grid.
        scale: of its covariates, as training saw them.
        horizon: H, steps that are read beyond an origin.
        context: T, steps that are read before it.
        device: where the tensors lie.

    Example:
        >>> from foretell.networks import Windows
        >>> from foretell.tabular import CovariateScale
        >>> data = foretell.Dataset(pd.read_csv("data/retail/sales.csv", nrows=2952), freq="D")  # four items
        >>> windows = Windows(data.panel, CovariateScale.of(data.panel), horizon=7)
        >>> values, observed = windows.target(torch.tensor([0, 1]), windows.origin[:2, None] - 1)
        >>> observed[:, 0]
        tensor([True, True])
    """

    def __init__(
        self,
        panel: Panel,
        scale: CovariateScale,
        *,
        horizon: int,
        context: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        self.panel = panel
        self.device = torch.device(device)
        self._target, self._known, self._past = map(self._grid, (panel.target, panel.known, panel.past))
        self.start, self.origin = self._placed(panel.start), self._placed(panel.origin)
        self._first, self._lengths = self._placed(panel.offsets[:-1]), self._placed(panel.lengths)
        # tensors, not lists: an index made of a list would be sent to the device at every use
        self._numbers = {
            "known": self._placed(_numbers(scale.known)),
            "past": self._placed(_numbers(scale.past)),
        }
        self._scale = {"known": self._placed(scale.known), "past": self._placed(scale.past)}
        self._horizon = horizon
        reach = panel.offsets + np.arange(len(panel) + 1) * panel.future
        seen = np.clip(panel.origin + horizon - panel.start, 0, panel.lengths + panel.future)
        self._item_scale = {
            "known": self._placed(_item_scale(panel.known, reach, seen)),
            "past": self._placed(_item_scale(panel.past, panel.offsets, panel.stop)),
        }
        self.static_real = _standard(self._placed(panel.static_real), self._placed(scale.static))  # [N, R]
        self.static_cat = self._placed(panel.static_cat).long()  # [N, C]
        self._calendar_from, self._calendar = self._calendar_table(context, horizon)
        self._open = panel.schema.open_position
        self._gap = context // 2  # no scale is taken from fewer steps than half a window

    def _placed(self, array: NDArray[Any]) -> Tensor:
        """An array on the device."""
        return _tensor(array).to(self.device)

    @cached_property
    def one_origin(self) -> bool:
        """Whether every item's forecast begins at the same step."""
        return len(self.panel) > 0 and bool((self.panel.origin == self.panel.origin[0]).all())

    def _grid(self, array: Array) -> Tensor:
        """A grid [steps, ...] on the device. New items alone have no step to gather from: an unobserved one is added."""
        some = array if len(array) else np.full((1, *array.shape[1:]), np.nan, np.float32)
        return self._placed(some)

    def before(self, steps: int) -> Windows:
        """These windows read from `Panel.before(steps)`: what is held out of a training history to validate on.

        All tensors are shared but those whose gaps are filled differently at the earlier origins.
        """
        earlier = copy.copy(self)
        earlier.panel = self.panel.before(steps)
        earlier.origin = self.origin - steps
        if earlier.panel.target is not self.panel.target:
            earlier._target = self._grid(earlier.panel.target)
        if earlier.panel.past is not self.panel.past:
            earlier._past = self._grid(earlier.panel.past)
        for kept in ("spans", "last_seen"):  # of these origins
            earlier.__dict__.pop(kept, None)
        return earlier

    @cached_property
    def spans(self) -> Spans:
        """Where training windows may originate, on the device that draws them."""
        return training_spans(self.panel, drawing_device(self.device))

    @cached_property
    def last_seen(self) -> LastSeen:
        """Where items were observed last before gaps as long as windows."""
        return LastSeen(self.panel, self._gap, self.device)

    @cached_property
    def codes(self) -> Tensor:
        """[N] `item_codes` of the panel."""
        return item_codes(self.panel.keys).to(self.device)

    @property
    def covariate_size(self) -> int:
        """F: columns of `covariates`."""
        return self._known.shape[1] + len(self._numbers["known"]) + self._calendar.shape[1]

    @property
    def past_size(self) -> int:
        """columns of `past`."""
        return 2 * self._past.shape[1] + len(self._numbers["past"])

    def target(self, items: Tensor, ordinals: Tensor) -> tuple[Tensor, Tensor]:
        """The target of `items` [B] at `ordinals` [B, ...] and whether it was observed; 0 where it was not."""
        items = _align(items, ordinals)
        step, stop = ordinals - self.start[items], self._stop(items)
        values = _take(self._target, self._stored(step + self._first[items]))
        observed = (step >= 0) & (step < stop) & ~torch.isnan(values)
        if self._open is not None:
            observed &= self.is_open(items, ordinals)
        return values.masked_fill_(~observed, 0.0), observed

    def reached(self, items: Tensor, origins: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
        """`target` at `steps` [R], which rise, counted from the `origins` [B] of `items` [B]: [B, R] each."""
        begin = (origins - self.start[items])[:, None]
        values = self._stretches(self._first[items] + begin[:, 0], steps)
        observed = (steps >= -begin) & (steps < self._stop(items)[:, None] - begin) & ~torch.isnan(values)
        if self._open is not None:
            observed &= self.is_open(items, origins[:, None] + steps)
        return values.masked_fill_(~observed, 0.0), observed

    def _stop(self, items: Tensor) -> Tensor:
        """How many steps of `items` lie before their origins, in the same shape."""
        return torch.minimum(self.origin[items] - self.start[items], self._lengths[items])

    def _stored(self, index: Tensor) -> Tensor:
        """`index`, changed in place, where it points at a stored step; at the nearest one where it does not."""
        return index.clamp_(0, len(self._target) - 1)

    def _stretches(self, begin: Tensor, steps: Tensor) -> Tensor:
        """The stored target at `begin` [B] + `steps` [R], anything where there is none: [B, R].

        On a CPU the stretch that a row reaches over is copied in one piece, in a fraction of the time that gathering takes.
        """
        size = len(self._target)
        if self.device.type == "cpu":
            first, span = begin + steps[0], int(steps[-1] - steps[0]) + 1
            if first.min() >= 0 and first.max() + span <= size:
                rows = self._target.unfold(0, span, 1).index_select(0, first)
                return rows.index_select(1, steps - steps[0])
        return _take(self._target, self._stored(begin[:, None] + steps))

    def is_open(self, items: Tensor, ordinals: Tensor) -> Tensor:
        """Whether `items` can sell at `ordinals` (same shape after alignment); True where nothing says otherwise."""
        if self._open is None:
            return torch.ones_like(ordinals, dtype=torch.bool)
        index, inside = self._known_index(_align(items, ordinals), ordinals)
        return ~(inside & (self._known[index, self._open] == 0))

    def covariates(self, items: Tensor, ordinals: Tensor) -> Tensor:
        """Known covariates (standardised over all items and, numbers, over the item too) and calendar: [B, L, F].

        `ordinals` of one row are every item's; what then is the same for all is one row in memory too.
        """
        calendar = _take(self._calendar, (ordinals - self._calendar_from).clamp(0, len(self._calendar) - 1))
        calendar = calendar.expand(len(items), -1, -1)
        if self._known.shape[1] == 0:
            return calendar
        index, inside = self._known_index(_align(items, ordinals), ordinals)
        raw = torch.where(inside[..., None], _take(self._known, index), torch.nan)
        return torch.cat([*self._scaled("known", raw, items), calendar], dim=-1)

    def past(self, items: Tensor, ordinals: Tensor) -> Tensor:
        """Past covariates (standardised likewise) and whether each was observed: [B, L, past_size]."""
        if self._past.shape[1] == 0:
            return torch.zeros((*ordinals.shape, 0), device=self.device)
        step = ordinals - self.start[items][:, None]
        inside = (
            (step >= 0) & (ordinals < self.origin[items][:, None]) & (step < self._lengths[items][:, None])
        )
        index = torch.where(inside, self._first[items][:, None] + step, 0)
        raw = torch.where(inside[..., None], _take(self._past, index), torch.nan)
        return torch.cat([*self._scaled("past", raw, items), (~torch.isnan(raw)).float()], dim=-1)

    def _scaled(self, name: str, raw: Tensor, items: Tensor) -> list[Tensor]:
        """Standardised columns over all items, then the numeric ones over the item alone."""
        columns = self._numbers[name]
        parts = [_standard(raw, self._scale[name])]
        if len(columns):
            own = self._item_scale[name][items][:, :, None, columns]  # [B, 2, 1, columns]
            parts.append(_standard(raw[..., columns], own.transpose(0, 1)))
        return parts

    def _known_index(self, items: Tensor, ordinals: Tensor) -> tuple[Tensor, Tensor]:
        step = ordinals - self.start[items]
        inside = (step >= 0) & (step < self._lengths[items] + self.panel.future)
        inside &= ordinals < self.origin[items] + self._horizon
        return torch.where(inside, self._first[items] + items * self.panel.future + step, 0), inside

    def _calendar_table(self, context: int, horizon: int) -> tuple[int, Tensor]:
        """Calendar features of every ordinal that a window may touch: one small table, never stored per item."""
        panel = self.panel
        if len(panel) == 0:
            return 0, torch.zeros((1, len(panel.frequency.calendar_names())), device=self.device)
        first = int(min(panel.start.min(), panel.origin.min())) - context
        last = int(max((panel.start + panel.lengths).max(), panel.origin.max())) + horizon + panel.future
        return first, _tensor(panel.frequency.calendar(np.arange(first, last + 1))).to(self.device)


def _standard(values: Tensor, scale: Tensor) -> Tensor:
    """(values - mean) / deviation, clipped; 0 where missing. `scale` begins with the axis (mean, deviation)."""
    return torch.nan_to_num((values - scale[0]) / scale[1], nan=0.0).clamp(-CLIP, CLIP)


def _numbers(scale: Array) -> NDArray[np.int64]:
    """The columns that are numbers rather than 0/1 flags."""
    return np.flatnonzero((scale[0] != 0) | (scale[1] != 1))


def _item_scale(columns: Array, offsets: NDArray[np.int64], stop: NDArray[np.int64] | None = None) -> Array:
    """[rows, columns] -> [N, 2, columns]: mean and deviation of each item's own values; (0, 1) where it has none."""
    n = len(offsets) - 1
    result = np.zeros((n, 2, columns.shape[1]), np.float32)
    layout = Layout(np.zeros(n, np.int64), offsets)
    for index in range(columns.shape[1]):
        mean, spread, count = segment_means(columns[:, index], layout, stop)
        known = trust(count / np.maximum(np.diff(offsets) if stop is None else stop, 1))
        result[:, 0, index] = mean
        result[:, 1, index] = np.where(spread > 1e-6 * np.abs(mean), spread, 1.0) / known
    return result


def item_codes(keys: pd.DataFrame) -> Tensor:
    """[N] a 64-bit code of each item's key, the same in every process and whatever else is in the frame."""
    hashed = pd.util.hash_pandas_object(keys.astype(str), index=False).to_numpy()
    return torch.from_numpy(hashed.view(np.int64).copy())
