"""Several devices: processes train one network together, or forecast a share of the items each; this one supervises them.

Each process is a fresh one (`worker`) that reads its job from a folder. Should one die, the others, which would wait
for it, are ended and its message is raised; should this one die, they end too.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from foretell.data.arrays import Array
from foretell.data.panel import Panel
from foretell.errors import ForetellError
from foretell.execution.job_folder import (
    read_json,
    read_state,
    recipe_to_json,
    write_job_panel,
    write_json,
    write_state,
)
from foretell.networks.device import pick_device
from foretell.recipe.protocols import Recipe, State
from foretell.recipe.task import Run, Task
from foretell.system.listener import heard, heed, shielded, tell
from foretell.system.scratch import scratch_folder

# The names of what lies in a job's folder.
JOB, PANEL, START, RESULT, EVENTS = "job.json", "panel", "start", "result", "events"
VALIDATED: Final = "validated.json"
REPORTED: Final = 3  # exit status of a worker that wrote what went wrong
_PAUSE: Final = 0.05  # seconds between two looks at the processes
_GRACE: Final = 60.0  # seconds that rank 0 has after Ctrl-C to write its best weights


def report_path(folder: Path, rank: int) -> Path:
    """Where a worker says what a user can put right."""
    return folder / f"report-{rank}.json"


def share_path(folder: Path, rank: int, what: str) -> Path:
    """Where a worker leaves its share of a forecast: `items`, `quantiles` and `mean`."""
    return folder / f"share-{rank}-{what}.npy"


def fit_on_devices(
    recipe: Recipe, panel: Panel, task: Task, run: Run, start: tuple[Recipe, State] | None = None
) -> tuple[State, str, float | None]:
    """The state of a network of a resolved recipe that `run.devices` processes trained together, from `start` on if there is one.

    Beside it a note, and the validation wQL if there is one. The note is empty unless Ctrl-C ended the training: then it says how far that was.
    """
    until = None if run.time_limit is None else time.time() + run.time_limit
    first = None if start is None else recipe_to_json(start[0])
    with _job("fit", recipe, panel, task, run, until=until, start=first) as folder:
        if start is not None:
            write_state(start[1], folder / START)
        try:
            _supervise(folder, run)
        except KeyboardInterrupt:
            if not (folder / RESULT).exists():
                raise
        return (*read_state(folder / RESULT), read_json(folder / VALIDATED)["wQL"])


def predict_on_devices(
    recipe: Recipe, state: State, panel: Panel, task: Task, run: Run, levels: Sequence[float]
) -> tuple[Array, Array]:
    """Quantiles [N, H, Q] and mean [N, H] of the panel's items, each share of them forecast by a process of its own."""
    with _job("predict", recipe, panel, task, run, levels=list(levels)) as folder:
        write_state(state, folder / START)
        _supervise(folder, run)
        return merge_shares(folder, run.devices, panel, (task.horizon, len(levels)))


def merge_shares(folder: Path, size: int, panel: Panel, shape: tuple[int, int]) -> tuple[Array, Array]:
    """The shares of a forecast as one; raises ForetellError unless every item is in exactly one of them."""
    horizon, levels = shape
    quantiles = np.empty((len(panel), horizon, levels), np.float32)
    mean, times = np.empty((len(panel), horizon), np.float32), np.zeros(len(panel), np.int64)
    for rank in range(size):
        items: NDArray[np.int64] = np.load(share_path(folder, rank, "items"))
        quantiles[items] = np.load(share_path(folder, rank, "quantiles"))
        mean[items] = np.load(share_path(folder, rank, "mean"))
        np.add.at(times, items, 1)
    wrong = np.flatnonzero(times != 1)
    if len(wrong):
        raise ForetellError(
            f"item {panel.names[wrong[0]]!r} was forecast {times[wrong[0]]} times by {size} processes, expected once"
            f" ({len(wrong)} items are amiss). Forecast with devices=1."
        )
    return quantiles, mean


