"""`check_recipe`: whether a recipe keeps what every recipe promises."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from foretell.errors import ForetellError
from foretell.recipe.protocols import Recipe
from foretell.recipe.registry import is_registered, recipe_names, why_unregistered
from foretell.testing import forecast_promises as forecast
from foretell.testing import stored_promises as stored
from foretell.testing.form import check_form
from foretell.testing.recipe_check import Broken, RecipeCheck

logger = logging.getLogger(__name__)


class BrokenPromise(ForetellError):
    """A recipe does not do what every recipe must; `promise` is the name of what it breaks.

    Args:
        recipe: its name.
        promise: the name of what it breaks.
        fault: what was done, what was expected and what came, as the end of a sentence.

    Example:
        >>> from foretell.testing import BrokenPromise
        >>> BrokenPromise("mine", "keeps_the_mean", "saw another mean").promise
        'keeps_the_mean'
    """

    def __init__(self, recipe: object, promise: str, fault: str) -> None:
        super().__init__(f"{recipe} breaks the promise {promise!r}: check_recipe {fault}.")
        self.promise = promise


@dataclass(frozen=True, slots=True)
class Promise:
    """One thing that every recipe must do.

    Example:
        >>> from foretell.testing import promises
        >>> promises()[0].name
        'hyperparameters_are_described'
    """

    name: str
    says: str  # in words
    check: Callable[[RecipeCheck], None]

    def verify(self, check: RecipeCheck) -> None:
        """Raises BrokenPromise with one sentence: what was done, with which panel, what was expected and what came."""
        try:
            self.check(check)
        except Broken as broken:
            if check.wrote is not None:  # whatever else broke may have broken by that
                raise BrokenPromise(check.recipe.name, LEAVES_THE_PANEL, str(check.wrote)) from broken
            raise BrokenPromise(check.recipe.name, self.name, str(broken)) from broken


def check_recipe(recipe: Recipe) -> None:
    """Fit and ask `recipe` in every way that a recipe must cope with; takes some seconds, on a CPU.

    It need not be registered. `max_steps`, `hidden_size` and `batch_size` are made small where it has them and they stand
    at their default. Raises ForetellError on what is no recipe, and BrokenPromise, with one sentence, for the first
    promise that it breaks. A name that another installed recipe has is warned of.

    Args:
        recipe: an instance; it need not be registered.

    Raises:
        ForetellError: for what is no recipe.
        BrokenPromise: for the first promise that it breaks, with one sentence.

    Example:
        >>> from foretell.testing import check_recipe
        >>> check_recipe(foretell.make_recipe("seasonal_naive"))  # says nothing: it keeps all promises
    """
    recipe = check_form(recipe)
    if recipe.name in recipe_names() and not is_registered(recipe):
        logger.warning("a model of it cannot be loaded: %s", why_unregistered(recipe))
    check = RecipeCheck(recipe)
    for promise in promises():
        promise.verify(check)


def promises() -> tuple[Promise, ...]:
    """All that a recipe must do, in the order in which `check_recipe` looks at it.

    Example:
        >>> from foretell.testing import promises
        >>> len(promises()) > 20
        True
    """
    return tuple(Promise(each.__name__, _says(each), each) for each in _PROMISES)


def _says(promise: Callable[[RecipeCheck], None]) -> str:
    return " ".join((promise.__doc__ or "").split())


LEAVES_THE_PANEL = forecast.leaves_the_panel_as_it_is.__name__
_PROMISES = (
    stored.hyperparameters_are_described,
    stored.hyperparameters_survive_as_text,
    forecast.is_fitted,
    forecast.forecasts_any_level,
    forecast.its_own_model_forecasts,
    forecast.begins_at_each_origin,
    forecast.quantiles_rise,
    forecast.levels_differ_where_the_data_vary,
    forecast.closed_days_are_zero,
    forecast.what_is_never_negative_stays_so,
    forecast.leaves_the_panel_as_it_is,
    forecast.an_item_without_history_is_forecast,
    forecast.odd_series_are_forecast,
    forecast.a_new_category_is_forecast,
    forecast.missing_covariates_are_forecast,
    forecast.the_order_of_items_is_irrelevant,
    forecast.an_item_is_forecast_alike_alone,
    forecast.a_forecast_sees_nothing_beyond_the_origin,
    forecast.equal_seeds_give_equal_forecasts,
    forecast.what_is_known_beyond_the_horizon_changes_nothing,
    forecast.a_fit_sees_nothing_beyond_the_origin,
    forecast.a_bare_panel_is_forecast,
    forecast.negative_data_may_be_forecast_negative,
    stored.does_what_its_abilities_declare,
    stored.comes_back_from_its_state,
    stored.incomplete_weights_are_refused,
    stored.comes_back_in_a_fresh_process,
)
