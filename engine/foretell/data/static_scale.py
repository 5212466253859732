"""The location and scale of a window's target, and a guess at both for items that have no history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array, Floats
from foretell.data.layout import Layout
from foretell.data.panel import Panel
from foretell.data.segments import open_steps, segment_means
from foretell.system.big_arrays import pieces

_MOST_DUMMIES = 100  # categories with more codes than this say little about a new item
_ITEMS = 1 << 16  # whose design is made at a time


@dataclass(frozen=True, slots=True)
class StaticScale:
    """A ridge regression of each item's mean and deviation on its statics, in units of the panel's typical ones.

    Example:
        >>> from foretell.tabular import StaticScale
        >>> data = foretell.Dataset(pd.read_csv("data/retail/sales.csv", nrows=2952), freq="D")  # four items
        >>> StaticScale.fit(data.panel).predict(data.panel).shape
        (4, 2)
    """

    weights: Floats  # [D + 1, 2], on the design of `static_design`, the constant last
    unit: Floats  # [2] typical absolute mean and deviation
    real_scale: Floats  # [2, R] mean and deviation of the real statics
    # no item's mean is negative: it is regressed in logarithms, and no guess is negative either
    positive: bool

    @classmethod
    def fit(cls, panel: Panel, *, penalty: float = 1.0) -> StaticScale:
        """Learn from the history (open steps only) of every item that has one."""
        means, deviations, count = history_scale(panel)
        seen = count > 0
        unit = np.array([_typical(np.abs(means[seen])), _typical(deviations[seen & (count > 1)])])
        real = panel.static_real.astype(np.float64)
        real_scale = np.stack([_nan_mean(real), np.maximum(_nan_deviation(real), 1e-9)])
        positive = bool((means >= 0).all())
        location = _log(means, unit[0]) if positive else np.arcsinh(means / unit[0])
        wanted = np.stack([location, _log(deviations, unit[1])], axis=1)
        square, moment = _normal_equations(panel, real_scale, wanted, seen)
        ridge = penalty * np.eye(len(square))
        ridge[-1, -1] = 1e-9
        weights = np.asarray(np.linalg.solve(square + ridge, moment), np.float64)
        return cls(weights, unit, real_scale, positive)

    def predict(self, panel: Panel) -> Array:
        """[N, 2] mean and deviation that the statics of each item suggest."""
        parts = [
            static_design(panel, self.real_scale, some) @ self.weights for some in pieces(len(panel), _ITEMS)
        ]
        location, spread = np.clip(np.concatenate([np.zeros((0, 2)), *parts]), -8, 8).T
        mean = (np.exp(location) if self.positive else np.sinh(location)) * self.unit[0]
        return np.stack([mean, np.exp(spread) * self.unit[1]], axis=1).astype(np.float32)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What `of_arrays` reads back."""
        return {
            "scale.weights": self.weights,
            "scale.unit": self.unit,
            "scale.moments": self.real_scale,
            "scale.positive": np.array(self.positive),
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> StaticScale:
        """The regression that `arrays` wrote."""
        positive = bool(arrays["scale.positive"])
        return cls(arrays["scale.weights"], arrays["scale.unit"], arrays["scale.moments"], positive)


def history_scale(panel: Panel) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """[N] mean, deviation and number of the observed, open steps of each item before its origin."""
    layout = Layout(panel.start, panel.offsets)
    return segment_means(panel.target, layout, panel.stop, counts=open_steps(panel))


def static_design(panel: Panel, real_scale: Floats, items: slice = slice(None)) -> Floats:
    """[N, D + 1] of `items`: standardised real statics (0 where missing), a 0/1 column a category, and a constant."""
    real = np.nan_to_num((panel.static_real[items] - real_scale[0]) / real_scale[1]).clip(-5, 5)
    codes = [
        (panel.static_cat[items, c, None] == np.arange(1, size)).astype(np.float64)
        for c, size in enumerate(panel.schema.cardinalities)
        if size <= _MOST_DUMMIES
    ]
    return np.concatenate([real, *codes, np.ones((len(real), 1))], axis=1)


def _normal_equations(
    panel: Panel, real_scale: Floats, wanted: Floats, seen: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """X'X and X'y of the items that are `seen`, added up over pieces of the design X."""
    square: Floats = np.zeros(())
    moment: Floats = np.zeros(())
    for items in pieces(len(panel), _ITEMS):
        x, y = static_design(panel, real_scale, items)[seen[items]], wanted[items][seen[items]]
        square, moment = square + x.T @ x, moment + x.T @ y
    return square, moment


def _log(values: Floats, unit: float) -> Floats:
    """Logarithms in units of `unit`; zero counts as a thousandth of it."""
    return np.log(np.maximum(values, 1e-3 * unit) / unit)


def _typical(values: Floats) -> float:
    positive = values[values > 0]
    return float(np.median(positive)) if len(positive) else 1.0


def _nan_mean(columns: Floats) -> Floats:
    count = np.maximum((~np.isnan(columns)).sum(0), 1)
    return np.asarray(np.nansum(columns, axis=0) / count)


def _nan_deviation(columns: Floats) -> Floats:
    return np.sqrt(_nan_mean((columns - _nan_mean(columns)) ** 2))
