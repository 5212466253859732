"""What an author of a recipe of one model a series imports.

`SeriesRecipe` is the base of a model that is fitted to one series at a time: it writes `forecast_one`. `LocalRecipe` is the base
of one that forecasts many series at once: it writes `forecast_all`. Both get series without what the pooled
regression explains, and name themselves: `name`. `LearningRecipe` is the base of one that learns something of all series first.
"""

from foretell.data.arrays import Floats as Floats
from foretell.local.learning_recipe import LearningRecipe as LearningRecipe
from foretell.local.local_recipe import Covariates as Covariates
from foretell.local.local_recipe import Learnt as Learnt
from foretell.local.local_recipe import LocalPredictor as LocalPredictor
from foretell.local.local_recipe import LocalRecipe as LocalRecipe
from foretell.local.local_recipe import SeriesRecipe as SeriesRecipe
from foretell.local.seasonal_naive import LocalForecast as LocalForecast
from foretell.local.seasonal_naive import best_periods as best_periods
from foretell.local.seasonal_naive import seasonal_naive as seasonal_naive
from foretell.local.statsforecast_adapter import fill_gaps as fill_gaps
from foretell.local.statsforecast_adapter import statsforecast_forecast as statsforecast_forecast
from foretell.recipe import Abilities as Abilities
from foretell.recipe import Between as Between
from foretell.recipe import Count as Count
from foretell.recipe import ForetellError as ForetellError
from foretell.recipe import LearningRate as LearningRate
from foretell.recipe import Panel as Panel
from foretell.recipe import Run as Run
from foretell.recipe import Share as Share
from foretell.recipe import Size as Size
from foretell.recipe import Space as Space
from foretell.recipe import State as State
from foretell.recipe import Steps as Steps
from foretell.recipe import Task as Task
from foretell.recipe import Within as Within
