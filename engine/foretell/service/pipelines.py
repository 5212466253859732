"""Pipelines of a server: saved from TOML by admins, run by jobs, when they are due or at once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, select, update
from sqlalchemy.exc import DBAPIError

from foretell.errors import ForetellError
from foretell.service import catalogue, jobs, tables
from foretell.service.catalogue import Resource
from foretell.service.cron import next_due
from foretell.service.database import Database
from foretell.service.home import Home
from foretell.service.refusals import Forbidden, InTheWay, Invalid, Refused
from foretell.service.sources import allowed_path
from foretell.service.states import UNFINISHED
from foretell.service.tables import now
from foretell.workflows.pipeline_places import Places
from foretell.workflows.pipeline_text import Pipeline, parse_pipeline

logger = logging.getLogger(__name__)

_EVERY: Final = 5.0  # seconds between two looks at the clock
_SCHEDULER: Final = "schedule"  # who asked for a run that was due


def places_of(home: Home) -> Places:
    """What a pipeline of this server may use: its connections and hosts, and files below its roots."""
    config = home.config
    return Places(
        connections=config.connections,
        hooks=config.hooks,
        mail=config.mail,
        allowed=lambda path: allowed_path(home, path, field="toml"),
    )


def checked(home: Home, text: str) -> Pipeline:
    """The pipeline of a text of TOML that may be saved; raises Invalid, or Forbidden, for one that may not."""
    try:
        pipeline = parse_pipeline(text)
        _check_connections(home, pipeline)
        places_of(home).check(pipeline)
    except Refused:
        raise
    except ForetellError as error:
        raise Invalid(str(error), field="toml") from error
    from foretell.recipe.registry import recipe_names  # which loads pandas, and a server that starts does not

    if pipeline.train.recipe not in recipe_names():
        raise Invalid(f"train.recipe: there is no recipe {pipeline.train.recipe!r}", field="toml")
    return pipeline


def _check_connections(home: Home, pipeline: Pipeline) -> None:
    """Raises Forbidden for a connection that the configuration does not name: nobody may use another."""
    known = home.config.connections
    for name in (pipeline.source.connection, pipeline.target.connection):
        if name is not None and name not in known:
            there = ", ".join(sorted(known)) or "none"
            raise Forbidden(f"no connection {name!r}. There are: {there}.", field="toml")


def due_after(pipeline: Pipeline, after: float) -> float | None:
    """The next due time; None without a schedule. Raises Invalid as `next_due` does."""
    return None if pipeline.schedule is None else next_due(pipeline.schedule, pipeline.timezone, after)


def save(
    connection: Connection, home: Home, text: str, *, who: str, identifier: str | None = None
) -> Resource:
    """Save a new pipeline, or `identifier` anew. Raises Invalid, and InTheWay where its name is taken."""
    pipeline = checked(home, text)
    table = tables.pipelines
    taken = select(table.c.id).where(table.c.name == pipeline.name)
    other = connection.execute(taken).scalar()
    if other not in (None, identifier):
        raise InTheWay(f"there is a pipeline {pipeline.name!r} already: {other}. Change that one.")
    due = due_after(pipeline, time.time())
    if identifier is None:
        made, _ = catalogue.create(
            connection, "pipelines", name=pipeline.name, spec={"toml": text}, who=who, due_at=due
        )
        return made
    catalogue.get(connection, "pipelines", identifier)
    values = {"name": pipeline.name, "spec": {"toml": text}, "due_at": due, "updated_at": now()}
    connection.execute(update(table).where(table.c.id == identifier).values(**values))
    return catalogue.get(connection, "pipelines", identifier)


def start(connection: Connection, identifier: str, *, who: str) -> str:
    """The job of a run; raises Absent, and InTheWay while a run is at it."""
    found = catalogue.get(connection, "pipelines", identifier)
    table = tables.pipelines
    # The row decides, not what was read of it: another run may have begun in between.
    free = (table.c.id == identifier, table.c.state.not_in((*UNFINISHED, "DELETE_FAILED")))
    begun = update(table).where(*free).values(state="CREATE_PENDING", message="", updated_at=now())
    if connection.execute(begun).rowcount == 0:
        raise InTheWay(
            f"the pipeline {identifier} is {found.state}. Wait until its run has ended, or cancel it."
        )
    spec = {"toml": found.spec["toml"]}
    job = jobs.add(connection, "pipeline", kind="pipelines", resource=identifier, spec=spec, who=who)
    connection.execute(update(table).where(table.c.id == identifier).values(job=job))
    return job


def start_due(database: Database) -> list[str]:
    """Start the pipelines whose time has come: their jobs. One that was missed runs once, one that is at it waits its turn."""
    table, begun = tables.pipelines, []
    due = select(table).where(table.c.due_at <= now(), table.c.state.not_in((*UNFINISHED, "DELETE_FAILED")))
    with database.read() as connection:
        rows = connection.execute(due.order_by(table.c.due_at)).mappings().all()
    for row in rows:
        try:
            with database.begin() as connection:
                mine = (table.c.id == row["id"], table.c.due_at == row["due_at"])
                after = due_after(parse_pipeline(row["spec"]["toml"]), time.time())
                if connection.execute(update(table).where(*mine).values(due_at=after)).rowcount == 1:
                    begun.append(start(connection, row["id"], who=_SCHEDULER))
        except InTheWay:  # somebody began it by hand: it is due as before
            continue
        except ForetellError as error:
            logger.warning("the pipeline %s cannot be started: %s", row["name"], error)
    return begun


class Clock:
    """Looks for what is due until it is stopped."""

    def __init__(self, database: Database, wake: Callable[[], None]) -> None:
        self._database, self._wake, self._stop = database, wake, threading.Event()

    def run(self) -> None:
        """Until `stop`; a database that is away is asked again."""
        while not self._stop.is_set():
            try:
                if start_due(self._database):
                    self._wake()
            except DBAPIError as error:
                logger.warning("the clock's database does not answer: %s", error.orig)
            self._stop.wait(_EVERY)

    def stop(self) -> None:
        """End `run`, from another thread."""
        self._stop.set()


@contextmanager
def ticking(clock: Clock) -> Iterator[None]:
    """Inside, pipelines run when they are due."""
    thread = threading.Thread(target=clock.run, name="clock")
    thread.start()
    try:
        yield
    finally:
        clock.stop()
        thread.join()
