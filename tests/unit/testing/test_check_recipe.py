"""`check_recipe`: each promise is noticed when broken, in one sentence; what is no recipe is told so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NoReturn

import numpy as np
import pytest

import broken_recipes as broken
from broken_recipes import Sound
from foretell.errors import ForetellError
from foretell.local import Floats, SeriesRecipe
from foretell.models import fitted_model
from foretell.recipe import Abilities, registry
from foretell.recipe.forecast_parts import within
from foretell.recipe.levels import QUANTILE_LEVELS
from foretell.testing import BrokenPromise, check_recipe, promises
from foretell.testing.form import check_form
from foretell.testing.recipe_check import RecipeCheck

SHOP = "the shop panel (ten daily items)"
MANY = "0.003, 0.2, 0.5, 0.77, 0.996"
# that a model asks of its recipe
LEVELS = ", ".join(map(str, sorted({0.003, 0.77, 0.996, *QUANTILE_LEVELS})))
WITHOUT_FORECAST = {
    "hyperparameters_are_described",
    "hyperparameters_survive_as_text",
    "is_fitted",
    "forecasts_any_level",
    "quantiles_rise",
    "does_what_its_abilities_declare",
    "incomplete_weights_are_refused",
    "comes_back_in_a_fresh_process",
}
# a recipe that breaks a promise, the sentence it gets, and what cannot but break with it
BROKEN: list[tuple[str, Sound, str, set[str]]] = [
    (
        "hyperparameters_are_described",
        broken.Silent(),
        "read its fields; expected a comment on each, got none on 'alpha'.",
        set(),
    ),
    (
        "hyperparameters_survive_as_text",
        broken.Unreadable(),
        "wrote its hyperparameters as text and read them back; expected Unreadable(steps=28, trend='none'),"
        " got Unreadable(steps=28, trend=None).",
        set(),
    ),
    (
        "is_fitted",
        broken.GivesUpOnGaps(),
        f"fitted it on {SHOP}; expected a model, got ValueError: input contains NaN.",
        {promise.name for promise in promises()}
        - {
            "hyperparameters_are_described",
            "hyperparameters_survive_as_text",
            "comes_back_in_a_fresh_process",
        },
    ),
    (
        "forecasts_any_level",
        broken.KnowsThreeLevels(),
        f"forecast {SHOP} at the levels {MANY}; expected a forecast of finite numbers for each item, got ForetellError:"
        f" sound must forecast quantiles of shape [N=10, H=5, Q=18] at levels [{LEVELS}],"
        " got [10, 5, 3] at [0.1, 0.5, 0.9].",
        {promise.name for promise in promises()} - WITHOUT_FORECAST,
    ),
    (
        "its_own_model_forecasts",
        broken.FallsBack(),
        f"forecast {SHOP}; expected a forecast of item 'busy' by its own model, got one by a simpler model, because its own"
        " failed with NameError: name 'nump' is not defined.",
        set(),
    ),
    (
        "begins_at_each_origin",
        broken.BeginsLate(),
        f"forecast {SHOP}; expected the origin 19995 at position 0, got origin 19996.",
        set(),
    ),
    (
        "quantiles_rise",
        broken.Crossing(),
        f"forecast {SHOP} at the levels {MANY}; expected at least the quantile of the level below, got 30.55"
        " for item 'busy', step 1, level 0.2.",
        set(),
    ),
    (
        "levels_differ_where_the_data_vary",
        broken.SureOfItself(),
        f"forecast {SHOP} at the levels 0.05, 0.95; expected more at the level 0.95 than at 0.05, got 22.7917"
        " for item 'busy', step 1, level 0.95.",
        set(),
    ),
    (
        "leaves_the_panel_as_it_is",
        broken.WritesToThePanel(),
        f"forecast {SHOP}; expected the panel as it was, got another panel.past: predict changed the panel it was given;"
        " copy an array before you write to it.",
        set(),
    ),
    (
        "an_item_without_history_is_forecast",
        broken.NeedsHistory(),
        "forecast the item 'new' of the shop panel alone; expected a forecast of finite numbers for each item, got"
        " IndexError: index -1 is out of bounds.",
        set(),
    ),
    (
        "odd_series_are_forecast",
        broken.LostInGaps(),
        "forecast a panel of constants, zeros, gaps alone, one step and no history; expected a forecast of finite numbers"
        " for each item, got ForetellError: sound made a forecast that is not a finite number for 1 of 6 items, first for"
        " item 'all missing'.",
        set(),
    ),
    (
        "a_new_category_is_forecast",
        broken.KnowsItsCategories(),
        f"forecast {SHOP} with categories that training never saw; expected a forecast of finite numbers for each item,"
        " got KeyError: 0.",
        set(),
    ),
    (
        "missing_covariates_are_forecast",
        broken.NeedsAllCovariates(),
        f"forecast {SHOP} with half its past covariates and sizes missing; expected a forecast of finite numbers for each"
        " item, got ForetellError: sound made a forecast that is not a finite number for 5 of 10 items, first for item"
        " 'busy'.",
        set(),
    ),
    (
        "the_order_of_items_is_irrelevant",
        broken.LikesTheBusyFirst(),
        f"forecast {SHOP} in another order of its items; expected the same forecast of each, got 15 instead of 14 for"
        " item 'busy', step 1, level 0.1.",
        set(),
    ),
    (
        "an_item_is_forecast_alike_alone",
        broken.LooksAtItsNeighbours(),
        "forecast the item 'busy' of the shop panel alone; expected its forecast among the others, got 15 instead of 24"
        " for item 'busy', step 1, level 0.1.",
        set(),
    ),
    (
        "a_forecast_sees_nothing_beyond_the_origin",
        broken.LooksAhead(),
        f"forecast {SHOP} with everything at and beyond the origin overwritten; expected the forecast that it made"
        " before, got 10013 instead of 38 for item 'busy', step 1, level 0.1.",
        set(),
    ),
    (
        "equal_seeds_give_equal_forecasts",
        broken.Random(),
        f"fitted it twice on {SHOP} with the same seed; expected equal forecasts, got",
        # they compare two fits as well
        {"a_fit_sees_nothing_beyond_the_origin", "what_is_known_beyond_the_horizon_changes_nothing"},
    ),
    (
        "what_is_known_beyond_the_horizon_changes_nothing",
        broken.PlansTooFar(),
        f"forecast {SHOP} with another plan beyond",
        set(),
    ),
    (
        "a_fit_sees_nothing_beyond_the_origin",
        broken.LearnsFromLater(),
        f"fitted it on {SHOP} with everything at and beyond the origin overwritten; expected a model that forecasts as"
        " before, got 87.65556 instead of 43.6 for item 'new', step 1, level 0.9.",
        set(),
    ),
    (
        "a_bare_panel_is_forecast",
        broken.NeedsAPromotion(),
        "fitted it on a panel of counts without covariates, calendar and season; expected a model, got IndexError: index"
        " 0 is out of bounds for axis 1 with size 0.",
        {"negative_data_may_be_forecast_negative"},  # which is as bare
    ),
    (
        "negative_data_may_be_forecast_negative",
        broken.NeverNegative(),
        "fitted it on a panel of negative numbers without covariates, calendar and season and forecast it; expected a"
        " negative median, got 0 for item 'item-0', step 1, level 0.5.",
        set(),
    ),
    (
        "does_what_its_abilities_declare",
        broken.Boastful(),
        f"fitted it on {SHOP} and asked for what its abilities declare; expected the methods of these abilities, got"
        " ForetellError: Boastful declares the ability 'summary', but SoundPredictor has no method summary().",
        set(),
    ),
    (
        "comes_back_from_its_state",
        broken.Forgetful(),
        f"fitted it on {SHOP}, wrote its state as JSON and safetensors and loaded it; expected the forecast that it made"
        " before, got 3.5 instead of 7 for item 'new', step 1, level 0.5.",
        set(),
    ),
    (
        "incomplete_weights_are_refused",
        broken.ForgivesALoss(),
        f"loaded the state of the model fitted on {SHOP} without its array 'usual'; expected an error, got a predictor.",
        set(),
    ),
]
KEPT_BY_THE_ENGINE = {"closed_days_are_zero", "what_is_never_negative_stays_so"}


def broken_by(recipe: Sound) -> dict[str, str]:
    """The promises that a recipe breaks, with the sentence of each."""
    found, check = {}, RecipeCheck(recipe)
    for promise in promises():
        try:
            promise.verify(check)
        except BrokenPromise as error:
            found[error.promise] = str(error)
    return found


def test_a_sound_recipe_keeps_all_promises() -> None:
    check_recipe(Sound())


@pytest.mark.parametrize(("promise", "recipe", "sentence", "too"), BROKEN, ids=[name for name, *_ in BROKEN])
def test_a_broken_promise_is_named_in_one_sentence(
    promise: str, recipe: Sound, sentence: str, too: set[str]
) -> None:
    with pytest.raises(BrokenPromise) as raised:
        check_recipe(recipe)
    assert raised.value.promise == promise
    assert str(raised.value).startswith(f"sound breaks the promise {promise!r}: check_recipe {sentence}")
    assert set(broken_by(recipe)) == {promise} | too


def test_each_promise_has_a_recipe_that_breaks_it() -> None:
    afresh = {"comes_back_in_a_fresh_process"}  # below
    assert {name for name, *_ in BROKEN} | KEPT_BY_THE_ENGINE | afresh == {each.name for each in promises()}


def test_what_the_engine_does_for_a_recipe_is_checked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitted_model, "within", lambda forecast, panel, floor: forecast)
    assert broken_by(Sound()) == {
        "closed_days_are_zero": "sound breaks the promise 'closed_days_are_zero': check_recipe forecast the shop panel"
        " (ten daily items), which is closed on one weekday; expected exactly 0 on closed days, got 14 for item 'busy',"
        " step 3, level 0.1."
    }
    monkeypatch.setattr(
        fitted_model, "within", lambda forecast, panel, floor: within(forecast, panel, floor=None)
    )
    assert broken_by(broken.BelowZero())["what_is_never_negative_stays_so"].endswith(
        "forecast the shop panel (ten daily items) at the levels 0.001, 0.5; expected nothing below 0, as in the data, got"
        " -92.885 for item 'busy', step 1, level 0.001."
    )


@pytest.mark.slow
def test_a_registered_recipe_is_loaded_in_a_fresh_process(monkeypatch: pytest.MonkeyPatch) -> None:
    points = {"sound": type("Point", (), {"load": staticmethod(lambda: Sound)})}
    monkeypatch.setattr(registry, "_registered", lambda: points)
    assert list(broken_by(Sound())) == ["comes_back_in_a_fresh_process"]  # there it is not registered
    with pytest.raises(
        BrokenPromise, match=r"loaded it in a fresh process; expected .*: no recipe 'sound'\.$"
    ):
        check_recipe(Sound())


def test_another_forecast_of_the_fresh_process_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RecipeCheck, "registered", True)
    check = RecipeCheck(Sound())
    check.afresh = check.forecast.quantiles, check.forecast.mean + np.float32(1)
    with pytest.raises(
        BrokenPromise, match=r"got 23.79167 instead of 22.79167 for item 'busy', step 1 of the mean\.$"
    ):
        promises()[-1].verify(check)


@pytest.mark.parametrize(
    ("recipe", "promise", "sentence"),
    [
        (broken.WritesWhatItReads(), "leaves_the_panel_as_it_is", "predict changed the panel it was given"),
        (broken.LearnsInPlace(), "leaves_the_panel_as_it_is", "fit changed the panel it was given"),
        (
            broken.OneMean(),
            "forecasts_any_level",
            r"the mean must have shape \[N=10, H=5\] beside quantiles \[10, 5, \d+\], got \[10, 1\]",
        ),
        (
            broken.KeepsNumbersOfNumpy(),
            "comes_back_from_its_state",
            "numbers of Python in its JSON, got state.sizes\\[1\\], which is a numpy.float32",
        ),
        (
            broken.KeepsLists(),
            "comes_back_from_its_state",
            "an array of numpy under each name of its second part, got 'usual', which is a list",
        ),
    ],
)
def test_the_promise_that_is_named_is_the_one_that_was_broken(
    recipe: Sound, promise: str, sentence: str
) -> None:
    with pytest.raises(BrokenPromise, match=sentence) as raised:
        check_recipe(recipe)
    assert raised.value.promise == promise


def test_hyperparameters_that_cost_time_are_made_small_unless_the_author_chose_them() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Network(Sound):
        max_steps: int | None = None  # gradient steps
        hidden_size: int = 64  # width

    check = RecipeCheck(Network(hidden_size=16))
    assert check.recipe == Network(max_steps=12, hidden_size=16)


def test_the_error_of_a_series_model_that_fails_is_named() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Sleepy(SeriesRecipe):
        name: ClassVar[str] = "sleepy"

        def forecast_one(
            self, values: Floats, season: int, horizon: int, levels: Sequence[float]
        ) -> NoReturn:
            raise ZeroDivisionError("float division by zero")

    with pytest.raises(
        BrokenPromise, match=r"its own failed with ZeroDivisionError: float division by zero\.$"
    ):
        check_recipe(Sleepy())


class NotADataclass:
    name = "plain"


@dataclass
class NotFrozen:
    name: ClassVar[str] = "loose"


@dataclass(frozen=True)
class NameIsAField:
    name: str = "mine"


@dataclass(frozen=True)
class Nameless:
    steps: int = 28


@dataclass(frozen=True)
class Spaced:
    name: ClassVar[str] = "my recipe"


@dataclass(frozen=True)
class Unfitted:
    name: ClassVar[str] = "unfitted"


@dataclass(frozen=True, kw_only=True)
class Required(Sound):
    alpha: float  # smoothing


@dataclass(frozen=True, kw_only=True)
class Weighted(Sound):
    weights: dict[str, float] = field(default_factory=dict)  # by weekday


class Able(Sound):
    abilities = "summary"


class Searched(Sound):
    abilities = Abilities(search={"alpha": (0.1, 0.2)})


@dataclass(frozen=True, kw_only=True)
class EitherOr(Sound):
    alpha: int | str = 1  # smoothing


@pytest.mark.parametrize(
    ("thing", "expected"),
    [
        (Sound, "expected a recipe, got the class Sound. Call it: Sound()"),
        ("ets", "expected a recipe, got 'ets'. foretell.make_recipe('ets') makes one."),
        (42, "int is no recipe: it is no dataclass"),
        (
            NotADataclass(),
            "NotADataclass is no recipe: it is no dataclass; write @dataclass(frozen=True, kw_only=True)",
        ),
        (NotFrozen(), "NotFrozen is no recipe: its dataclass is not frozen"),
        (NameIsAField(), "NameIsAField is no recipe: its name is a field; write name: ClassVar[str] = ..."),
        (Nameless(), "Nameless is no recipe: its name must be letters, digits, _ and -, got None"),
        (Spaced(), "Spaced is no recipe: its name must be letters, digits, _ and -, got 'my recipe'"),
        (Unfitted(), "Unfitted is no recipe: it has no method fit"),
        (Required(alpha=0.1), "Required is no recipe: its field 'alpha' has no default"),
        (
            Weighted(),
            "its field 'weights' is of the type dict[str, float]; a hyperparameter is bool, int, float, str,",
        ),
        (Able(), "Able.abilities must be an Abilities(...), got 'summary'"),
        (Searched(), "the abilities of sound have a range for 'alpha', which is no hyperparameter of it"),
        (EitherOr(), "its field 'alpha' is of the type int | str; a hyperparameter is"),
    ],
)
def test_what_is_no_recipe_is_told_so_in_one_message(thing: Any, expected: str) -> None:
    with pytest.raises(ForetellError) as raised:
        check_recipe(thing)
    assert str(raised.value).startswith(expected) or expected in str(raised.value)


def test_a_name_that_another_recipe_has_is_remarked(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("foretell.testing.contract._PROMISES", ())
    monkeypatch.setattr(Sound, "name", "ets")
    check_recipe(Sound())
    assert "Sound is not the recipe registered as 'ets'" in caplog.text
    assert "Give yours another one" in caplog.text


def test_a_setting_spelt_as_text_is_read_before_it_is_checked() -> None:
    assert check_form(broken.Sound(steps="6")) == broken.Sound(steps=6)  # type: ignore[arg-type]
    with pytest.raises(ForetellError, match="steps must be a whole number, got 'six'"):
        check_form(broken.Sound(steps="six"))  # type: ignore[arg-type]


def test_a_sound_recipe_is_checked_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    check_recipe(Sound())
    assert [record.getMessage() for record in caplog.records if "training saw" in record.getMessage()] == []
