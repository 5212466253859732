"""Recipes and windows of a backtest in several processes at a time, where that pays.

A unit is one recipe with its windows, or with one of them where it is trained anew for each. Its process maps the panel's files,
and leaves finished windows where an interrupted backtest would, so that nothing but names and numbers goes to and fro.

Two kinds of units stay here: recipes that spread their series over all cores by themselves, and those that another process
could not import. Of the others, those known to take long go out at once, if there are two; short ones are done here until they
have taken as long as a process takes to start, and what is left goes out then.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from foretell.data.panel import Panel
from foretell.data.panel_files import ARRAYS
from foretell.evaluation.outcome import Outcome, Window
from foretell.execution import worth
from foretell.execution.budget import WORKER
from foretell.execution.executor import Failed, Handle, Json, own_gpu, task
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
from foretell.models.unfinished import UnfinishedBacktest
from foretell.recipe.protocols import Recipe, abilities_of
from foretell.recipe.task import Run, Task
from foretell.system.listener import tell
from foretell.system.scratch import scratch_folder
from foretell.workflows.backtest_runner import Runner, Terms

COPIES: Final = 2  # of the panel, that a training makes at most
_JOB: Final = "job.json"
_PANEL: Final = "panel"


@dataclass(frozen=True, slots=True)
class Unit:
    """What one process does at a time."""

    label: str
    recipe: Recipe
    numbers: tuple[int, ...]  # of its windows

    @property
    def cost(self) -> float:
        """Beside others'."""
        return abilities_of(self.recipe).cost * len(self.numbers)


