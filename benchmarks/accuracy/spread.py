"""How sure a ratio of two losses is, and when a published figure is level with ours."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.committed_table import check_rows

SPREADS: Final = (
    Path(__file__).parent / "spreads.csv"
)  # task, spread: of `auto` against `ets` on the same cells
LEVEL_WITHIN: Final = 0.03  # a larger difference is one, however wide the spread


def paired_spread(
    ours: NDArray[np.float64],
    theirs: NDArray[np.float64],
    sizes: NDArray[np.float64],
    *,
    draws: int = 1000,
    seed: int = 0,
) -> float:
    """The standard deviation of log(wQL of one / wQL of the other) over draws of items and of whole windows.

    Args:
        ours: [N, W] loss of each item in each window, summed over steps and averaged over levels.
        theirs: [N, W] the same of the other recipe, on the same cells.
        sizes: [N, W] sum of |y|; a wQL is the mean over windows of the sum of losses over the sum of sizes.
        draws: bootstraps.
        seed: of the draws.
    """
    generator = np.random.default_rng(seed)
    n, windows = sizes.shape
    logs = np.empty(draws)
    for draw in range(draws):
        cells = np.ix_(generator.integers(n, size=n), generator.integers(windows, size=windows))
        size = sizes[cells].sum(axis=0)
        one, other = ((loss[cells].sum(axis=0) / size).mean() for loss in (ours, theirs))
        logs[draw] = math.log(one / other)
    return float(logs.std())


def is_level(ratio: float, spread: float | None) -> bool:
    """Whether a ratio is within one spread and within LEVEL_WITHIN; never where no spread was measured."""
    return spread is not None and abs(math.log(ratio)) <= spread and abs(ratio - 1) <= LEVEL_WITHIN


def read_spreads(path: Path = SPREADS) -> dict[str, float]:
    """By task; none where none was measured. Raises ForetellError where a line is no row."""
    if not path.exists():
        return {}
    check_rows(path, key=("task", "spread"), numbers=("spread",))
    rows = pd.read_csv(path, dtype={"task": str})
    return dict(zip(rows["task"], rows["spread"].astype(float), strict=True))
