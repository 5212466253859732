"""Boosted regression trees as plain arrays: grown by any library, stored without pickle, evaluated by numpy.

A tree is evaluated as in QuickScorer (Lucchese et al. 2015): each split that a row fails rules out the leaves on its left,
and the row ends in the first leaf that is left over. All rows take one split at a time, so that there is no walk from node
to node, and a set of leaves is one 32-bit number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array, Floats

MOST_LEAVES: Final = 32  # of a tree: one bit each
MOST_CODES: Final = 255  # of a categorical feature, the limit of scikit-learn's bins
_ALL: Final = np.uint32(2**32 - 1)
_ROWS: Final = 8192  # evaluated together: a column of them stays in the processor's cache


class Tree(NamedTuple):
    """One regression tree, node by node, as a library has grown it; node 0 is the root.

    Example:
        >>> from foretell.tabular import Tree
        >>> stump = Tree(  # -1 up to 5, 1 beyond
        ...     left=np.array([1, -1, -1]),
        ...     right=np.array([2, -1, -1]),
        ...     feature=np.array([0, 0, 0]),
        ...     threshold=np.array([5.0, 0.0, 0.0]),
        ...     missing_left=np.array([True, False, False]),
        ...     value=np.array([0.0, -1.0, 1.0]),
        ...     left_codes={},
        ... )
        >>> len(stump.value)
        3
    """

    left: NDArray[np.int64]  # [nodes] where a row goes whose value is up to the threshold; -1 at a leaf
    right: NDArray[np.int64]  # [nodes] where the others go
    feature: NDArray[np.int64]  # [nodes] that is compared
    threshold: Floats  # [nodes]
    missing_left: NDArray[np.bool_]  # [nodes] missing values go left
    value: Floats  # [nodes] what a leaf says, the learning rate included
    left_codes: Mapping[int, NDArray[np.bool_]]  # categorical node -> [MOST_CODES + 1] codes that go left


class GrownModel(NamedTuple):
    """What a boosted model is: a number and trees, whose leaves are added to it.

    Example:
        >>> from foretell.tabular import GrownModel
        >>> GrownModel(base=10.0, trees=[]).base
        10.0
    """

    base: float
    trees: Sequence[Tree]


@dataclass(frozen=True, slots=True)
class Trees:
    """M boosted models over the same F features: T trees, their splits end to end.

    A feature that is categorical holds codes from 0 on; NaN is missing in either kind.

    Example:
        >>> from foretell.tabular import GrownModel, Tree, Trees
        >>> ends, none = np.array([-1, -1]), np.array([0, 0])
        >>> stump = Tree(
        ...     left=np.array([1, *ends]),
        ...     right=np.array([2, *ends]),
        ...     feature=np.array([0, *none]),
        ...     threshold=np.array([5.0, *none]),
        ...     missing_left=np.array([True, False, False]),
        ...     value=np.array([0.0, -1.0, 1.0]),
        ...     left_codes={},
        ... )
        >>> Trees.of([GrownModel(10.0, [stump])]).predict(np.array([[4], [6], [np.nan]], np.float32))
        array([[ 9.],
               [11.],
               [ 9.]])
    """

    base: NDArray[np.float64]  # [M] what each model says before its first tree
    model: NDArray[np.int32]  # [T] which model a tree belongs to
    first: NDArray[np.int64]  # [T + 1] where a tree's splits begin
    values: NDArray[np.float64]  # [T, MOST_LEAVES] of its leaves, from left to right
    feature: NDArray[np.int32]  # [splits]
    threshold: Array  # [splits] values up to this go left
    missing_left: NDArray[np.bool_]  # [splits] missing values go left
    kept: NDArray[np.uint32]  # [splits] the leaves that a row may still end in when it goes right
    codes: NDArray[np.int32]  # [splits] row of `left_codes` of a categorical split, else -1
    left_codes: NDArray[np.bool_]  # [categorical splits, MOST_CODES + 1] codes that go left

    @classmethod
    def of(cls, models: Sequence[GrownModel]) -> Trees:
        """The trees of `models`, in their order; each has MOST_LEAVES leaves at most and codes up to MOST_CODES."""
        base = np.array([model.base for model in models], np.float64)
        grown = [(m, tree) for m, model in enumerate(models) for tree in model.trees]
        parts = [_splits(tree) for _, tree in grown]
        joined = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ("feature", "threshold", "missing_left", "kept", "left_codes")
        }
        codes = np.concatenate([part.categorical for part in parts])
        return cls(
            base=base,
            model=np.array([m for m, _ in grown], np.int32),
            first=np.cumsum([0, *(len(part.feature) for part in parts)]),
            values=np.stack([part.values for part in parts]),
            codes=np.where(codes, np.cumsum(codes) - 1, -1).astype(np.int32),
            **joined,
        )

    def predict(self, rows: Array) -> NDArray[np.float64]:
        """[B, M]: what each model says of `rows` [B, F]."""
        result = np.tile(self.base, (len(rows), 1))
        for begin in range(0, len(rows), _ROWS):
            chunk = np.asarray(rows[begin : begin + _ROWS], np.float32)
            columns = np.ascontiguousarray(chunk.T)
            missing = np.isnan(columns)
            gaps = np.asarray(missing.any(1))
            for t in range(len(self.model)):
                left = _leaves(self, t, columns, missing, gaps)
                result[begin : begin + _ROWS, self.model[t]] += self.values[t, _lowest_bit(left)]
        return result

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What `of_arrays` reads back."""
        return {f"trees.{field.name}": getattr(self, field.name) for field in fields(self)}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Trees:
        """The trees that `arrays` wrote."""
        return cls(**{field.name: arrays[f"trees.{field.name}"] for field in fields(cls)})


