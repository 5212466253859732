"""The command that shows the recipes."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Annotated, Final

from typer import Argument

from foretell.cli.console import flush_table, say, show_heading, standard_output

if TYPE_CHECKING:
    from foretell.recipe.protocols import Recipe

_FAMILIES: Final = {
    "foretell.local.local_recipe.LocalRecipe": "one model a series",
    "foretell.tabular.tabular_recipe.TabularRecipe": "trees",
    "foretell.networks.network_recipe.NetworkRecipe": "network",
}


def recipes(
    name: Annotated[list[str] | None, Argument(metavar="NAME", help="Default: all recipes.")] = None,
) -> None:
    """Show the recipes, a line each; of those named, their hyperparameters."""
    from foretell.recipe.registry import installed_recipes, recipe_class

    if name:
        for each in name:
            _show(recipe_class(each))
        return
    installed, console = installed_recipes(), standard_output()
    table = flush_table("recipe", "family", "what it is")
    for each, kind in installed.recipes.items():
        table.add_row(each, _family(kind), _first_line(kind))
    console.print(table)
    for reason in installed.failed.values():
        say(f"left out: {reason}")
    say("foretell recipes NAME shows the hyperparameters of one")


def _show(kind: type[Recipe]) -> None:
    """A recipe with its hyperparameters, on standard output."""
    from foretell.recipe.hyperparameters import hyperparameters

    show_heading(kind.name, _first_line(kind))
    table = flush_table("hyperparameter", "default", "meaning")
    for parameter in hyperparameters(kind):
        table.add_row(parameter.name, str(parameter.default), parameter.meaning)
    standard_output().print(table)


def _family(kind: type) -> str:
    """What kind of model a recipe is, by the base it is built on."""
    bases = {f"{base.__module__}.{base.__name__}" for base in kind.__mro__}
    return next((words for base, words in _FAMILIES.items() if base in bases), "other")


def _first_line(kind: type) -> str:
    """The first line of a recipe's module, which names the paper."""
    text = inspect.getdoc(sys.modules[kind.__module__]) or inspect.getdoc(kind) or ""
    return text.partition("\n")[0]
