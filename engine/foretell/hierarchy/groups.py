"""The levels of a hierarchy: all items, regions, the stores of regions, categories; and the groups of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from foretell.data.panel import Panel
from foretell.errors import ForetellError
from foretell.recipe.item_groups import ALL, ItemGroups, is_texts, parse_columns

ITEMS: Final = "items"  # of the level at which each item stands alone
BY: Final = "by"  # the column of a table of all levels that names them
TAKEN: Final = (BY, ITEMS, ALL, "steps", "mean")  # columns that have these names cannot be levels

Columns = tuple[str, ...]


def levels_of(by: Sequence[str], known: Sequence[str] = ()) -> tuple[Columns, ...]:
    """The levels of a hierarchy: each path of columns with all that lead to it, from the total on; the items are not among them.

    `["region/store", "category"]` has four: all items, region, region/store and category. A level that two paths share stands there
    once. `known` are the columns that there are. Raises ForetellError for anything but a list of texts, for a path that names a column twice, and for a name that is taken.
    """
    if not is_texts(by):
        raise ForetellError(
            f"by must be a list of paths of columns, such as ['region/store', 'category'], got {by!r}"
        )
    paths = [parse_columns([path], known) for path in by]
    if taken := [column for path in paths for column in path if column in TAKEN]:
        raise ForetellError(
            f"by names the column {taken[0]!r}, which a table of all levels has for something else. Rename it."
        )
    found = [(), *(path[:depth] for path in paths for depth in range(1, len(path) + 1))]
    seen: dict[frozenset[str], Columns] = {}
    for columns in found:  # region/store and store/region make the same groups
        seen.setdefault(frozenset(columns), columns)
    return tuple(seen.values())


def spelt_level(columns: Sequence[str]) -> str:
    """A level as text: region/store; `all items` for the total."""
    return "/".join(columns) or ALL


def groups_of(panel: Panel, columns: Columns | None) -> ItemGroups:
    """The groups of a level of the items of `panel`; each item alone where `columns` is None.

    Raises ForetellError, with the nearest name, for a column that is not there, and where items of a group end at different times.
    """
    return ItemGroups.of(panel.keys, panel, panel.origin, columns, frequency=panel.frequency)