def device_of(run: Run, rank: int) -> str:
    """The device of one rank; raises ForetellError when the machine has too few."""
    device = pick_device(run.device)
    if device.type == "cpu":
        return "cpu"
    have = torch.cuda.device_count() if device.type == "cuda" else 1
    if device.index is not None:
        raise ForetellError(
            f"devices={run.devices} takes the first {run.devices} of them: give device='{device.type}', not"
            f" {run.device!r}"
        )
    if run.devices > have:
        raise ForetellError(
            f"devices={run.devices}, but this machine has {have} of type {device.type!r}. Ask for at most {have}, or"
            " for processes without them: device='cpu'."
        )
    return f"{device.type}:{rank}"


@contextmanager
def _job(kind: str, recipe: Recipe, panel: Panel, task: Task, run: Run, **more: Any) -> Iterator[Path]:
    """A folder, for the time being, that says what there is to do."""
    device_of(run, 0)
    facts = {"kind": kind, "recipe": recipe_to_json(recipe), "task": asdict(task), "run": asdict(run), **more}
    facts["told"] = heard()
    with scratch_folder() as folder:
        write_job_panel(panel, folder / PANEL)
        write_json(facts, folder / JOB)
        yield folder


@shielded()  # nothing may come between a process and the note of it
def _supervise(folder: Path, run: Run) -> None:
    """Run all ranks of the job in `folder`; raises ForetellError with the message of the first that fails."""
    workers: list[subprocess.Popen[bytes]] = []
    try:
        workers += [_spawn(folder, rank, run) for rank in range(run.devices)]
        _wait(workers, folder)
        if any(worker.returncode for worker in workers):
            raise _failure(folder, workers)
    except KeyboardInterrupt:
        _interrupt_first(workers)
        raise
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
            if worker.stdin is not None:
                worker.stdin.close()


def _spawn(folder: Path, rank: int, run: Run) -> subprocess.Popen[bytes]:
    """The process of one rank. It sees the modules that this one sees, and ends when its standard input does."""
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    with log_path(folder, rank).open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "foretell.networks.distributed.worker", str(folder), str(rank)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=log,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C is for this process to pass on
        )


def _wait(workers: list[subprocess.Popen[bytes]], folder: Path) -> None:
    """Wait until all have ended well or one has not; pass on what the first of them tells."""
    told = 0
    while any(worker.poll() is None for worker in workers) and not any(w.poll() for w in workers):
        heed()
        time.sleep(_PAUSE)
        told = _pass_on(folder / EVENTS, told)
    _pass_on(folder / EVENTS, told)


def _pass_on(events: Path, told: int) -> int:
    """Tell the events in a worker's file from byte `told` on; where the last whole one ends."""
    if not heard() or not events.exists():
        return told
    with events.open("rb") as file:
        file.seek(told)
        lines = [line for line in file if line.endswith(b"\n")]
    for line in lines:
        tell(**json.loads(line))
    return told + sum(map(len, lines))


def _interrupt_first(workers: list[subprocess.Popen[bytes]]) -> None:
    """Interrupt rank 0, and give it time to write what it has; the others go on until then."""
    if workers and workers[0].poll() is None:
        workers[0].send_signal(signal.SIGINT)
        try:
            workers[0].wait(_GRACE)
        except subprocess.TimeoutExpired:
            return


def log_path(folder: Path, rank: int) -> Path:
    """Where the standard error of a worker goes."""
    return folder / f"log-{rank}"


def _failure(folder: Path, workers: Sequence[subprocess.Popen[bytes]]) -> ForetellError:
    """What to raise: a message for the user if there is one, else how the process ended that ended first."""
    for rank, worker in enumerate(workers):
        if worker.poll() == REPORTED and report_path(folder, rank).exists():
            return ForetellError(read_json(report_path(folder, rank))["message"])
    # Those killed come first: where one is killed, the others fail because it is gone.
    rank, worker = min(
        ((r, w) for r, w in enumerate(workers) if w.poll()),
        key=lambda pair: (pair[1].returncode > 0, pair[0]),
    )
    who = f"process {rank + 1} of {len(workers)}"
    if worker.returncode < 0:
        name = signal.Signals(-worker.returncode).name
        return ForetellError(
            f"{who} was killed ({name}), most likely for want of memory, and the others were ended. Lower batch_size, or"
            " ask for fewer devices=; a training with out= goes on with resume=."
        )
    lines = log_path(folder, rank).read_text(errors="replace").strip().splitlines() or ["it said nothing"]
    return ForetellError(f"{who} failed (exit status {worker.returncode}): {lines[-1]}")
