"""How sure a ratio of two losses is, and when a published figure is level with ours."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.accuracy.cell_losses import FOLDER, CellLosses, losses_path
from benchmarks.committed_table import check_rows
from foretell.system.frame_writers import write_frame

SPREADS: Final = (
    Path(__file__).parent / "spreads.csv"
)  # task, spread: of `auto` against `ets` on the same cells
Numbers = NDArray[np.float64]
LEVEL_WITHIN: Final = 0.03  # a larger difference is one, however wide the spread


def paired_logs(ours: Numbers, theirs: Numbers, sizes: Numbers, *, draws: int, seed: int) -> Numbers:
    """[draws] log(wQL of one / wQL of the other), of draws of items and of whole windows.

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
    return logs


def paired_spread(
    ours: Numbers, theirs: Numbers, sizes: Numbers, *, draws: int = 1000, seed: int = 0
) -> float:
    """The standard deviation of `paired_logs`."""
    return float(paired_logs(ours, theirs, sizes, draws=draws, seed=seed).std())


def paired_interval(
    ours: Numbers, theirs: Numbers, sizes: Numbers, *, draws: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Between which ratios of the two wQL nine tenths of the draws lie."""
    logs = paired_logs(ours, theirs, sizes, draws=draws, seed=seed)
    low, high = np.exp(np.quantile(logs, (0.05, 0.95)))
    return float(low), float(high)


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


def write_spreads(rows: pd.DataFrame, *, folder: Path = FOLDER, path: Path = SPREADS) -> None:
    """Put the spread of each task whose losses are kept, of `auto` and of `ets`, into the table: the median over the seeds of `auto`."""
    found = read_spreads(path)
    for task, group in rows.groupby("task"):
        other = losses_path(str(task), "ets", 0, folder)
        auto = group[group["recipe"].str.startswith("auto")]
        ours = [
            losses_path(str(task), str(recipe), int(seed), folder)
            for recipe, seed in zip(auto["recipe"], auto["seed"], strict=True)
        ]
        kept = [CellLosses.load(each) for each in ours if each.exists() and other.exists()]
        if kept:
            ets = CellLosses.load(other)
            found[str(task)] = float(
                np.median([paired_spread(each.losses, ets.losses, each.sizes) for each in kept])
            )
    lines = [{"task": task, "spread": float(f"{spread:.3g}")} for task, spread in sorted(found.items())]
    write_frame(pd.DataFrame(lines, columns=["task", "spread"]), path)
