"""The endpoint's work as jobs of the service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection

from foretell.service import jobs
from foretell.service.amazon.store import JobColumns
from foretell.service.tables import jobs as table

KIND: Final = "amazon"  # of the jobs, and of the folders in HOME/files


class ServiceJobs:
    """Adds and cancels jobs that a worker of the service does."""

    columns = JobColumns(table, table.c.id, table.c.state, table.c.message, table.c.updated_at)

    def submit(self, connection: Connection, call: str, parameters: Mapping[str, Any]) -> str:
        """The id of a new job, made in the transaction of `connection`."""
        told = {"call": call, "parameters": dict(parameters)}
        return jobs.add(connection, KIND, kind=KIND, resource=parameters["folder"], spec=told, who=KIND)

    def cancel(self, connection: Connection, job: str) -> None:
        """Ask a job to end."""
        jobs.cancel(connection, job)

    def remove(self, connection: Connection, folders: Sequence[str]) -> None:
        """Have folders of resources deleted that are gone."""
        if folders:
            gone = {"gone": [[KIND, folder] for folder in folders]}
            jobs.add(
                connection,
                "delete",
                kind=KIND,
                resource=folders[0],
                spec=gone,
                who=KIND,
                state="DELETE_PENDING",
            )
