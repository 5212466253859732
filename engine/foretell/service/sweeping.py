"""Away with files that nothing needs: checkpoints of jobs that have ended, what failed jobs left, uploads that broke off."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from sqlalchemy import select

from foretell.service import catalogue
from foretell.service.database import Database
from foretell.service.home import Home
from foretell.service.jobs import Job
from foretell.service.states import FINISHED, State
from foretell.service.tables import jobs

_OLD: Final = 86400.0  # seconds after which a file that still bears a temporary name is nobody's
_LEAVE_NOTHING: Final = ("CREATE_FAILED", "CREATE_STOPPED")


def tidy(home: Home, job: Job, state: State) -> None:
    """Of a job that has just ended: its checkpoints; where it was to make a resource and has not, what there is of that."""
    _remove(home.job(job.id) / "work")
    if job.kind not in catalogue.KINDS or catalogue.KINDS[job.kind].work != job.work:
        return  # its folder is not this job's alone
    target = home.folder(job.kind, job.resource_id)
    for left in target.parent.glob(f".{job.resource_id}.*"):
        _remove(left)
    if state in _LEAVE_NOTHING:
        _remove(target)


def sweep(home: Home, database: Database) -> None:
    """What processes left that were killed before they could tidy; for the start of a server."""
    with database.read() as connection:
        ended = connection.execute(select(jobs.c.id).where(jobs.c.state.in_(FINISHED))).scalars().all()
    for job in ended:
        _remove(home.job(job) / "work")
    for kind, (table, _, work, _) in catalogue.KINDS.items():
        if work is None:
            continue
        # Only what the catalogue says is nothing: a server that was started with another database knows none of the files.
        with database.read() as connection:
            nothing = select(table.c.id).where(table.c.state.in_(_LEAVE_NOTHING))
            rows = connection.execute(nothing).scalars().all()
        for identifier in rows:
            _remove(home.folder(kind, identifier))
    for name in ("*.part", ".*.part", ".key.*"):
        for path in (*home.uploads.glob(name), *home.path.glob(name)):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _OLD:
                    _remove(path)


def _remove(path: Path) -> None:
    """Away with a file or folder, if it is there; one that cannot be removed stays until the next sweep."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink(missing_ok=True)
