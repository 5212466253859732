"""The mean and deviation of each covariate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array, Floats
from foretell.data.layout import Layout
from foretell.data.panel import Panel
from foretell.data.segments import mean_and_deviation, visible


@dataclass(frozen=True, slots=True)
class CovariateScale:
    """How covariates become network inputs: mean and deviation of each column, (0, 1) for a 0/1 column.

    The deviation of a column of which less than half was observed is larger, by as much as it was observed less: a network
    then takes it for the smaller part of what it sees, and must find it worth weights all the greater.

    Example:
        >>> from foretell.tabular import CovariateScale
        >>> data = foretell.Dataset(pd.read_csv("data/retail/sales.csv", nrows=2952), freq="D")  # four items
        >>> CovariateScale.of(data.panel).known.shape  # no known covariates
        (2, 0)
    """

    known: Array  # [2, K]
    past: Array  # [2, P]
    static: Array  # [2, R]

    @classmethod
    def of(cls, panel: Panel, *, horizon: int | None = None) -> CovariateScale:
        """Mean and deviation of a panel's covariates: known ones up to `horizon` steps beyond each item's origin, past ones to it.

        Args:
            panel: N series on one grid.
            horizon: steps ahead that are forecast; None for all that is known.
        """
        whole = Layout.of(panel.start, panel.lengths + panel.future)
        ahead = panel.origin + (horizon or 0) - panel.start
        return cls(
            _scale(panel.known, whole, None if horizon is None else np.clip(ahead, 0, whole.lengths)),
            _scale(panel.past, Layout(panel.start, panel.offsets), panel.stop),
            _scale(panel.static_real, Layout.of(panel.start, np.ones(len(panel), np.int64))),
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What `of_arrays` reads back."""
        return {"moments.known": self.known, "moments.past": self.past, "moments.static": self.static}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> CovariateScale:
        """The scale that `arrays` wrote."""
        return cls(arrays["moments.known"], arrays["moments.past"], arrays["moments.static"])


def trust(share: Floats | float) -> Any:
    """How far a column counts of which this share was observed: 1 from a half on."""
    return np.clip(2.0 * np.asarray(share), 0.02, 1.0)


def _share(column: Array, layout: Layout, stop: NDArray[np.int64] | None) -> float:
    """The share of the steps before `stop` that have a value."""
    steps = int(layout.lengths.sum() if stop is None else np.minimum(stop, layout.lengths).sum())
    seen = sum(int((~np.isnan(values)).sum()) for _, values, _ in visible(column, layout, stop))
    return seen / max(steps, 1)


def _scale(columns: Array, layout: Layout, stop: NDArray[np.int64] | None = None) -> Array:
    """[rows, columns] -> [2, columns]: mean and deviation, (0, 1) for columns of nothing but 0 and 1."""
    result = np.stack([np.zeros(columns.shape[1]), np.ones(columns.shape[1])]).astype(np.float32)
    for index in range(columns.shape[1]):
        found = mean_and_deviation(columns[:, index], layout, stop)
        if found is not None:
            mean, deviation = found
            result[:, index] = (
                mean,
                (deviation if deviation > 0 else 1.0) / trust(_share(columns[:, index], layout, stop)),
            )
    return result
