"""A worker: claims a job, has a child do it, tells how far it is, and sets what came of it."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection

from foretell.errors import ForetellError
from foretell.service import leases
from foretell.service.child import BUSY, CANCELLED, FULL, OK, REFUSED
from foretell.service.database import Database
from foretell.service.home import Home
from foretell.service.jobs import Job
from foretell.service.resources import anonymous_memory, free_disk, group_of
from foretell.service.states import State
from foretell.service.sweeping import tidy
from foretell.service.work.order import RESULT
from foretell.system.regular_files import read_regular
from foretell.system.strict_json import MOST_BYTES, parse_json

logger = logging.getLogger(__name__)

MOST_DEATHS: Final = 3  # of children at the same checkpoint
_IDLE: Final = 0.5  # seconds between two looks for a job
_BEAT: Final = 0.25  # seconds between two looks at a child
_REPORT: Final = 1.0  # seconds between two writes of progress
_GRACE: Final = 60.0  # seconds that a cancelled child has to end by itself
_DYING: Final = 10.0  # seconds that killed processes may take to be gone
_TAIL: Final = 20  # lines of the log that a failure shows
_AWAY: Final = (OperationalError, InterfaceError, NoConnection)  # of a database that comes back
_CHILD: Final = (sys.executable, "-m", "foretell.service.child")
_SMALL: Final = 1 << 20  # bytes of a file that a checkpoint's digest reads


class Worker:
    """Does one job at a time, in the thread that calls `run`; `stop` ends it, and its job is another worker's at once."""

    def __init__(self, home: Home, database: Database, *, child: Sequence[str] = _CHILD) -> None:
        self._home, self._database, self._child = home, database, child
        self._short = False  # of disk
        self._name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._stop, self.wake = threading.Event(), threading.Event()

    def stop(self) -> None:
        """End the child, give its job back and return from `run`."""
        self._stop.set()
        self.wake.set()

    def run(self) -> None:
        """Do jobs until `stop`."""
        while not self._stop.is_set():
            try:
                worked = self.once()
            except (DBAPIError, NoConnection) as error:  # the database is away: it comes back
                logger.warning("the database does not answer: %s", getattr(error, "orig", error))
                worked = False
            except Exception:
                logger.exception("a worker stumbled")
                worked = False
            if not worked:
                self.wake.wait(_IDLE)
                self.wake.clear()

    def once(self) -> bool:
        """Do one job, if there is any; whether there was."""
        work = "delete" if self._is_short() else None
        with self._database.read() as connection:
            if not leases.anything_to_do(connection, work=work):
                return False
        with self._database.begin() as connection:
            job = leases.claim(connection, self._name, self._home.config.lease, work=work)
        if job is None:
            return False
        logger.info("job %s: %s of %s", job.id, job.work, job.resource_id)
        Watch(self._home, self._database, job, self._name, self._stop, self._child).run()
        return True

    def _is_short(self) -> bool:
        """Whether the home's disk has too little room for a job to begin, other than a deletion; said once."""
        free, least = free_disk(self._home.path), self._home.config.limits.free_disk
        short = free < least
        if short and not self._short:
            logger.warning(
                "no job begins, except deletions: the disk of %s has %s bytes left, and limits.free_disk is %s",
                self._home.path,
                f"{free:,}",
                f"{least:,}",
            )
        self._short = short
        return short


