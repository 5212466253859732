"""Jobs: what is being done, how far it is, its log, and how it is cancelled."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from foretell.service import catalogue, jobs
from foretell.service.asking import AServer
from foretell.service.jobs import Job
from foretell.service.page.asking import APlannersForm, AViewer, PageRoute, see
from foretell.service.page.rendering import render
from foretell.service.refusals import Absent
from foretell.service.routes import jobs as api
from foretell.service.states import FINISHED
from foretell.service.worker import tail

router = APIRouter(route_class=PageRoute)
_SHOWN: Final = 50
_LINES: Final = 200
WORDS: Final = {
    "import_": "Read and check data",
    "train": "Train a model",
    "backtest": "Compare recipes",
    "forecast": "Forecast",
    "totals": "Add up",
    "scenario": "What if",
    "explanation": "Why",
    "monitor": "Monitor",
    "pipeline": "Pipeline",
    "delete": "Delete",
}


@router.get("/jobs")
def find(
    request: Request,
    server: AServer,
    who: AViewer,
    after: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """All jobs, newest first."""
    before = None if after is None else catalogue.read_token("jobs", after)
    with server.database.read() as connection:
        found = jobs.find(connection, limit=_SHOWN + 1, before=before)
        names = {job.id: name_of(connection, job) for job in found[:_SHOWN]}
    more = catalogue.make_token("jobs", found[_SHOWN - 1].id) if len(found) > _SHOWN else None
    return render(request, "jobs.html", jobs=found[:_SHOWN], names=names, next=more, **_told())


@router.get("/jobs/{identifier}")
def show(request: Request, server: AServer, who: AViewer, identifier: str) -> Response:
    """One job."""
    with server.database.read() as connection:
        job = jobs.get(connection, identifier)
        name = name_of(connection, job)
    log = "\n".join(tail(server.home.job(identifier) / "log", _LINES))
    ended = job.state in FINISHED
    link = link_of(job)
    return render(request, "job.html", job=job, name=name, log=log, ended=ended, link=link, **_told())


@router.post("/jobs/{identifier}/cancel")
def cancel(request: Request, form: APlannersForm, identifier: str) -> Response:
    """End a job."""
    api.cancel(request, form.who, identifier)
    return see(f"/jobs/{identifier}")


def _told() -> dict[str, Any]:
    return {"words": WORDS, "share": share_of, "doing": doing, "finished": FINISHED}


def share_of(job: Job) -> float | None:
    """How much of a job is done; None where it does not say."""
    done, total = job.progress.get("done"), job.progress.get("total")
    if job.state == "ACTIVE":
        return 1.0
    return float(done) / float(total) if done is not None and total else None


def doing(job: Job) -> str:
    """What a job is at, in words."""
    told = job.progress
    return str(
        told.get("message") or " ".join(str(told[name]) for name in ("stage", "recipe") if told.get(name))
    )


def name_of(connection: Any, job: Job) -> str:
    """What the resource of a job is called; its identifier where it is gone."""
    try:
        return catalogue.get(connection, job.kind, job.resource_id).name
    except Absent:
        return job.resource_id


def link_of(job: Job) -> str | None:
    """Where what a job made is seen."""
    if job.state != "ACTIVE":
        return None
    if job.kind == "dataset_versions":
        return f"/data/{job.spec['links']['dataset_id']}"
    if job.kind == "models":
        return f"/models/{job.resource_id}"
    if job.kind == "backtests":
        return f"/backtests/{job.resource_id}"
    shown = {"forecasts": "/items?of=", "totals": "/groups?totals=", "scenarios": "/whatif?scenario="}
    shown |= {"explanations": "/why?explanation=", "monitors": "/monitors?monitor="}
    return shown[job.kind] + job.resource_id if job.kind in shown else None
