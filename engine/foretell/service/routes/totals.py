"""Totals of forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from foretell.service.asking import APlanner, RepeatKey, Server
from foretell.service.catalogue import Resource
from foretell.service.forecast_rows import Layout
from foretell.service.routes.from_forecast import create_from
from foretell.service.routes.lists import add_common
from foretell.service.routes.rows import add_rows
from foretell.service.schemas.planning import TotalsIn, TotalsOut, TotalsSpec
from foretell.service.total_overrides import totals_with_final

router = APIRouter(tags=["totals"])
add_common(router, "totals", TotalsOut, TotalsOut.of)


def _with_final(
    server: Server, found: Resource, table: pa.Table, layout: Layout, changes: Sequence[Any]
) -> pa.Table:
    """Sums with what planners know better of their items."""
    return totals_with_final(server.home, found, table, layout, changes)


add_rows(router, "totals", _with_final)


@router.post("/totals", status_code=202, response_model=TotalsOut)
def create(request: Request, who: APlanner, body: TotalsIn, repeat: RepeatKey = None) -> JSONResponse:
    """Add a forecast up over groups of items, by a job: quantiles from joint paths."""
    return create_from(request, who, "totals", body, TotalsSpec, TotalsOut, repeat)
