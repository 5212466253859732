"""Sample paths of a forecast: values of its quantiles, put in the order of dependent draws.

Each step's `S` values are its quantiles at (s + 1/2) / S, so that the paths have the forecast's own margins; which path gets
which is decided by the ranks of the draws (ensemble copula coupling: Schefzik, Thorarinsdottir and Gneiting 2013).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array
from foretell.recipe.dependence import NormalPaths
from foretell.recipe.levels import interpolate

# of the margins that paths are drawn from: 21 from .01 to .99, those of networks between them, and the tails
PATH_LEVELS: Final = (
    0.001,
    0.005,
    0.01,
    0.025,
    *(round(step / 20, 2) for step in range(1, 20)),
    0.975,
    0.99,
    0.995,
    0.999,
)
PATHS: Final = 200  # that totals are made of
_CELLS: Final = 1 << 24  # numbers of the paths that are drawn at a time


@dataclass(frozen=True, slots=True, eq=False)
class Margins:
    """The distribution of every step of every item, as fine as paths need it, whatever levels were asked for."""

    levels: tuple[float, ...]  # [L], rising
    quantiles: Array  # [N, H, L], non-decreasing along L

    def of(self, items: slice | NDArray[np.int64]) -> Margins:
        """Those of some items."""
        return Margins(self.levels, self.quantiles[items])


def draw_paths(
    margins: Margins, normal: NormalPaths, items: Sequence[str], groups: Mapping[str, Sequence[str]]
) -> Array:
    """[n, S, H] paths of `items`, in the order of `margins`; `groups` as in `NormalPaths.draw`."""
    order = np.argsort(normal.draw(items, groups), axis=-1)  # [n, H, S]
    ranks = (np.arange(normal.paths) + 0.5) / normal.paths
    rising = interpolate(margins.quantiles[:, : normal.horizon], margins.levels, ranks.tolist())
    out = np.empty_like(rising)
    np.put_along_axis(out, order, rising, axis=-1)
    return out.transpose(0, 2, 1)


def slices(items: int, *, paths: int, horizon: int) -> Iterator[slice]:
    """The items in turn, so many at a time that memory holds their paths."""
    size = max(1, _CELLS // (paths * horizon))
    for first in range(0, items, size):
        yield slice(first, min(first + size, items))
