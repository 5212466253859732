"""The Open Inference Protocol (V2), as KServe and Triton speak it: columns as tensors of shape [rows]."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

import pyarrow as pa
from fastapi import APIRouter
from sqlalchemy import select

from foretell.service import catalogue
from foretell.service.asking import AReader, AServer
from foretell.service.forecast_rows import parse_levels
from foretell.service.inline_tables import forecast_inline, table_of_columns
from foretell.service.refusals import Invalid
from foretell.service.row_formats import with_plain_times
from foretell.service.schemas.inline import (
    InferIn,
    InferOut,
    ModelMetadata,
    ServerMetadata,
    Tensor,
    TensorKind,
    TensorOut,
)
from foretell.service.tables import now

router = APIRouter(prefix="/v2", tags=["open inference"])
_BESIDE: Final = ("related", "metadata")  # tables, before a point


@router.get("/health/live")
async def live() -> dict[str, bool]:
    """The server lives."""
    return {"live": True}


@router.get("/health/ready")
def ready(server: AServer) -> dict[str, bool]:
    """The database answers too."""
    with server.database.read() as connection:
        connection.execute(select(now())).scalar_one()
    return {"ready": True}


@router.get("")
async def about() -> ServerMetadata:
    """What the server is."""
    return ServerMetadata(name="foretell", version=version("foretell"))


@router.get("/models/{identifier}/ready")
def model_ready(server: AServer, who: AReader, identifier: str) -> dict[str, Any]:
    """Whether a model can be asked."""
    with server.database.read() as connection:
        found = catalogue.get(connection, "models", identifier)
    return {"name": found.id, "ready": found.state == "ACTIVE"}


@router.get("/models/{identifier}")
def model(server: AServer, who: AReader, identifier: str) -> ModelMetadata:
    """What a model takes and gives."""
    with server.database.read() as connection:
        found = catalogue.ready(connection, "models", identifier)
    takes = {"item_id": "BYTES", "timestamp": "BYTES", "target": "FP64"}
    levels = found.result.get("levels", [])
    gives = {"item_id": "BYTES", "timestamp": "BYTES", "mean": "FP32"}
    gives |= {f"p{round(level * 100, 4):g}": "FP32" for level in levels}
    kinds = [
        [TensorKind(name=name, datatype=kind, shape=[-1]) for name, kind in each.items()]
        for each in (takes, gives)
    ]
    return ModelMetadata(name=found.id, inputs=kinds[0], outputs=kinds[1])


@router.post("/models/{identifier}/infer")
def infer(server: AServer, who: AReader, identifier: str, body: InferIn) -> InferOut:
    """Forecast history that comes as tensors, one a column: item_id, timestamp, target, related.price, metadata.family."""
    levels, horizon = body.parameters.get("levels"), body.parameters.get("horizon")
    if not (levels is None or isinstance(levels, str)):
        raise Invalid("levels are written as a text: 0.1,0.5,0.9", field="parameters.levels")
    if not (horizon is None or (isinstance(horizon, int) and 0 < horizon < 1 << 31)):
        raise Invalid("horizon is a number of steps", field="parameters.horizon")
    tables = _tables(body.inputs)
    found = forecast_inline(server, identifier, tables, levels=parse_levels(levels), horizon=horizon)
    rows = with_plain_times(found)
    outputs = [_tensor(name, rows[name]) for name in rows.column_names]
    return InferOut(model_name=identifier, id=body.id, outputs=outputs)


def _tables(inputs: tuple[Tensor, ...]) -> dict[str, pa.Table]:
    columns: dict[str, dict[str, Any]] = {"target": {}, "related": {}, "metadata": {}}
    for each in inputs:
        count = 1
        for size in each.shape:
            count *= size
        if count != len(each.data):
            raise Invalid(
                f"the tensor {each.name!r} has {len(each.data)} values, its shape says {count}",
                field=f"inputs.{each.name}",
            )
        table, point, name = each.name.partition(".")
        if not point or table not in _BESIDE:
            table, name = "target", each.name
        others = next((len(values) for values in columns[table].values()), len(each.data))
        if others != len(each.data):
            raise Invalid(
                f"the tensor {each.name!r} has {len(each.data)} values, those before it {others}",
                field=f"inputs.{each.name}",
            )
        columns[table][name] = each.data
    return {name: table_of_columns(each, "inputs") for name, each in columns.items() if each}


def _tensor(name: str, column: pa.ChunkedArray) -> TensorOut:
    kinds = {pa.float32(): "FP32", pa.float64(): "FP64", pa.int64(): "INT64"}
    kind = kinds.get(column.type, "BYTES")
    values = column.to_pylist()
    if pa.types.is_timestamp(column.type):
        values = [None if value is None else value.isoformat() for value in values]
    return TensorOut(name=name, shape=[len(values)], datatype=kind, data=values)