class Watch:
    """One job with its child, from claim to end."""

    def __init__(
        self,
        home: Home,
        database: Database,
        job: Job,
        owner: str,
        stop: threading.Event,
        command: Sequence[str],
    ) -> None:
        self._home, self._database, self._job, self._owner, self._stop = home, database, job, owner, stop
        self._command = command
        self._folder = home.job(job.id)
        self._lost, self._ended = threading.Event(), threading.Event()
        self._heard: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self._refused, self._over = "", ""
        self._listener: threading.Thread | None = None

    def run(self) -> None:
        """Start the child, stay with it, and set what came of it."""
        if self._job.cancel and not (self._folder / RESULT).exists():
            self._finish("CREATE_STOPPED", message="cancelled")
            return
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        renewing = threading.Thread(target=self._renew, daemon=True)
        renewing.start()
        try:
            with (self._folder / "log").open("ab") as log:
                child = self._start(log)
            try:
                self._stay(child)
            finally:
                _end(child)
            self._settle(child.returncode)
        finally:
            self._ended.set()
            renewing.join()

    def _start(self, log: Any) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # a group of its own, which ends together
            cwd=self._folder,
        )
        self._listener = threading.Thread(target=self._listen, args=(child,), daemon=True)
        self._listener.start()
        job = self._job
        order: dict[str, Any] = {
            "home": str(self._home.path),
            "job": job.id,
            "work": job.work,
            "kind": job.kind,
        }
        order |= {"resource": job.resource_id, "spec": dict(job.spec)}
        _say(child, json.dumps(order))
        return child

    def _listen(self, child: subprocess.Popen[bytes]) -> None:
        assert child.stdout is not None
        with child.stdout:
            for line in child.stdout:
                with suppress(ForetellError):
                    told = parse_json(line)
                    if isinstance(told, dict):
                        self._heard.put(told)

    def _stay(self, child: subprocess.Popen[bytes]) -> None:
        """Until the child ends, or has to."""
        told, asked, cancelled = 0.0, 0.0, None
        progress: dict[str, Any] | None = None
        while child.poll() is None and not self._lost.is_set() and not self._stop.is_set():
            self._ended.wait(_BEAT)
            progress = self._progress() or progress
            at = time.monotonic()
            if progress is not None and at - told >= _REPORT:
                self._tell(progress)
                told, progress = at, None
            if at - asked >= _REPORT and self._takes_too_much(child):
                return
            if cancelled is None and at - asked >= _REPORT:
                asked = at
                if self._try(lambda c: leases.cancelled(c, self._job.id)):
                    _say(child, "cancel")
                    cancelled = at
            if cancelled is not None and at - cancelled > _GRACE:
                return

    def _takes_too_much(self, child: subprocess.Popen[bytes]) -> bool:
        most = self._home.config.limits.job_memory
        if most is None:
            return False
        taken = sum(anonymous_memory(process) for process in group_of(child.pid))
        if taken > most:
            self._over = (
                f"the job took {taken:,} bytes of memory, and limits.job_memory in config.toml allows {most:,}. Take"
                " fewer items, a smaller batch_size or a smaller recipe, or raise the limit."
            )
        return taken > most

    def _progress(self) -> dict[str, Any] | None:
        """The newest that was told."""
        found = None
        with suppress(Empty):
            while True:
                told = self._heard.get_nowait()
                found = told.get("progress", found)
                self._refused = told.get("refused", self._refused)
        return found

    def _tell(self, progress: dict[str, Any]) -> None:
        self._try(lambda c: leases.report(c, self._job.id, self._owner, progress))

    def _renew(self) -> None:
        """Hold the job until it ends. A database that is away is asked again until the lease must be another's."""
        lease = self._home.config.lease
        good = time.monotonic()
        while not self._ended.wait(lease / 4):
            at = time.monotonic()
            try:
                with self._database.begin() as connection:
                    held = leases.renew(connection, self._job.id, self._owner, lease)
            except (DBAPIError, NoConnection):
                held = at - good < lease
            else:
                good = at if held else good
            if not held:
                self._lost.set()
                return

    def _settle(self, status: int) -> None:
        if self._listener is not None:
            self._listener.join(5)  # it has read all once the child's end of the pipe is closed
        self._progress()
        if self._lost.is_set():
            logger.warning("job %s is another worker's now", self._job.id)
        elif (self._folder / RESULT).exists():
            found = parse_json(read_regular(self._folder / RESULT, most=MOST_BYTES))
            self._finish("DELETED" if self._job.work == "delete" else "ACTIVE", result=found)
        elif self._over:
            self._finish(self._failed, message=self._over)
        elif status == BUSY or (self._stop.is_set() and status != REFUSED):
            self._until_held(lambda c: leases.release(c, self._job.id, self._owner))
        elif status == CANCELLED or self._try(lambda c: leases.cancelled(c, self._job.id)):
            self._finish("CREATE_STOPPED", message="cancelled")
        elif status == REFUSED:
            self._finish(self._failed, message=self._refused)
        else:
            self._count(status)

    def _count(self, status: int) -> None:
        """A child ended badly: once more from its checkpoint, or the end of the job."""
        mark = checkpoint_of(self._folder / "work")
        deaths = self._until_held(lambda c: leases.died(c, self._job, self._owner, checkpoint=mark))
        how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        how = {OK: "no result", FULL: "a full disk"}.get(status, how)
        logger.warning("job %s: its child ended with %s", self._job.id, how)
        if deaths is not None and deaths >= MOST_DEATHS:
            last = "\n".join(tail(self._folder / "log", _TAIL))
            self._finish(
                self._failed, message=f"its process ended {deaths} times with {how}. Its log ends:\n{last}"
            )
        elif deaths is not None:
            self._until_held(lambda c: leases.release(c, self._job.id, self._owner))

    @property
    def _failed(self) -> State:
        return "DELETE_FAILED" if self._job.work == "delete" else "CREATE_FAILED"

    def _finish(self, state: State, *, message: str = "", result: Any = None) -> None:
        held = self._until_held(
            lambda c: leases.finish(c, self._job, self._owner, state, message=message, result=result)
        )
        if held:
            tidy(self._home, self._job, state)
        logger.info("job %s: %s %s", self._job.id, state, message)

    def _try(self, call: Callable[[Connection], Any]) -> Any:
        """What `call` gives; None where the database is away, which is no reason to stop."""
        try:
            with self._database.begin() as connection:
                return call(connection)
        except _AWAY:
            return None

    def _until_held(self, call: Callable[[Connection], Any]) -> Any:
        """What `call` gives, asked until the database answers, as long as the job is ours."""
        while not self._lost.is_set():
            try:
                with self._database.begin() as connection:
                    return call(connection)
            except _AWAY as error:
                logger.warning("the database does not answer: %s", getattr(error, "orig", error))
                if self._stop.wait(_IDLE):
                    return None
        return None


def checkpoint_of(folder: Path) -> str:
    """A digest of what a work keeps to go on from: another one where it has moved. "" where there is nothing."""
    digest = hashlib.sha256()
    files = sorted(path for path in folder.rglob("*") if not path.name.startswith(".") and path.is_file())
    for path in files:
        with suppress(OSError):
            stat = path.stat()
            digest.update(str(path.relative_to(folder)).encode())
            digest.update(path.read_bytes() if stat.st_size <= _SMALL else str(stat.st_mtime_ns).encode())
    return digest.hexdigest() if files else ""


def tail(path: Path, lines: int) -> list[str]:
    """The last lines of a log."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - (1 << 16)))
            return file.read().decode(errors="replace").splitlines()[-lines:]
    except FileNotFoundError:
        return []


def _say(child: subprocess.Popen[bytes], line: str) -> None:
    assert child.stdin is not None
    with suppress(BrokenPipeError):
        child.stdin.write(line.encode() + b"\n")
        child.stdin.flush()


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child and all that it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    until = time.monotonic() + _DYING
    while group_of(child.pid) and time.monotonic() < until:  # the next child finds the folder at rest
        time.sleep(0.01)
    if child.stdin is not None:
        with suppress(BrokenPipeError):
            child.stdin.close()
