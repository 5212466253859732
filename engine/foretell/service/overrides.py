"""What planners know better: values or percentages for an item and some steps of a forecast, and what becomes of its rows.

Rows get the columns `model`, the mean as the model has it, and `final`, which overrides replace: of several for a step the newest counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, delete, insert, select

from foretell.service import catalogue
from foretell.service.forecast_rows import ROWS, between, layout_of, read_rows, time_like
from foretell.service.home import Home
from foretell.service.identifiers import checked_id, new_id
from foretell.service.refusals import Absent, Invalid
from foretell.service.tables import now, overrides


def add(
    connection: Connection, home: Home, forecast: str, rows: Sequence[Mapping[str, Any]], who: str
) -> list[Any]:
    """Overrides of a forecast, each with item (a key), first, last, value or percent, and comment.

    Raises Absent for an item that the forecast lacks, Invalid for times that hold no step of it, InTheWay where it is not ready.
    """
    catalogue.ready(connection, "forecasts", forecast)
    made = []
    for number, row in enumerate(rows):
        _check(home, forecast, row, number)
        values = {"id": new_id("ov"), "forecast_id": forecast, "created_at": now(), "created_by": who, **row}
        made.append(connection.execute(insert(overrides).values(values).returning(*overrides.c)).one())
    return made


def of_forecast(connection: Connection, forecast: str, *, before: str | None = None, limit: int = -1) -> Any:
    """The overrides of a forecast, newest first, those that come after the identifier `before`; all of them unless a limit is given."""
    asked = (
        select(overrides)
        .where(overrides.c.forecast_id == checked_id(forecast))
        .order_by(overrides.c.id.desc())
    )
    if before is not None:
        asked = asked.where(overrides.c.id < before)
    return connection.execute(asked if limit < 0 else asked.limit(limit)).all()


def get(connection: Connection, identifier: str) -> Any:
    """An override; raises Absent where there is none."""
    row = connection.execute(select(overrides).where(overrides.c.id == checked_id(identifier))).first()
    if row is None:
        raise Absent(f"there is no override {identifier!r}")
    return row


def remove(connection: Connection, identifier: str) -> Any:
    """Take an override back: the one that was; raises Absent where there is none."""
    row = get(connection, identifier)
    connection.execute(delete(overrides).where(overrides.c.id == identifier))
    return row


def with_final(table: pa.Table, changes: Sequence[Any], timestamp: str) -> pa.Table:
    """`table` with the columns `model` and `final`; `changes` are overrides of its forecast, newest first."""
    model = table["mean"].to_numpy().astype(np.float64)
    final = model.copy()
    for change in reversed(changes):
        here = _covered(table, change, timestamp)
        final[here] = change.value if change.value is not None else model[here] * (1 + change.percent / 100)
    return table.append_column("model", pa.array(model)).append_column("final", pa.array(final))


def _covered(table: pa.Table, change: Any, timestamp: str) -> np.ndarray[Any, Any]:
    """[rows] the rows that an override is about."""
    times = table[timestamp]
    here = pc.and_(
        pc.greater_equal(times, time_like(times.type, change.first, "first")),
        pc.less_equal(times, time_like(times.type, change.last, "last")),
    )
    for name, value in change.item.items():
        here = pc.and_(here, pc.equal(table[name], value))
    return np.asarray(here.to_numpy(zero_copy_only=False), bool) if table.num_rows else np.zeros(0, bool)


def _check(home: Home, forecast: str, row: Mapping[str, Any], number: int) -> None:
    folder = home.folder("forecasts", forecast)
    layout, item = layout_of(folder / ROWS), row["item"]
    if layout.key[0] not in item:
        raise Invalid(f"item needs {layout.key[0]!r}", field=f"overrides.{number}.item")
    dimensions = {name: value for name, value in item.items() if name != layout.key[0]}
    found = read_rows(folder, item=item[layout.key[0]], dimensions=dimensions)
    if between(found, layout.timestamp, row["first"], row["last"]).num_rows == 0:
        times = found[layout.timestamp]
        raise Invalid(
            f"no step of the forecast lies from {row['first']} to {row['last']}: it has {times[0]} to {times[-1]}",
            field=f"overrides.{number}.first",
        )
