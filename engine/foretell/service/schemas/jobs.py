"""Jobs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from foretell.service.jobs import Job
from foretell.service.schemas.common import Answer, moment


class JobOut(Answer):
    """A long action: how far it is, and what came of it."""

    id: str
    work: str
    kind: str
    resource_id: str
    state: str
    message: str
    progress: Mapping[str, Any]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    created_by: str

    @classmethod
    def of(cls, job: Job) -> JobOut:
        return cls(
            id=job.id,
            work=job.work.rstrip("_"),
            kind=job.kind,
            resource_id=job.resource_id,
            state=job.state,
            message=job.message,
            progress=job.progress,
            created_at=moment(job.created_at),
            started_at=None if job.started_at is None else moment(job.started_at),
            finished_at=None if job.finished_at is None else moment(job.finished_at),
            created_by=job.created_by,
        )
