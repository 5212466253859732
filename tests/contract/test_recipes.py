"""What every registered recipe must do: the promises of `foretell.testing`, one test for each recipe and promise."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from foretell.local import SeriesRecipe
from foretell.recipe.hyperparameters import hyperparameters
from foretell.recipe.registry import make_recipe, recipe_class, recipe_names
from foretell.testing import Promise, promises
from foretell.testing.fresh_process import forecast_afresh
from foretell.testing.recipe_check import RecipeCheck
from tiny_chronos import settings_of

SMALL = {  # for recipes that have such hyperparameters; foretell.testing makes those of networks small itself
    "members": ("seasonal_naive", "ets:covariates=none", "mqrnn:max_steps=12:hidden_size=8:batch_size=16"),
    "trials": 1,
}
PROMISES = promises()
AFRESH = "comes_back_in_a_fresh_process"


@cache
def check_of(name: str) -> RecipeCheck:
    """The recipe under check: what one test fits serves the others."""
    known = {parameter.name for parameter in hyperparameters(recipe_class(name))}
    settings = {key: value for key, value in SMALL.items() if key in known}
    settings |= settings_of(name)
    if issubclass(recipe_class(name), SeriesRecipe):
        settings["time_limit"] = 600.0  # a busy machine must not turn a slow series into a fallback
    return RecipeCheck(make_recipe(name, settings))


@pytest.mark.parametrize("promise", PROMISES, ids=[promise.name for promise in PROMISES])
@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_keeps_its_promise(name: str, promise: Promise, request: pytest.FixtureRequest) -> None:
    check = check_of(name)
    if promise.name == AFRESH and check.afresh is None:
        forecast_afresh([check_of(other) for other in _asked_afresh(request.session.items)])
    promise.verify(check)


def _asked_afresh(tests: list[pytest.Item]) -> list[str]:
    """The recipes of the chosen tests that need a fresh process, which they share."""
    settings: list[Any] = [
        test.callspec.params
        for test in tests
        if isinstance(test, pytest.Function) and hasattr(test, "callspec")
    ]
    return [each["name"] for each in settings if getattr(each.get("promise"), "name", "") == AFRESH]


def test_every_promise_has_a_name_and_says_what_it_is() -> None:
    assert len({promise.name for promise in PROMISES}) == len(PROMISES)
    assert all(promise.says.endswith(".") for promise in PROMISES)
