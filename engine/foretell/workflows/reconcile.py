"""`reconcile`: forecasts of every level of a hierarchy, that add up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Unpack, get_args

from foretell.errors import ForetellError, nearest
from foretell.hierarchy.coherent import Hierarchy, hierarchy
from foretell.hierarchy.groups import groups_of, levels_of
from foretell.ingest.dataset import check_dataset
from foretell.models.model import fitted_of
from foretell.recipe.item_groups import columns_of_items
from foretell.recipe.levels import DEFAULT_LEVELS
from foretell.recipe.protocols import Recipe
from foretell.recipe.registry import checked_recipe, make_recipe
from foretell.recipe.task import RunArguments, Task, make_run
from foretell.system.listener import interruptible
from foretell.workflows.train import seconds_of, train

if TYPE_CHECKING:
    from foretell.ingest.dataset import Dataset

Method = Literal["paths", "mint"]


@interruptible()
def reconcile(  # noqa: PLR0913  (the library's front door spells out what it takes)
    data: Dataset,
    *,
    by: Sequence[str],
    horizon: int,
    recipe: str | Recipe,
    method: Method = "mint",
    levels: Sequence[float] = DEFAULT_LEVELS,
    steps: int | None = None,
    settings: Mapping[str, Any] | None = None,
    time_limit: str | float | None = None,
    calibrate: bool = False,
    **run: Unpack[RunArguments],
) -> Hierarchy:
    """Forecast every level of a hierarchy so that the levels add up.

    Args:
        data: the tables, a `foretell.Dataset`.
        by: paths of columns of the key and the metadata: ["region/store", "category"] has the levels all items, region,
            region/store, category, and the items.
        horizon: how many steps ahead.
        recipe: its name, or a recipe.
        method: "paths" adds up joint sample paths of the items. "mint" trains the recipe at each level besides, twice, and moves the
            items to the means that agree best with those of all levels (hierarchicalforecast's MinTrace, mint_shrink).
        levels: of the quantiles, between 0 and 1.
        steps: forecast sums over the first so many steps in place of each.
        settings: hyperparameters of a recipe that is given by name.
        time_limit: seconds, or a text such as "10m", in which each training ends, of the recipes that heed one.
        calibrate: adjust each level of the items by what windows held out before the end say.
        seed: of everything random. Default 0.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps", for networks. Default "auto".
        devices: that train one network together, and forecast. Default 1.
        precision: "auto", "float32" or "bf16", of the arithmetic of networks. Default "auto".
        threads: of torch on a CPU. Default 1.
        processes: of recipes that model one series at a time. Default: one a core.

    Raises:
        ForetellError: for columns that are not there, items that end at different times, histories too short for "mint", and
            where hierarchicalforecast is not installed.

    Example:
        >>> sales = pd.read_csv("data/retail/sales.csv", nrows=2952)  # four items
        >>> data = foretell.Dataset(sales, items=pd.read_csv("data/retail/items.csv"), freq="D")
        >>> tree = foretell.reconcile(data, by=["family"], recipe="seasonal_naive", horizon=7, method="paths")
        >>> tree.names
        ['all items', 'family', 'items']
    """
    if method not in get_args(Method):
        raise ForetellError(
            f"method must be 'paths' or 'mint', got {method!r}.{nearest(str(method), list(get_args(Method)))}"
        )
    if isinstance(recipe, str):
        chosen = make_recipe(recipe, settings)
    elif settings:
        raise ForetellError(f"settings go with a recipe's name: change {recipe.name}'s own fields instead")
    else:
        chosen = checked_recipe(recipe)
    asked = make_run(run, reconcile, time_limit=seconds_of(time_limit, [chosen]))
    task = Task(horizon, tuple(levels))
    whole = check_dataset(data).panel
    paths = levels_of(by, columns_of_items(whole.keys, whole))
    model = train(
        data,
        recipe=chosen,
        horizon=task.horizon,
        levels=task.levels,
        time_limit=time_limit,
        calibrate=calibrate,
        **run,
    )
    panel = fitted_of(model).panel_of(None)
    for columns in paths:  # before the forecasts are made
        groups_of(panel, columns)
    forecast = model.predict()
    if method == "mint":
        from foretell.hierarchy.mint import with_reconciled_means

        forecast = with_reconciled_means(forecast, panel, by, chosen, task, asked)
    return hierarchy(forecast, by=by, steps=steps, method=method)
