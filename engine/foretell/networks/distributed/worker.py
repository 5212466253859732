"""One rank of a job: `python -m foretell.networks.distributed.worker FOLDER RANK` does its part of what the folder describes.

Only `launcher` starts it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch

from foretell.errors import ForetellError, Interrupted
from foretell.execution.job_folder import (
    read_job_panel,
    read_json,
    read_state,
    recipe_from_json,
    write_json,
    write_state,
)
from foretell.networks.distributed.launcher import (
    EVENTS,
    JOB,
    PANEL,
    REPORTED,
    RESULT,
    START,
    VALIDATED,
    device_of,
    report_path,
    share_path,
)
from foretell.networks.distributed.ranks import Ranks
from foretell.networks.network_recipe import PREDICTION_BATCH, NetworkPredictor, fit_predictor
from foretell.recipe.task import Run, Task
from foretell.system.listener import Event, listening

_PATIENCE = timedelta(minutes=30)  # for one another, as the slowest of several devices may be slow indeed


def main(folder: Path, rank: int) -> int:
    """Do this rank's part; returns the exit status."""
    warnings.simplefilter("ignore")  # upstream libraries' notices to programmers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    job = read_json(folder / JOB)
    jobs: dict[str, Callable[[Path, dict[str, Any], Ranks, Run], None]] = {"fit": _fit, "predict": _predict}
    run = Run(**{**job["run"], "out": None if job["run"]["out"] is None else Path(job["run"]["out"])})
    try:
        device = device_of(run, rank)
        run = replace(run, device=device)
        with _told(folder) if rank == 0 and job["told"] else nullcontext():
            jobs[job["kind"]](folder, job, Ranks(rank, run.devices, device), run)
    except ForetellError as error:
        write_json({"message": str(error)}, report_path(folder, rank))
        return REPORTED
    except Exception:  # the parent shows what a process that fails has printed
        traceback.print_exc()
        return 1
    return 0


def _fit(folder: Path, job: dict[str, Any], ranks: Ranks, run: Run) -> None:
    """Train with the others; the first of them writes the result."""
    recipe, task = recipe_from_json(job["recipe"]), _task(job)
    if job["until"] is not None:
        run = replace(run, time_limit=max(job["until"] - time.time(), 1.0))
    start = None
    if (folder / START).exists():
        state, _ = read_state(folder / START)
        start = NetworkPredictor.load(recipe_from_json(job["start"]), task, state, run)
    _join(folder, ranks)
    note = ""
    try:
        fitted = fit_predictor(recipe, read_job_panel(folder / PANEL), task, run, start=start, ranks=ranks)
    except Interrupted as stop:
        if not isinstance(stop.predictor, NetworkPredictor):
            raise
        fitted, note = stop.predictor, str(stop)
    if ranks.rank == 0:
        write_json({"wQL": fitted.validated}, folder / VALIDATED)
        write_state(fitted.state(), folder / RESULT, note)


def _predict(folder: Path, job: dict[str, Any], ranks: Ranks, run: Run) -> None:
    """Forecast whole chunks of items, every `size`-th, so that each is computed as a single process would."""
    fitted = NetworkPredictor.load(
        recipe_from_json(job["recipe"]), _task(job), read_state(folder / START)[0], run
    )
    panel = read_job_panel(folder / PANEL)
    chunk = np.arange(len(panel)) // PREDICTION_BATCH
    items = np.flatnonzero(chunk % ranks.size == ranks.rank)
    quantiles, mean = fitted.arrays(panel.take(items), tuple(job["levels"]))
    for what, array in (("items", items), ("quantiles", quantiles), ("mean", mean)):
        np.save(share_path(folder, ranks.rank, what), array)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """What is told inside goes to a file, from which the parent tells its own listener."""
    with (folder / EVENTS).open("a", buffering=1) as file, listening(lambda event: _write(event, file)):
        yield


def _write(event: Event, file: TextIO) -> None:
    told = {name: value for name, value in asdict(event).items() if name != "recipe"}  # the parent knows that
    file.write(json.dumps(told) + "\n")


def _task(job: dict[str, Any]) -> Task:
    return Task(job["task"]["horizon"], tuple(job["task"]["levels"]))


def _join(folder: Path, ranks: Ranks) -> None:
    """Make the process group: the processes find one another through a file, so that no port need be free."""
    cuda = ranks.device.startswith("cuda")
    if cuda:
        torch.cuda.set_device(ranks.device)
    elif sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # a host's own name may lead nowhere
    path = str(folder / "store")
    store = torch.distributed.FileStore(path, ranks.size)  # type: ignore[attr-defined]  # it is there, unlisted
    torch.distributed.init_process_group(
        "nccl" if cuda else "gloo", store=store, rank=ranks.rank, world_size=ranks.size, timeout=_PATIENCE
    )


def _end_with_parent() -> None:
    """The parent holds the other end of standard input: when it is gone, however it went, so is this process."""
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    status = main(Path(sys.argv[1]), int(sys.argv[2]))
    sys.stderr.flush()
    os._exit(status)  # without waiting for threads and groups whose other members may be gone
