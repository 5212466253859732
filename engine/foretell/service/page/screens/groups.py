"""Groups: what family, store and company will sell together, with quantiles that hold for the sums."""

from __future__ import annotations

from typing import Annotated, Any, Final

import pyarrow.parquet as pq
from fastapi import APIRouter, Query, Request, Response

from foretell.service import catalogue
from foretell.service.asking import AServer
from foretell.service.forecast_rows import ROWS
from foretell.service.page.asking import APlannersForm, AViewer, PageRoute, made, see
from foretell.service.page.charts import interval
from foretell.service.page.rendering import render
from foretell.service.page.screens.planning import made_from, plan_of
from foretell.service.routes import totals
from foretell.service.schemas.planning import TotalsIn

router = APIRouter(route_class=PageRoute)
_MOST: Final = 200  # groups of a level that are shown


@router.get("/groups")
def show(
    request: Request,
    server: AServer,
    who: AViewer,
    of: Annotated[str | None, Query(max_length=64)] = None,
    totals: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """Sums of a forecast, the newest ones by default."""
    with server.database.read() as connection:
        found = None if totals is None else catalogue.get(connection, "totals", totals)
    plan = plan_of(server, found.links["forecast_id"] if found is not None else of)
    if plan is None:
        return render(request, "planning_none.html", title="Groups")
    with server.database.read() as connection:
        every = made_from(connection, "totals", plan.forecast)
    found = found or (every[0] if every else None)
    levels = [] if found is None or found.state != "ACTIVE" else _levels(server, found)
    return render(
        request, "groups.html", plan=plan, totals=found, every=every, levels=levels, interval=interval
    )


@router.post("/groups")
def add(request: Request, form: APlannersForm) -> Response:
    """Have a forecast added up."""
    body = TotalsIn(
        forecast=form.text("forecast") or "", by=tuple(form.all("by")), steps=form.number("steps")
    )
    return see(f"/groups?totals={made(totals.create(request, form.who, body))['id']}")


def _levels(server: Any, found: Any) -> list[dict[str, Any]]:
    """Each level of the sums: its name, its groups (the largest first), and the largest number of the level."""
    frame = pq.read_table(server.home.folder("totals", found.id) / ROWS).to_pandas()
    quantiles = [name for name in frame if str(name)[:1] == "p" and str(name)[1:2].isdecimal()]
    out = []
    for by, rows in frame.groupby("by", sort=False):
        columns = [name for name in frame.columns[1:] if name in str(by).split("/")]
        rows = rows.sort_values("mean", ascending=False, kind="stable")
        told = [
            {
                "name": " / ".join(str(row[name]) for name in columns) or "all items",
                "low": row[quantiles[0]] if quantiles else row["mean"],
                "mean": row["mean"],
                "high": row[quantiles[-1]] if quantiles else row["mean"],
            }
            for row in rows.head(_MOST).to_dict("records")
        ]
        most = max(each["high"] for each in told)
        ends = (quantiles[0], quantiles[-1]) if quantiles else ("", "")
        out.append({"by": str(by), "count": len(rows), "groups": told, "most": most, "ends": ends})
    return sorted(out, key=lambda level: level["count"])
