"""The recipes and the horizon that the options ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foretell.cli.option_groups import RecipeOptions, TaskOptions
from foretell.cli.values import nested, required, some_names
from foretell.errors import ForetellError

if TYPE_CHECKING:
    from foretell.recipe.protocols import Recipe


def settings_asked(recipes: RecipeOptions) -> dict[str, dict[str, str]]:
    """The hyperparameters of `--set`, as text, by recipe; raises ForetellError for what is spelt otherwise."""
    return nested("--set", recipes.set, example="mqrnn.hidden_size=96")


def chosen_recipes(recipes: RecipeOptions) -> dict[str, Recipe]:
    """The recipes asked for with their settings, by name; unless some are named all installed ones that can do with these.

    Raises ForetellError for a recipe that is not there and for a setting that it does not have.
    """
    from foretell.recipe.protocols import abilities_of
    from foretell.recipe.registry import installed_recipes
    from foretell.workflows.backtest import name_recipes

    settings = settings_asked(recipes)
    asked = some_names("--recipe", recipes.recipe) or tuple(
        name
        for name, kind in installed_recipes().recipes.items()
        if set(abilities_of(kind).needs) <= set(settings.get(name, {}))
    )
    return name_recipes(asked, settings)


def one_recipe(recipes: RecipeOptions, command: str) -> Recipe:
    """The one recipe that is asked for, mqrnn unless another is; raises ForetellError for several."""
    from foretell.workflows.backtest import name_recipes

    asked = some_names("--recipe", recipes.recipe) or ["mqrnn"]
    if len(asked) > 1:
        raise ForetellError(
            f"{command} takes one --recipe, got {', '.join(asked)}. Compare several with backtest."
        )
    (recipe,) = name_recipes(asked, settings_asked(recipes)).values()
    return recipe


def recipe_of_preset(name: str, recipes: RecipeOptions) -> Recipe:
    """The recipe that `--preset` stands for; raises ForetellError for another name, and where a recipe is asked for beside it."""
    from foretell.recipe.presets import preset

    if recipes.recipe or recipes.set:
        raise ForetellError(
            "--preset chooses the recipe and its settings: leave out --recipe and --set, or --preset"
        )
    return preset(name)


def horizon_of(task: TaskOptions) -> int:
    """The number of steps to forecast; raises ForetellError where it is missing or below 1."""
    from foretell.recipe.task import Task

    return Task(required("--horizon", task.horizon, "the number of steps to forecast")).horizon
