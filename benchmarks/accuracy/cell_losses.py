"""The losses of a recipe on each item in each window, by which two recipes are compared in pairs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from foretell.evaluation.metrics import quantile_loss
from foretell.evaluation.outcome import Outcome
from foretell.system.atomic_files import replacing

FOLDER = Path("build/losses")  # not committed: an array an item and window
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class CellLosses:
    """Of one recipe: what its wQL is put together from. Equal tasks have equal items, in one order."""

    losses: Numbers  # [N, W] summed over steps, averaged over levels, twice the pinball loss
    sizes: Numbers  # [N, W] sum of |y| over the same steps

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> CellLosses:
        """Those of the outcomes of one recipe, a column a window; an item without history counts as nothing."""
        columns = [_cells(outcome) for outcome in outcomes]
        return cls(*(np.stack(parts, axis=1) for parts in zip(*columns, strict=True)))

    @property
    def wql(self) -> float:
        """The mean over windows of each one's pooled loss."""
        return float((self.losses.sum(axis=0) / self.sizes.sum(axis=0)).mean())

    def save(self, path: Path) -> None:
        """Whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, losses=self.losses, sizes=self.sizes)

    @classmethod
    def load(cls, path: Path) -> CellLosses:
        """What `save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(arrays["losses"], arrays["sizes"])


def losses_path(task: str, recipe: str, seed: int, folder: Path = FOLDER) -> Path:
    """Where the losses of a row of the results are kept."""
    return folder / f"{task}--{re.sub(r'[^A-Za-z0-9.=+-]', '_', recipe)}--{seed}.npz"


def _cells(outcome: Outcome) -> tuple[Numbers, Numbers]:
    """([N], [N]) loss and size."""
    actual = outcome.window.actual.astype(float)
    seen = ~np.isnan(actual) & outcome.window.has_history[:, None]
    losses = quantile_loss(actual, outcome.forecast.quantiles, outcome.forecast.levels).mean(axis=-1)
    return np.where(seen, losses, 0.0).sum(axis=1), np.where(seen, np.abs(actual), 0.0).sum(axis=1)
