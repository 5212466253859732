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
    "Abilities": "recipe.protocols",
    "Array": "data.arrays",
    "Between": "recipe.search_space",
    "Count": "recipe.hyperparameters",
    "Forecast": "recipe.forecast",
    "ForetellError": "errors",
    "HeldOut": "recipe.protocols",
    "LearningRate": "recipe.hyperparameters",
    "Panel": "data.panel",
    "Predictor": "recipe.protocols",
    "Recipe": "recipe.protocols",
    "Run": "recipe.task",
    "Schema": "data.schema",
    "Share": "recipe.hyperparameters",
    "Size": "recipe.hyperparameters",
    "Space": "recipe.search_space",
    "State": "recipe.protocols",
    "Steps": "recipe.hyperparameters",
    "Summary": "recipe.protocols",
    "Task": "recipe.task",
    "Within": "system.typed",
    "heed": "system.listener",
    "tell": "system.listener",
}
__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'foretell.recipe' has no attribute {name!r}")
    value = getattr(import_module(f"foretell.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
