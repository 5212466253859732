"""A row an item, written beside what a job made, so that a page of a hundred thousand items is found at once.

items/NAME.parquet: `name`, the parts of the key as k0, k1, .., the metadata as m0, m1, .., and numbers. What k0 and m0 are called,
and which numbers there are, stands in the file's own metadata.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from foretell.service.refusals import Absent, Invalid
from foretell.system.strict_json import parse_json

FOLDER: Final = "items"
TOLD: Final = b"foretell"
_MOST_CHOICES: Final = 200  # values of a column of the metadata by which a list is narrowed
_LAST: Final = -1e300  # where a number is not defined


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a list of items, in its order."""

    rows: Sequence[Mapping[str, Any]]  # name, key, tags and the numbers of each
    key: Sequence[str]  # the columns of the key
    tags: Sequence[str]  # those of the metadata
    choices: Mapping[str, Sequence[str]]  # column -> its values, where these are few
    count: int  # of the items that fit
    whole: int  # of all
    next: str | None  # a token


def read_items(
    path: Path,
    *,
    sort: str,
    down: bool = True,
    search: str = "",
    equal: Mapping[str, str] | None = None,  # column of the metadata -> its value
    after: str | None = None,
    limit: int = 50,
) -> Part:
    """A part of a list by a number, the largest first, or by `name`, that begins after the token of the part before.

    Raises Absent for a list or a column that is not there, Invalid for a token of another order.
    """
    table, told, choices = _table(str(path), path.stat().st_mtime_ns if path.exists() else 0)
    names = dict(zip(told["metadata"], (f"m{k}" for k in range(len(told["metadata"]))), strict=True))
    if sort != "name" and (sort not in table.column_names or table.schema.field(sort).type != pa.float64()):
        raise Absent(f"the items have no {sort!r} to be sorted by", field="sort")
    strange = next((name for name in equal or {} if name not in names), None)
    if strange is not None:
        raise Absent(f"the items have no column {strange!r}", field=strange)
    fits = np.ones(table.num_rows, bool)
    if search:
        fits &= pc.match_substring(table["name"], search, ignore_case=True).to_numpy(zero_copy_only=False)
    for name, value in (equal or {}).items():
        fits &= pc.equal(table[names[name]], value).to_numpy(zero_copy_only=False)
    order = _order(table, sort, down=down)
    order = order[fits[order]]
    first = 0 if after is None else _place(order, after, f"{sort} {down}")
    shown = order[first : first + limit]
    more = first + limit < len(order)
    rows = [_row(each, told) for each in table.take(pa.array(shown)).to_pylist()]
    token = _token(f"{sort} {down}", int(shown[-1])) if more else None
    return Part(rows, told["key"], told["metadata"], choices, len(order), table.num_rows, token)


def find_item(path: Path, key: Sequence[str]) -> Mapping[str, Any]:
    """The row of one item; raises Absent."""
    table, told, _ = _table(str(path), path.stat().st_mtime_ns if path.exists() else 0)
    fits = np.full(table.num_rows, len(key) == len(told["key"]))
    for k, part in enumerate(key[: len(told["key"])]):
        fits &= pc.equal(table[f"k{k}"], part).to_numpy(zero_copy_only=False)
    place = np.flatnonzero(fits)
    if not len(place):
        raise Absent(f"there is no item {' / '.join(key)!r} in this list", field="item")
    return _row(table.slice(int(place[0]), 1).to_pylist()[0], told)


@lru_cache(maxsize=4)
def _table(path: str, _at: int) -> tuple[Any, Any, dict[str, list[str]]]:
    try:
        table = pq.read_table(path)
    except FileNotFoundError as error:
        raise Absent("there is no list of items here") from error
    told = parse_json(table.schema.metadata[TOLD])
    choices = {}
    for k, name in enumerate(told["metadata"]):
        values = pc.unique(table[f"m{k}"])
        if 2 <= len(values) <= _MOST_CHOICES:
            choices[name] = sorted(values.to_pylist())
    return table, told, choices


def _order(table: Any, sort: str, *, down: bool) -> NDArray[np.int64]:
    """[n] the rows in order; equal ones as they stand, so that a token says enough by its row."""
    if sort == "name":
        found: NDArray[np.int64] = pc.sort_indices(table["name"]).to_numpy().astype(np.int64)
        return found if not down else found[::-1]
    values = table[sort].to_numpy()
    filled = np.where(np.isnan(values), _LAST, values if down else -values)
    order: NDArray[np.int64] = np.argsort(-filled, kind="stable")
    return order


def _place(order: NDArray[np.int64], token: str, kind: str) -> int:
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
        theirs, _, row = text.rpartition(" ")
        if theirs == kind and row.isdecimal():
            found = np.flatnonzero(order == int(row))
            if len(found):
                return int(found[0]) + 1
    except ValueError:
        pass
    raise Invalid("this page of the list is gone. Begin again without 'after'.", field="after")


def _token(kind: str, row: int) -> str:
    return base64.urlsafe_b64encode(f"{kind} {row}".encode()).decode().rstrip("=")


def _row(row: Mapping[str, Any], told: Any) -> dict[str, Any]:
    found = {name: value for name, value in row.items() if name != "name" and not isinstance(value, str)}
    found = {name: math.nan if value is None else value for name, value in found.items()}
    return {
        **found,
        "name": row["name"],
        "key": [row[f"k{k}"] for k in range(len(told["key"]))],
        "tags": [row[f"m{k}"] for k in range(len(told["metadata"]))],
    }
