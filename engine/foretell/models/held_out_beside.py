"""The training without the last windows that calibrates a model: in a process beside the one that trains the model itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

import numpy as np

from foretell.data.panel import Panel
from foretell.execution.executor import Failed, Json
from foretell.execution.job_folder import (
    read_job_panel,
    read_json,
    recipe_from_json,
    recipe_to_json,
    write_job_panel,
    write_json,
)
from foretell.execution.local import LocalExecutor
from foretell.execution.worth import at_a_time, portable, takes_long
from foretell.models.validation import ValidationWindows
from foretell.recipe.protocols import HeldOut, Recipe
from foretell.recipe.task import Run, Task
from foretell.system.scratch import scratch_folder

HELD_OUT: Final = "held-out forecasts"  # the task
_JOB, _PANEL, _QUANTILES = "job.json", "panel", "quantiles.npy"


def pays(recipe: Recipe, run: Run) -> bool:
    """Whether there is a core for a second training, and this one takes long enough; a GPU is busy with the first."""
    if at_a_time(run) == 1 or not takes_long(recipe, run) or not portable(recipe):
        return False
    return run.device == "cpu" or not _has_gpu()


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available() or torch.backends.mps.is_available()


@contextmanager
def made_beside(
    recipe: Recipe, panel: Panel, task: Task, run: Run, validation: ValidationWindows
) -> Iterator[Callable[[], HeldOut]]:
    """Inside, another process makes forecasts of the held-out windows; the function that is given waits for them."""
    with scratch_folder() as folder, LocalExecutor(workers=1) as executor:
        alone = replace(run, out=None, resume=False, processes=1)
        facts = {"recipe": recipe_to_json(recipe), "task": asdict(task), "run": asdict(alone)}
        write_job_panel(panel, folder / _PANEL)
        write_json(facts, folder / _JOB)
        handle = executor.submit(HELD_OUT, {"folder": str(folder)})

        def wait() -> HeldOut:
            end = next(executor.wait([handle]))
            if isinstance(end, Failed):
                raise end.error
            quantiles = np.load(folder / _QUANTILES, allow_pickle=False)
            return HeldOut(quantiles, validation.actual, validation.levels, validation.items)

        yield wait


def carried_out(arguments: Json, make: Callable[[Recipe, Panel, Task, Run], HeldOut]) -> Json:
    """The task of the other process: `make` the forecasts, and leave them in the job's folder."""
    folder = Path(arguments["folder"])
    job = read_json(folder / _JOB)
    task = Task(job["task"]["horizon"], tuple(job["task"]["levels"]))
    held = make(recipe_from_json(job["recipe"]), read_job_panel(folder / _PANEL), task, Run(**job["run"]))
    np.save(folder / _QUANTILES, held.quantiles)
    return {}
