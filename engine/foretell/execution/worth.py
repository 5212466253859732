"""Whether another process can do a training, and whether that pays."""

from __future__ import annotations

import json
from typing import Final

from foretell.errors import ForetellError
from foretell.execution.job_folder import recipe_from_json, recipe_to_json
from foretell.recipe.protocols import Recipe, abilities_of
from foretell.recipe.task import Run
from foretell.system.processes import cores

START_SECONDS: Final = 8.0  # of a core, that a process with torch and a recipe takes to start (5 to 9 on a machine with other work)
LONG_STEPS: Final = 200  # of a training; fewer may be over before a process has started


def at_a_time(run: Run) -> int:
    """How many tasks of one core each a run may have at work; one where a training has several processes itself."""
    return 1 if run.devices > 1 else run.processes or cores()


def takes_long(recipe: Recipe, run: Run) -> bool:
    """Whether a training is known to take longer than a process takes to start."""
    if run.time_limit is not None and run.time_limit < START_SECONDS:
        return False
    steps = getattr(recipe, "max_steps", None)
    return abilities_of(recipe).time_limit and (steps is None or steps >= LONG_STEPS)


def portable(recipe: Recipe) -> bool:
    """Whether another process can make the same recipe from its name and settings."""
    try:
        made = recipe_from_json(json.loads(json.dumps(recipe_to_json(recipe))))
    except (ForetellError, TypeError, ValueError, AttributeError, ImportError):
        return False
    return bool(made == recipe)
