"""The mean and deviation of each covariate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array
from foretell.data.layout import Layout
from foretell.data.panel import Panel
from foretell.data.segments import mean_and_deviation


@dataclass(frozen=True, slots=True)
class CovariateScale:
    """How covariates become network inputs: mean and deviation of each column, (0, 1) for a 0/1 column."""

    known: Array  # [2, K]
    past: Array  # [2, P]
    static: Array  # [2, R]

    @classmethod
    def of(cls, panel: Panel) -> CovariateScale:
        """Mean and deviation of a panel's covariates; of past ones from before each item's origin only."""
        whole = Layout.of(panel.start, panel.lengths + panel.future)
        return cls(
            _scale(panel.known, whole),
            _scale(panel.past, Layout(panel.start, panel.offsets), panel.stop),
            _scale(panel.static_real, Layout.of(panel.start, np.ones(len(panel), np.int64))),
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What `of_arrays` reads back."""
        return {"moments.known": self.known, "moments.past": self.past, "moments.static": self.static}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> CovariateScale:
        return cls(arrays["moments.known"], arrays["moments.past"], arrays["moments.static"])


def _scale(columns: Array, layout: Layout, stop: NDArray[np.int64] | None = None) -> Array:
    """[rows, columns] -> [2, columns]: mean and deviation, (0, 1) for columns of nothing but 0 and 1."""
    result = np.stack([np.zeros(columns.shape[1]), np.ones(columns.shape[1])]).astype(np.float32)
    for index in range(columns.shape[1]):
        found = mean_and_deviation(columns[:, index], layout, stop)
        if found is not None:
            mean, deviation = found
            result[:, index] = mean, deviation if deviation > 0 else 1.0
    return result
