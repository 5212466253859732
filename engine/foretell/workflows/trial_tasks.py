"""Trials of `tune`: each trains a recipe with some settings and scores it, here or several at a time in other processes."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from foretell.data.panel import Panel
from foretell.errors import ForetellError
from foretell.execution import worth
from foretell.execution.executor import Failed, Json, task
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
from foretell.models.candidates import OverTime, reason, try_candidate
from foretell.models.ensemble import Member
from foretell.models.ensemble_weights import ScoredCells
from foretell.models.validation import ValidationWindows
from foretell.recipe.author_code import RecipeFailed
from foretell.recipe.protocols import Recipe
from foretell.recipe.task import Run, Task
from foretell.system.scratch import scratch_folder
from foretell.workflows.window_tasks import memory_of, on_gpu, spreads_itself

logger = logging.getLogger(__name__)

_JOB: Final = "job.json"
_PANEL: Final = "panel"


@dataclass(frozen=True, slots=True)
class Trial:
    """What a trial gave."""

    score: float | None  # None where it failed
    seconds: float
    note: str = ""  # why it failed


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What all trials of a search share."""

    panel: Panel
    windows: int  # that are held out
    task: Task
    run: Run
    seconds: float  # that a trial may take

    def validation(self) -> ValidationWindows | None:
        """The windows that are held out."""
        return ValidationWindows.of(self.panel, self.task, windows=self.windows, seed=self.run.seed)


def try_recipe(recipe: Recipe, validation: ValidationWindows, task: Task, run: Run, seconds: float) -> Trial:
    """Train a recipe and score it on the held-out windows; whatever goes wrong is a result."""
    began, note = time.perf_counter(), ""
    score: float | None = None
    try:
        result = try_candidate(
            Member(recipe.name, recipe), validation, task, run, seconds=seconds, most=np.inf
        )
        cells = ScoredCells.of(result.quantiles[None], validation.actual, validation.levels)
        score = float(cells.score(cells.quantiles[0]))
    except Exception as error:  # settings that do not work are a result, and the table says why
        note = reason(error)
        if isinstance(error, RecipeFailed) or not isinstance(error, (ForetellError, OverTime)):
            logger.warning("tune: %s failed: %s", recipe, note)
    return Trial(score, time.perf_counter() - began, note)


class Trials:
    """Does trials a round at a time: here, or by other processes where there are cores for some and each takes long.

    What is known to take long goes out from the first; else what is left once trials have taken as long as a process takes
    to start. `with` ends those processes.
    """

    def __init__(self, question: Question, validation: ValidationWindows) -> None:
        self._question, self._validation = question, validation
        self._stack, self._spent = ExitStack(), 0.0
        self._executor: LocalExecutor | None = None
        self._folder = Path()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def results(self, recipes: Sequence[Recipe]) -> Iterator[Trial]:
        """A trial of each, in their order, each as soon as it and those before it have ended."""
        if self._go_out(recipes):
            yield from self._elsewhere(recipes)
            return
        question = self._question
        for recipe in recipes:
            trial = try_recipe(recipe, self._validation, question.task, question.run, question.seconds)
            self._spent += trial.seconds
            yield trial

    def _go_out(self, recipes: Sequence[Recipe]) -> bool:
        run = self._question.run
        if len(recipes) < 2 or self._workers() == 1:
            return False
        if not all(portable(r) and not spreads_itself(r) and not on_gpu(r, run) for r in recipes):
            return False
        return self._spent >= worth.START_SECONDS or all(takes_long(r, run) for r in recipes)

    def _workers(self) -> int:
        return LocalExecutor.room(memory_of(self._question.panel), most=at_a_time(self._question.run))

    def _elsewhere(self, recipes: Sequence[Recipe]) -> Iterator[Trial]:
        executor, memory = self._started(), memory_of(self._question.panel)
        given = [{"folder": str(self._folder), "recipe": recipe_to_json(recipe)} for recipe in recipes]
        handles = [executor.submit("trial of tune", each, memory=memory) for each in given]
        ended: dict[int, Trial] = {}
        for end in executor.wait(handles):
            if isinstance(end, Failed):
                logger.warning("tune: %s", end.message)
                trial = Trial(None, 0.0, end.message)
            else:
                trial = Trial(**end.result)
            ended[end.handle.number] = trial
            while handles and handles[0].number in ended:
                yield ended[handles.pop(0).number]

    def _started(self) -> LocalExecutor:
        """The processes, with the folder that says what they share."""
        if self._executor is None:
            question, workers = self._question, self._workers()
            self._folder = self._stack.enter_context(scratch_folder())
            run = replace(question.run, processes=max(1, at_a_time(question.run) // workers))
            facts: dict[str, Any] = {"task": asdict(question.task), "run": asdict(run)}
            facts |= {"windows": question.windows, "seconds": question.seconds}
            write_job_panel(question.panel, self._folder / _PANEL)
            write_json(facts, self._folder / _JOB)
            self._executor = self._stack.enter_context(LocalExecutor(workers=workers))
        return self._executor


@task("trial of tune")
def trial_of_tune(arguments: Json) -> Json:
    """One trial, as the folder of the job says."""
    question, validation = _opened(arguments["folder"])
    recipe = recipe_from_json(arguments["recipe"])
    return asdict(try_recipe(recipe, validation, question.task, question.run, question.seconds))


@lru_cache(maxsize=1)
def _opened(folder: str) -> tuple[Question, ValidationWindows]:
    job = read_json(Path(folder) / _JOB)
    question = Question(
        read_job_panel(Path(folder) / _PANEL),
        job["windows"],
        Task(job["task"]["horizon"], tuple(job["task"]["levels"])),
        Run(**job["run"]),
        job["seconds"],
    )
    validation = question.validation()
    assert validation is not None  # the process that asks has looked
    return question, validation
