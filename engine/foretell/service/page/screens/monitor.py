"""Monitor: accuracy and bias of a model's forecasts as actuals come in, and whether to train again."""

from __future__ import annotations

import math
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from foretell.service import catalogue
from foretell.service.asking import AServer
from foretell.service.page.asking import APlannersForm, AViewer, PageRoute, made, see
from foretell.service.page.charts import courses
from foretell.service.page.rendering import render
from foretell.service.page.screens.planning import number
from foretell.service.routes import monitors
from foretell.service.schemas.planning import MonitorIn

router = APIRouter(route_class=PageRoute)


@router.get("/monitors")
def show(
    request: Request,
    server: AServer,
    who: AViewer,
    monitor: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """A judgement, by default the newest, and the form for another one."""
    with server.database.read() as connection:
        every = list(catalogue.find(connection, "monitors", limit=20).resources)
        found = catalogue.get(connection, "monitors", monitor) if monitor else (every[0] if every else None)
        models = catalogue.find(connection, "models", limit=50, state="ACTIVE").resources
        backtests = catalogue.find(connection, "backtests", limit=50, state="ACTIVE").resources
    told = found.result if found is not None else {}
    return render(
        request,
        "monitor.html",
        monitor=found,
        every=every,
        models=models,
        backtests=backtests,
        runs=[_run(row) for row in told.get("runs", ())],
        svg=_drawn(told.get("blocks") or told.get("runs") or ()),
    )


@router.post("/monitors")
def add(request: Request, form: APlannersForm) -> Response:
    """Have a model judged by what has come since."""
    body = MonitorIn(model=form.text("model") or "", backtest=form.text("backtest"))
    return see(f"/monitors?monitor={made(monitors.create(request, form.who, body))['id']}")


def _run(row: Any) -> dict[str, Any]:
    return {name: math.nan if value is None else value for name, value in row.items()}


def _drawn(rows: Any) -> Any:
    """wQL over time beside what is usual."""
    rows = list(rows)
    if len(rows) < 2 or "wQL" not in rows[0]:
        return None
    labels = [str(row.get("first") or row.get("origin") or k)[:10] for k, row in enumerate(rows)]
    lines = [("mean", [number(row["wQL"]) for row in rows])]
    usual = next((name for name in ("usual_wQL", "wQL_usual", "usual") if name in rows[0]), None)
    if usual:
        lines.insert(0, ("past", [number(row[usual]) for row in rows]))
    return courses("Loss over time", labels, lines)
