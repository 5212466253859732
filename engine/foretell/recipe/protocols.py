"""What a recipe is, what it can declare to be able to do besides, and what a fitted one is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array
from foretell.data.findings import Finding
from foretell.data.panel import Panel
from foretell.data.schema import Schema
from foretell.errors import ForetellError
from foretell.recipe.forecast import Forecast
from foretell.recipe.search_space import Space
from foretell.recipe.task import Run, Task

State = tuple[dict[str, Any], dict[str, NDArray[Any]]]  # JSON, arrays
# title -> rows of a table: text, numbers or None by column
Summary = Mapping[str, Sequence[Mapping[str, Any]]]


@runtime_checkable
class Predictor(Protocol):
    """A fitted recipe: a forecast for every item of any panel of the schema it was fitted on.

    Example:
        >>> from foretell.recipe import Predictor, Run, Task
        >>> data = foretell.Dataset(pd.read_csv("data/retail/sales.csv", nrows=2952), freq="D")  # four items
        >>> fitted = foretell.make_recipe("seasonal_naive").fit(data.panel, Task(horizon=7), Run())
        >>> isinstance(fitted, Predictor)
        True
        >>> fitted.predict(data.panel, levels=[0.5, 0.9]).quantiles.shape  # [N, H, Q]
        (4, 7, 2)
    """

    def predict(self, panel: Panel, *, levels: Sequence[float]) -> Forecast:
        """Forecast each item from its origin on, at `levels`: checked, rising, not only those of the task."""
        ...

    def state(self) -> State:
        """All that `Recipe.load` needs, as JSON and arrays."""
        ...


@runtime_checkable
class Recipe(Protocol):
    """A way to forecast: a frozen dataclass whose fields are its hyperparameters.

    What it can do besides stands in `abilities: ClassVar[Abilities] = Abilities(...)`; one that has none leaves it out.

    Example:
        >>> from foretell.recipe import Recipe
        >>> isinstance(foretell.make_recipe("ets"), Recipe)
        True
    """

    name: ClassVar[str]

    def fit(self, panel: Panel, task: Task, run: Run) -> Predictor:
        """Train on what lies before each item's origin."""
        ...

    def load(self, schema: Schema, task: Task, state: State, run: Run) -> Predictor:
        """The predictor whose `state` this is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a recipe can do besides `fit` and `load`; each that is true has the method named beside it, if any.

    Example:
        >>> from foretell.recipe import Abilities, Between
        >>> Abilities(time_limit=True, search={"learning_rate": Between(1e-4, 1e-2, log=True)}).cost
        100.0
    """

    time_limit: bool = False  # its training ends within `Run.time_limit`
    # its fit forecasts held-out windows anyway, so calibration needs no second training: Predictor.held_out()
    held_out: bool = False
    warm_start: bool = False  # training goes on from a fitted model: Recipe.fit_from(start, panel, task, run)
    # engine and saved model keep its defaults as they were worked out from the data: Recipe.resolved(panel, task)
    resolved: bool = False
    summary: bool = False  # it has tables on how it was fitted, for the report: Predictor.summary()
    ensemble: bool = False  # `auto` takes it by default
    # hyperparameters without which it cannot be fitted; a backtest of all recipes leaves it out where they are not given
    needs: tuple[str, ...] = ()
    family: str = ""  # a word for the table of recipes; default: by the base that it is built on
    cost: float = 100.0  # of a training, beside others': `auto` tries the cheapest first
    search: Space = field(default_factory=dict)  # hyperparameter -> range that `tune` and `auto` search


_NONE = Abilities()
_OF_RECIPE = {"warm_start": "fit_from", "resolved": "resolved"}  # ability -> the method that it promises
_OF_PREDICTOR = {"held_out": "held_out", "summary": "summary"}


