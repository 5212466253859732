"""The installed recipes, by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from foretell.errors import ForetellError, nearest
from foretell.recipe.hyperparameters import _read, hyperparameters
from foretell.recipe.protocols import Recipe, abilities_of
from foretell.recipe.search_space import Space

GROUP = "foretell.recipes"


@cache
def _registered() -> dict[str, Any]:
    return {point.name: point for point in entry_points(group=GROUP)}


def recipe_names() -> tuple[str, ...]:
    """The names of all installed recipes."""
    return tuple(sorted(_registered()))


def recipe_class(name: str) -> type[Recipe]:
    """The recipe registered under `name`; raises ForetellError with the nearest name when there is none."""
    if name not in _registered():
        known = recipe_names()
        raise ForetellError(f"no recipe {name!r}.{nearest(name, known)} There are: {', '.join(known)}")
    try:
        loaded: type[Recipe] = _registered()[name].load()
    except ImportError as error:  # a plug-in whose own dependencies are not installed
        raise ForetellError(f"recipe {name!r} cannot be imported: {error}. Install what it needs.") from error
    return loaded


def make_recipe(name: str, settings: Mapping[str, Any] | None = None) -> Recipe:
    """The recipe `name` with `settings` (values, or text as the command line has it) in place of its defaults."""
    return build_recipe(recipe_class(name), settings or {})


def build_recipe(recipe: type[Recipe], settings: Mapping[str, Any]) -> Recipe:
    """A recipe of that class, registered or not, with `settings` as `make_recipe` reads them.

    Raises ForetellError on a name that is no hyperparameter and on a value of the wrong kind.
    """
    name, known = recipe.name, {parameter.name: parameter for parameter in hyperparameters(recipe)}
    values = {}
    for key, value in settings.items():
        if key not in known:
            raise ForetellError(
                f"{name} has no hyperparameter {key!r}.{nearest(key, known)} It has: {', '.join(sorted(known))}"
            )
        values[key] = _read(f"{name}.{key}", known[key].kind, value)
    return recipe(**values)


def search_space(recipe: type[Recipe]) -> Space:
    """The ranges that a recipe declares; ForetellError when it has none, or one for no field of it."""
    space = abilities_of(recipe).search
    if not space:
        others = [name for name in recipe_names() if abilities_of(recipe_class(name)).search]
        raise ForetellError(
            f"{recipe.name} declares no ranges to search: its Abilities have no search. These have: {', '.join(others)}."
        )
    unknown = set(space) - {parameter.name for parameter in hyperparameters(recipe)}
    if unknown:
        raise ForetellError(
            f"the abilities of {recipe.name} have a range for {min(unknown)!r}, which is no hyperparameter of it"
        )
    return space
