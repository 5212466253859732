"""`find_frequency`: the coarsest frequency whose steps begin at all times of all items, or why there is none to take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from foretell.data.frequency import ONE_DAY, ONE_MONTH, Frequency, Unit

Kind = Literal["min", "D", "B", "M", "ME", "step"]  # what is counted; M is first days of months, ME last ones
Whole = NDArray[np.int64]

_DAY_US: Final = 86_400_000_000
_MINUTE_US: Final = 60_000_000
_MONDAY: Final = 3  # 1970-01-01 was a Thursday
_SIZE: Final = {"min": 1 / 1440, "D": 1.0, "B": 1.4, "M": 30.4, "ME": 30.4, "step": 1.0}  # days
_USUAL: Final = {
    "min": (10, 15, 30, 60),
    "D": (1, 7),
    "B": (1,),
    "M": (1, 3, 12),
    "ME": (1, 3, 12),
    "step": (1,),
}
_FEW: Final = 3  # distances between times from which a usual frequency shows
_SEVERAL: Final = 7  # from which any other does
_CHANCE: Final = 1e-3  # in one table, of an item that looks coarser than it is
_MOST: Final = 0.5  # share of the distances that shows another step than the one that all times have
_ROWS: Final = 0.1  # share of distances of one step, below which times of day are events and no steps
_WORKDAYS: Final = 15  # dates without a weekend from which they are business days


@dataclass(frozen=True, slots=True)
class Grid:
    """Times `phase + k * step`, counted in minutes, days or months."""

    kind: Kind
    step: int
    phase: int

    @property
    def size(self) -> float:
        """Days of a step, about."""
        return _SIZE[self.kind] * self.step

    def frequency(self) -> Frequency:
        """The frequency that has it; hours and minutes begin at the full ones, where rows may be shifted against them."""
        if self.kind in ("step", "B"):
            return Frequency("step" if self.kind == "step" else "B")
        if self.kind == "min" and self.step % 1440 == self.phase % 1440 == 0:
            return Grid("D", self.step // 1440, self.phase // 1440).frequency()
        if self.kind == "min":
            hours = self.step % 60 == 0
            return Frequency("h" if hours else "min", self.step // 60 if hours else self.step)
        if self.kind == "D":
            weeks = self.step % 7 == 0
            anchor = (self.phase + _MONDAY) % 7 if weeks else 0
            return Frequency("W" if weeks else "D", self.step // 7 if weeks else self.step, anchor)
        units: tuple[tuple[Unit, int], ...] = (("Y", 12), ("Q", 3), ("M", 1))
        unit, width = next((unit, width) for unit, width in units if self.step % width == 0)
        ends = self.kind == "ME"
        return Frequency(unit, self.step // width, (self.phase + ends) % width, 0, "end" if ends else "start")


@dataclass(frozen=True, slots=True)
class Times:
    """The distinct times of N items, item by item, rising within each."""

    moment: Whole  # [R] microseconds since 1970, or integers
    begin: Whole  # [N] where each item begins
    dated: bool

    @classmethod
    def of(cls, item: Whole, moment: Whole, *, dated: bool) -> tuple[Self, Whole]:
        """From rows in any order, with the code of each item [N]."""
        order = np.lexsort((moment, item))
        item, moment = item[order], moment[order]
        new = np.ones(len(item), bool)
        new[1:] = (np.diff(item) != 0) | (np.diff(moment) != 0)
        item, moment = item[new], moment[new]
        begin = np.flatnonzero(np.diff(item, prepend=item[:1] - 1) != 0)
        return cls(moment, begin, dated), item[begin]

    @property
    def count(self) -> Whole:
        """[N] how many times each item has."""
        return np.diff(self.begin, append=len(self.moment))

    def counted(self, kind: Kind) -> Whole:
        """[R] the times in what a kind counts."""
        if kind == "step":
            return self.moment
        if kind == "min":
            return self.moment // _MINUTE_US
        days = self.moment // _DAY_US
        if kind == "D":
            return days
        if kind == "B":
            week, weekday = np.divmod(days + _MONDAY, 7)
            return week * 5 + np.minimum(weekday, 4)
        return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)

    def divisors(self, counted: Whole) -> Whole:
        """[N] what divides all distances of each item; 0 where it has one time."""
        apart = np.diff(counted, append=0)
        apart[self.last] = 0  # from one item to the next
        return np.asarray(np.gcd.reduceat(apart, self.begin), np.int64)

    @property
    def last(self) -> Whole:
        """[N] where each item's last time stands."""
        return self.begin + self.count - 1

    def distances(self, grid: Grid) -> Whole:
        """The steps of a grid from each time of an item to its next."""
        apart = np.diff(self.counted(grid.kind), append=0) // grid.step
        return np.delete(apart, self.last)

    def all_in_items(self, each: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """[N] whether something holds for all times of an item; `each` is [R]."""
        return np.asarray(np.logical_and.reduceat(each, self.begin))


@dataclass(frozen=True, slots=True)
class Found:
    """The frequency of some items, or why there is none."""

    grid: Grid | None  # None: nothing was measured
    fault: Literal["", "few", "seconds", "several", "other", "events"] = ""
    # of "several": the grids of items that have one of their own and their positions, most items first; the rest last
    groups: tuple[tuple[Grid, Whole], ...] = ()
    other: Grid | None = (
        None  # of "other", and of "several" that of most items: what nearly all times would fit
    )
    off: int = -1  # the first time, by its place, that does not fit `other`
    share: float = 0.0  # of the distances that are one step of `other`


def find_frequency(times: Times) -> Found:
    """The coarsest frequency whose steps begin at all times; the times of some items at least are a step apart."""
    if times.dated and (times.moment % _MINUTE_US != 0).any():
        return Found(None, "seconds")
    grid = _common(times)
    if grid.step == 0 or len(times.moment) == len(times.begin):
        return Found(None, "few")
    several = _several(times, grid) if times.dated else None  # numbered steps are 1 for all
    if several is not None:
        return several
    distances = times.distances(grid)
    if len(distances) < (_FEW if grid.step in _USUAL[grid.kind] else _SEVERAL):
        return Found(grid, "few")
    steps, counts = np.unique(distances, return_counts=True)
    most = int(np.argmax(counts))
    share = float(counts[most] / len(distances))
    if steps[most] > 1 and share >= _MOST and grid.kind != "step":
        other = _majority(times, Grid(grid.kind, grid.step * int(steps[most]), 0))
        return Found(grid, "other", other=other, off=_first_off(times, other), share=share)
    if grid.kind in ("min", "step") and float(counts[steps == 1].sum()) < _ROWS * len(distances):
        return Found(grid, "events")
    return Found(_workdays(times, grid))


def _common(times: Times) -> Grid:
    """The coarsest grid with all times; its step is 0 where there is but one time."""
    kind = _kind(times)
    counted = times.counted(kind)
    step = int(np.gcd.reduce(counted - counted[0]))
    step = min(step, 1) if kind == "step" else step  # integer time has steps of 1 alone
    return Grid(kind, step, int(counted[0] % step) if step else 0)


def _kind(times: Times) -> Kind:
    if not times.dated:
        return "step"
    if (times.moment % _DAY_US != 0).any():
        return "min"
    first, final = _days_of_months(times)
    return "M" if first.all() else "ME" if final.all() else "D"


def _days_of_months(times: Times) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """[R] which times are the first day of a month, and which the last."""
    days = (times.moment // _DAY_US).astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    return days == months.astype("datetime64[D]"), days + ONE_DAY == (months + ONE_MONTH).astype(
        "datetime64[D]"
    )


def _own(times: Times, kind: Kind) -> tuple[NDArray[Any], Whole, Whole]:
    """[N] the kind, step and phase of each item's own grid, within a common one of `kind`; the step is 0 for one time."""
    counted = times.counted(kind)
    kinds = np.full(len(times.begin), kind, dtype=object)
    step, first = times.divisors(counted), counted[times.begin]
    if kind == "D":
        for name, days in zip(("M", "ME"), _days_of_months(times), strict=True):
            mine = times.all_in_items(days) & (times.count > 1)
            months = times.counted("M")
            kinds[mine] = name
            step[mine], first[mine] = times.divisors(months)[mine], months[times.begin][mine]
    return kinds, step, first % np.maximum(step, 1)


def _several(times: Times, common: Grid) -> Found | None:
    """What is found where some items have a coarser frequency than all together, which chance does not explain."""
    kinds, step, phase = _own(times, common.kind)
    ratio = np.array([_SIZE[kind] for kind in kinds]) * step / common.size
    more = np.maximum(times.count - 1, 0) * np.log(np.maximum(ratio, 1.0))
    own = (ratio > 1.5) & (more > np.log(len(times.begin) / _CHANCE))
    if not own.any():
        return None
    place = np.flatnonzero(own)
    codes = [(kinds[i], int(step[i]), int(phase[i])) for i in place]
    named = {code: place[[each == code for each in codes]] for code in dict.fromkeys(codes)}
    groups = sorted(((Grid(*code), items) for code, items in named.items()), key=lambda each: -len(each[1]))
    most = groups[0][0] if 2 * len(groups[0][1]) >= len(own) else None
    rest = np.flatnonzero(~own)
    if len(rest):
        groups.append((common, rest))
    off = -1 if most is None else _first_off(times, most, rest)
    return Found(common, "several", tuple(groups), most, off)


def _workdays(times: Times, grid: Grid) -> Grid:
    """Business days in place of days, where no time is of a weekend."""
    if (grid.kind, grid.step) != ("D", 1):
        return grid
    days = times.counted("D")
    weekend = (days + _MONDAY) % 7 > 4
    return Grid("B", 1, 0) if not weekend.any() and len(np.unique(days)) >= _WORKDAYS else grid


def _majority(times: Times, grid: Grid) -> Grid:
    """A grid with the phase that most times have."""
    phases, counts = np.unique(times.counted(grid.kind) % grid.step, return_counts=True)
    return Grid(grid.kind, grid.step, int(phases[np.argmax(counts)]))


def _first_off(times: Times, grid: Grid, items: Whole | None = None) -> int:
    """The place of the first time, of some items, that does not lie on a grid; -1 where all do."""
    off = times.counted(grid.kind) % grid.step != grid.phase
    if grid.kind in ("M", "ME"):
        off |= ~_days_of_months(times)[grid.kind == "ME"]
    if items is not None:
        item = np.repeat(np.arange(len(times.begin)), times.count)
        off &= np.isin(item, items)
    place = np.flatnonzero(off)
    return int(place[0]) if len(place) else -1
