"""What an author of a recipe on tables needs: rows of (item, origin, step), trees as arrays, and a base class of both.

A recipe of boosted trees subclasses `TabularRecipe` and writes `grow`. Another model of a table takes its rows from
`PanelRows`: `training` to learn from, `forecast` for what is asked.
"""

from foretell.data.arrays import Array as Array
from foretell.data.arrays import Floats as Floats
from foretell.data.panel import Panel as Panel
from foretell.data.schema import Schema as Schema
from foretell.data.static_scale import StaticScale as StaticScale
from foretell.errors import ForetellError as ForetellError
from foretell.recipe.extras import missing_library as missing_library
from foretell.recipe.forecast import Forecast as Forecast
from foretell.recipe.forecast import Piece as Piece
from foretell.recipe.hyperparameters import Count as Count
from foretell.recipe.hyperparameters import LearningRate as LearningRate
from foretell.recipe.hyperparameters import Share as Share
from foretell.recipe.hyperparameters import Size as Size
from foretell.recipe.hyperparameters import Steps as Steps
from foretell.recipe.protocols import Abilities as Abilities
from foretell.recipe.protocols import State as State
from foretell.recipe.search_space import Between as Between
from foretell.recipe.search_space import Space as Space
from foretell.recipe.task import Run as Run
from foretell.recipe.task import Task as Task
from foretell.system.typed import Within as Within
from foretell.tabular.category_ranks import category_ranks as category_ranks
from foretell.tabular.category_ranks import with_ranks as with_ranks
from foretell.tabular.tabular_recipe import LEVELS as LEVELS
from foretell.tabular.tabular_recipe import TabularPredictor as TabularPredictor
from foretell.tabular.tabular_recipe import TabularRecipe as TabularRecipe
from foretell.tabular.tabular_recipe import TrainingTable as TrainingTable
from foretell.tabular.tabular_recipe import between_normal as between_normal
from foretell.tabular.training_rows import PanelRows as PanelRows
from foretell.tabular.training_rows import Rows as Rows
from foretell.tabular.tree_arrays import MOST_CODES as MOST_CODES
from foretell.tabular.tree_arrays import MOST_LEAVES as MOST_LEAVES
from foretell.tabular.tree_arrays import GrownModel as GrownModel
from foretell.tabular.tree_arrays import Tree as Tree
from foretell.tabular.tree_arrays import Trees as Trees
from foretell.windows.covariate_scale import CovariateScale as CovariateScale
