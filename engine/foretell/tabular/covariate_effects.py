"""What a change of a known covariate does to the target: a straight line, learned before any tree.

A pinball loss knows on which side of a level a target lies, not how far. Trees of p10 that begin at a constant below most
rows hardly see what raises all of them: on days of a promotion that sold 30 more, p2.5 lay 6.7 too low and p10 3.1, while
the mean was right (three series of half a year). Counted from this line, as far as it goes, the levels move together.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from foretell.data.arrays import Floats
from foretell.tabular.training_rows import Learned

FARTHEST: Final = 8.0  # units that a target counts, at most: a slip must not tilt the line
PENALTY: Final = 1e-3  # on the squares of the slopes, beside a mean square of the covariates of about 1


def covariate_effects(rows: Learned, *, seed: int) -> Floats:
    """[C] deviations of an item that its target moves with each of the covariates, 0 where the line explains nothing.

    It is learned from half of the observed steps and tried on the others, and the other way round; what is kept is the share
    of it that these confirm.

    Args:
        rows: of `PanelRows.training`.
        seed: which steps are learned from first.

    Example:
        >>> from foretell.tabular import Learned, covariate_effects
        >>> promo = np.tile([[0.0], [1.0]], (50, 1))
        >>> rows = Learned(np.zeros((100, 5), np.float32), 3 * promo[:, 0], promo, np.ones(100), np.arange(100))
        >>> covariate_effects(rows, seed=0).round(1)
        array([3.])
    """
    count = rows.changes.shape[1]
    steps, place = np.unique(rows.cells, return_inverse=True)
    if count == 0 or len(steps) < 2:
        return np.zeros(count)
    # a row counts by its unit: one of a series that hardly changes would else outweigh hundreds
    x = rows.changes.astype(np.float64)
    y = rows.target.clip(-FARTHEST, FARTHEST) * rows.unit
    first = (np.random.default_rng(seed).permutation(len(steps)) % 2 == 0)[place]
    said = np.empty(len(y))
    for half in (first, ~first):
        said[half] = x[half] @ _slopes(x[~half], y[~half])
    power = float(said @ said)
    confirmed = float(said @ y) / power if power > 0 else 0.0
    return np.asarray(_slopes(x, y) * np.clip(confirmed, 0.0, 1.0))


def _slopes(x: Floats, y: Floats) -> Floats:
    """[C] of `y` [B] on `x` [B, C], with a little penalty; the level of `y` is free."""
    centred = x - x.mean(0)
    square = centred.T @ centred / len(x) + PENALTY * np.eye(x.shape[1])
    return np.asarray(np.linalg.solve(square, centred.T @ (y - y.mean()) / len(x)))
