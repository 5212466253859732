"""`LocalExecutor`: tasks in processes of this machine, as many at a time as there are cores, memory and GPUs for."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import IO, Any, Final, Self

from foretell.execution.budget import memory_budget, thread_variables
from foretell.execution.executor import Done, Failed, Handle, Json, home_of, packed
from foretell.system.listener import heard, heed, shielded, tell
from foretell.system.processes import cores

_PAUSE: Final = 0.05  # seconds between two looks at whether all was cancelled
_GRACE: Final = 1.0  # seconds that a process has to put away what it was writing
_LINES: Final = 20  # of what a process wrote, that a failure shows
_TAIL: Final = 1 << 14  # bytes that these are looked for in


@dataclass(slots=True, eq=False)
class _Job:
    """A task that waits or is at work."""

    handle: Handle
    message: dict[str, Any]  # what its process is told
    cpus: float
    gpus: float
    memory: int
    gpu: int | None = None


@dataclass(slots=True, eq=False)
class _Worker:
    """A process, with the task that it does."""

    process: subprocess.Popen[str]
    log: Path
    job: _Job | None = None
    ended: bool = field(default=False)  # by us


class LocalExecutor:
    """Runs tasks in processes of one machine, each a fresh one that imports what its tasks need and then does one after the other.

    A process ends with this one, however this one ends. While somebody waits, they hear the events of the task that began
    first, and see what all log; a cancel ends all.

    Args:
        workers: tasks at a time, at most.
        gpus: how many there are: a task that asks for one has it alone.
        memory: bytes that tasks may take together. Default: most of what is free.
        threads: of a process. Default: its share of the cores.
        hear: is called with the fields of an event. Default: `tell`.
    """

    def __init__(
        self,
        *,
        workers: int,
        gpus: int = 0,
        memory: int | None = None,
        threads: int | None = None,
        hear: Callable[[Json], None] | None = None,
    ) -> None:
        self._hear = hear or (lambda event: tell(**event))
        self._most, self._cpus = workers, float(workers)
        self._memory = memory_budget() if memory is None else memory
        self._threads = threads or max(1, cores() // workers)
        self._gpus = set(range(gpus))
        self._level = min(logging.getLogger("foretell").getEffectiveLevel(), logging.WARNING)
        self._heard = heard()
        self._lock = threading.RLock()
        self._waiting: deque[_Job] = deque()
        self._workers: list[_Worker] = []
        self._ends: SimpleQueue[Done | Failed] = SimpleQueue()
        self._told: SimpleQueue[Json] = SimpleQueue()  # events and lines of the log
        self._kept: dict[int, Done | Failed] = {}  # ends that nobody has asked for yet
        self._count, self._closed = 0, False
        self._folder = tempfile.TemporaryDirectory(prefix="foretell-tasks-", ignore_cleanup_errors=True)

    @staticmethod
    def room(memory: int, *, most: int) -> int:
        """How many tasks of `memory` bytes can be at work at a time: one at least, `most` at most."""
        return max(1, min(most, memory_budget() // max(memory, 1)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def submit(
        self, task: str, arguments: Json, *, cpus: float = 1, gpus: float = 0, memory: int = 0
    ) -> Handle:
        """As `Executor.submit`; a task that asks for more than there is has everything, alone."""
        given = packed(arguments, f"what the task {task!r} is given")
        with self._lock:
            self._count += 1
            handle = Handle(self._count, task)
            message = {"number": handle.number, "task": task, "module": home_of(task), "arguments": given}
            self._waiting.append(_Job(handle, message, cpus, gpus, memory))
            self._begin()
        return handle

    def wait(self, handles: Sequence[Handle]) -> Iterator[Done | Failed]:
        """As `Executor.wait`; raises Interrupted when this is cancelled."""
        left = {handle.number for handle in handles}
        while left:
            found = [number for number in left if number in self._kept]
            for number in found:
                left.remove(number)
                yield self._kept.pop(number)
            if not found:
                self.look()

    def look(self, pause: float = _PAUSE) -> None:
        """Take in what tasks have said and how they ended; waits `pause` seconds for an end at most."""
        heed()
        self._pass_on()
        with suppress(Empty):
            while True:
                end = self._ends.get(timeout=pause)
                self._kept[end.handle.number] = end
                pause = 0.0
        self._pass_on()

    def cancel(self, handle: Handle) -> None:
        """As `Executor.cancel`."""
        with self._lock:
            self._waiting = deque(job for job in self._waiting if job.handle != handle)
            for worker in self._workers:
                if worker.job is not None and worker.job.handle == handle:
                    worker.ended = True
                    _end([worker])

    def close(self) -> None:
        """As `Executor.close`; processes that write something have a second to put it away."""
        with shielded():
            with self._lock:
                self._closed = True
                self._waiting.clear()
                workers = list(self._workers)
                for worker in workers:
                    worker.ended = True
            _end(workers)
            self._folder.cleanup()

    def _begin(self) -> None:
        """Begin what there is room for; the lock is held."""
        while self._waiting and not self._closed:
            job = self._waiting[0]
            if not self._fits(job):
                return
            self._waiting.popleft()
            job.gpu = self._gpus.pop() if job.gpus and self._gpus else None
            worker = next((each for each in self._workers if each.job is None), None) or self._started()
            worker.job = job
            message = {**job.message, "gpu": job.gpu, "heard": self._heard, "level": self._level}
            with suppress(OSError):  # it died just now, which its reader sees
                _stdin(worker).write(json.dumps(message) + "\n")
                _stdin(worker).flush()

    def _fits(self, job: _Job) -> bool:
        """Whether there is room beside what is at work; where nothing is, there is."""
        busy = [worker.job for worker in self._workers if worker.job is not None]
        if not busy:
            return True
        return (
            len(busy) < self._most
            and sum(each.cpus for each in busy) + job.cpus <= self._cpus
            and sum(each.memory for each in busy) + job.memory <= self._memory
            and (not job.gpus or bool(self._gpus))
        )

    def _started(self) -> _Worker:
        """A new process. It sees the modules that this one sees."""
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        log = Path(self._folder.name) / f"log-{len(list(Path(self._folder.name).iterdir()))}"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "foretell.execution.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                encoding="utf-8",
                env={**os.environ, **thread_variables(self._threads), "PYTHONPATH": path},
                start_new_session=True,  # Ctrl-C is for this process to pass on
            )
        worker = _Worker(process, log)
        self._workers.append(worker)
        threading.Thread(target=self._read, args=(worker,), daemon=True).start()
        return worker

    def _read(self, worker: _Worker) -> None:
        """Take in what a process says, until it ends."""
        assert worker.process.stdout is not None
        with worker.process.stdout as lines:
            for line in lines:
                if not line.endswith("\n"):  # it was killed meanwhile
                    break
                said: Json = json.loads(line)
                if "number" in said:
                    self._over(worker, said)
                elif "log" in said or self._is_first(worker):
                    self._told.put(said)
        _kill(worker.process)  # what it started does not outlive it
        worker.process.wait()
        self._over(worker, None)

    def _over(self, worker: _Worker, said: Json | None) -> None:
        """A task has ended as is `said`, or, where nothing is, with its process."""
        with self._lock:
            job, worker.job = worker.job, None
            if job is not None and job.gpu is not None:
                self._gpus.add(job.gpu)
            if said is None:
                self._workers.remove(worker)
                with suppress(OSError):
                    _stdin(worker).close()
            if job is not None and not worker.ended:
                self._ends.put(_end_of(job.handle, worker, said))
            self._begin()

    def _pass_on(self) -> None:
        """Tell and log what processes have said."""
        with suppress(Empty):
            while True:
                said = self._told.get_nowait()
                if "log" in said:
                    logging.getLogger(said["name"]).log(said["level"], "%s", said["log"])
                else:
                    self._hear(said["event"])

    def _is_first(self, worker: _Worker) -> bool:
        """Whether its task is the first of those at work: one story is told at a time."""
        with self._lock:
            jobs = [each.job for each in self._workers if each.job is not None]
        return worker.job is min(jobs, key=lambda job: job.handle.number, default=None)


def _end_of(handle: Handle, worker: _Worker, said: Json | None) -> Done | Failed:
    if said is not None and "result" in said:
        return Done(handle, said["result"])
    lines = tuple(_tail(worker.log))
    if said is not None:
        return Failed(
            handle, said["failed"], kind=said["kind"], said=said["said"], lines=(*lines, *said["trace"])
        )
    status = worker.process.returncode
    if status < 0:
        name = signal.Signals(-status).name
        why = f"the process that did the task {handle.task!r} was killed ({name})"
        message = f"{why}, most likely for want of memory. Ask for fewer: processes=1"
        return Failed(handle, message, signal=name, lines=lines)
    why = lines[-1] if lines else "it said nothing"
    return Failed(
        handle,
        f"the process that did the task {handle.task!r} ended (exit status {status}): {why}",
        lines=lines,
    )


def _tail(log: Path) -> list[str]:
    """The last lines of a file."""
    try:
        with log.open("rb") as file:
            file.seek(max(os.fstat(file.fileno()).st_size - _TAIL, 0))
            return file.read().decode(errors="replace").strip().splitlines()[-_LINES:]
    except OSError:
        return []


def _stdin(worker: _Worker) -> IO[str]:
    assert worker.process.stdin is not None
    return worker.process.stdin


def _end(workers: Sequence[_Worker]) -> None:
    """End processes with all that they started: those that work are interrupted first, and have a little time."""
    busy = [worker for worker in workers if worker.job is not None]
    for worker in busy:
        with suppress(OSError):
            worker.process.send_signal(signal.SIGINT)
    for worker in busy:
        with suppress(subprocess.TimeoutExpired):
            worker.process.wait(_GRACE)
    for worker in workers:
        if worker.process.poll() is None:
            _kill(worker.process)
            worker.process.wait()
        with suppress(OSError):
            _stdin(worker).close()


def _kill(process: subprocess.Popen[str]) -> None:
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)  # it leads a group of its own
        else:
            process.kill()
