"""Normal scores: where actuals lie in their forecast distributions, as a standard normal variable would."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Floats

_LEAST: Final = 1e-3  # probability of a score, at either end


def normal_scores(
    quantiles: NDArray[Any], levels: Sequence[float], actual: NDArray[Any], *, seed: int
) -> Floats:
    """[...] the scores of `actual` [...] in forecasts `quantiles` [..., L], rising; NaN where not observed.

    Where several levels have the actual's value (many zeros) one of their probabilities is drawn (Czado, Gneiting and Held
    2009, Biometrics 65).
    """
    from scipy.special import ndtri

    ends = np.array([0.0, *levels, 1.0])
    below = (quantiles < actual[..., None]).sum(-1)  # levels whose quantile lies below the actual
    up_to = (quantiles <= actual[..., None]).sum(-1)
    last = len(levels) - 1
    low = np.take_along_axis(quantiles, np.clip(below - 1, 0, last)[..., None], -1)[..., 0]
    high = np.take_along_axis(quantiles, np.clip(below, 0, last)[..., None], -1)[..., 0]
    part = np.where(high > low, (actual - low) / np.where(high > low, high - low, 1), 0.5)
    between = ends[below] + np.clip(part, 0, 1) * (ends[below + 1] - ends[below])
    first = np.where(below == 0, 0.0, ends[np.minimum(below + 1, last + 1)])
    final = np.where(up_to == last + 1, 1.0, ends[up_to])
    drawn = first + np.random.default_rng(seed).random(actual.shape) * (final - first)
    probability = np.where(up_to > below, drawn, between)
    scores = ndtri(np.clip(probability, _LEAST, 1 - _LEAST))
    return np.asarray(np.where(np.isnan(actual), np.nan, scores), np.float64)


def ranked_scores(errors: Floats) -> Floats:
    """[N, M] normal scores of each item's errors [N, M] by their ranks among themselves; NaN where there is none."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    ranks = rankdata(errors, axis=1, nan_policy="omit")
    count = (~np.isnan(errors)).sum(1, keepdims=True)
    return np.asarray(ndtri((ranks - 0.5) / np.maximum(count, 1)), np.float64)
