"""The command that forecasts every level of a hierarchy: reconcile."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from typer import Option

from foretell.cli.console import say
from foretell.cli.option_groups import (
    CommonOptions,
    DataOptions,
    RecipeOptions,
    RunOptions,
    Sales,
    TaskOptions,
)
from foretell.cli.recipe_choice import horizon_of, one_recipe
from foretell.cli.tables import open_dataset
from foretell.cli.training_commands import (
    Printed,
    ResultOptions,
    check_lead_time,
    check_page,
    replaced_by_forecasts,
)
from foretell.cli.values import level_list, names, required
from foretell.errors import ForetellError


def reconcile(  # noqa: PLR0913  (each is an option of its own)
    sales: Sales,
    data: DataOptions,
    task: TaskOptions,
    recipes: RecipeOptions,
    run: RunOptions,
    common: CommonOptions,
    result: ResultOptions,
    by: Annotated[
        str | None,
        Option(metavar="PATHS", help="Levels: region/store,category; each path with all above it."),
    ] = None,
    method: Annotated[
        Literal["mint", "paths"],
        Option(
            help="Move items to means that agree with forecasts made at each level, or add up their paths."
        ),
    ] = "mint",
    lead_time: Annotated[
        int | None, Option(metavar="STEPS", min=1, help="Forecast sums over so many steps from the first on.")
    ] = None,
) -> None:
    """Forecast every level of a hierarchy (all items, regions, their stores, ...) so that the levels add up."""
    from foretell.recipe.forecast import check_unit
    from foretell.workflows.reconcile import reconcile as run_reconcile

    common.begin()
    paths = names(required("--by", by, "the levels, such as region/store,category"))
    recipe, horizon, levels = one_recipe(recipes, "reconcile"), horizon_of(task), level_list(task.levels)
    check_lead_time(lead_time, horizon)
    if lead_time is not None and result.report is not None:
        raise ForetellError("--report shows step by step, and --lead-time makes sums: leave one of them out")
    place = result.place()
    old = None if place is None else replaced_by_forecasts(place, overwrite=result.overwrite)
    check_page(result.report, overwrite=result.overwrite)
    check_unit(result.round)
    tree = run_reconcile(
        open_dataset(sales, data, horizon=horizon),
        by=paths,
        horizon=horizon,
        recipe=recipe,
        method=method,
        levels=levels,
        steps=lead_time,
        calibrate=recipes.calibrate,
        **asdict(run),
    )
    Printed(result, place, old).write_levels(tree)
    if result.report is not None:
        tree.save_report(result.report, overwrite=result.overwrite)
        say(f"a page to look at: {result.report}")
