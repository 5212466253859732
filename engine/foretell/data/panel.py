"""`Panel`: all series of a data set on one regular grid, in flat arrays."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.arrays import Array
from foretell.data.columns import Column
from foretell.data.filled_codes import GUESSED
from foretell.data.frequency import Frequency, Ordinals
from foretell.data.layout import Layout
from foretell.data.refilling import refill, refill_columns
from foretell.data.schema import Schema
from foretell.data.wall_times import skipped
from foretell.errors import ForetellError
from foretell.system.big_arrays import allocate, anywhere, pieces

T = TypeVar("T")

_COPIED = 1 << 20  # rows that are copied at a time


@dataclass(frozen=True, slots=True)
class Panel:
    """N series on one regular grid, stored end to end; NaN means not observed.

    Series i occupies target[offsets[i]:offsets[i+1]] and begins at ordinal start[i]. Its history is what lies before its
    `origin`, the first step that a forecast covers. What lies at or beyond the origin is the backtest's secret: recipes
    read through `history` and `Windows`, which cannot see it. An item without history has no steps of its own
    (or only steps at or beyond its origin).

    Example:
        >>> sales = pd.read_csv("data/retail/sales.csv", nrows=2952)  # four items
        >>> data = foretell.Dataset(sales, freq="D")
        >>> data.panel.context(28).shape  # the last 28 steps of each item
        (4, 28)
    """

    keys: pd.DataFrame  # [N] item_id and dimensions
    start: Ordinals  # [N] ordinal of the first step
    offsets: NDArray[np.int64]  # [N + 1] where each series begins in `target`, and its end
    origin: Ordinals  # [N] ordinal of the first step that a forecast covers
    target: Array  # [T]
    known: Array  # [T + N * future, K], reaches `future` steps past each series' end
    past: Array  # [T, P]
    static_real: Array  # [N, R]
    static_cat: NDArray[np.int32]  # [N, C], 0 = unknown
    future: int  # steps that the known covariates reach past the end
    schema: Schema
    # [T] 0 as read, 1 filled by zero or a value (scored), 2 filled otherwise
    filled: NDArray[np.uint8] | None = None
    past_filled: NDArray[np.uint8] | None = None  # [T, P] the same of the past covariates
    # what `once` keeps; a panel made from this one by `replace` begins with nothing
    _kept: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        n, steps = len(self.start), int(self.offsets[-1])
        expected = {
            "keys": (len(self.keys), n),
            "offsets": (len(self.offsets), n + 1),
            "origin": (len(self.origin), n),
            "target": (len(self.target), steps),
            "known": (len(self.known), steps + n * self.future),
            "past": (len(self.past), steps),
            "static_real": (len(self.static_real), n),
            "static_cat": (len(self.static_cat), n),
        }
        for name, (got, wanted) in expected.items():
            assert got == wanted, f"panel.{name} has {got} rows, expected {wanted}"

    def __repr__(self) -> str:
        return f"Panel({len(self)} items, {len(self.target):,} steps of {self.frequency.alias})"

    def __len__(self) -> int:
        return len(self.start)

    @property
    def frequency(self) -> Frequency:
        """The grid of time."""
        return self.schema.frequency

    @property
    def lengths(self) -> NDArray[np.int64]:
        """[N] steps stored of each series, those beyond the origin included."""
        return np.diff(self.offsets)

    @property
    def stop(self) -> NDArray[np.int64]:
        """[N] steps of each series before its origin; 0 for an item with no history there."""
        stop: NDArray[np.int64] = np.clip(self.origin - self.start, 0, self.lengths)
        return stop

    @property
    def season(self) -> int:
        """The first seasonal period, in steps."""
        return self.schema.seasons[0]

    @property
    def names(self) -> list[str]:
        """[N] one readable name an item: its key's parts joined by ' / '."""
        parts = [self.keys[column].astype(str) for column in self.schema.key]
        return [" / ".join(row) for row in zip(*parts, strict=True)]

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """The result of `make()`, computed once for this very panel and kept with it under `key`.

        Recipes that are fitted on one panel share in this way what each would compute alike.
        """
        if key not in self._kept:
            self._kept[key] = make()
        result: T = self._kept[key]
        return result

    def history(self, item: int) -> Array:
        """The target of one item before its origin, [stop]; a view."""
        first = self.offsets[item]
        return self.target[first : first + self.stop[item]]

    def context(self, length: int, items: NDArray[np.int64] | None = None) -> Array:
        """The target of the last `length` steps before the origins of `items` [n] (default: all): a copy, [n, length].

        NaN before an item's first step, where nothing was observed, and where it was closed and could not sell.
        """
        chosen = np.arange(len(self)) if items is None else items
        ordinals = self.origin[chosen, None] + np.arange(-length, 0)
        step = ordinals - self.start[chosen, None]
        inside = (step >= 0) & (step < self.stop[chosen, None])
        if self.schema.open_position is not None:
            inside &= self.known_at(chosen, ordinals)[..., self.schema.open_position] != 0
        context = np.full(ordinals.shape, np.nan, np.float32)
        context[inside] = self.target[(self.offsets[chosen, None] + step)[inside]]
        return context

    def at(self, origin: Ordinals) -> Panel:
        """The panel as it stood at `origin` [N], the ordinals of the first steps to forecast; the one way to move an origin.

        No array is copied, but for gaps that are filled differently there: one that reaches the origin is a gap at the back.
        """
        return replace(self, origin=origin)._refilled()

    def until(self, steps_before_end: int) -> Panel:
        """`at` the origins that lie `steps_before_end` steps before each series' end."""
        return self.at(self.start + self.lengths - steps_before_end)

    def before(self, steps: int) -> Panel:
        """`at` the origins that lie `steps` steps before the panel's own; what lies between the two is then hidden too."""
        return self.at(self.origin - steps)

    def _refilled(self) -> Panel:
        layout, schema = Layout(self.start, self.offsets), self.schema
        target, filled = self.target, self.filled
        if filled is not None:
            rule = schema.filling.get("target", {})
            target, filled = refill(target, filled, layout, stop=self.stop, rule=rule)
        past, past_filled = self.past, self.past_filled
        if past_filled is not None:
            past, past_filled = refill_columns(
                past,
                past_filled,
                layout,
                stop=self.stop,
                rules=[schema.rule(column) for column in schema.past],
                indicates=[schema.indicated(column) for column in schema.past],
            )
        return replace(self, target=target, filled=filled, past=past, past_filled=past_filled)

    def actuals(self, steps_before_end: int, horizon: int) -> Array:
        """[N, H]: the truth of the window whose origin lies `steps_before_end` steps before each series' end.

        NaN where it was not observed, where it was filled by other than zero or a value, and beyond the data.
        """
        origin = self.start + self.lengths - steps_before_end
        truth: Array = allocate((len(self), horizon))
        for items in pieces(len(self), max(_COPIED // horizon, 1)):
            some = np.arange(items.start, items.stop)
            truth[items] = self.target_at(some, origin[items, None] + np.arange(horizon))
        return truth

    def target_at(self, items: NDArray[np.int64], ordinals: Ordinals) -> Array:
        """The target of `items` [B] at `ordinals` [B, L] -> [B, L]; NaN outside the grid and where a filling is not scored.

        It sees beyond the origin: for the evaluator only.
        """
        step = ordinals - self.start[items][:, None]
        inside = (step >= 0) & (step < self.lengths[items][:, None])
        index = np.where(inside, self.offsets[items][:, None] + step, 0)
        if len(self.target) == 0:
            return np.full(ordinals.shape, np.nan, np.float32)
        if self.filled is not None:
            inside &= self.filled[index] != GUESSED
        return np.where(inside, self.target[index], np.float32(np.nan)).astype(np.float32)

    def known_at(self, items: NDArray[np.int64], ordinals: Ordinals) -> Array:
        """The known covariates of `items` [B] at `ordinals` [B, L] -> [B, L, K]; NaN outside of what is stored."""
        step = ordinals - self.start[items][:, None]
        inside = (step >= 0) & (step < self.lengths[items][:, None] + self.future)
        index = np.where(inside, (self.offsets[items] + items * self.future)[:, None] + step, 0)
        if len(self.known) == 0:
            return np.full((*ordinals.shape, self.known.shape[1]), np.nan, np.float32)
        return np.where(inside[..., None], self.known[index], np.float32(np.nan)).astype(np.float32)

    def closed(self, horizon: int) -> NDArray[np.bool_]:
        """[N, H]: where the open column says that the item cannot sell, from the origin on."""
        column = self.schema.open_position
        if column is None:
            return np.zeros((len(self), horizon), bool)
        known = self.known_at(np.arange(len(self)), self.origin[:, None] + np.arange(horizon))
        return np.asarray(known[..., column] == 0)

    def between(self, first: int, last: int) -> Panel:
        """The panel of the items at positions first .. last - 1 alone; no grid is copied."""
        steps = slice(self.offsets[first], self.offsets[last])
        reach = slice(self.offsets[first] + first * self.future, self.offsets[last] + last * self.future)
        items = slice(first, last)
        return replace(
            self,
            keys=self.keys.iloc[items].reset_index(drop=True),
            start=self.start[items],
            offsets=self.offsets[first : last + 1] - self.offsets[first],
            origin=self.origin[items],
            target=self.target[steps],
            known=self.known[reach],
            past=self.past[steps],
            static_real=self.static_real[items],
            static_cat=self.static_cat[items],
            filled=None if self.filled is None else self.filled[steps],
            past_filled=None if self.past_filled is None else self.past_filled[steps],
        )

    def take(self, items: NDArray[np.int64]) -> Panel:
        """The panel of `items` (positions) alone, in that order; arrays are copied."""
        lengths = self.lengths[items]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        begin = self.offsets[items]

        def copied(array: NDArray[Any], reach: int = 0) -> NDArray[Any]:
            return _copied(array, begin + items * reach, lengths + reach)

        return replace(
            self,
            keys=self.keys.iloc[items].reset_index(drop=True),
            start=self.start[items],
            offsets=offsets,
            origin=self.origin[items],
            target=copied(self.target),
            known=copied(self.known, self.future),
            past=copied(self.past),
            static_real=self.static_real[items],
            static_cat=self.static_cat[items],
            filled=None if self.filled is None else copied(self.filled),
            past_filled=None if self.past_filled is None else copied(self.past_filled),
        )

    def check_horizon(self, horizon: int, *, trained: bool = False) -> None:
        """Raises ForetellError when a known covariate ends before the horizon does, naming the first item and column.

        The error says what to do, which is another thing where a model is `trained`: a filling is then fixed.
        Items that have no value at all in a column are let pass: they count as missing throughout.
        """
        if self.known.shape[1] == 0 or len(self) == 0:
            return
        everyone = np.arange(len(self))
        needed = self.origin + horizon - 1
        while (none := skipped(self.frequency, self.schema.timezone, needed)).any():
            needed = needed - none  # no table can have a row of an hour that the clock skips
        final = self.known_at(everyone, needed[:, None])[:, 0]  # [N, K]
        for position, column in enumerate(self.schema.known):
            if column.indicator:
                continue
            lacking = everyone[np.isnan(final[:, position])]  # only these need a closer look
            last = self._last_known(position, lacking)
            short = np.flatnonzero((last >= 0) & (self.start[lacking] + last < needed[lacking]))
            if len(short):
                raise self.known_ends(
                    int(lacking[short[0]]),
                    column.source,
                    last=int(last[short[0]]),
                    horizon=horizon,
                    trained=trained,
                )

    def _last_known(self, column: int, items: NDArray[np.int64]) -> NDArray[np.int64]:
        """[items] the last step at which a known column has a value; -1 where it never has one."""
        last = np.full(len(items), -1, np.int64)
        begin = self.offsets[items] + items * self.future
        width = self.lengths[items] + self.future
        many = 1 << 22  # cells looked at in one go
        groups = np.cumsum(width) // many
        for group in np.unique(groups):
            some = np.flatnonzero(groups == group)
            cells = _cells_of(begin[some], width[some])
            owner = np.repeat(some, width[some])
            present = ~np.isnan(self.known[cells, column])
            np.maximum.at(last, owner[present], (cells - begin[owner])[present])
        return last

    def known_ends(
        self, item: int, source: str, *, last: int, horizon: int, trained: bool = False
    ) -> ForetellError:
        """The error for the known column `source`, whose `last` value (a step of the item) lies within the horizon."""
        end = self.frequency.spell(int(self.start[item]) + last)
        reach = self.frequency.spell(int(self.origin[item]) + horizon - 1)
        own = "" if self.schema.ends == "own" else " Where items end at their own times, ends='own'."
        places = ", ".join(f"'{place}': '{method}'" for place, method in self._filling_for(source).items())
        filled = "train again with it filled" if trained else "have it filled"
        return ForetellError(
            f"item {self.names[item]!r}: related column {source!r} ends {end}, but the horizon reaches {reach}."
            f" Extend it, or {filled}: filling={{{source!r}: {{{places}}}}}.{own}"
        )

    def _filling_for(self, source: str) -> dict[str, str]:
        """The filling that would extend a known column: zero for a flag, everywhere where it has rows of 1 alone."""
        if Column(source) not in self.schema.known or source == self.schema.open:
            return {"future": "previous"}
        values = self.known[:, self.schema.known.index(Column(source))]
        if anywhere(values, lambda part: (part != 0) & (part != 1) & ~np.isnan(part)):
            return {"future": "previous"}
        if anywhere(values, lambda part: part == 0):
            return {"future": "zero"}
        if not self._has_holes(values):  # 1 throughout
            return {"future": "previous"}
        return dict.fromkeys(("front", "middle", "back", "future"), "zero")

    def _has_holes(self, values: Array) -> bool:
        """Whether a known column lacks a value within the history; a model's schema does not tell of newer tables."""
        grid = Layout(self.start, self.offsets).reaching(self.future)
        for first, last in grid.chunks():
            missing = np.isnan(values[grid.offsets[first] : grid.offsets[last]])
            item, step = grid.expand(first, last)
            if (missing & (step < self.lengths[item])).any():
                return True
        return False


def _cells_of(begin: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The cells of segments: begin[0] .. begin[0] + lengths[0] - 1, begin[1] .. and so on, in one array."""
    total = int(lengths.sum())
    ends = np.cumsum(lengths)
    cells: NDArray[np.int64] = np.arange(total) + np.repeat(begin - (ends - lengths), lengths)
    return cells


def _copied(array: NDArray[Any], begin: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[Any]:
    """The rows of `array` in the segments that `_cells_of` lists; a list of all would need more memory than the rows."""
    ends = np.cumsum(lengths)
    out = np.empty((int(lengths.sum()), *array.shape[1:]), array.dtype)
    first, done = 0, 0
    while first < len(begin):
        last = max(int(np.searchsorted(ends, done + _COPIED, side="right")), first + 1)
        cells = _cells_of(begin[first:last], lengths[first:last])
        out[done : done + len(cells)] = array[cells]
        first, done = last, done + len(cells)
    return out
