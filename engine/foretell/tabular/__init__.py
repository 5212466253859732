"""What an author of a recipe on tables needs: rows of (item, origin, step), trees as arrays, and a base class of both.

A recipe of boosted trees subclasses `TabularRecipe` and writes `grow`. Another model of a table takes its rows from
`PanelRows`: `training` to learn from, `forecast` for what is asked.
"""

from foretell.data.arrays import Array, Floats
from foretell.data.panel import Panel
from foretell.data.schema import Schema
from foretell.data.static_scale import StaticScale
from foretell.errors import ForetellError
from foretell.recipe.extras import missing_library
from foretell.recipe.forecast import Forecast, Piece
from foretell.recipe.protocols import Abilities, State
from foretell.recipe.search_space import Between, Space
from foretell.recipe.task import Run, Task
from foretell.tabular.category_ranks import category_ranks, with_ranks
from foretell.tabular.tabular_recipe import (
    LEVELS,
    TabularPredictor,
    TabularRecipe,
    TrainingTable,
    between_normal,
)
from foretell.tabular.training_rows import PanelRows, Rows
from foretell.tabular.tree_arrays import MOST_CODES, MOST_LEAVES, GrownModel, Tree, Trees
from foretell.windows.covariate_scale import CovariateScale

__all__ = [
    "LEVELS",
    "MOST_CODES",
    "MOST_LEAVES",
    "Abilities",
    "Array",
    "Between",
    "CovariateScale",
    "Floats",
    "Forecast",
    "ForetellError",
    "GrownModel",
    "Panel",
    "PanelRows",
    "Piece",
    "Rows",
    "Run",
    "Schema",
    "Space",
    "State",
    "StaticScale",
    "TabularPredictor",
    "TabularRecipe",
    "Task",
    "TrainingTable",
    "Tree",
    "Trees",
    "between_normal",
    "category_ranks",
    "missing_library",
    "with_ranks",
]
