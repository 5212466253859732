"""What-if: change the plan of a forecast, and see the scenario beside the baseline, in units."""

from __future__ import annotations

from typing import Annotated, Any, Final

import pyarrow.parquet as pq
from fastapi import APIRouter, Query, Request, Response

from foretell.service import catalogue
from foretell.service.asking import AServer
from foretell.service.forecast_rows import ROWS
from foretell.service.page.asking import APlannersForm, AViewer, Form, PageRoute, made, see
from foretell.service.page.charts import courses
from foretell.service.page.rendering import render
from foretell.service.page.screens.planning import made_from, plan_of
from foretell.service.refusals import Invalid
from foretell.service.routes import scenarios
from foretell.service.schemas.planning import ScenarioIn
from foretell.system.sql_text import literal, quoted

router = APIRouter(route_class=PageRoute)
_OPERATIONS: Final = {"set": "exactly", "times": "as planned, times", "plus": "as planned, plus"}


@router.get("/whatif")
def show(
    request: Request,
    server: AServer,
    who: AViewer,
    of: Annotated[str | None, Query(max_length=64)] = None,
    scenario: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """A scenario, by default the newest of the newest forecast, and the form for another one."""
    with server.database.read() as connection:
        found = None if scenario is None else catalogue.get(connection, "scenarios", scenario)
    plan = plan_of(server, found.links["forecast_id"] if found is not None else of)
    if plan is None:
        return render(request, "planning_none.html", title="What if")
    with server.database.read() as connection:
        every = made_from(connection, "scenarios", plan.forecast)
    found = found or (every[0] if every else None)
    drawn = None if found is None or found.state != "ACTIVE" else _drawn(server, found)
    return render(
        request, "whatif.html", plan=plan, scenario=found, every=every, drawn=drawn, operations=_OPERATIONS
    )


@router.post("/whatif")
def add(request: Request, server: AServer, form: APlannersForm) -> Response:
    """A scenario out of the choices of the form."""
    change = _change(form)
    name = form.text("name") or change
    by = form.text("by")
    body = ScenarioIn(
        forecast=form.text("forecast") or "", name=name[:200], changes={name[:200]: (change,)}, by=by
    )
    return see(f"/whatif?scenario={made(scenarios.create(request, form.who, body))['id']}")


def _change(form: Form) -> str:
    """The text of a change: column = value where ..."""
    column, operation = form.text("column"), form.text("operation") or "set"
    if column is None or operation not in _OPERATIONS:
        raise Invalid("choose a column, and what becomes of it", field="column")
    value = form.text("value")
    if value is None:
        raise Invalid("say the value", field="value")
    term = value if _is_number(value) else literal(value)
    if operation != "set":
        if not _is_number(value):
            raise Invalid(f"value must be a number, got {value[:40]!r}", field="value")
        term = f"{quoted(column)} {'*' if operation == 'times' else '+'} ({value})"
    return f"{quoted(column)} = {term}{_where(form)}"


def _where(form: Form) -> str:
    conditions = []
    group, member = form.text("group"), form.text("member")
    if group is not None and member is not None:
        conditions.append(f"{quoted(group)} = {literal(member)}")
    first, last = form.text("first"), form.text("last")
    if first is not None:
        conditions.append(f"timestamp >= {literal(first)}")
    if last is not None:
        conditions.append(f"timestamp <= {literal(last)}")
    return " where " + " and ".join(conditions) if conditions else ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _drawn(server: Any, found: Any) -> dict[str, Any]:
    """The sums of baseline and scenario by step, as a picture, and the items that change most."""
    from foretell.explain.whatif_result import BASELINE

    table = pq.read_table(server.home.folder("scenarios", found.id) / ROWS).to_pandas()
    stamp = next(name for name in table if str(table[name].dtype).startswith("datetime"))
    sums = table.groupby(["scenario", stamp])["mean"].sum().unstack(0)
    names = [name for name in sums if name != BASELINE]
    labels = [str(each)[:10] for each in sums.index]
    lines = [
        ("past", sums[BASELINE].tolist()),
        *(("mean" if k == 0 else f"mean s{k}", sums[name].tolist()) for k, name in enumerate(names)),
    ]
    key = list(table.columns[: list(table.columns).index("scenario")])
    changed = table[table["scenario"] != BASELINE].groupby(key)["difference"].sum()
    top = changed[changed.abs().sort_values(ascending=False, kind="stable").index].head(20)
    items = [
        {"key": list(map(str, each if isinstance(each, tuple) else (each,))), "difference": float(value)}
        for each, value in top.items()
        if value
    ]
    return {"svg": courses("All items together, step by step", labels, lines), "items": items, "names": names}
