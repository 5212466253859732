"""Rows as JSON, CSV, Arrow or Parquet, as the Accept header wants them."""

from __future__ import annotations

import io
from typing import Final, Literal

import orjson
import pyarrow as pa
from fastapi import Response

from foretell.service.refusals import NotWritten

Format = Literal["json", "csv", "arrow", "parquet"]
TYPES: Final[dict[str, Format]] = {
    "application/json": "json",
    "text/csv": "csv",
    "application/vnd.apache.arrow.stream": "arrow",
    "application/vnd.apache.parquet": "parquet",
}
NEXT: Final = "x-next-token"  # header of the token of the rows after these
# For `responses=` of a route that answers rows.
DESCRIBED: Final = {
    200: {
        "description": "Rows, in the order of item and time.",
        "content": {
            "application/json": {
                "schema": {"type": "array", "items": {"type": "object"}},
                "example": [
                    {
                        "item_id": "mug",
                        "timestamp": "2024-04-22T00:00:00",
                        "mean": 4.1,
                        "p10": 2.0,
                        "p50": 4.0,
                        "p90": 7.0,
                        "model": 4.1,
                        "final": 4.5,
                    }
                ],
            },
            "text/csv": {"schema": {"type": "string"}},
            "application/vnd.apache.arrow.stream": {"schema": {"type": "string", "format": "binary"}},
            "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


def wanted(accept: str | None) -> Format:
    """The format that an Accept header prefers, JSON without one; raises NotWritten for one that takes none of them."""
    choices = [_choice(part) for part in (accept or "*/*").split(",")]
    for kind, quality in sorted(choices, key=lambda choice: -choice[1]):
        if quality <= 0:
            continue
        if kind in TYPES:
            return TYPES[kind]
        if kind in ("*/*", "application/*"):
            return "json"
        if kind == "text/*":
            return "csv"
    raise NotWritten(f"rows are written as one of: {', '.join(TYPES)}", field="Accept")


def rows_answer(
    table: pa.Table, kind: Format, *, spreadsheet: bool = False, more: str | None = None
) -> Response:
    """Rows as a response; `more` is the token of those after them."""
    media = next(name for name, each in TYPES.items() if each == kind)
    headers = {"vary": "Accept", **({} if more is None else {NEXT: more})}
    return Response(_written(table, kind, spreadsheet), media_type=media, headers=headers)


def _written(table: pa.Table, kind: Format, spreadsheet: bool) -> bytes:
    if kind == "json":
        return orjson.dumps(with_plain_times(table).to_pylist())
    if kind == "csv":
        from foretell.system.csv_text import write_csv

        text = io.StringIO()
        write_csv(table.to_pandas(), text, spreadsheet=spreadsheet)
        return text.getvalue().encode()
    sink = pa.BufferOutputStream()
    if kind == "arrow":
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
    else:
        import pyarrow.parquet as pq

        pq.write_table(table, sink)
    return bytes(sink.getvalue().to_pybytes())


def with_plain_times(table: pa.Table) -> pa.Table:
    """Times in microseconds, which Python has; of nanoseconds pyarrow makes what pandas has."""
    for at, column in enumerate(table.schema):
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
            kind = pa.timestamp("us", column.type.tz)
            table = table.set_column(at, column.name, table[column.name].cast(kind, safe=False))
    return table


def _choice(part: str) -> tuple[str, float]:
    """A media type of an Accept header, and how much it is wanted."""
    kind, *parameters = (each.strip().lower() for each in part.split(";"))
    quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
    try:
        return kind, float(quality)
    except ValueError:
        return kind, 0.0
