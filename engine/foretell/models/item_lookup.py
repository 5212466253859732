"""Items found by name."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any
from unicodedata import normalize

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.errors import ForetellError, nearest


def find_items(keys: pd.DataFrame, items: Sequence[str | Sequence[object]]) -> NDArray[np.int64]:
    """The positions in `keys` of `items`, in that order; raises ForetellError with the nearest name for an absent one."""
    if isinstance(items, str) or len(items) == 0:
        raise ForetellError(f"items must be a list with at least one item's name, got {items!r}")
    columns = [keys[column].astype(str).to_numpy() for column in keys.columns]
    wanted = [_parts(item, len(columns)) for item in items]
    places: dict[int, pd.Index[Any]] = {}  # by the number of parts; by hash, as many may be asked for
    found = []
    for count, group in groupby(wanted, len):
        if count not in places:
            places[count] = _places(columns[:count])
        some = list(group)
        position, lacking = places[count].get_indexer_non_unique(_places(list(zip(*some, strict=True))))
        if len(lacking):
            raise _no_item(columns, some[int(lacking[0])])
        found.append(position)
    return np.array(list(dict.fromkeys(np.concatenate(found).tolist())), np.int64)  # each once


def _parts(item: str | Sequence[object], most: int) -> tuple[str, ...]:
    parts = [item] if isinstance(item, str) or not isinstance(item, Sequence) else list(item)
    if not 0 < len(parts) <= most:
        raise ForetellError(f"item {item!r} has {len(parts)} parts, but an item's key has {most}")
    return tuple(normalize("NFC", str(part)) for part in parts)  # as the tables' ids are read


def _places(columns: Sequence[Any]) -> pd.Index[Any]:
    several = len(columns) > 1
    index: pd.Index[Any] = (
        pd.MultiIndex.from_arrays(columns) if several else pd.Index(columns[0], dtype=object)
    )
    return index


def _no_item(columns: Sequence[NDArray[Any]], parts: tuple[str, ...]) -> ForetellError:
    """The error for an item that is not there, with the nearest name of the first part that leads nowhere."""
    match = np.ones(len(columns[0]), bool)
    for column, part in zip(columns, parts, strict=False):
        match &= column == part
        if not match.any():
            return ForetellError(f"no item {' / '.join(parts)!r} in the data.{nearest(part, column)}")
    raise AssertionError("the item is there")
