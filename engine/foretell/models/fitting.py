"""`fit_model`: the one place where recipes are trained."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Final, cast

import numpy as np

from foretell.data.input_shares import InputShares
from foretell.data.item_floors import floor_of_new_items
from foretell.data.panel import Panel
from foretell.data.seen_range import SeenRange
from foretell.errors import ForetellError, Interrupted
from foretell.execution.executor import Json
from foretell.execution.executor import task as registered
from foretell.models.calibration import Calibration
from foretell.models.fitted_model import FittedModel
from foretell.models.held_out_beside import HELD_OUT, carried_out, made_beside, pays
from foretell.models.saved_model import SavedData
from foretell.models.validation import ValidationWindows
from foretell.recipe.author_code import author_code, expect_predictor
from foretell.recipe.levels import QUANTILE_LEVELS
from foretell.recipe.protocols import (
    HeldOut,
    Predictor,
    Recipe,
    WarmStart,
    abilities_of,
    findings_of,
    held_out_of,
    resolved_of,
)
from foretell.recipe.registry import checked_recipe, is_registered
from foretell.recipe.task import Run, Task
from foretell.system.host_state import host_state_kept
from foretell.system.listener import interruptible, tell, working_on

logger = logging.getLogger(__name__)

HELD_OUT_SHARE = 0.4  # of a time limit, for the training without the windows that calibrate
BEST = "best"  # the folder, in that of the checkpoints, of the model that Ctrl-C leaves

_MOST_NAMES: Final = 10_000  # items that a model keeps the names of


def fit_model(
    recipe: Recipe,
    panel: Panel,
    task: Task,
    run: Run,
    *,
    fingerprint: str = "",
    calibrate: bool = False,
    start: Predictor | None = None,
) -> FittedModel:
    """Train `recipe` on what lies before each item's origin, from `start` on if given; the one place where recipes are trained.

    To `calibrate` its quantiles it is trained a first time without the last windows, unless it has held some out itself;
    of a time limit that first training gets `HELD_OUT_SHARE`. Raises ForetellError where the recipe is none, where no history
    is as long as the horizon, where there is nothing to calibrate on, and RecipeFailed for what the recipe raises.
    """
    recipe = checked_recipe(recipe)
    _check_trainable(panel, task)
    began = time.perf_counter()
    with ExitStack() as stack:
        waited: Callable[[], HeldOut] | None = None
        if calibrate and not abilities_of(recipe).held_out:
            first, run = _shortened(run, HELD_OUT_SHARE), _shortened(run, 1 - HELD_OUT_SHARE)
            waited = stack.enter_context(_held_out(recipe, panel, task, first))
        seen = SeenRange.of(panel)
        # for all recipes that are fitted on this panel the same one: they share what they learn of it
        shown, _ = panel.once("within what was seen", lambda: seen.apply(panel))
        with author_code(recipe, "working out its defaults"):
            resolved = resolved_of(recipe, panel, task, start=start)
        try:
            with working_on(recipe.name), interruptible(), host_state_kept():
                tell("train", 0)
                predictor = _fit(resolved, shown, task, run, start)
        except Interrupted as stop:
            raise _kept(stop, recipe, resolved, panel, task, run) from stop
        held = None if waited is None else waited()
    for finding in findings_of(predictor):
        logger.info("%s: %s", finding.code, finding.message)
    if held is None:
        with author_code(recipe, "handing over its held-out forecasts"):
            held = held_out_of(recipe, predictor)
    if calibrate and held is None:
        raise ForetellError(
            "histories are too short to calibrate: nothing could be held out. Leave calibrate= out."
        )
    return FittedModel(
        recipe=recipe,
        resolved=resolved,
        seed=run.seed,
        task=task,
        schema=panel.schema,
        predictor=predictor,
        floor=floor_of_new_items(panel),
        seen=seen,
        inputs=panel.once(("inputs", task.horizon), lambda: InputShares.of(panel, task.horizon)),
        data=_seen(panel),
        fit_seconds=time.perf_counter() - began,
        fingerprint=fingerprint,
        panel=panel,
        adjustments=(Calibration.learn(held),) if calibrate and held is not None else (),
        held=held,
    )


def _seen(panel: Panel) -> SavedData:
    """What is trained on: the items, and the last step before their origins."""
    last = panel.frequency.spell(int(panel.origin.max()) - 1) if len(panel) else ""
    names = tuple(map(str, panel.names)) if len(panel) <= _MOST_NAMES else None
    return SavedData(items=len(panel), last=last, names=names)


def _check_trainable(panel: Panel, task: Task) -> None:
    longest = int(panel.stop.max(initial=0))
    if longest < task.horizon:
        raise ForetellError(
            f"the horizon is {task.horizon} steps, but the longest history has {longest}. Give more history, or ask for"
            f" a horizon of at most {longest}."
        )


def _fit(recipe: Recipe, panel: Panel, task: Task, run: Run, start: Predictor | None) -> Predictor:
    with author_code(recipe, "training"):
        if start is None:
            return expect_predictor(recipe, recipe.fit(panel, task, run), "fit")
        made = cast("WarmStart", recipe).fit_from(start, panel, task, run)
        return expect_predictor(recipe, made, "fit_from")


def _kept(
    stop: Interrupted, recipe: Recipe, resolved: Recipe, panel: Panel, task: Task, run: Run
) -> Interrupted:
    """The interruption, with what there is so far saved as a model in `run.out` when it is a model of `recipe`."""
    if run.out is None or not is_registered(recipe) or not isinstance(stop.predictor, Predictor):
        return stop
    if type(getattr(stop.predictor, "recipe", None)) is not type(recipe):  # that of a member
        return stop
    best = FittedModel(
        recipe=recipe,
        resolved=resolved,
        seed=run.seed,
        task=task,
        schema=panel.schema,
        predictor=stop.predictor,
        floor=floor_of_new_items(panel),
        data=_seen(panel),
        fit_seconds=0.0,
    )
    best.save(run.out / BEST, overwrite=True)
    return Interrupted(
        f"{stop}; the best weights so far are a model in {run.out / BEST}, and resume= goes on"
    )


def _shortened(run: Run, share: float) -> Run:
    return run if run.time_limit is None else replace(run, time_limit=run.time_limit * share)


@contextmanager
def _held_out(recipe: Recipe, panel: Panel, task: Task, run: Run) -> Iterator[Callable[[], HeldOut]]:
    """Forecasts of held-out windows, for the function that is given: made now, or inside by another process."""
    if pays(recipe, run):
        with made_beside(recipe, panel, task, run, _validation(panel, task, run)) as wait:
            yield wait
        return
    made = held_out_forecasts(recipe, panel, task, run)
    yield lambda: made


@registered(HELD_OUT)
def _make_held_out(arguments: Json) -> Json:
    return carried_out(arguments, held_out_forecasts)


def held_out_forecasts(recipe: Recipe, panel: Panel, task: Task, run: Run) -> HeldOut:
    """Forecasts of the last windows before the origin by the recipe trained on what came before them.

    Raises ForetellError where histories are too short to hold a window out.
    """
    validation = _validation(panel, task, run)
    model = fit_model(recipe, validation.early, task, replace(run, out=None, resume=False))
    parts = [model.forecast(early, levels=validation.levels).quantiles for early in validation.panels]
    return HeldOut(np.stack(parts), validation.actual, validation.levels, validation.items)


def _validation(panel: Panel, task: Task, run: Run) -> ValidationWindows:
    """The same windows for every recipe that is calibrated on this panel: what is learnt of them is shared too."""
    validation = panel.once(
        ("held out", task, run.seed),
        lambda: ValidationWindows.of(
            panel, task, windows=None, seed=run.seed, levels=(*task.levels, *QUANTILE_LEVELS)
        ),
    )
    if validation is None:
        raise ForetellError(
            "histories are too short to calibrate: it takes windows held out before the origin, and so three horizons of"
            " history. Leave calibrate= out."
        )
    return validation