def abilities_of(recipe: Recipe | type[Recipe]) -> Abilities:
    """What a recipe declares; nothing where it declares nothing.

    Raises ForetellError where what it declares is no `Abilities`, or a method that this promises is missing.
    """
    kind = recipe if isinstance(recipe, type) else type(recipe)
    declared = getattr(kind, "abilities", _NONE)
    if not isinstance(declared, Abilities):
        raise ForetellError(f"{kind.__name__}.abilities must be an Abilities(...), got {declared!r}")
    if not declared.resolved and any(
        getattr(vars(base).get("abilities"), "resolved", False) for base in kind.__mro__[1:]
    ):
        raise ForetellError(
            f"{kind.__name__}.abilities leave out 'resolved', which its base needs: write replace(Base.abilities, ...)"
        )
    for ability, method in _OF_RECIPE.items():
        if getattr(declared, ability) and not callable(getattr(kind, method, None)):
            raise _missing(kind.__name__, kind.__name__, ability, method)
    return declared


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Forecasts of windows that their model was not trained on, and the truth.

    Example:
        >>> from foretell.recipe import HeldOut
        >>> held = HeldOut(np.zeros((2, 4, 7, 3)), np.ones((2, 4, 7)), (0.1, 0.5, 0.9))  # two windows of four items and seven steps
        >>> held.quantiles.shape
        (2, 4, 7, 3)
    """

    quantiles: Array  # [K, N, H, Q]
    actual: Array  # [K, N, H]
    levels: tuple[float, ...]  # [Q], 0.1 and 0.9 among them
    items: NDArray[np.int64] | None = None  # [N] their positions in the panel that was trained on


def held_out_of(recipe: Recipe, predictor: Predictor) -> HeldOut | None:
    """The forecasts of held-out windows that a fit has kept; None where it kept none, and after loading."""
    method = _offered(recipe, predictor, "held_out")
    return None if method is None else cast("HeldOut | None", method())


def summary_of(recipe: Recipe, predictor: Predictor) -> Summary:
    """Tables, by their titles, on how a predictor was fitted; mostly none."""
    method = _offered(recipe, predictor, "summary")
    return {} if method is None else cast("Summary", method())


@runtime_checkable
class _Finds(Protocol):
    @property
    def findings(self) -> tuple[Finding, ...]: ...


def findings_of(predictor: Predictor) -> tuple[Finding, ...]:
    """What a training brought to light that its user should know; mostly nothing."""
    return predictor.findings if isinstance(predictor, _Finds) else ()


@runtime_checkable
class _Validates(Protocol):
    @property
    def validated(self) -> float | None: ...


def validated_by(predictor: Predictor) -> float | None:
    """wQL on the windows that a training held out to find its end; None where it held out none, and after loading."""
    return predictor.validated if isinstance(predictor, _Validates) else None


class Resolves(Protocol):
    """A recipe of ability `resolved`. Its `fit` and `load` are then called on what `resolved` returns."""

    def resolved(self, panel: Panel, task: Task) -> Recipe:
        """The recipe with every default that depends on the data worked out; one that is resolved is returned as it is."""
        ...

    def continued(self, start: Predictor, panel: Panel, task: Task) -> Recipe:
        """The same where training goes on from `start`; only of recipes that have the ability `warm_start` too."""
        ...


def resolved_of(recipe: Recipe, panel: Panel, task: Task, *, start: Predictor | None = None) -> Recipe:
    """The recipe with its defaults worked out, for a training that goes on from `start` if given; most have none such."""
    if not abilities_of(recipe).resolved:
        return recipe
    open_recipe = cast("Resolves", recipe)
    return open_recipe.resolved(panel, task) if start is None else open_recipe.continued(start, panel, task)


class WarmStart(Protocol):
    """A recipe of ability `warm_start`."""

    def fit_from(self, start: Predictor, panel: Panel, task: Task, run: Run) -> Predictor:
        """Train on what lies before each item's origin; `panel` has the schema of `start`, vocabularies perhaps longer."""
        ...


def _offered(recipe: Recipe, predictor: Predictor, ability: str) -> Callable[[], Any] | None:
    """The method of a predictor that its recipe declares; ForetellError where it is missing."""
    if not getattr(abilities_of(recipe), ability):
        return None
    method: Callable[[], Any] | None = getattr(predictor, _OF_PREDICTOR[ability], None)
    if not callable(method):
        raise _missing(type(recipe).__name__, type(predictor).__name__, ability, _OF_PREDICTOR[ability])
    return method


def _missing(recipe: str, owner: str, ability: str, method: str) -> ForetellError:
    return ForetellError(
        f"{recipe} declares the ability {ability!r}, but {owner} has no method {method}(). Write it, or leave the ability out."
    )
