"""Fills gaps by position and method, with what lies before a gap only (known covariates may also look ahead)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array
from foretell.data.filled_codes import COUNTS, GUESSED, UNFILLED
from foretell.data.layout import Layout
from foretell.errors import ForetellError, nearest
from foretell.system.big_arrays import zeros

Position = Literal["front", "middle", "back", "future"]
Method = Literal["zero", "nan", "value", "previous", "mean", "median", "min", "max", "next", "linear"]
Role = Literal["target", "past", "known"]
Rule = Mapping[str, Any]  # position -> method, or position -> {"value": number}

WINDOW: Final = 64  # observed entries before a gap that its statistics are taken over
_STATISTICS: Final = ("mean", "median", "min", "max")
_CONSTANT: Final = ("zero", "nan", "value")
_AHEAD: Final = ("next", "linear")
_POSITIONS: Final[dict[Role, tuple[str, ...]]] = {
    "target": ("front", "middle", "back"),
    "past": ("front", "middle", "back"),
    "known": get_args(Position),
}


def parse_rule(column: str, rule: object, role: Role, *, text: bool = False) -> dict[str, Any]:
    """The rule of one column as it is stored: position -> method, or {"value": x}; a bare number is short for the latter.

    Raises ForetellError for a position or method that there is not, or that the column cannot have.
    """
    if not isinstance(rule, Mapping):
        raise ForetellError(
            f"filling= of {column!r} must say place and method, such as {{'middle': 'zero'}}, got {rule!r}"
        )
    return {
        position: _parse_method(column, str(position), method, role, text)
        for position, method in rule.items()
    }


def _parse_method(column: str, position: str, method: object, role: Role, text: bool) -> Any:
    if position not in _POSITIONS[role]:
        raise ForetellError(
            f"filling= of {column!r} has no place {position!r}.{nearest(position, _POSITIONS[role])}"
            f" A {role} column has: {', '.join(_POSITIONS[role])}."
        )
    if isinstance(method, Mapping) and set(method) == {"value"}:
        method = method["value"]
        if isinstance(method, str) and text:
            return {"value": method}
    if isinstance(method, Real) and not isinstance(method, bool) and not text and np.isfinite(float(method)):
        return {"value": float(method)}
    allowed = _methods(position, role, text)
    if not isinstance(method, str) or method not in allowed or method == "value":
        example = "{'value': 'none'}" if text else "3.5 or {'value': 3.5}"
        raise ForetellError(
            f"filling= of {column!r}, {position}: no method {method!r} there.{nearest(str(method), allowed)}"
            f" There are: {', '.join(allowed)} (a value is given as {example})."
        )
    return method


def _methods(position: str, role: Role, text: bool) -> list[str]:
    """The methods that make sense: nothing lies before the front, and only known covariates may look ahead."""
    methods = [m for m in get_args(Method) if role == "known" or m not in _AHEAD]
    if position == "front":
        methods = [m for m in methods if m in (*_CONSTANT, "next")]
    if text:
        methods = [m for m in methods if m in (*_CONSTANT, "previous", "next")]
    return methods


def fills(rule: Rule | None, position: str) -> bool:
    """Whether a rule puts something into the gaps at a position."""
    return bool(rule) and rule.get(position, "nan") != "nan"  # type: ignore[union-attr]  # bool(None) is False


@dataclass(frozen=True, slots=True)
class Gaps:
    """How many steps were not observed, by position, and in how many series."""

    steps: dict[str, int]  # position -> steps
    series: int

    @property
    def total(self) -> int:
        """Steps at all positions."""
        return sum(self.steps.values())


def fill(
    values: Array, layout: Layout, *, rule: Rule | None, future: int = 0
) -> tuple[NDArray[np.uint8], Gaps]:
    """Fill `values` [layout.cells] in place; returns the code of each cell, and the gaps that were there.

    The last `future` steps of each segment lie beyond its series' end; a series that lacks nothing but those is not counted
    unless a filling is asked for there.
    """
    codes = zeros((layout.cells,), np.uint8)
    steps = dict.fromkeys(get_args(Position), 0)
    series = 0
    for first, last in layout.chunks():
        cells = slice(layout.offsets[first], layout.offsets[last])
        part = values[cells]
        if not np.isnan(part).any():
            continue
        found = _find(part, layout, (first, last), future)
        counted = True if fills(rule, "future") else found.positions != _CODES["future"]
        for position in steps:
            steps[position] += int(np.count_nonzero(found.positions == _CODES[position]))
        series += len(np.unique(found.head[np.broadcast_to(counted, found.head.shape)]))
        if rule and any(fills(rule, position) for position in rule):
            codes[cells] = _fill_chunk(part, found, rule)
    return codes, Gaps(steps, series)


_CODES: Final = {"front": 0, "middle": 1, "back": 2, "future": 3}


@dataclass(frozen=True, slots=True)
class _Missing:
    """The missing cells of a chunk, and the observed cells around each."""

    at: NDArray[np.int64]  # [M] cells
    before: NDArray[np.int64]  # [M] the last observed cell before; -1 for none
    after: NDArray[np.int64]  # [M] the first observed cell after; -1 for none
    positions: NDArray[np.int8]  # [M]
    observed: NDArray[np.int64]  # [O] all observed cells, in order
    head: NDArray[np.int64]  # [M] the first cell of the segment


def _find(values: Array, layout: Layout, segments: tuple[int, int], future: int) -> _Missing:
    missing = np.isnan(values)
    at, observed = np.flatnonzero(missing), np.flatnonzero(~missing)
    edges = layout.offsets[segments[0] : segments[1] + 1] - layout.offsets[segments[0]]
    segment = np.repeat(np.arange(len(edges) - 1), np.diff(edges))[at]
    head, tail = edges[segment], edges[segment + 1]
    # observed cells before each: those before it, less the missing ones among them
    rank = at - np.arange(len(at))
    padded = np.concatenate([np.full(1, -1), observed, np.full(1, len(values))])
    before, after = padded[rank], padded[rank + 1]
    before, after = np.where(before >= head, before, -1), np.where(after < tail, after, -1)
    positions = np.where(after < 0, np.int8(_CODES["back"]), np.int8(_CODES["middle"]))
    positions[before < 0] = _CODES["front"]
    if future:
        positions[at >= tail - future] = _CODES["future"]
    return _Missing(at, before, after, positions, observed, head)


def _fill_chunk(values: Array, found: _Missing, rule: Rule) -> NDArray[np.uint8]:
    codes = np.zeros(len(values), np.uint8)
    source = values.copy()  # so that one position's filling is never another's evidence
    for position, method in rule.items():
        chosen = np.flatnonzero(found.positions == _CODES[position])
        if len(chosen) == 0 or method == "nan":
            continue
        put = _estimate(source, found, chosen, method)
        cells = found.at[chosen]
        values[cells] = put
        constant = method == "zero" or isinstance(method, Mapping)
        codes[cells] = np.where(np.isnan(put), UNFILLED, COUNTS if constant else GUESSED)
    return codes


def _estimate(values: Array, found: _Missing, chosen: NDArray[np.int64], method: Any) -> Array:
    if method == "zero" or isinstance(method, Mapping):
        constant = 0.0 if method == "zero" else method["value"]
        return np.full(len(chosen), constant, np.float32)
    before, after, at = found.before[chosen], found.after[chosen], found.at[chosen]
    if method == "previous":
        return _look_up(values, before)
    if method == "next":
        return _look_up(values, after)
    if method == "linear":
        low, high = _look_up(values, before), _look_up(values, after)
        share = (at - before) / np.maximum(after - before, 1)
        between: Array = low + (high - low) * share.astype(np.float32)
        return between
    assert method in _STATISTICS, method
    return _statistic(values, found, chosen, method)


def _look_up(values: Array, cells: NDArray[np.int64]) -> Array:
    found: Array = np.where(cells >= 0, values[np.maximum(cells, 0)], np.float32(np.nan))
    return found


def _statistic(values: Array, found: _Missing, chosen: NDArray[np.int64], method: str) -> Array:
    """One number a gap, over the `WINDOW` observed entries before it."""
    out = np.full(len(chosen), np.nan, np.float32)
    there = np.flatnonzero(found.before[chosen] >= 0)
    if len(there) == 0:
        return out
    before, head = found.before[chosen][there], found.head[chosen][there]
    new = np.concatenate([np.ones(1, bool), np.diff(before) > 0])  # the first step of each gap
    gaps, heads = before[new], head[new]
    rank = np.searchsorted(found.observed, gaps)
    count = np.minimum(rank - np.searchsorted(found.observed, heads) + 1, WINDOW)
    results = np.empty(len(gaps), np.float32)
    block = 1 << 15
    for first in range(0, len(gaps), block):
        mine = slice(first, first + block)
        entries = np.arange(WINDOW)
        cells = found.observed[np.maximum(rank[mine, None] - entries, 0)]
        results[mine] = _summary(values[cells], entries < count[mine, None], count[mine], method)
    out[there] = results[np.cumsum(new) - 1]
    return out


def _summary(
    entries: Array, inside: NDArray[np.bool_], count: NDArray[np.int64], method: str
) -> NDArray[np.float64]:
    """[G] a statistic of `entries` [G, WINDOW], of which the first `count` of each row are `inside`."""
    summary: NDArray[np.float64]
    if method == "mean":
        summary = np.sum(entries, axis=1, where=inside, dtype=np.float64) / count
    elif method == "median":
        rising = np.sort(np.where(inside, entries, np.float32(np.inf)), axis=1).astype(np.float64)
        rows = np.arange(len(count))
        summary = (rising[rows, (count - 1) // 2] + rising[rows, count // 2]) / 2
    elif method == "min":
        summary = np.min(entries, axis=1, where=inside, initial=np.inf).astype(np.float64)
    else:
        summary = np.max(entries, axis=1, where=inside, initial=-np.inf).astype(np.float64)
    return summary
