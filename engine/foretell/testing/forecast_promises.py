"""What every recipe promises of its fits and forecasts: one function a promise, its docstring the promise in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from foretell.testing.panels import (
    HORIZON,
    ORDINARY,
    Case,
    bare,
    negative,
    odd,
    shop,
    with_another_plan_beyond,
    without_secret,
)
from foretell.testing.recipe_check import Broken, RecipeCheck, at, overheard, require, require_equal

MANY_LEVELS: Final = (0.003, 0.2, 0.5, 0.77, 0.996)
# A matrix product rounds otherwise when its rows stand elsewhere: a hundred float32 steps.
ROUNDING: Final = 1e-5


def is_fitted(check: RecipeCheck) -> None:
    """It is fitted on ten items, among them gaps, zeros, a constant, one step and no history."""
    assert check.model


def forecasts_any_level(check: RecipeCheck) -> None:
    """It forecasts any levels, not only those it was fitted for: finite numbers for each item and step."""
    forecast = check.predict(check.shop, levels=MANY_LEVELS)
    did, expected = f"forecast {check.shop}{at(MANY_LEVELS)}", "a finite number"
    require(forecast, forecast.quantiles, np.isfinite(forecast.quantiles), did=did, expected=expected)
    require(forecast, forecast.mean, np.isfinite(forecast.mean), did=did, expected=expected)


def quantiles_rise(check: RecipeCheck) -> None:
    """Its quantiles never fall from one level to the next."""
    raw = check.raw(check.shop, MANY_LEVELS)
    kept = np.diff(raw.quantiles, axis=-1, prepend=raw.quantiles[..., :1]) >= 0
    did = f"forecast {check.shop}{at(MANY_LEVELS)}"
    require(raw, raw.quantiles, kept, did=did, expected="at least the quantile of the level below")


def its_own_model_forecasts(check: RecipeCheck) -> None:
    """Items with an ordinary history are forecast by its own model, not by the simpler one that stands in for a failure."""
    failed = check.forecast.fallbacks[: len(ORDINARY)]
    if failed.any():
        with overheard() as reasons:
            check.predict(check.shop)
        got = f"one by a simpler model, because its own failed with {reasons[0] if reasons else 'no reason given'}"
        item = ORDINARY[int(failed.argmax())]
        raise Broken(f"forecast {check.shop}", f"a forecast of item {item!r} by its own model", got)


def begins_at_each_origin(check: RecipeCheck) -> None:
    """Its forecast begins at each item's origin and has the items in the order of the panel."""
    forecast, panel = check.forecast, check.shop.panel
    pairs = (
        ("item", forecast.keys["item_id"].tolist(), panel.keys["item_id"].tolist()),
        ("origin", forecast.origin.tolist(), panel.origin.tolist()),
    )
    for what, got, wanted in pairs:
        for position, (mine, right) in enumerate(zip(got, wanted, strict=True)):
            if mine != right:
                expected = f"the {what} {right!r} at position {position}"
                raise Broken(f"forecast {check.shop}", expected, f"{what} {mine!r}")


def levels_differ_where_the_data_vary(check: RecipeCheck) -> None:
    """Where sales vary, a high level lies above a low one."""
    levels = (0.05, 0.95)
    forecast = check.predict(check.shop, levels=levels)
    apart = forecast.quantiles[..., 1] > forecast.quantiles[..., 0]
    apart[1:] = True  # only the first item is sure to vary on each open day
    kept = apart | check.shop.panel.closed(HORIZON)
    expected = "more at the level 0.95 than at 0.05"
    require(
        forecast,
        forecast.quantiles,
        np.stack([np.ones_like(kept), kept], -1),
        did=f"forecast {check.shop}{at(levels)}",
        expected=expected,
    )


def closed_days_are_zero(check: RecipeCheck) -> None:
    """On a day on which an item cannot sell, every quantile and the mean are exactly 0."""
    forecast, open_days = check.forecast, ~check.shop.panel.closed(HORIZON)
    did, expected = f"forecast {check.shop}, which is closed on one weekday", "exactly 0 on closed days"
    zero = open_days[..., None] | (forecast.quantiles == 0)
    require(forecast, forecast.quantiles, zero, did=did, expected=expected)
    require(forecast, forecast.mean, open_days | (forecast.mean == 0), did=did, expected=expected)


def what_is_never_negative_stays_so(check: RecipeCheck) -> None:
    """Where no target was negative, neither is a forecast."""
    levels = (0.001, 0.5)
    forecast = check.predict(check.shop, levels=levels)
    did, expected = f"forecast {check.shop}{at(levels)}", "nothing below 0, as in the data"
    require(forecast, forecast.quantiles, forecast.quantiles >= 0, did=did, expected=expected)
    require(forecast, forecast.mean, forecast.mean >= 0, did=did, expected=expected)


def odd_series_are_forecast(check: RecipeCheck) -> None:
    """Series of constants, of zeros, of gaps alone, of one step and of none are forecast."""
    _finite(check, odd(), floor=0.0)


def an_item_without_history_is_forecast(check: RecipeCheck) -> None:
    """An item without history is forecast, also when it is the only one."""
    for item in ("new", "new, sold later"):
        position = list(check.shop.panel.keys["item_id"]).index(item)
        _finite(check, _only(check.shop, position))