class SpreadRunner:
    """As `Runner`, for all recipes of a backtest; some of them in other processes."""

    def __init__(
        self,
        terms: Terms,
        panel: Panel,
        windows: Sequence[Window],
        steps: Sequence[int],
        kept: UnfinishedBacktest | None,
        shared: Mapping[str, Any],
    ) -> None:
        self._terms, self._panel, self._windows, self._steps = terms, panel, windows, steps
        self._kept, self._shared = kept, shared
        self._runner = Runner(terms, windows, kept)
        self._made: dict[str, list[Outcome]] = {}

    def outcomes(self, recipes: Mapping[str, Recipe]) -> list[Outcome]:
        """The outcomes of all recipes in their order, earliest window first."""
        here, short, long = self._sorted(recipes)
        for label in here:
            self._do(label, recipes)
        if len(self._units_of({label: recipes[label] for label in long})) < 2:
            self._begin_here(short, recipes)
        out = {label: recipe for label, recipe in recipes.items() if label not in self._made}
        units = self._units_of(out)
        if self._workers(units) > 1:
            self._spread(units)
        for label in recipes:
            self._do(label, recipes)
        return [outcome for label in recipes for outcome in self._made[label]]

    def _do(self, label: str, recipes: Mapping[str, Recipe]) -> None:
        if label not in self._made:
            self._made[label] = self._runner.outcomes(label, recipes[label])

    def _begin_here(self, short: Sequence[str], recipes: Mapping[str, Recipe]) -> None:
        """Do short units here until they have taken as long as it takes to start a process."""
        began = time.monotonic()
        for label in short:
            if time.monotonic() - began >= worth.START_SECONDS:
                return
            self._do(label, recipes)

    def _sorted(self, recipes: Mapping[str, Recipe]) -> tuple[list[str], list[str], list[str]]:
        """The names of recipes that stay here, are over soon perhaps, and take long."""
        here: list[str] = []
        short: list[str] = []
        long: list[str] = []
        alone = at_a_time(self._terms.run) == 1
        for label, recipe in recipes.items():
            stays = alone or spreads_itself(recipe) or self._is_done(label, recipe) or not portable(recipe)
            (here if stays else long if takes_long(recipe, self._terms.run) else short).append(label)
        return here, short, long

    def _is_done(self, label: str, recipe: Recipe) -> bool:
        return self._kept is not None and all(
            self._kept.has_window(label, recipe, window.number) for window in self._windows
        )

    def _workers(self, units: Sequence[Unit]) -> int:
        """How many units can be at work at a time."""
        return min(len(units), LocalExecutor.room(memory_of(self._panel), most=at_a_time(self._terms.run)))

    def _units_of(self, recipes: Mapping[str, Recipe]) -> list[Unit]:
        """What is left to do of these recipes, the dearest first."""
        units = [unit for label, recipe in recipes.items() for unit in self._units(label, recipe)]
        return sorted(units, key=lambda unit: -unit.cost)

    def _units(self, label: str, recipe: Recipe) -> list[Unit]:
        numbers = tuple(window.number for window in self._windows)
        if not self._terms.refit:
            return [Unit(label, recipe, numbers)]
        left = [n for n in numbers if self._kept is None or not self._kept.has_window(label, recipe, n)]
        return [Unit(label, recipe, (number,)) for number in left]

    def _spread(self, units: Sequence[Unit]) -> None:
        """Have units done by other processes."""
        recipes, run = {unit.label: unit.recipe for unit in units}, self._terms.run
        workers = self._workers(units)
        gpu = {label: on_gpu(recipe, run) for label, recipe in recipes.items()}
        gpus = count_gpus(run) if any(gpu.values()) else 0
        with ExitStack() as stack:
            folder, store = stack.enter_context(self._job(recipes, workers))
            executor = stack.enter_context(LocalExecutor(workers=workers, gpus=gpus, hear=self._hear))
            handles: dict[Handle, Unit] = {}
            for unit in units:
                given = {"folder": str(folder), "label": unit.label, "numbers": list(unit.numbers)}
                asked = {"gpus": int(gpu[unit.label]), "memory": memory_of(self._panel)}
                handles[executor.submit("backtest windows", given, **asked)] = unit
            left = {label: [unit for unit in units if unit.label == label] for label in recipes}
            # of windows that an interrupted backtest had finished, nothing more is heard
            self._runner.done += len(recipes) * len(self._windows) - sum(len(unit.numbers) for unit in units)
            for end in executor.wait(list(handles)):
                if isinstance(end, Failed):
                    raise end.error
                unit = handles[end.handle]
                left[unit.label].remove(unit)
                self._runner.done += len(unit.numbers)
                if not left[unit.label]:
                    self._take(unit, store)

    def _take(self, unit: Unit, store: UnfinishedBacktest) -> None:
        """Score what other processes have left of a recipe, which is whole now."""
        self._made[unit.label] = self._runner.taken(unit.label, unit.recipe, store)
        message = f"{unit.label}: done"
        tell("backtest", self._runner.done, self._terms.total, recipe=unit.label, message=message)

    def _hear(self, event: Json) -> None:
        """Tell an event of another process; how many windows are finished is known here."""
        if event["stage"] == "backtest":
            event = {**event, "done": self._runner.done, "total": self._terms.total}
        tell(**event)

    @contextmanager
    def _job(self, recipes: Mapping[str, Recipe], workers: int) -> Iterator[tuple[Path, UnfinishedBacktest]]:
        """A folder that says what there is to do, and where the windows go that are finished."""
        with ExitStack() as stack:
            folder = stack.enter_context(scratch_folder())
            store = self._kept
            if store is None:
                store = UnfinishedBacktest(folder / "out", self._shared, resume=False)
            stack.enter_context(store.written_by_others())
            run = replace(self._terms.run, processes=max(1, at_a_time(self._terms.run) // workers))
            facts = {
                "terms": {**asdict(self._terms), "run": asdict(run)},
                "steps": list(self._steps),
                "out": str(store.folder.parent.resolve()),
                "shared": self._shared,
                "recipes": {label: recipe_to_json(recipe) for label, recipe in recipes.items()},
            }
            write_job_panel(self._panel, folder / _PANEL)
            write_json(facts, folder / _JOB)
            yield folder, store


@task("backtest windows")
def finish_windows(arguments: Json) -> Json:
    """Forecast some windows of a recipe, as the folder of the job says, and leave them there."""
    folder, label = Path(arguments["folder"]), arguments["label"]
    job = read_json(folder / _JOB)
    panel, terms = read_job_panel(folder / _PANEL), _terms(job["terms"])
    windows = [
        Window.at(number, panel.until(before), panel.actuals(before, terms.task.horizon))
        for number, before in enumerate(job["steps"], start=1)
    ]
    kept = UnfinishedBacktest(Path(job["out"]), job["shared"], resume=True)
    recipe = recipe_from_json(job["recipes"][label])
    Runner(terms, windows, kept).finish(label, recipe, arguments["numbers"])
    return {}


def _terms(said: Mapping[str, Any]) -> Terms:
    run, task = said["run"], said["task"]
    gpu = own_gpu()
    device = f"cuda:{gpu}" if gpu is not None and run["device"] in ("auto", "cuda") else run["device"]
    return Terms(
        task=Task(task["horizon"], tuple(task["levels"])),
        run=Run(**{**run, "device": device}),
        refit=said["refit"],
        fingerprint=said["fingerprint"],
        total=said["total"],
        calibrate=said["calibrate"],
        columns=tuple(tuple(each) for each in said["columns"]),
    )


def memory_of(panel: Panel) -> int:
    """Bytes that a process needs which trains on a panel."""
    sizes = (getattr(panel, name) for name in ARRAYS)
    return WORKER + COPIES * sum(int(array.nbytes) for array in sizes if array is not None)


def spreads_itself(recipe: Recipe) -> bool:
    """Whether a recipe uses all cores by itself."""
    from foretell.local.local_recipe import SeriesRecipe

    return isinstance(recipe, SeriesRecipe)


def on_gpu(recipe: Recipe, run: Run) -> bool:
    """Whether a recipe trains on a GPU."""
    from foretell.local.local_recipe import LocalRecipe
    from foretell.tabular.tabular_recipe import TabularRecipe

    if run.device == "cpu" or isinstance(recipe, (LocalRecipe, TabularRecipe)):
        return False
    return count_gpus(run) > 0


def count_gpus(run: Run) -> int:
    """The GPUs that a run may use: one where it names that."""
    import torch

    if run.device == "mps" or run.device.startswith("cuda:"):
        return 1
    if torch.cuda.is_available():
        return torch.cuda.device_count()
    return int(torch.backends.mps.is_available() and run.device.startswith("mps"))
