"""Whether something has the form of a recipe, before anything is fitted."""

from __future__ import annotations

import inspect
from typing import Any

from foretell.errors import ForetellError
from foretell.recipe.form import fault_of
from foretell.recipe.protocols import abilities_of
from foretell.recipe.registry import search_space


def check_form(recipe: object) -> None:
    """Raises ForetellError, with the first reason, when `recipe` is no recipe."""
    if isinstance(recipe, type):
        raise ForetellError(
            f"expected a recipe, got the class {recipe.__name__}. Call it: {recipe.__name__}()"
        )
    if isinstance(recipe, str):
        raise ForetellError(f"expected a recipe, got {recipe!r}. foretell.make_recipe({recipe!r}) makes one.")
    kind: Any = type(recipe)
    fault = fault_of(kind)
    if fault:
        raise ForetellError(f"{kind.__name__} is no recipe: {fault}.")
    if abilities_of(kind).search:
        search_space(kind)


def has_source(kind: type) -> bool:
    """Whether the text of a class can be read; that of one typed at the prompt cannot."""
    try:
        inspect.getsource(kind)
    except (OSError, TypeError):
        return False
    return True
