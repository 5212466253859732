"""Whether something has the form of a recipe, before anything is fitted."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import cast

from foretell.recipe.hyperparameters import settings_of
from foretell.recipe.protocols import Recipe, abilities_of
from foretell.recipe.registry import checked_recipe, search_space


def check_form(recipe: object) -> Recipe:
    """The recipe with its settings read; raises ForetellError, with the first reason, when `recipe` is none.

    One whose own default is read as something else stays as it is: that is a promise it breaks.
    """
    checked = checked_recipe(recipe)
    if abilities_of(type(checked)).search:
        search_space(type(checked))
    asked = settings_of(cast("Recipe", recipe))
    read = {name for name, value in settings_of(checked).items() if value != asked[name]}
    defaults = {each.name: each.default for each in fields(type(checked))}  # type: ignore[arg-type]  # a dataclass
    return cast("Recipe", recipe) if any(asked[name] == defaults[name] for name in read) else checked


def has_source(kind: type) -> bool:
    """Whether the text of a class can be read; that of one typed at the prompt cannot."""
    try:
        inspect.getsource(kind)
    except (OSError, TypeError):
        return False
    return True