def a_new_category_is_forecast(check: RecipeCheck) -> None:
    """Items whose category training never saw are forecast."""
    panel = check.shop.panel
    unseen = replace(panel, static_cat=np.zeros_like(panel.static_cat))
    _finite(check, check.shop.changed("with categories that training never saw", unseen))


def missing_covariates_are_forecast(check: RecipeCheck) -> None:
    """Past covariates and numbers of the item table may be missing."""
    panel = check.shop.panel
    past, real = panel.past.copy(), panel.static_real.copy()
    past[::2], real[::2] = np.nan, np.nan
    case = check.shop.changed(
        "with half its past covariates and sizes missing", replace(panel, past=past, static_real=real)
    )
    _finite(check, case)


def equal_seeds_give_equal_forecasts(check: RecipeCheck) -> None:
    """Fitted twice with one seed, it forecasts the same, bit for bit."""
    again = check.predict(check.shop, model=check.fit(shop()))
    did = f"fitted it twice on {check.shop} with the same seed"
    require_equal(check.forecast, again.quantiles, again.mean, did=did, expected="equal forecasts")


def a_forecast_sees_nothing_beyond_the_origin(check: RecipeCheck) -> None:
    """A forecast does not depend on what lies at or beyond the origin."""
    case = without_secret(check.shop)
    changed = check.predict(case)
    require_equal(
        check.forecast,
        changed.quantiles,
        changed.mean,
        did=f"forecast {case}",
        expected="the forecast that it made before",
    )


def a_fit_sees_nothing_beyond_the_origin(check: RecipeCheck) -> None:
    """What is fitted does not depend on what lies at or beyond the origin."""
    case = without_secret(check.shop)
    changed = check.predict(check.shop, model=check.fit(case))
    require_equal(
        check.forecast,
        changed.quantiles,
        changed.mean,
        did=f"fitted it on {case}",
        expected="a model that forecasts as before",
    )


def what_is_known_beyond_the_horizon_changes_nothing(check: RecipeCheck) -> None:
    """Neither a fit nor a forecast depends on what is known of steps at or beyond the end of the horizon."""
    case = with_another_plan_beyond(check.shop)
    changes = [
        (f"forecast {case}", check.predict(case)),
        (f"fitted it on {case}", check.predict(check.shop, model=check.fit(case))),
    ]
    for did, changed in changes:
        require_equal(
            check.forecast,
            changed.quantiles,
            changed.mean,
            did=did,
            expected="the forecast that it made before",
        )


def the_order_of_items_is_irrelevant(check: RecipeCheck) -> None:
    """A model forecasts an item alike wherever it stands in the panel."""
    order = np.random.default_rng(0).permutation(len(check.shop.panel))
    shuffled = check.predict(check.shop.changed("in another order", check.shop.panel.take(order)))
    back = np.argsort(order)
    require_equal(
        check.forecast,
        shuffled.quantiles[back],
        shuffled.mean[back],
        did=f"forecast {check.shop} in another order of its items",
        expected="the same forecast of each",
        tolerance=ROUNDING,
    )


def an_item_is_forecast_alike_alone(check: RecipeCheck) -> None:
    """A model forecasts an item alike whichever others are in the panel."""
    for position in (0, 3):
        case = _only(check.shop, position)
        alone = check.predict(case)
        require_equal(
            replace(
                alone, quantiles=check.forecast.quantiles[[position]], mean=check.forecast.mean[[position]]
            ),
            alone.quantiles,
            alone.mean,
            did=f"forecast {case}",
            expected="its forecast among the others",
            tolerance=ROUNDING,
        )


def leaves_the_panel_as_it_is(check: RecipeCheck) -> None:
    """Neither a fit nor a forecast writes to the panel."""
    assert check.forecast  # both are done
    if check.wrote is not None:
        raise check.wrote


def negative_data_may_be_forecast_negative(check: RecipeCheck) -> None:
    """Where the data are negative, so are the forecasts."""
    case = negative()
    forecast = check.predict(case, model=check.fit(case))
    below = np.ones(forecast.quantiles.shape, bool)
    below[..., 1] = forecast.quantiles[..., 1] < 0
    did = f"fitted it on {case} and forecast it"
    require(forecast, forecast.quantiles, below, did=did, expected="a negative median")


def a_bare_panel_is_forecast(check: RecipeCheck) -> None:
    """A panel without covariates, calendar and season is fitted and forecast."""
    case = bare()
    forecast = check.predict(case, model=check.fit(case), levels=(0.25, 0.75))
    did = f"fitted it on {case} and forecast it"
    require(forecast, forecast.quantiles, forecast.quantiles >= 0, did=did, expected="a number of at least 0")


def _only(case: Case, position: int) -> Case:
    """The panel of one item of `case`."""
    name = case.panel.names[position]
    return Case(f"the item {name!r} of the shop panel alone", case.panel.take(np.array([position])))


def _finite(check: RecipeCheck, case: Case, *, floor: float = -np.inf) -> None:
    """Raises Broken unless the forecast of `case` is finite, and at least `floor`."""
    forecast, did = check.predict(case), f"forecast {case}"
    kept = np.isfinite(forecast.quantiles) & (forecast.quantiles >= floor)
    require(forecast, forecast.quantiles, kept, did=did, expected="a finite number of at least 0")
    require(forecast, forecast.mean, np.isfinite(forecast.mean), did=did, expected="a finite number")
