"""For the authors of recipes: `check_recipe(MyRecipe())` says whether it does all that a recipe must."""

from foretell.testing.contract import BrokenPromise as BrokenPromise
from foretell.testing.contract import Promise as Promise
from foretell.testing.contract import check_recipe as check_recipe
from foretell.testing.contract import promises as promises
