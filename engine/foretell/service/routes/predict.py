"""POST /models/{id}/predict: a forecast of history that comes with the request, answered at once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from foretell.service.asking import AReader, AServer, Server
from foretell.service.forecast_rows import parse_levels
from foretell.service.inline_tables import forecast_inline, table_of_arrow, table_of_rows
from foretell.service.refusals import NotThisKind
from foretell.service.row_formats import DESCRIBED, rows_answer, wanted
from foretell.service.schemas.inline import PredictIn

router = APIRouter(tags=["models"])
ARROW: Final = "application/vnd.apache.arrow.stream"
_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/PredictIn"}},
            ARROW: {"schema": {"type": "string", "format": "binary", "description": "The target table."}},
        },
    }
}


@router.post(
    "/models/{identifier}/predict",
    responses=DESCRIBED,  # type: ignore[arg-type]
    response_class=Response,
    openapi_extra=_BODY,
)
async def predict(
    request: Request,
    server: AServer,
    who: AReader,
    identifier: str,
    levels: Annotated[
        str | None, Query(max_length=1000, description="Beside an Arrow body.", examples=["0.1,0.5,0.9"])
    ] = None,
    horizon: Annotated[int | None, Query(ge=1, description="Beside an Arrow body.")] = None,
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Response:
    """Forecast history that comes with the request: tables as JSON, or the target alone as an Arrow stream."""
    form = wanted(accept)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/json", ARROW):
        raise NotThisKind(f"send application/json or {ARROW}")
    body = await request.body()
    options = {"levels": parse_levels(levels), "horizon": horizon}
    call = partial(_of_arrow, options=options) if kind == ARROW else _of_json
    table = await run_in_threadpool(call, server, identifier, body)
    return await run_in_threadpool(rows_answer, table, form)


def _of_arrow(server: Server, identifier: str, body: bytes, *, options: Mapping[str, Any]) -> Any:
    return forecast_inline(server, identifier, {"target": table_of_arrow(body)}, **options)


def _of_json(server: Server, identifier: str, body: bytes) -> Any:
    try:
        asked = PredictIn.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error
    tables = {"target": asked.target, "related": asked.related, "metadata": asked.items}
    given = {name: table_of_rows(rows, name) for name, rows in tables.items() if rows}
    return forecast_inline(
        server, identifier, given, items=asked.only, levels=asked.levels, horizon=asked.horizon
    )
