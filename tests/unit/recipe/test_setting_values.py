"""Values of hyperparameters: each is refused in one sentence that names it, or it trains."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import pytest

import foretell
from foretell.errors import ForetellError
from foretell.models.fitting import fit_model
from foretell.recipe import Count, Recipe, Run, Share, Task, Within
from foretell.recipe.author_code import RecipeFailed
from foretell.recipe.hyperparameters import hyperparameters
from foretell.recipe.registry import checked_recipe, make_recipe, recipe_class, recipe_names
from foretell.testing import check_recipe
from foretell.testing.panels import panel_of, weekly
from tiny_chronos import settings_of

ABSURD: tuple[Any, ...] = (0, -1, 2, 1e9, math.nan, ())
# what makes a training quick, where a recipe has it
QUICK = {
    "max_steps": 2,
    "hidden_size": 8,
    "batch_size": 4,
    "num_samples": 4,
    "max_rows": 200,
    "time_limit": 60,
    "members": ("seasonal_naive",),
    "trials": 0,
}


@dataclass(frozen=True, kw_only=True)
class Limited:
    name: ClassVar[str] = "limited"
    steps: Count = 28
    share: Share = 0.5
    lags: tuple[Annotated[int, Within(1, 9)], ...] = (1,)
    half_life: Annotated[float, Within(0.5, 99)] | None = None

    def fit(self, panel: Any, task: Any, run: Any) -> Any: ...

    def load(self, schema: Any, task: Any, state: Any, run: Any) -> Any: ...


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"steps": 0}, "limited.steps must be a whole number from 1 to 1,000,000, got 0"),
        ({"share": 2}, "limited.share must be a number from 0 to 1, got 2"),
        ({"share": math.nan}, "limited.share must be a finite number, got nan"),
        ({"lags": (3, 10)}, "limited.lags must be a whole number from 1 to 9, got 10"),
        ({"lags": ()}, "limited.lags must be at least one number, got ()"),
        ({"half_life": np.float64(0.25)}, "limited.half_life must be a number from 0.5 to 99, got 0.25"),
        ({"steps": "many"}, "limited.steps must be a whole number, got 'many'"),
    ],
)
def test_a_value_beyond_its_limits_is_refused_wherever_a_recipe_is_taken(
    given: dict[str, Any], expected: str
) -> None:
    recipe, data = Limited(**given), _dataset()
    for take in (
        lambda: checked_recipe(recipe),
        lambda: check_recipe(recipe),
        lambda: foretell.train(data, recipe=recipe, horizon=2),
        lambda: foretell.backtest(data, recipes=[recipe], horizon=2),
        lambda: foretell.tune(data, recipe=recipe, horizon=2),
    ):
        with pytest.raises(ForetellError, match=re.escape(expected)):
            take()


def test_numbers_of_numpy_are_the_plain_numbers_they_are() -> None:
    given: dict[str, Any] = {"steps": np.int64(3), "share": np.float32(0.5), "lags": np.array([2, 7])}
    taken: Any = checked_recipe(Limited(**given))
    assert taken == Limited(steps=3, share=0.5, lags=(2, 7))
    assert (type(taken.steps), type(taken.lags[0])) == (int, int)
    mqrnn: Any = make_recipe("mqrnn", {"hidden_size": np.int64(3), "dropout": np.float32(0.5)})
    assert (type(mqrnn.hidden_size), type(mqrnn.dropout)) == (int, float)


def test_a_recipe_whose_settings_are_sound_is_taken_as_it_is() -> None:
    recipe = Limited()
    assert checked_recipe(recipe) is recipe


PANEL = panel_of({"a": weekly(60, level=9, seed=0), "b": weekly(40, level=3, seed=1)})
FIELDS = [(name, each.name) for name in recipe_names() for each in hyperparameters(recipe_class(name))]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # libraries warn of some
@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_an_absurd_value_is_refused_by_its_name_or_trains(name: str, field: str) -> None:
    for value in ABSURD:
        came = _refusal(name, field, value) or _trained(name, field, value)
        assert came is True or re.match(rf"{name}\b.*\b{field}\b", str(came)), (value, came)


def _with(name: str, field: str, value: Any) -> Recipe:
    has = {parameter.name for parameter in hyperparameters(recipe_class(name))}
    quick = {key: usual for key, usual in QUICK.items() if key in has}
    return make_recipe(name, {**settings_of(name), **quick, field: value})


def _refusal(name: str, field: str, value: Any) -> str | None:
    try:
        _with(name, field, value)
    except ForetellError as error:
        return str(error)
    return None


def _trained(name: str, field: str, value: Any) -> bool | str:
    """Whether it forecasts numbers, or what the recipe itself refuses; what only failed is no refusal."""
    try:
        model = fit_model(
            _with(name, field, value), PANEL, Task(3, (0.1, 0.5)), Run(device="cpu", processes=1)
        )
    except RecipeFailed:
        raise
    except ForetellError as error:
        return str(error)
    return bool(np.isfinite(model.forecast(PANEL).quantiles).all())


def _dataset() -> foretell.Dataset:
    import pandas as pd

    days = pd.date_range("2024-01-01", periods=20)
    return foretell.Dataset(pd.DataFrame({"item_id": "a", "timestamp": days, "target": range(20)}), freq="D")


def test_settings_that_are_no_mapping_are_refused() -> None:
    with pytest.raises(
        ForetellError, match="settings of ets must be a mapping from hyperparameters to values"
    ):
        make_recipe("ets", "season=7")  # type: ignore[arg-type]
