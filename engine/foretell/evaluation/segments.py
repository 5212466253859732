"""Accuracy by what items and steps are: volume, zeros, length of the history, promotion days."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.columns import Column
from foretell.data.panel import Panel
from foretell.evaluation.history import observed_steps, total_sold, zero_share
from foretell.evaluation.item_sums import Sums, cells_of
from foretell.evaluation.metrics import ratio
from foretell.evaluation.outcome import Outcome, Window
from foretell.system.big_arrays import anywhere

MOST_FLAGS: Final = 6  # known 0/1 columns that steps are told apart by
VOLUMES: Final = ("the largest, four fifths of sales", "the next 15 %", "the last 5 %")
ZEROS: Final = ("hardly ever 0", "10 to 50 % of steps 0", "50 to 90 % of steps 0", "nearly always 0")
HISTORIES: Final = ("new, no history", "shorter than two horizons", "longer")
_KINDS: Final = {"volume": VOLUMES, "zeros": ZEROS, "history": HISTORIES}


@dataclass(frozen=True, slots=True, eq=False)
class _Class:
    """Classes of one kind, and which one each item belongs to; of a known column, that says it of each cell."""

    kind: str
    names: tuple[str, ...]
    items: NDArray[np.int64] | None = None  # [N]
    column: int | None = None  # of Panel.known


def segments(by_recipe: Mapping[str, Sequence[Outcome]]) -> pd.DataFrame:
    """A row a recipe, kind and class: `items`, `actual`, `forecast`, `share` of all actuals, `bias`, `WAPE`, `wQL`, `against_naive`.

    Kinds are the volume before the origin, the share of zeros in it, its length, and each known 0/1 column (a promotion). Sums are over
    all windows; classes without a cell are left out.
    """
    rows = [
        {"recipe": recipe, **row} for recipe, outcomes in by_recipe.items() for row in _of_recipe(outcomes)
    ]
    return pd.DataFrame(rows)


def _of_recipe(outcomes: Sequence[Outcome]) -> Iterator[dict[str, object]]:
    found: dict[tuple[str, str], tuple[int, Sums]] = {}
    for outcome in outcomes:
        for each, items, sums in _of_window(outcome):
            for k, name in enumerate(each.names):
                one = Sums(*(getattr(sums, part)[k : k + 1] for part in Sums.__slots__))
                count, before = found.get((each.kind, name), (0, Sums.none(1)))
                found[each.kind, name] = (max(count, int(items[k])), before.joined(one))
    everything: dict[str, float] = {}
    for (kind, _), (_, sums) in found.items():
        everything[kind] = everything.get(kind, 0.0) + float(sums.size[0])
    for (kind, name), (count, sums) in found.items():
        if sums.steps[0] > 0:
            yield {"kind": kind, "class": name, "items": count, **_scores(sums, everything[kind])}


def _scores(sums: Sums, everything: float) -> dict[str, float]:
    pairs = {
        "share": (sums.size, np.array([everything])),
        "bias": (sums.forecast - sums.actual, np.abs(sums.actual)),
        "WAPE": (sums.error, sums.size),
        "wQL": (sums.loss, sums.size),
    }
    return {
        "actual": float(sums.actual[0]),
        "forecast": float(sums.forecast[0]),
        **{name: float(ratio(*pair)[0]) for name, pair in pairs.items()},
        "against_naive": float(ratio(sums.beside, sums.naive)[0] - 1),
    }


def _of_window(outcome: Outcome) -> Iterator[tuple[_Class, NDArray[np.int64], Sums]]:
    """Each kind of classes, how many items each class has, and its sums."""
    classes = _classes(outcome.window, outcome.forecast.horizon)
    sums = [Sums.none(len(each.names)) for each in classes]
    counts = [np.zeros(len(each.names), np.int64) for each in classes]
    for items, cells in cells_of(outcome):
        for each, total, count in zip(classes, sums, counts, strict=True):
            group = _groups(each, outcome.window.panel, items, outcome.forecast.horizon)
            total.add(cells, np.where(cells.steps > 0, group, -1))
            for k in range(len(each.names)):
                count[k] += int(((group == k) & (cells.steps > 0)).any(axis=1).sum())
    yield from zip(classes, counts, sums, strict=True)


def _groups(each: _Class, panel: Panel, items: slice, horizon: int) -> NDArray[np.int64]:
    """[n, H] the class of each cell, -1 where it is in none."""
    if each.items is not None:
        return np.repeat(each.items[items][:, None], horizon, axis=1)
    some = np.arange(items.start, items.stop)
    known = panel.known_at(some, panel.origin[items][:, None] + np.arange(horizon))[..., each.column or 0]
    return np.where(np.isnan(known), -1, np.nan_to_num(known)).astype(np.int64)


def _classes(window: Window, horizon: int) -> list[_Class]:
    panel = window.panel
    observed = observed_steps(panel)
    zeros = zero_share(panel)
    codes = {
        "volume": _volumes(total_sold(panel)),
        "zeros": np.where(observed == 0, -1, np.searchsorted([0.1, 0.5, 0.9], zeros, side="right")),
        "history": np.where(observed == 0, 0, np.where(observed < 2 * horizon, 1, 2)),
    }
    made = [_Class(kind, names, codes[kind].astype(np.int64)) for kind, names in _KINDS.items()]
    return made + [
        _Class(column.name, (f"{column.name} = 0", f"{column.name} = 1"), None, k)
        for k, column in flags_of(panel)
    ]


def flags_of(panel: Panel) -> list[tuple[int, Column]]:
    """The known columns that are 0 or 1 and change, but for the open one: where they stand, and what they are."""
    return [
        (k, column)
        for k, column in enumerate(panel.schema.known)
        if not column.indicator and column.name != panel.schema.open and _is_flag(panel.known[:, k])
    ][:MOST_FLAGS]


def _is_flag(values: NDArray[np.float32]) -> bool:
    if anywhere(values, lambda part: (part != 0) & (part != 1) & ~np.isnan(part)):
        return False
    return anywhere(values, lambda part: part == 0) and anywhere(values, lambda part: part == 1)


def _volumes(sold: NDArray[np.float64]) -> NDArray[np.int64]:
    """[N] 0 for the largest items that make four fifths of what was sold, 1 for the next, 2 for the last 5 %; -1 for none."""
    order = np.argsort(-np.nan_to_num(sold), kind="stable")
    before = np.cumsum(np.nan_to_num(sold)[order])
    reached = (before - np.nan_to_num(sold)[order]) / max(float(before[-1]), 1e-300) if len(order) else before
    code = np.empty(len(sold), np.int64)
    code[order] = np.searchsorted([0.8, 0.95], reached, side="right")
    return np.where(np.isnan(sold), -1, code)
