"""What the author of a network recipe imports.

`DirectRecipe` forecasts all steps of a window at once: write a `DirectNetwork`. `ForkingRecipe` trains on many origins of a
window: write an encoder of `Patches`. `NetworkRecipe` is the base of both: write batch, loss and forecast too.
"""

from foretell.networks.building_blocks import between_levels as between_levels
from foretell.networks.building_blocks import default_steps as default_steps
from foretell.networks.building_blocks import quantile_and_mean_loss as quantile_and_mean_loss
from foretell.networks.direct_recipe import DirectBatch as DirectBatch
from foretell.networks.direct_recipe import DirectNetwork as DirectNetwork
from foretell.networks.direct_recipe import DirectRecipe as DirectRecipe
from foretell.networks.direct_recipe import DirectSizes as DirectSizes
from foretell.networks.direct_recipe import StaticFeatures as StaticFeatures
from foretell.networks.direct_recipe import mean_of_lags as mean_of_lags
from foretell.networks.forking_network import ForkingBatch as ForkingBatch
from foretell.networks.forking_network import ForkingNetwork as ForkingNetwork
from foretell.networks.forking_network import ForkingSizes as ForkingSizes
from foretell.networks.forking_recipe import ForkingRecipe as ForkingRecipe
from foretell.networks.network_recipe import NetworkPredictor as NetworkPredictor
from foretell.networks.network_recipe import NetworkRecipe as NetworkRecipe
from foretell.networks.patches import Patches as Patches
from foretell.networks.random_draws import Noise as Noise
from foretell.networks.sample_paths import PathLSTM as PathLSTM
from foretell.networks.sample_paths import rows_at_once as rows_at_once
from foretell.networks.seeds import Seeds as Seeds
from foretell.networks.sizes import Sizes as Sizes
from foretell.networks.source import Origins as Origins
from foretell.networks.source import Source as Source
from foretell.networks.source import Target as Target
from foretell.networks.training_job import Batch as Batch
from foretell.recipe import Abilities as Abilities
from foretell.recipe import Between as Between
from foretell.recipe import Count as Count
from foretell.recipe import ForetellError as ForetellError
from foretell.recipe import LearningRate as LearningRate
from foretell.recipe import Panel as Panel
from foretell.recipe import Run as Run
from foretell.recipe import Schema as Schema
from foretell.recipe import Share as Share
from foretell.recipe import Size as Size
from foretell.recipe import Space as Space
from foretell.recipe import Steps as Steps
from foretell.recipe import Task as Task
from foretell.recipe import Within as Within
from foretell.windows.lags import seasonal_lags as seasonal_lags
from foretell.windows.prefetch import sent as sent
from foretell.windows.sampling import NOTHING_HIDDEN as NOTHING_HIDDEN
from foretell.windows.target_scale import window_scale as window_scale
from foretell.windows.tensors import constant as constant
from foretell.windows.windows import Windows as Windows
