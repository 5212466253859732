"""Tables that come in the body of a request, and how a model is asked to forecast them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from foretell.service import catalogue
from foretell.service.asking import Server
from foretell.service.refusals import Invalid

_PLAIN: Final = (
    *(pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_decimal, pa.types.is_null),
    *(pa.types.is_string, pa.types.is_large_string, pa.types.is_timestamp, pa.types.is_date),
)


def table_of_rows(rows: Sequence[Mapping[str, Any]], field: str) -> pa.Table:
    """Rows as a table with every column that any of them has; raises Invalid for columns of several types."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return table_of_columns({name: [row.get(name) for row in rows] for name in names}, field)


def table_of_columns(columns: Mapping[str, Sequence[Any]], field: str) -> pa.Table:
    """Columns as a table; raises Invalid, naming the column, for one of several types."""
    arrays = {}
    for name, values in columns.items():
        try:
            arrays[name] = pa.array(values)
        except (pa.ArrowException, OverflowError) as error:
            raise Invalid(
                f"the column {name!r} has values of several types", field=f"{field}.{name}"
            ) from error
        if pa.types.is_nested(arrays[name].type):
            raise Invalid(f"the column {name!r} has lists or objects", field=f"{field}.{name}")
    return pa.table(arrays)


def table_of_arrow(body: bytes) -> pa.Table:
    """An Arrow stream as a table of plain columns, without its metadata; raises Invalid for what is none."""
    try:
        table = pa.ipc.open_stream(body).read_all()
        table.validate(full=True)  # offsets and texts, before anything follows them
        names = table.column_names
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Invalid(f"the body is no Arrow stream: {str(error)[:200]}") from error
    for name, column in zip(names, table.columns, strict=True):
        if not any(is_plain(column.type) for is_plain in _PLAIN):
            raise Invalid(f"the column {name!r} has values of the type {column.type}", field=name)
    return pa.table(dict(zip(names, table.columns, strict=True)))


def forecast_inline(
    server: Server,
    model: str,
    tables: Mapping[str, pa.Table],
    *,
    items: Sequence[Any] | None = None,
    levels: Sequence[float] | None = None,
    horizon: int | None = None,
) -> pa.Table:
    """The rows of a forecast of a model from `tables`; raises as `Warm.predict`, and Absent and InTheWay for the model."""
    with server.database.read() as connection:
        catalogue.ready(connection, "models", model)
    given = {name: table for name, table in tables.items() if table.num_columns}
    if "target" not in given or given["target"].num_rows == 0:
        raise Invalid("there is no history: target has no rows", field="target")
    folder = server.home.folder("models", model)
    return server.warm.predict(folder, given, items=items, levels=levels, horizon=horizon)
