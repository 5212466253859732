"""The command that shows the recipes."""

from __future__ import annotations

import inspect
import re
import sys
from typing import TYPE_CHECKING, Annotated, Final

from typer import Argument

from foretell.cli.console import flush_table, say, show_heading, show_table, standard_output

if TYPE_CHECKING:
    from foretell.recipe.protocols import Recipe

_FAMILIES: Final = {
    "foretell.local.local_recipe.LocalRecipe": "local",
    "foretell.tabular.tabular_recipe.TabularRecipe": "trees",
    "foretell.networks.network_recipe.NetworkRecipe": "networks",
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
    installed = installed_recipes()
    table = flush_table("recipe", "family", "what it is")
    if not standard_output().is_terminal:
        for column in table.columns:
            column.no_wrap = True  # a line each for grep
    for each, kind in installed.recipes.items():
        table.add_row(each, _family(kind), _shortened(_first_line(kind)))
    show_table(table)
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
    show_table(table)


def _family(kind: type) -> str:
    """What kind of model a recipe is, as it declares, else by the base it is built on."""
    from foretell.recipe.protocols import abilities_of

    bases = {f"{base.__module__}.{base.__name__}" for base in kind.__mro__}
    by_base = next((words for base, words in _FAMILIES.items() if base in bases), "other")
    return abilities_of(kind).family or by_base


def _shortened(text: str) -> str:
    """A first line without what it cites, and without what stands behind a semicolon."""
    return (
        re.sub(r" \((?:[^()]|\([^()]*\))*\d{4}(?:[^()]|\([^()]*\))*\)", "", text)
        .partition(";")[0]
        .rstrip(".")
    )


def _first_line(kind: type) -> str:
    """The first line of a recipe's module, which names the paper."""
    text = inspect.getdoc(sys.modules[kind.__module__]) or inspect.getdoc(kind) or ""
    return text.partition("\n")[0]
