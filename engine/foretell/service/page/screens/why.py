"""Why: what drives a forecast, of all items and of one."""

from __future__ import annotations

from typing import Annotated, Any, Final

import pyarrow.parquet as pq
from fastapi import APIRouter, Query, Request, Response

from foretell.service import catalogue
from foretell.service.asking import AServer
from foretell.service.forecast_rows import ROWS, layout_of
from foretell.service.page.asking import APlannersForm, AViewer, PageRoute, made, see
from foretell.service.page.charts import signed_bar
from foretell.service.page.rendering import render
from foretell.service.page.screens.planning import made_from, plan_of
from foretell.service.refusals import Absent
from foretell.service.routes import explanations
from foretell.service.schemas.planning import ExplanationIn

router = APIRouter(route_class=PageRoute)
_MOST: Final = 200  # items that one can choose from


@router.get("/why")
def show(
    request: Request,
    server: AServer,
    who: AViewer,
    of: Annotated[str | None, Query(max_length=64)] = None,
    explanation: Annotated[str | None, Query(max_length=64)] = None,
    item: Annotated[str | None, Query(max_length=1000)] = None,
    step: Annotated[str | None, Query(max_length=40)] = None,
) -> Response:
    """An explanation, by default the newest of the newest forecast, and the form for another one."""
    with server.database.read() as connection:
        found = None if explanation is None else catalogue.get(connection, "explanations", explanation)
    plan = plan_of(server, found.links["forecast_id"] if found is not None else of)
    if plan is None:
        return render(request, "planning_none.html", title="Why")
    with server.database.read() as connection:
        every = made_from(connection, "explanations", plan.forecast)
    found = found or (every[0] if every else None)
    one = (
        None if found is None or found.state != "ACTIVE" or not item else _of_item(server, found, item, step)
    )
    return render(
        request,
        "why.html",
        plan=plan,
        explanation=found,
        every=every,
        one=one,
        item=item or "",
        step=step or "",
        signed_bar=signed_bar,
        items=_items(server, found),
    )


@router.post("/why")
def add(request: Request, form: APlannersForm) -> Response:
    """Have a forecast explained."""
    items = form.list("items")
    body = ExplanationIn(forecast=form.text("forecast") or "", items=items or None)
    return see(f"/why?explanation={made(explanations.create(request, form.who, body))['id']}")


def _items(server: Any, found: Any) -> list[str]:
    if found is None or found.state != "ACTIVE":
        return []
    path = server.home.folder("explanations", found.id) / ROWS
    key = layout_of(path).key
    names = pq.read_table(path, columns=[key[0]])[key[0]].unique().to_pylist()
    return sorted(map(str, names))[:_MOST]


def _of_item(server: Any, explained: Any, item: str, step: str | None) -> dict[str, Any]:
    """The contributions of each driver to one item, over all steps or at one."""
    from foretell.service.page.item_pictures import item_rows

    path = server.home.folder("explanations", explained.id) / ROWS
    layout = layout_of(path)
    frame = item_rows(path, [item], [layout.key[0]])
    if not len(frame):
        raise Absent(f"the explanation has no item {item!r}")
    stamps = [str(each)[:16].removesuffix(" 00:00") for each in frame[layout.timestamp]]
    steps = list(dict.fromkeys(stamps))
    if step:
        frame = frame[[each == step for each in stamps]]
        if not len(frame):
            raise Absent(f"the explanation has no step {step!r}")
    sums = frame.groupby("driver", sort=False)["contribution"].sum()
    order = sums.abs().sort_values(ascending=False, kind="stable").index
    found = [(str(name), float(sums[name])) for name in order]
    drivers = [{"driver": name, "contribution": value} for name, value in found]
    cells = frame.drop_duplicates(layout.timestamp)
    most = max((abs(value) for _, value in found), default=0.0)
    told = {name: float(cells[name].sum()) for name in ("baseline", "forecast")}
    return {"drivers": drivers, "most": most, "steps": steps, **told}
