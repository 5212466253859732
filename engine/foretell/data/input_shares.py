"""How the values of each column were spread when a model was trained, and how far its single stretches lay from that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Final, Self

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Floats
from foretell.data.panel import Panel
from foretell.data.schema import Schema
from foretell.errors import ForetellError
from foretell.system.typed import Within

BINS: Final = 10  # of a column, at most; one more holds what is missing
STRETCHES: Final = 26  # of dates before the origins, each of one horizon
MOST_ITEMS: Final = 500  # that are looked at
MOST_CELLS: Final = 1 << 18  # of them, in all stretches together
_LEAST: Final = 0.005  # share that an empty bin counts as, so that no distance is infinite


@dataclass(frozen=True, slots=True)
class ColumnShares:
    """One column: its bins, the share of cells in each, and how far each stretch of dates lay from these shares."""

    edges: tuple[float, ...]  # a value is in the bin of the first edge that is not below it; rising
    shares: tuple[float, ...]  # [len(edges) + 2] the last one is of missing values
    distances: tuple[float, ...] = ()  # the latest stretch first

    def __post_init__(self) -> None:
        """Raises ForetellError where these do not belong together, as only a damaged file has them."""
        rising = all(low < high for low, high in pairwise(self.edges))
        if not rising or len(self.shares) != len(self.edges) + 2:
            raise ForetellError("the edges of bins must rise, and have a share each")

    @classmethod
    def of(cls, stretches: Sequence[Floats]) -> Self:
        """Those of the values in each stretch, NaN where missing."""
        values = np.concatenate([np.zeros(0), *stretches])
        seen = values[~np.isnan(values)]
        inner = np.linspace(0, 1, BINS + 1)[1:-1]
        edges = np.unique(np.quantile(seen, inner)) if len(seen) else np.zeros(0)
        shares = _shares(values, edges)
        distances = [_distance(_shares(each, edges), shares) for each in stretches if len(each)]
        return cls(tuple(edges.tolist()), tuple(shares.tolist()), tuple(distances))

    def distance(self, values: Floats) -> float:
        """How far the shares of `values` lie from the usual ones: the population stability index, 0 where they are equal.

        That is the sum over bins of the difference of the shares times that of their logs. 0 where there is no value.
        """
        if not len(values):
            return 0.0
        return _distance(_shares(values, np.array(self.edges)), np.array(self.shares))


def _shares(values: Floats, edges: Floats) -> Floats:
    count = len(edges) + 2
    bins = np.searchsorted(edges, values, side="left")
    bins[np.isnan(values)] = count - 1
    return np.bincount(bins, minlength=count) / max(len(values), 1)


def _distance(now: Floats, usual: Floats) -> float:
    now, usual = np.maximum(now, _LEAST), np.maximum(usual, _LEAST)
    return float(((now - usual) * np.log(now / usual)).sum())


@dataclass(frozen=True, slots=True)
class InputShares:
    """The columns of a panel as training saw them, over the last stretches before the origins."""

    horizon: Annotated[int, Within(1, 1_000_000)]  # steps of a stretch
    target: ColumnShares  # of the target
    known: tuple[ColumnShares, ...]  # [K]
    past: tuple[ColumnShares, ...]  # [P]
    static_real: tuple[ColumnShares, ...]  # [R], without stretches
    unknown: tuple[float, ...]  # [C] share of items whose category is unknown

    @classmethod
    def of(cls, panel: Panel, horizon: int) -> Self:
        """What lies before the origins of `panel`; of many items, some that lie evenly among them."""
        longest = int(panel.stop.max(initial=0))
        count = max(min(STRETCHES, longest // horizon), 1)
        items = some_items(panel, horizon * count)
        back = horizon * (1 + np.arange(count))
        stretches = [values_at(panel, items, panel.origin[items] - steps, horizon) for steps in back]
        width = stretches[0].shape[1]
        columns = [ColumnShares.of([each[:, k] for each in stretches]) for k in range(width)]
        known, past = panel.known.shape[1], panel.past.shape[1]
        return cls(
            horizon,
            columns[0],
            tuple(columns[1 : 1 + known]),
            tuple(columns[1 + known : 1 + known + past]),
            tuple(ColumnShares.of([column]) for column in panel.static_real[items].T.astype(np.float64)),
            unknown_shares(panel, items),
        )

    def check(self, schema: Schema) -> Self:
        """This; raises ForetellError where its columns are not those of `schema`, as only a damaged file has it."""
        for name, columns in (("known", self.known), ("past", self.past), ("static_real", self.static_real)):
            if len(columns) != len(getattr(schema, name)):
                raise ForetellError(
                    f"the inputs have {len(columns)} {name} columns, the schema another number"
                )
        if len(self.unknown) != len(schema.static_cat):
            raise ForetellError(f"the inputs have {len(self.unknown)} categories, the schema another number")
        return self


def some_items(panel: Panel, steps: int) -> NDArray[np.int64]:
    """The positions of the items of which `steps` steps are looked at: all, or some that lie evenly among them."""
    count, most = len(panel), max(min(MOST_ITEMS, MOST_CELLS // steps), 1)
    return np.arange(count) if count <= most else np.linspace(0, count - 1, most).astype(np.int64)


def values_at(panel: Panel, items: NDArray[np.int64], first: NDArray[np.int64], steps: int) -> Floats:
    """[cells, 1 + K + P] target, known and past columns of `items` [n] over `steps` steps from `first` [n] on; NaN where missing.

    Steps before an item's first or beyond its last one are no cells.
    """
    ordinals = first[:, None] + np.arange(steps)
    step = ordinals - panel.start[items][:, None]
    inside = (step >= 0) & (step < panel.lengths[items][:, None])
    target = panel.target_at(items, ordinals)[inside][:, None]
    past = panel.past[(panel.offsets[items][:, None] + step)[inside]]
    every = np.concatenate([target, panel.known_at(items, ordinals)[inside], past], axis=1)
    return np.asarray(every, np.float64)


def unknown_shares(panel: Panel, items: NDArray[np.int64]) -> tuple[float, ...]:
    """[C] the share of `items` whose category is unknown."""
    codes = panel.static_cat[items]
    return tuple((codes == 0).mean(axis=0).tolist()) if len(items) else (0.0,) * codes.shape[1]
