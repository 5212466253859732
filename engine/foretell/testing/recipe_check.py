"""A recipe under check: its fits and forecasts, shared by all promises, and the sentence of one that is broken."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array
from foretell.data.schema import Schema
from foretell.models.fitted_model import FittedModel
from foretell.models.fitting import fit_model
from foretell.models.model_folder import _pack, plain
from foretell.recipe.author_code import RecipeFailed
from foretell.recipe.forecast import Forecast
from foretell.recipe.hyperparameters import settings_of
from foretell.recipe.protocols import Predictor, Recipe
from foretell.recipe.registry import build_recipe, is_registered
from foretell.recipe.task import Run, Task
from foretell.testing.panels import HORIZON, Case, shop

ARRAYS: Final = ("target", "known", "past", "static_real", "static_cat", "origin")
TASK: Final = Task(HORIZON, (0.1, 0.5, 0.9))
RUN: Final = Run(device="cpu", processes=1)
# In place of a default, so that a check takes seconds; a value of the author's own stays.
QUICK: Final = {"max_steps": 12, "hidden_size": 8, "batch_size": 16}


class Broken(Exception):
    """A promise that is not kept: what was done, what was expected of it, and what came."""

    def __init__(self, did: str, expected: str, got: str) -> None:
        super().__init__(f"{did}; expected {expected}, got {got}")


class RecipeCheck:
    """A recipe with what it makes of the panels; what several promises ask for is made once."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = quick(recipe)
        self.shop = shop()
        # what a fresh process forecast for the shop, as [N, H, Q] and [N, H], or how it failed
        self.afresh: tuple[Array, Array] | Broken | None = None
        # the first call of it that wrote to a panel it was given
        self.wrote: Broken | None = None

    @property
    def registered(self) -> bool:
        """Whether a saved model of this recipe can be loaded by its name."""
        return is_registered(self.recipe)

    @cached_property
    def model(self) -> FittedModel:
        """The recipe fitted on the shop panel."""
        return self.fit(self.shop)

    @cached_property
    def forecast(self) -> Forecast:
        """The forecast of the shop panel at the task's levels."""
        return self.predict(self.shop)

    def fit(self, case: Case) -> FittedModel:
        """The recipe fitted on a panel."""
        with self._watching(case, "fit"), doing(f"fitted it on {case}", "a model"):
            return fit_model(self.recipe, case.panel, TASK, RUN)

    def predict(
        self, case: Case, *, model: FittedModel | None = None, levels: Sequence[float] | None = None
    ) -> Forecast:
        """What a model (default: the one fitted on the shop) forecasts for a panel, as `Model.forecast` makes it."""
        fitted = model or self.model
        what = "a forecast of finite numbers for each item"
        with self._watching(case, "predict"), doing(f"forecast {case}" + at(levels), what):
            return fitted.forecast(case.panel, levels=levels)

    def raw(self, case: Case, levels: Sequence[float]) -> Forecast:
        """What the predictor itself forecasts, before `Model` sorts the quantiles and keeps them within bounds."""
        model = self.model
        with self._watching(case, "predict"), doing(f"forecast {case}" + at(levels), "a forecast"):
            return model.predictor.predict(case.panel, levels=tuple(levels))

    @contextmanager
    def _watching(self, case: Case, method: str) -> Iterator[None]:
        """Notes where what is called inside writes to the panel of `case`."""
        before = {name: getattr(case.panel, name).copy() for name in ARRAYS}
        try:
            yield
        finally:
            changed = [name for name in ARRAYS if not _alike(before[name], getattr(case.panel, name))]
            if changed and self.wrote is None:
                did = f"{'fitted it on' if method == 'fit' else 'forecast'} {case}"
                got = f"another panel.{changed[0]}: {method} changed the panel it was given; copy an array before you write to it"
                self.wrote = Broken(did, "the panel as it was", got)

    def stored(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """The state of the model as it comes back from a folder: read from JSON and from safetensors."""
        from safetensors.numpy import load

        model = self.model
        with doing("asked its predictor for state()", "JSON and arrays"):
            state, arrays = model.predictor.state()
            _check_state(state, arrays)
            return through_json(state), load(_pack(self.recipe.name, arrays))

    def loaded(self, state: tuple[dict[str, Any], dict[str, NDArray[Any]]]) -> Predictor:
        """The predictor that `Recipe.load` makes of a stored state."""
        resolved = self.model.resolved
        schema = Schema.from_json(through_json(self.shop.panel.schema.to_json()))
        settings = through_json(settings_of(resolved))
        return build_recipe(type(resolved), settings).load(schema, TASK, state, RUN)


def _alike(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def _check_state(state: Any, arrays: Any) -> None:
    """Raises Broken, with the first, for a number of numpy in the JSON of a state and for what is no array beside it."""
    did = "asked its predictor for state()"
    for where, value in _leaves(state, "state"):
        if isinstance(value, np.generic):
            raise Broken(
                did, "numbers of Python in its JSON", f"{where}, which is a numpy.{type(value).__name__}"
            )
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            got = f"{name!r}, which is a {type(array).__name__}"
            raise Broken(did, "an array of numpy under each name of its second part", got)


def _leaves(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _leaves(part, f"{where}.{key}")
    elif isinstance(value, (list, tuple)):
        for position, part in enumerate(value):
            yield from _leaves(part, f"{where}[{position}]")
    else:
        yield where, value


def through_json(facts: Mapping[str, Any]) -> dict[str, Any]:
    """`facts` as they come back from a manifest."""
    read: dict[str, Any] = json.loads(json.dumps(plain(facts, "state")))
    return read


def quick(recipe: Recipe) -> Recipe:
    """`recipe` with those of `QUICK` that it has and that stand at their default."""
    defaults = {field.name: field.default for field in fields(recipe)}  # type: ignore[arg-type]
    small = {
        name: value
        for name, value in QUICK.items()
        if name in defaults and getattr(recipe, name) == defaults[name]
    }
    return replace(recipe, **small)  # type: ignore[type-var]


@contextmanager
def doing(did: str, expected: str) -> Iterator[None]:
    """Around what calls the recipe's own code: an error there is a broken promise."""
    try:
        yield
    except Broken:
        raise
    except Exception as error:
        raise Broken(did, expected, spoken(error)) from error


@contextmanager
def overheard() -> Iterator[list[str]]:
    """What foretell logs inside, as a list of texts: why a series' own model failed is only logged."""
    texts: list[str] = []
    handler, logger = logging.Handler(), logging.getLogger("foretell")
    handler.emit = lambda record: texts.append(record.getMessage())  # type: ignore[method-assign]
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield texts
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


def spoken(error: Exception) -> str:
    """An error as part of a sentence: its kind and its first sentence."""
    if isinstance(error, RecipeFailed) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    first = str(error).strip().split("\n")[0].split(". ")[0].rstrip(".")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def at(levels: Sequence[float] | None) -> str:
    """' at the levels 0.1, 0.5', or nothing."""
    return "" if levels is None else f" at the levels {', '.join(map(str, levels))}"


def place(forecast: Forecast, wrong: NDArray[np.bool_]) -> str:
    """The first item, step and (of quantiles) level where `wrong`, [N, H] or [N, H, Q], holds."""
    item, step, *level = np.argwhere(wrong)[0]
    words = f"item {str(forecast.keys.iloc[item, 0])!r}, step {step + 1}"
    return words + (f", level {forecast.levels[level[0]]}" if level else " of the mean")


def require(
    forecast: Forecast, values: NDArray[Any], kept: NDArray[np.bool_], *, did: str, expected: str
) -> None:
    """Raises Broken with the first of `values` ([N, H] means or [N, H, Q] quantiles) where `kept` does not hold."""
    if not kept.all():
        first = tuple(np.argwhere(~kept)[0])
        raise Broken(did, expected, f"{values[first]:.6g} for {place(forecast, ~kept)}")


def require_equal(
    here: Forecast,
    quantiles: NDArray[Any],
    mean: NDArray[Any],
    *,
    did: str,
    expected: str,
    tolerance: float = 0.0,
) -> None:
    """Raises Broken unless `quantiles` [N, H, Q] and `mean` [N, H] are those of `here`, but for `tolerance`."""
    for mine, other in ((here.quantiles, quantiles), (here.mean, mean)):
        if mine.shape != other.shape:
            raise Broken(did, expected, f"an array of shape {list(other.shape)}, not {list(mine.shape)}")
        wrong = ~np.isclose(other, mine, rtol=tolerance, atol=tolerance)
        if wrong.any():
            first = tuple(np.argwhere(wrong)[0])
            where = place(here, wrong)
            raise Broken(did, expected, f"{other[first]:.7g} instead of {mine[first]:.7g} for {where}")
