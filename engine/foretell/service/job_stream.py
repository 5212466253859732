"""What happens to a job, as server-sent events."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Final

from sqlalchemy.exc import OperationalError
from starlette.concurrency import run_in_threadpool

from foretell.service import jobs
from foretell.service.database import Database
from foretell.service.refusals import Absent
from foretell.service.states import FINISHED

EVENTS: Final = {  # for `responses=` of the route
    200: {
        "description": "Events until the job has ended.",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": 'id: 2\nevent: state\ndata: {"state": "CREATE_IN_PROGRESS"}\n\n',
            }
        },
    }
}
_PAUSE: Final = 0.5  # seconds between two looks
_QUIET: Final = 15.0  # seconds after which a comment says that the connection lives


async def stream_of(database: Database, identifier: str, after: int) -> AsyncIterator[str]:
    """The events that come after number `after`, each once, as text; it ends when the job has, or is gone."""
    spoken = time.monotonic()
    while True:
        try:
            found, ended = await run_in_threadpool(_look, database, identifier, after)
        except Absent:
            return
        except OperationalError:  # the database is away: it is asked again
            found, ended = [], False
        for number, event, data in found:
            yield f"id: {number}\nevent: {event}\ndata: {json.dumps(data)}\n\n"
            after, spoken = number, time.monotonic()
        if ended:
            return
        if time.monotonic() - spoken > _QUIET:
            yield ": \n\n"
            spoken = time.monotonic()
        await asyncio.sleep(_PAUSE)


def _look(database: Database, identifier: str, after: int) -> tuple[list[tuple[int, str, object]], bool]:
    """Events, and whether no more will come."""
    with database.read() as connection:
        job = jobs.get(connection, identifier)
        rows = jobs.events_after(connection, identifier, after)
    last = rows[-1].number if rows else after
    return [(row.number, row.event, row.data) for row in rows], job.state in FINISHED and last >= job.events
