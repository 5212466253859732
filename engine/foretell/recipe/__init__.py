"""What the author of a recipe imports: what is asked, what is given, what is returned. It loads no torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foretell.data.arrays import Array as Array
    from foretell.data.panel import Panel as Panel
    from foretell.data.schema import Schema as Schema
    from foretell.errors import ForetellError as ForetellError
    from foretell.recipe.forecast import Forecast as Forecast
    from foretell.recipe.hyperparameters import Count as Count
    from foretell.recipe.hyperparameters import LearningRate as LearningRate
    from foretell.recipe.hyperparameters import Share as Share
    from foretell.recipe.hyperparameters import Size as Size
    from foretell.recipe.hyperparameters import Steps as Steps
    from foretell.recipe.protocols import Abilities as Abilities
    from foretell.recipe.protocols import HeldOut as HeldOut
    from foretell.recipe.protocols import Predictor as Predictor
    from foretell.recipe.protocols import Recipe as Recipe
    from foretell.recipe.protocols import State as State
    from foretell.recipe.protocols import Summary as Summary
    from foretell.recipe.search_space import Between as Between
    from foretell.recipe.search_space import Space as Space
    from foretell.recipe.task import Run as Run
    from foretell.recipe.task import Task as Task
    from foretell.system.listener import heed as heed
    from foretell.system.listener import tell as tell
    from foretell.system.typed import Within as Within

# Each name is imported when it is first asked for: a server that reads a default level loads no pandas.
_HOME = {
    "Abilities": "foretell.recipe.protocols",
    "Array": "foretell.data.arrays",
    "Between": "foretell.recipe.search_space",
    "Count": "foretell.recipe.hyperparameters",
    "Forecast": "foretell.recipe.forecast",
    "ForetellError": "foretell.errors",
    "HeldOut": "foretell.recipe.protocols",
    "LearningRate": "foretell.recipe.hyperparameters",
    "Panel": "foretell.data.panel",
    "Predictor": "foretell.recipe.protocols",
    "Recipe": "foretell.recipe.protocols",
    "Run": "foretell.recipe.task",
    "Schema": "foretell.data.schema",
    "Share": "foretell.recipe.hyperparameters",
    "Size": "foretell.recipe.hyperparameters",
    "Space": "foretell.recipe.search_space",
    "State": "foretell.recipe.protocols",
    "Steps": "foretell.recipe.hyperparameters",
    "Summary": "foretell.recipe.protocols",
    "Task": "foretell.recipe.task",
    "Within": "foretell.system.typed",
    "heed": "foretell.system.listener",
    "tell": "foretell.system.listener",
}
__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'foretell.recipe' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
