"""The command that shows the recipes."""

from __future__ import annotations

import inspect
import sys
from typing import Annotated

from typer import Argument

from foretell.cli.console import flush_table, say, show_heading, standard_output


def recipes(
    name: Annotated[list[str] | None, Argument(metavar="NAME", help="Default: all recipes.")] = None,
) -> None:
    """Show the recipes and their hyperparameters."""
    from foretell.recipe.hyperparameters import hyperparameters
    from foretell.recipe.registry import installed_recipes, recipe_class

    installed = installed_recipes()
    for each in name or installed.recipes:
        kind = recipe_class(each)
        show_heading(each, _first_line(kind))
        table = flush_table("hyperparameter", "default", "meaning")
        for parameter in hyperparameters(kind):
            table.add_row(parameter.name, str(parameter.default), parameter.meaning)
        standard_output().print(table)
    if not name:
        for reason in installed.failed.values():
            say(f"left out: {reason}")


def _first_line(kind: type) -> str:
    """The first line of a recipe's module, which names the paper."""
    text = inspect.getdoc(sys.modules[kind.__module__]) or inspect.getdoc(kind) or ""
    return text.partition("\n")[0]
