"""`Panel`: all series of a data set on one regular grid, in flat arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.errors import ForetellError
from foretell.frequency import Frequency, Ordinals
from foretell.grids import allocate, pieces

Array = NDArray[np.float32]
Ends = Literal["last", "own"]
_COPIED = 1 << 20  # rows that are copied at a time


@dataclass(frozen=True, slots=True)
class Schema:
    """What the arrays of a panel mean: the names of their columns and the vocabularies behind their codes.

    A text column of the related table stands as several 0/1 columns named `column=value`; a numeric column with missing
    values is followed by a 0/1 column named `column is missing`.
    """

    key: tuple[str, ...] = ("item_id",)  # the columns of `Panel.keys`: item_id, then dimensions
    timestamp: str = "timestamp"
    target: str = "target"
    frequency: Frequency = field(default_factory=lambda: Frequency("D"))
    seasons: tuple[int, ...] = (1,)  # seasonal periods in steps; the first is the one that MASE and naive use
    ends: Ends = "last"  # all series end at the last timestamp of the target, or each at its own
    known: tuple[str, ...] = ()  # [K] names of the columns of `Panel.known`
    past: tuple[str, ...] = ()  # [P]
    static_real: tuple[str, ...] = ()  # [R]
    static_cat: tuple[str, ...] = ()  # [C]
    open: str | None = None  # the column of `known` that is 0 where the item cannot sell
    vocabularies: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # column -> values; code k is values[k - 1]
    filling: Mapping[str, Mapping[str, Any]] = field(
        default_factory=dict
    )  # column -> place -> method, as asked
    roles: Mapping[str, str] = field(
        default_factory=dict
    )  # source column -> known, past, static: as the user's tables had it
    holidays: tuple[str, ...] = ()  # country codes, or one `@column` of the metadata; they make known columns
    holiday_days: int = 1  # days before and after a holiday that have a column each
    timezone: str | None = None  # whose clock counts for times with an offset or a zone; None: their own

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """[C] number of codes of each static category, the unknown one (0) included."""
        return tuple(len(self.vocabularies[name]) + 1 for name in self.static_cat)

    def extended(self, other: Schema) -> Schema:
        """This schema with the values of its static categories added, at the end, that `other` alone has."""
        grown = {
            name: (
                *self.vocabularies[name],
                *_absent(other.vocabularies.get(name, ()), self.vocabularies[name]),
            )
            for name in self.static_cat
        }
        return replace(self, vocabularies={**self.vocabularies, **grown})

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types; `from_json` reads them back."""
        return {**{f.name: getattr(self, f.name) for f in fields(self)}, "frequency": asdict(self.frequency)}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Schema:
        """The schema that `to_json` wrote; raises ForetellError for fields it does not know."""
        unknown = set(state) - {f.name for f in fields(cls)}
        if unknown:
            raise ForetellError(
                f"the schema has fields that this version does not know: {', '.join(sorted(unknown))}"
            )
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in state.items()}
        values["frequency"] = Frequency(**values["frequency"])
        values["vocabularies"] = {name: tuple(words) for name, words in values["vocabularies"].items()}
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Panel:
    """N series on one regular grid, stored end to end; NaN means not observed.

    Series i occupies target[offsets[i]:offsets[i+1]] and begins at ordinal start[i]. Its history is what lies before its
    `origin`, the first step that a forecast covers. What lies at or beyond the origin is the backtest's secret: recipes
    read through `history` and `windows`, which cannot see it. An item without history has no steps of its own
    (or only steps at or beyond its origin).
    """

    keys: pd.DataFrame  # [N] item_id and dimensions
    start: Ordinals  # [N] ordinal of the first step
    offsets: NDArray[np.int64]  # [N + 1]
    origin: Ordinals  # [N] ordinal of the first step that a forecast covers
    target: Array  # [T]
    known: Array  # [T + N * future, K], reaches `future` steps past each series' end
    past: Array  # [T, P]
    static_real: Array  # [N, R]
    static_cat: NDArray[np.int32]  # [N, C], 0 = unknown
    future: int  # steps that the known covariates reach past the end
    schema: Schema
    filled: NDArray[np.uint8] | None = (
        None  # [T] 0 as read, 1 filled by zero or a value (scored), 2 filled otherwise
    )
    past_filled: NDArray[np.uint8] | None = None  # [T, P] the same of the past covariates

    def __post_init__(self) -> None:
        n, steps = len(self.start), int(self.offsets[-1])
        expected = {
            "keys": (len(self.keys), n), "offsets": (len(self.offsets), n + 1), "origin": (len(self.origin), n),
            "target": (len(self.target), steps), "known": (len(self.known), steps + n * self.future),
            "past": (len(self.past), steps), "static_real": (len(self.static_real), n),
            "static_cat": (len(self.static_cat), n),
        }  # fmt: skip
        for name, (got, wanted) in expected.items():
            assert got == wanted, f"panel.{name} has {got} rows, expected {wanted}"

    def __len__(self) -> int:
        return len(self.start)

    @property
    def frequency(self) -> Frequency:
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

    def history(self, item: int) -> Array:
        """The target of one item before its origin, [stop]; a view."""
        first = self.offsets[item]
        return self.target[first : first + self.stop[item]]

    def until(self, steps_before_end: int) -> Panel:
        """The panel as it stood `steps_before_end` steps before each series' end: another origin, no array copied.

        (Where gaps are filled by place, those that cross the origin are filled anew, as gaps at the back.)
        """
        return self._from(self.start + self.lengths - steps_before_end)

    def before(self, steps: int) -> Panel:
        """The panel as it stood `steps` steps before its own origins; what lies between the two is then hidden too."""
        return self._from(self.origin - steps)

    def _from(self, origin: Ordinals) -> Panel:
        moved = replace(self, origin=origin)
        if self.filled is None and self.past_filled is None:
            return moved
        from foretell.filling import refilled

        return refilled(moved)

    def actuals(self, steps_before_end: int, horizon: int) -> Array:
        """[N, H]: the truth of the window whose origin lies `steps_before_end` steps before each series' end.

        NaN where it was not observed, where a filling other than zero or a value stands, and beyond the data.
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
            inside &= self.filled[index] != 2
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
        if self.schema.open is None:
            return np.zeros((len(self), horizon), bool)
        column = self.schema.known.index(self.schema.open)
        known = self.known_at(np.arange(len(self)), self.origin[:, None] + np.arange(horizon))
        return np.asarray(known[..., column] == 0)

    def between(self, first: int, last: int) -> Panel:
        """The panel of the items at positions first .. last - 1 alone; no grid is copied."""
        steps = slice(self.offsets[first], self.offsets[last])
        reach = slice(self.offsets[first] + first * self.future, self.offsets[last] + last * self.future)
        items = slice(first, last)
        return replace(
            self, keys=self.keys.iloc[items].reset_index(drop=True), start=self.start[items],
            offsets=self.offsets[first : last + 1] - self.offsets[first], origin=self.origin[items],
            target=self.target[steps], known=self.known[reach], past=self.past[steps],
            static_real=self.static_real[items], static_cat=self.static_cat[items],
            filled=None if self.filled is None else self.filled[steps],
            past_filled=None if self.past_filled is None else self.past_filled[steps],
        )  # fmt: skip

    def take(self, items: NDArray[np.int64]) -> Panel:
        """The panel of `items` (positions) alone, in that order; arrays are copied."""
        lengths = self.lengths[items]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        begin = self.offsets[items]

        def copied(array: NDArray[Any], reach: int = 0) -> NDArray[Any]:
            return _copied(array, begin + items * reach, lengths + reach)

        return replace(
            self, keys=self.keys.iloc[items].reset_index(drop=True), start=self.start[items], offsets=offsets,
            origin=self.origin[items], target=copied(self.target), known=copied(self.known, self.future), past=copied(self.past),
            static_real=self.static_real[items], static_cat=self.static_cat[items],
            filled=None if self.filled is None else copied(self.filled),
            past_filled=None if self.past_filled is None else copied(self.past_filled),
        )  # fmt: skip

    def check_horizon(self, horizon: int) -> None:
        """Raises ForetellError when a known covariate ends before the horizon does, naming the first item and column.

        Items that have no value at all in a column are let pass: they count as missing throughout.
        """
        if self.known.shape[1] == 0 or len(self) == 0:
            return
        everyone = np.arange(len(self))
        final = self.known_at(everyone, self.origin[:, None] + horizon - 1)[:, 0]  # [N, K]
        for column, name in enumerate(self.schema.known):
            if name.endswith(" is missing"):
                continue
            lacking = everyone[np.isnan(final[:, column])]  # only these need a closer look
            last = self._last_known(column, lacking)
            short = np.flatnonzero(
                (last >= 0) & (self.start[lacking] + last < self.origin[lacking] + horizon - 1)
            )
            if len(short):
                raise self._ends_early(int(lacking[short[0]]), name, int(last[short[0]]), horizon)

    def _last_known(self, column: int, items: NDArray[np.int64]) -> NDArray[np.int64]:
        """[items] the last step at which a known column has a value; -1 where it never has one."""
        last = np.full(len(items), -1, np.int64)
        begin = self.offsets[items] + items * self.future
        width = self.lengths[items] + self.future
        many = 1 << 22  # cells looked at in one go
        groups = np.cumsum(width) // many
        for group in np.unique(groups):
            some = np.flatnonzero(groups == group)
            cells = _runs(begin[some], width[some])
            owner = np.repeat(some, width[some])
            present = ~np.isnan(self.known[cells, column])
            np.maximum.at(last, owner[present], (cells - begin[owner])[present])
        return last

    def _ends_early(self, item: int, column: str, last: int, horizon: int) -> ForetellError:
        end, reach = self.frequency.timestamps(
            np.array([self.start[item] + last, self.origin[item] + horizon - 1])
        )
        return ForetellError(
            f"item {self.names[item]!r}: related column {column.split('=')[0]!r} ends {_date(end)}, but the horizon"
            f" reaches {_date(reach)}. Extend it, or set filling (its place 'future')."
        )


def _absent(words: tuple[str, ...], known: tuple[str, ...]) -> list[str]:
    there = set(known)
    return [word for word in words if word not in there]


def _runs(begin: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """begin[0] .. begin[0] + lengths[0] - 1, begin[1] .. and so on, in one array."""
    total = int(lengths.sum())
    ends = np.cumsum(lengths)
    cells: NDArray[np.int64] = np.arange(total) + np.repeat(begin - (ends - lengths), lengths)
    return cells


def _copied(array: NDArray[Any], begin: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[Any]:
    """The rows of `array` in runs, as `_runs` lists them; a list of all would need more memory than the rows."""
    ends = np.cumsum(lengths)
    out = np.empty((int(lengths.sum()), *array.shape[1:]), array.dtype)
    first, done = 0, 0
    while first < len(begin):
        last = max(int(np.searchsorted(ends, done + _COPIED, side="right")), first + 1)
        cells = _runs(begin[first:last], lengths[first:last])
        out[done : done + len(cells)] = array[cells]
        first, done = last, done + len(cells)
    return out


def _date(moment: object) -> str:
    text = str(moment)
    return text[:10] if text[10:].strip("T0:.") == "" else text[:16].replace("T", " ")
