"""What the author of a network imports: `DirectRecipe` is the base of one that forecasts all steps at once."""

from foretell.networks.building_blocks import default_steps as default_steps
from foretell.networks.direct_recipe import DirectBatch as DirectBatch
from foretell.networks.direct_recipe import DirectNetwork as DirectNetwork
from foretell.networks.direct_recipe import DirectRecipe as DirectRecipe
from foretell.networks.direct_recipe import DirectSizes as DirectSizes
from foretell.networks.direct_recipe import StaticFeatures as StaticFeatures
from foretell.networks.direct_recipe import mean_of_lags as mean_of_lags
from foretell.networks.forking_recipe import ForkingRecipe as ForkingRecipe
from foretell.networks.network_recipe import NetworkRecipe as NetworkRecipe
from foretell.networks.patches import Patches as Patches
from foretell.networks.sizes import Sizes as Sizes
from foretell.networks.source import Origins as Origins
from foretell.networks.source import Source as Source
from foretell.recipe import Abilities as Abilities
from foretell.recipe import Between as Between
from foretell.recipe import ForetellError as ForetellError
from foretell.recipe import Panel as Panel
from foretell.recipe import Run as Run
from foretell.recipe import Task as Task
