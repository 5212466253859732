"""What overrides of items do to sums over groups of them: a total moves by the override."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from foretell.service import overrides
from foretell.service.catalogue import Resource
from foretell.service.forecast_rows import ROWS, Layout, layout_of, read_rows
from foretell.service.home import Home

MEMBERS = "members.parquet"  # beside the rows of totals: a row an item, its key and what groups it is in


def totals_with_final(
    home: Home, found: Resource, table: pa.Table, layout: Layout, changes: Sequence[Any]
) -> pa.Table:
    """Rows of totals with `model`, the mean of the sum, and `final`, moved by what `changes` move of its items."""
    model = table["mean"].to_numpy().astype(np.float64)
    final = model.copy()
    if changes and table.num_rows:
        members = pq.read_table(home.folder("totals", found.id) / MEMBERS)
        steps = found.spec.get("steps")
        for member, times, moved in _moves(home, found.links["forecast_id"], members, changes):
            mine = _sums_of(table, layout.key, member)
            if steps is not None:
                final[mine] += moved[:steps].sum()
                continue
            for time, by in zip(times, moved, strict=True):
                final[mine & np.asarray(pc.equal(table[layout.timestamp], time))] += by
    return table.append_column("model", pa.array(model)).append_column("final", pa.array(final))


def _moves(
    home: Home, forecast: str, members: pa.Table, changes: Sequence[Any]
) -> Iterable[tuple[dict[str, Any], list[Any], np.ndarray[Any, Any]]]:
    """Of each item that is overridden: what it is, the times of its steps, and by how much each moves."""
    folder = home.folder("forecasts", forecast)
    layout = layout_of(folder / ROWS)
    mask = pa.array(np.zeros(members.num_rows, bool))
    for change in changes:
        here = pa.array(np.ones(members.num_rows, bool))
        for name, value in change.item.items():
            here = pc.and_(here, pc.equal(members[name], value))
        mask = pc.or_(mask, here)
    for member in members.filter(mask).to_pylist():
        key = {name: member[name] for name in layout.key}
        item = key.pop(layout.key[0])
        rows = read_rows(folder, item=item, dimensions=key)
        with_final = overrides.with_final(rows, changes, layout.timestamp)
        moved = with_final["final"].to_numpy() - with_final["model"].to_numpy()
        yield member, list(rows[layout.timestamp]), moved


def _sums_of(table: pa.Table, key: Sequence[str], member: dict[str, Any]) -> np.ndarray[Any, Any]:
    """[rows] the sums that an item is in: its groups, where the level has the column at all."""
    mine = np.ones(table.num_rows, bool)
    levels = np.array(table["by"].to_pylist(), object)
    for name in key[1:]:
        has = np.array([name in str(level).split("/") for level in levels], bool)
        same = np.asarray(pc.equal(table[name], str(member[name])).to_numpy(zero_copy_only=False), bool)
        mine &= ~has | same
    return mine
