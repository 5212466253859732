"""Groups of items by the columns of their key and metadata."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.panel import Panel
from foretell.errors import ForetellError, nearest

MOST_GROUPS: Final = 2000  # cells of all columns asked for
_UNKNOWN: Final = "unknown"  # a category that the model has not seen, or none


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Which cell of the columns asked for each item is in, and which cells make each group."""

    code: NDArray[np.int64]  # [N] cell of each item
    cells: int
    members: dict[tuple[str, str], NDArray[np.int64]]  # (what it is grouped by, group) -> cells


def groups_of(panel: Panel, by: Sequence[str]) -> Groups:
    """The groups of each of `by`: a column of the key or a category of the metadata, or several joined by a slash.

    Raises ForetellError with the nearest name for a column that is neither.
    """
    if isinstance(by, str):
        raise ForetellError(f"by must be a list of columns, such as by=['family'], got {by!r}")
    asked = [tuple(part.strip() for part in each.split("/")) for each in by]
    columns = list(dict.fromkeys(name for names in asked for name in names))
    if not columns:
        return Groups(np.zeros(len(panel), np.int64), 1, {})
    table = pd.DataFrame({name: _labels(panel, name) for name in columns})
    cell, code = np.unique(table.to_numpy(str), axis=0, return_inverse=True)
    if len(cell) > MOST_GROUPS:
        raise ForetellError(
            f"by={list(by)!r} makes {len(cell):,} groups, {MOST_GROUPS:,} are watched at most. Name columns with fewer values."
        )
    members: dict[tuple[str, str], NDArray[np.int64]] = {}
    for names in asked:
        labels = np.array([" / ".join(row) for row in cell[:, [columns.index(name) for name in names]]])
        for label in dict.fromkeys(labels.tolist()):
            members[" / ".join(names), label] = np.flatnonzero(labels == label)
    return Groups(code.ravel().astype(np.int64), len(cell), members)


def _labels(panel: Panel, name: str) -> list[str]:
    if name in panel.keys.columns:
        return panel.keys[name].astype(str).tolist()
    categories = panel.schema.static_cat
    if name not in categories:
        there = [*panel.keys.columns, *categories]
        raise ForetellError(
            f"by= names {name!r}, which is no column of the key and no category of the items.{nearest(name, there)}"
            f" There are: {', '.join(there)}"
        )
    words = (_UNKNOWN, *panel.schema.vocabularies[name])
    return [words[code] for code in panel.static_cat[:, categories.index(name)].tolist()]