def _leaves(
    trees: Trees, t: int, columns: Array, missing: NDArray[np.bool_], gaps: NDArray[np.bool_]
) -> NDArray[np.uint32]:
    """[B] the leaves of tree `t` that the splits leave each row of `columns` [F, B], as bits."""
    left = np.full(columns.shape[1], _ALL)
    goes, may = np.empty(columns.shape[1], bool), np.empty(columns.shape[1], np.uint32)
    for s in range(trees.first[t], trees.first[t + 1]):
        f = trees.feature[s]
        if trees.codes[s] >= 0:
            place = np.where(missing[f], 0, columns[f]).astype(np.int64)
            np.take(trees.left_codes[trees.codes[s]], place, out=goes)
            goes &= ~missing[f]
        else:
            np.less_equal(columns[f], trees.threshold[s], out=goes)  # False for NaN
        if trees.missing_left[s] and gaps[f]:
            goes |= missing[f]
        np.multiply(goes.view(np.uint8), _ALL - trees.kept[s], out=may)
        may += trees.kept[s]  # all leaves for those that go left
        left &= may
    return left


def _lowest_bit(bits: NDArray[np.uint32]) -> NDArray[np.int64]:
    """[B] the position of the lowest bit that is set: the exponent of the number with that bit alone."""
    lowest = bits & (~bits + np.uint32(1))
    return np.frexp(lowest.astype(np.float64))[1].astype(np.int64) - 1


@dataclass(frozen=True, slots=True)
class _Splits:
    """The splits of one tree, as `Trees` has them."""

    values: NDArray[np.float64]  # [MOST_LEAVES]
    feature: NDArray[np.int32]
    threshold: Array
    missing_left: NDArray[np.bool_]
    kept: NDArray[np.uint32]
    categorical: NDArray[np.bool_]
    left_codes: NDArray[np.bool_]  # [categorical splits, MOST_CODES + 1]


def _splits(tree: Tree) -> _Splits:
    """A tree with its leaves numbered from left to right, and what each split rules out."""
    values, kept, order = np.zeros(MOST_LEAVES), [], []
    leaves = 0
    # Right before left on the stack; a split is visited a second time, when its left side is through.
    stack: list[tuple[int, int]] = [(0, -1)]
    while stack:
        node, begun = stack.pop()
        if tree.left[node] < 0:
            values[leaves] = tree.value[node]
            leaves += 1
        elif begun < 0:
            stack += [(node, leaves), (int(tree.left[node]), -1)]
        else:
            order.append(node)
            ruled_out = ((1 << leaves) - 1) ^ ((1 << begun) - 1)
            kept.append(int(_ALL) ^ ruled_out)
            stack.append((int(tree.right[node]), -1))
    split = np.array(order, np.int64)
    codes = [tree.left_codes[node] for node in order if node in tree.left_codes]
    return _Splits(
        values=values,
        feature=tree.feature[split].astype(np.int32),
        threshold=_rounded_down(tree.threshold[split]),
        missing_left=tree.missing_left[split],
        kept=np.array(kept, np.uint32),
        categorical=np.array([node in tree.left_codes for node in order], bool),
        left_codes=np.stack(codes) if codes else np.zeros((0, MOST_CODES + 1), bool),
    )


def _rounded_down(thresholds: NDArray[np.float64]) -> Array:
    """The largest float32 numbers up to `thresholds`: float32 values compare with them as with the originals."""
    with np.errstate(over="ignore"):  # LightGBM splits missing from present at 1e300
        near = thresholds.astype(np.float32)
    return np.where(near.astype(np.float64) > thresholds, np.nextafter(near, np.float32(-np.inf)), near)
