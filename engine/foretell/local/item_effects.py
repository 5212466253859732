"""What the pooled regression says of variants of items, whose own coefficients are estimated once from their histories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Floats
from foretell.data.panel import Panel
from foretell.data.static_scale import static_design
from foretell.local.hierarchical_model import CalendarCells, Hierarchy, SufficientStatistics
from foretell.local.pooled_regression import Pooled, View, history_length, without_trend


@dataclass(frozen=True, slots=True, eq=False)
class ItemEffects:
    """Of n items, all that their coefficients follow from, whatever their statics are."""

    pooled: Pooled
    items: NDArray[np.int64]  # [n] positions in their panel
    centre: Floats  # [n, numbers] of the design
    own: Floats  # [n, D] what the history adds to the coefficients, of which `kept` is left
    kept: Floats  # [n, D, D]

    @classmethod
    def of(cls, pooled: Pooled, panel: Panel, items: NDArray[np.int64], horizon: int) -> ItemEffects:
        """Those of `items` of a panel; one pass over their histories."""
        length = history_length(panel, items)
        view = View.of(panel, items, pooled.scale)
        regressors = pooled.regressors
        cells = CalendarCells.of(panel, items, back=length, ahead=0, yearly=regressors.yearly)
        centre = regressors.centre(panel, items, back=length, ahead=horizon)
        # the horizon is in: the last step looks at the day after
        design = regressors.design(panel, items, back=length, ahead=horizon, centre=centre)[:, :length]
        rest = (view.z - cells.effect(pooled.common)) * view.seen
        statistics = SufficientStatistics.of(design * view.seen[..., None], rest)
        inverse = np.linalg.inv(statistics.square + np.diag(pooled.noise / pooled.variance))
        kept = np.eye(inverse.shape[-1]) - inverse @ statistics.square
        return cls(pooled, items, centre, np.einsum("nde,ne->nd", inverse, statistics.cross), kept)

    def ahead(self, panel: Panel, rows: NDArray[np.int64], of: NDArray[np.int64], horizon: int) -> Floats:
        """[v, H] the regression's part of the horizon of the variants `rows` [v] of a panel, of the items at `of` [v]."""
        pooled = self.pooled
        regressors = pooled.regressors
        statics = static_design(panel, pooled.scale.real_scale)[rows, :-1]
        prior = Hierarchy(pooled.mean, pooled.slopes, pooled.variance, pooled.noise).prior(statics)
        coefficients = np.empty_like(prior)
        for item in np.unique(of):  # BLAS does not see through a stack of matrices
            mine = of == item
            coefficients[mine] = prior[mine] @ self.kept[item].T + self.own[item]
        # the step before the origin is what a column of the day before looks at
        design = regressors.design(panel, rows, back=1, ahead=horizon, centre=self.centre[of])[:, 1:]
        cells = CalendarCells.of(panel, rows, back=0, ahead=horizon, yearly=regressors.yearly)
        own = without_trend(coefficients)
        return np.asarray(np.einsum("nld,nd->nl", design, own) + cells.effect(pooled.common))
