"""`/metrics` for Prometheus: what the database says of jobs and pipelines, and how much disk there is."""

from __future__ import annotations

import shutil
import time

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from sqlalchemy import func, select

from foretell.service.asking import AReader, AServer
from foretell.service.states import WAITING
from foretell.service.tables import jobs, pipelines

router = APIRouter(tags=["health"])


@router.get("/metrics", response_class=Response)
def metrics(server: AServer, who: AReader) -> Response:
    """Jobs by work and state, the wait of the oldest, pipelines by state, overdue ones, and free disk."""
    registry = CollectorRegistry()
    counted = Gauge("foretell_jobs", "Jobs.", ("work", "state"), registry=registry)
    waiting = Gauge(
        "foretell_job_wait_seconds", "Since the oldest waiting job was asked for.", registry=registry
    )
    running = Gauge(
        "foretell_pipelines", "Pipelines by the state of their last run.", ("state",), registry=registry
    )
    overdue = Gauge("foretell_pipeline_overdue_seconds", "Since the oldest due time.", registry=registry)
    disk = Gauge("foretell_disk_free_bytes", "Of the home.", registry=registry)
    with server.database.read() as connection:
        for work, state, count in connection.execute(
            select(jobs.c.work, jobs.c.state, func.count()).group_by(jobs.c.work, jobs.c.state)
        ):
            counted.labels(work.rstrip("_"), state).set(count)
        oldest = connection.execute(
            select(func.min(jobs.c.created_at)).where(jobs.c.state.in_(WAITING))
        ).scalar()
        for state, count in connection.execute(
            select(pipelines.c.state, func.count()).group_by(pipelines.c.state)
        ):
            running.labels(state).set(count)
        due = connection.execute(select(func.min(pipelines.c.due_at))).scalar()
    waiting.set(_since(oldest))
    overdue.set(_since(due))
    disk.set(shutil.disk_usage(server.home.path).free)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _since(at: float | None) -> float:
    return 0.0 if at is None else max(0.0, time.time() - at)
