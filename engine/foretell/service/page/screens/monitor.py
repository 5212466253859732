"""Monitor: accuracy and bias of a model's forecasts as actuals come in, and whether to train again."""

from __future__ import annotations

from collections.abc import Sequence
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
        svg=_drawn(told.get("runs", ())),
    )


@router.post("/monitors")
def add(request: Request, form: APlannersForm) -> Response:
    """Have a model judged by what has come since."""
    body = MonitorIn(model=form.text("model") or "", backtest=form.text("backtest"))
    return see(f"/monitors?monitor={made(monitors.create(request, form.who, body))['id']}")


def _run(row: Any) -> dict[str, Any]:
    """A run: from when on it forecast, and its scores beside what is usual."""
    inside = next((name for name in row if name.startswith(("interval[", "at or below["))), "")
    names = {"loss": "wQL", "bias": "bias", "inside": inside}
    scores = {
        name: (number(row.get(column)), number(row.get(f"usual {column}"))) for name, column in names.items()
    }
    return {"origin": row["origin"], "cells": row["cells"], "verdict": row.get("verdict") or "", **scores}


def _drawn(rows: Sequence[Any]) -> Any:
    """The loss of the runs beside what is usual; nothing of a single one."""
    if len(rows) < 2:
        return None
    losses, usual = ([number(row[name]) for row in rows] for name in ("wQL", "usual wQL"))
    labels = [str(row["origin"]) for row in rows]
    return courses("Loss, forecast by forecast", labels, [("past", usual), ("mean", losses)])
