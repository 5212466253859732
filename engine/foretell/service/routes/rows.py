"""GET .../{identifier}/rows of a resource: rows of an item or of all, as the Accept header wants them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import pyarrow as pa
from fastapi import APIRouter, Depends, Header, Query, Request, Response

from foretell.service import catalogue, overrides
from foretell.service.asking import AReader, AServer, Server
from foretell.service.catalogue import Resource
from foretell.service.forecast_rows import (
    ROWS,
    Layout,
    between,
    layout_of,
    parse_levels,
    read_part,
    read_rows,
)
from foretell.service.refusals import Invalid
from foretell.service.row_formats import DESCRIBED, rows_answer, wanted

# What becomes of rows before they are sent, by the overrides of their forecast, newest first.
Shown = Callable[[Server, Resource, pa.Table, Layout, Sequence[Any]], pa.Table]


async def _dimensions(
    dimension: Annotated[
        list[str] | None,
        Query(max_length=20, description="Parts of the key: store_id=17.", examples=[["store_id=17"]]),
    ] = None,
) -> dict[str, str]:
    parts = [text.partition("=") for text in dimension or ()]
    wrong = next((name for name, mark, _ in parts if not mark), None)
    if wrong is not None:
        raise Invalid(f"a dimension is written as store_id=17, got {wrong[:60]!r}", field="dimension")
    return {name: value for name, _, value in parts}


def add_rows(router: APIRouter, kind: str, shown: Shown | None = None) -> None:
    """GET /KIND/{identifier}/rows."""
    word = catalogue.KINDS[kind].word

    @router.get(
        f"/{kind}/{{identifier}}/rows",
        summary=f"Rows of a {word}",
        operation_id=f"rows_of_{kind}",
        responses=DESCRIBED,  # type: ignore[arg-type]
        response_class=Response,
    )
    def rows(  # noqa: PLR0913  (each is a parameter of the query)
        request: Request,
        server: AServer,
        who: AReader,
        identifier: str,
        dimensions: Annotated[dict[str, str], Depends(_dimensions)],
        item_id: Annotated[
            str | None,
            Query(
                max_length=1000, description="Of one item. Without it: all items, in parts.", examples=["mug"]
            ),
        ] = None,
        start: Annotated[str | None, Query(max_length=40, examples=["2024-04-22"])] = None,
        end: Annotated[str | None, Query(max_length=40, examples=["2024-04-28"])] = None,
        levels: Annotated[str | None, Query(max_length=1000, examples=["0.1,0.5,0.9"])] = None,
        limit: Annotated[int, Query(ge=1, le=1 << 30, description="Rows, at most.")] = 10_000,
        token: Annotated[
            str | None, Query(max_length=200, description="X-Next-Token of the rows before.")
        ] = None,
        spreadsheet: Annotated[
            bool,
            Query(description="In CSV: texts that a spreadsheet would compute get an apostrophe in front."),
        ] = False,
        accept: Annotated[str | None, Header(include_in_schema=False)] = None,
    ) -> Any:
        """Rows of one item, or of all in parts, as JSON, CSV, Arrow or Parquet by the Accept header."""
        form = wanted(accept)
        with server.database.read() as connection:
            found = catalogue.ready(connection, kind, identifier)
            forecast = found.links.get("forecast_id", found.id)
            changes = [] if shown is None else overrides.of_forecast(connection, forecast)
        folder, most = server.home.folder(kind, identifier), min(limit, server.home.config.limits.rows)
        layout, quantiles = layout_of(folder / ROWS), parse_levels(levels)
        more = None
        if item_id is not None:
            table = read_rows(
                folder, item=item_id, dimensions=dimensions, start=start, end=end, levels=quantiles, most=most
            )
        else:
            if dimensions:
                raise Invalid("a dimension needs an item_id", field="dimension")
            first = 0 if token is None else _first(found, token)
            table, after = read_part(folder, first=first, count=most, levels=quantiles)
            table = between(table, layout.timestamp, start, end)
            more = None if after is None else catalogue.make_token(f"rows@{after}", found.id)
        if shown is not None:
            table = shown(server, found, table, layout, changes)
        return rows_answer(table, form, spreadsheet=spreadsheet, more=more)


def _first(found: Resource, token: str) -> int:
    """The row that a token says; raises Invalid for one of other rows, or of none."""
    kind, after = catalogue.parts_of_token(token)
    number = kind.removeprefix("rows@")
    if after != found.id or not kind.startswith("rows@") or not number.isdecimal() or len(number) > 15:
        raise Invalid("token is none of these rows. Begin without one.", field="token")
    return int(number)
