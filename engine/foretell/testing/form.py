"""Whether something has the form of a recipe, before anything is fitted."""

from __future__ import annotations

import inspect

from foretell.recipe.protocols import abilities_of
from foretell.recipe.registry import checked_recipe, search_space


def check_form(recipe: object) -> None:
    """Raises ForetellError, with the first reason, when `recipe` is no recipe."""
    kind = type(checked_recipe(recipe))
    if abilities_of(kind).search:
        search_space(kind)


def has_source(kind: type) -> bool:
    """Whether the text of a class can be read; that of one typed at the prompt cannot."""
    try:
        inspect.getsource(kind)
    except (OSError, TypeError):
        return False
    return True
