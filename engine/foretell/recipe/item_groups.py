"""What the items of a forecast are, by columns of the key and of the metadata."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.panel import Panel
from foretell.errors import ForetellError, nearest

Texts = NDArray[np.object_]
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


def parse_columns(by: Sequence[str]) -> tuple[str, ...]:
    """The columns of a grouping: `["region/store", "family"]` and `["region", "store", "family"]` are one.

    Raises ForetellError for anything but texts, and for a column that stands there twice: its groups would be its own parts.
    """
    if isinstance(by, str) or not all(isinstance(each, str) for each in by):
        raise ForetellError(f"by must be a list of columns, such as ['region', 'store'], got {by!r}")
    columns = [part.strip() for each in by for part in each.split("/")]
    twice = [column for column in columns if columns.count(column) > 1]
    if twice:
        raise ForetellError(f"by names the column {twice[0]!r} twice: groups must not overlap. Name it once.")
    return tuple(columns)
