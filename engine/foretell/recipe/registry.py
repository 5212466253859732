"""The installed recipes, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.metadata import entry_points
from typing import Any, NamedTuple, cast

from foretell.errors import ForetellError, nearest
from foretell.recipe.form import fault_of
from foretell.recipe.hyperparameters import hyperparameters, read_value, settings_of
from foretell.recipe.protocols import Recipe, abilities_of
from foretell.recipe.search_space import Space

GROUP = "foretell.recipes"


class Installed(NamedTuple):
    """What is installed: the recipes that work, and why the others do not, by name."""

    recipes: Mapping[str, type[Recipe]]
    failed: Mapping[str, str]


@cache
def _registered() -> dict[str, Any]:
    return {point.name: point for point in entry_points(group=GROUP)}


@cache
def _taken_twice() -> dict[str, list[str]]:
    """Names that several entry points register for different recipes -> these."""
    places: dict[str, set[str]] = {}
    for point in entry_points(group=GROUP):
        places.setdefault(point.name, set()).add(point.value)
    return {name: sorted(several) for name, several in places.items() if len(several) > 1}


def recipe_names() -> tuple[str, ...]:
    """The names of all installed recipes, those of other packages too.

    Example:
        >>> "mqrnn" in foretell.recipe_names()
        True
    """
    return tuple(sorted(_registered()))


def recipe_class(name: str) -> type[Recipe]:
    """The recipe registered under `name`.

    Raises ForetellError with the nearest name when there is none, and where it cannot be used: the name is taken twice, its
    module fails, or it has not the form of a recipe.
    """
    if name not in _registered():
        known = recipe_names()
        raise ForetellError(f"no recipe {name!r}.{nearest(name, known)} There are: {', '.join(known)}")
    if name in _taken_twice():
        raise ForetellError(
            f"the name {name!r} is taken by several recipes: {' and '.join(_taken_twice()[name])}. Uninstall the package of"
            " all but one, or rename its entry point."
        )
    try:
        loaded: type[Recipe] = _registered()[name].load()
    except ImportError as error:  # a plug-in whose own dependencies are not installed
        raise ForetellError(f"recipe {name!r} cannot be imported: {error}. Install what it needs.") from error
    except (Exception, SystemExit) as error:  # whatever a plug-in's module does when it is imported
        raise ForetellError(
            f"recipe {name!r} cannot be imported: {type(error).__name__}: {error}. Tell its author, or uninstall it."
        ) from error
    fault = fault_of(loaded) if isinstance(loaded, type) else "it is no class"
    if fault is None and loaded.name != name:
        fault = f"it is called {loaded.name!r}; register it under that name"
    if fault is not None:
        raise ForetellError(f"what is registered as {name!r} is no recipe: {fault}.")
    return loaded


def installed_recipes() -> Installed:
    """All installed recipes that work, and for each of the others the reason, in one sentence; never raises for one."""
    working, failed = {}, {}
    for name in recipe_names():
        try:
            working[name] = recipe_class(name)
            abilities_of(working[name])
        except ForetellError as error:
            working.pop(name, None)
            failed[name] = str(error)
    return Installed(working, failed)


def is_registered(recipe: Recipe) -> bool:
    """Whether a saved model of this recipe can be loaded by its name."""
    try:
        return recipe.name in recipe_names() and type(recipe) is recipe_class(recipe.name)
    except ForetellError:
        return False


def why_unregistered(recipe: Recipe) -> str:
    """Why a recipe that `is_registered` denies is not found by its name, and what to do."""
    kind, name = type(recipe), recipe.name
    if name not in _registered():
        return (
            f"{kind.__name__} is not the recipe registered as {name!r}. Register it in your package's entry points, group"
            f" {GROUP!r}."
        )
    try:
        other = recipe_class(name)
    except ForetellError as error:
        return str(error)
    return (
        f"{kind.__name__} is not the recipe registered as {name!r}: {other.__module__}.{other.__name__} has that name. Give"
        f" yours another one: name: ClassVar[str] = ..."
    )


def make_recipe(name: str, settings: Mapping[str, Any] | None = None) -> Recipe:
    """The recipe `name` with `settings` in place of its defaults.

    Args:
        name: one of `foretell.recipe_names`.
        settings: hyperparameters, as values or as text that the command line has.

    Raises:
        ForetellError: for a recipe or a hyperparameter that there is none of, and a value that it does not take.

    Example:
        >>> foretell.make_recipe("mqrnn", {"hidden_size": "96"}).hidden_size
        96
    """
    return build_recipe(recipe_class(name), settings or {})


def build_recipe(recipe: type[Recipe], settings: Mapping[str, Any]) -> Recipe:
    """A recipe of that class, registered or not, with `settings` as `make_recipe` reads them.

    Raises ForetellError on a name that is no hyperparameter and on a value that its field does not take.
    """
    return recipe(**_read_settings(recipe, settings))


def checked_recipe(thing: object) -> Recipe:
    """The recipe that `thing` is, its settings read as `build_recipe` reads them: numpy's numbers become plain ones.

    Raises ForetellError, with the first reason, where it is none, such as a recipe's class or name, and for a setting that
    its field does not take.
    """
    if isinstance(thing, type):
        raise ForetellError(f"expected a recipe, got the class {thing.__name__}. Call it: {thing.__name__}()")
    if isinstance(thing, str):
        raise ForetellError(f"expected a recipe, got {thing!r}. foretell.make_recipe({thing!r}) makes one.")
    kind: Any = type(thing)
    if (fault := fault_of(kind)) is not None:
        raise ForetellError(f"{kind.__name__} is no recipe: {fault}.")
    recipe = cast("Recipe", thing)
    given = settings_of(recipe)
    read = _read_settings(type(recipe), given)
    other = {key: read[key] for key, value in given.items() if not _same(read[key], value)}
    return replace(recipe, **other) if other else recipe  # type: ignore[type-var]  # recipes are dataclasses


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and bool(one == other)


def _read_settings(recipe: type[Recipe], settings: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(settings, Mapping):
        raise ForetellError(
            f"settings of {recipe.name} must be a mapping from hyperparameters to values, such as {{'max_steps': 500}}, got"
            f" {settings!r}"
        )
    name, known = recipe.name, {parameter.name: parameter for parameter in hyperparameters(recipe)}
    values = {}
    for key, value in settings.items():
        if key not in known:
            raise ForetellError(
                f"{name} has no hyperparameter {key!r}.{nearest(key, known)} It has: {', '.join(sorted(known))}"
            )
        values[key] = read_value(f"{name}.{key}", known[key].kind, value)
    return values


def search_space(recipe: type[Recipe]) -> Space:
    """The ranges that a recipe declares; ForetellError when it has none, or one for no field of it."""
    space = abilities_of(recipe).search
    if not space:
        others = [name for name, each in installed_recipes().recipes.items() if abilities_of(each).search]
        raise ForetellError(
            f"{recipe.name} declares no ranges to search: its Abilities have no search. These have: {', '.join(others)}."
        )
    unknown = set(space) - {parameter.name for parameter in hyperparameters(recipe)}
    if unknown:
        raise ForetellError(
            f"the abilities of {recipe.name} have a range for {min(unknown)!r}, which is no hyperparameter of it"
        )
    return space
