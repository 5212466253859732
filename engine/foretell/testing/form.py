"""Whether something has the form of a recipe, before anything is fitted."""

from __future__ import annotations

import inspect

from foretell.recipe.protocols import Recipe, abilities_of
from foretell.recipe.registry import checked_recipe, search_space


def check_form(recipe: object) -> Recipe:
    """The recipe with its settings read; raises ForetellError, with the first reason, when `recipe` is none."""
    checked = checked_recipe(recipe)
    if abilities_of(type(checked)).search:
        search_space(type(checked))
    return checked


def has_source(kind: type) -> bool:
    """Whether the text of a class can be read; that of one typed at the prompt cannot."""
    try:
        inspect.getsource(kind)
    except (OSError, TypeError):
        return False
    return True
