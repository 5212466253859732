"""What the items of a forecast are, by columns of the key and of the metadata."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.arrays import Floats
from foretell.data.frequency import Frequency
from foretell.data.panel import Panel
from foretell.errors import ForetellError, nearest
from foretell.system.repeated import first_repeated

Texts = NDArray[np.object_]
ALL = "all items"
UNKNOWN = "unknown"  # a value of the metadata that an item does not have


def columns_of_items(keys: pd.DataFrame, panel: Panel | None) -> list[str]:
    """The columns by which items can be grouped."""
    metadata = () if panel is None else (*panel.schema.static_cat, *_numbers(panel))
    return [*map(str, keys.columns), *metadata]


def values_of_items(
    keys: pd.DataFrame, panel: Panel | None, column: str, items: NDArray[np.int64] | slice = slice(None)
) -> Texts:
    """[n] the value of each of `items` in a column, as text.

    Raises ForetellError, with the nearest name, where there is no such column.
    """
    if column in keys.columns:
        return np.asarray(keys[column].iloc[items].astype(str), object)
    if panel is not None and column in panel.schema.static_cat:
        words = np.array([UNKNOWN, *panel.schema.vocabularies[column]], object)
        return np.asarray(words[panel.static_cat[items, panel.schema.static_cat.index(column)]])
    if panel is not None and column in (numbers := _numbers(panel)):
        values = panel.static_real[items, numbers[column]]
        return np.array([UNKNOWN if np.isnan(value) else f"{value:.7g}" for value in values], object)
    known = columns_of_items(keys, panel)
    if panel is not None and column == panel.schema.reading.item_id.target:
        raise ForetellError(f"the items of the column {column!r} are item_id here: group by 'item_id'.")
    raise ForetellError(
        f"items have no column {column!r} to be grouped by.{nearest(column, known)} They have: {', '.join(known)}."
    )


def names_of_items(keys: pd.DataFrame) -> list[str]:
    """[N] one text an item: the parts of its key, which no name can contain a separator of."""
    return [
        "\0".join(row) for row in zip(*(keys[column].astype(str) for column in keys.columns), strict=True)
    ]


def _numbers(panel: Panel) -> dict[str, int]:
    """The columns of numbers of the metadata, and where they stand."""
    return {column.source: k for k, column in enumerate(panel.schema.static_real) if not column.indicator}


def parse_columns(by: Sequence[str], known: Sequence[str] = ()) -> tuple[str, ...]:
    """The columns of a grouping: `["region/store", "family"]` and `["region", "store", "family"]` are one.

    A text that is one of the columns that are `known` is that column, whatever marks are in its name. Raises ForetellError for
    anything but texts, and for a column that stands there twice: its groups would be its own parts.
    """
    if not is_texts(by):
        raise ForetellError(f"by must be a list of columns, such as ['region', 'store'], got {by!r}")
    columns = [
        part for each in by for part in ((each,) if each in known else map(str.strip, each.split("/")))
    ]
    if "" in columns:
        raise ForetellError(f"by names a column without a name: {list(by)!r}. It has: {', '.join(known)}.")
    twice = first_repeated(columns)
    if twice is not None:
        raise ForetellError(f"by names the column {twice!r} twice: groups must not overlap. Name it once.")
    return tuple(columns)


def is_texts(by: object) -> bool:
    """Whether it is a list of texts, and no text itself."""
    return isinstance(by, Iterable) and not isinstance(by, str) and all(isinstance(each, str) for each in by)


@dataclass(frozen=True, slots=True, eq=False)
class ItemGroups:
    """Items sorted by group."""

    keys: pd.DataFrame  # [G]
    order: NDArray[np.int64]  # [N] the items, group by group
    begin: NDArray[np.int64]  # [G] where each group begins in `order`

    @classmethod
    def of(
        cls,
        keys: pd.DataFrame,
        panel: Panel | None,
        origin: NDArray[np.int64],
        by: Sequence[str] | None,
        *,
        frequency: Frequency,
    ) -> ItemGroups:
        """Items of these `keys` [N], whose forecasts begin at `origin` [N], by columns; each is its own where `by` is None.

        Raises ForetellError for a column that is not there, and where items of a group begin at different times.
        """
        n = len(keys)
        if by is None:
            return cls(keys, np.arange(n), np.arange(n))
        values = {
            column: values_of_items(keys, panel, column)
            for column in parse_columns(by, columns_of_items(keys, panel))
        }
        table = pd.DataFrame(values or {"item_id": np.full(n, ALL, object)})
        code = table.groupby(list(table.columns), sort=True, observed=True).ngroup().to_numpy()
        order = np.argsort(code, kind="stable")
        begin = np.flatnonzero(np.diff(code[order], prepend=-1))
        made = cls(table.iloc[order[begin]].reset_index(drop=True), order, begin)
        made._check_origins(keys, origin, frequency)
        return made

    def __len__(self) -> int:
        return len(self.begin)

    @property
    def first(self) -> NDArray[np.int64]:
        """[G] the first item of each group."""
        return np.asarray(self.order[self.begin])

    @property
    def sizes(self) -> NDArray[np.int64]:
        """[G] the items of each group."""
        return np.diff(self.begin, append=len(self.order))

    @property
    def group(self) -> NDArray[np.int64]:
        """[N] the group of each item."""
        group = np.empty(len(self.order), np.int64)
        group[self.order] = np.repeat(np.arange(len(self.begin)), self.sizes)
        return group

    def summed(self, values: NDArray[Any]) -> Floats:
        """[G, ...] the sums of `values` [N, ...] by group."""
        return np.add.reduceat(values[self.order], self.begin, axis=0)

    def any(self, flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """[G] whether any item of the group has the flag."""
        return np.logical_or.reduceat(flags[self.order], self.begin)

    def _check_origins(self, keys: pd.DataFrame, origins: NDArray[np.int64], frequency: Frequency) -> None:
        origin = origins[self.order]
        strange = np.flatnonzero(origin != np.repeat(origin[self.begin], self.sizes))
        if len(strange):
            mine = " / ".join(map(str, keys.iloc[self.order[strange[0]]]))
            when = frequency.spell
            there = int(np.searchsorted(self.begin, strange[0], side="right") - 1)
            raise ForetellError(
                f"the forecast of item {mine!r} begins {when(int(origin[strange[0]]))}, that of its group"
                f" {when(int(origin[self.begin[there]]))}: such steps do not add up. Series must end together (ends='last')."
            )
