"""What a recipe is, where recipes come from, and how their hyperparameters are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

from numpy.typing import NDArray

from foretell.data.panel import Panel
from foretell.data.schema import Schema
from foretell.recipe.forecast import Forecast
from foretell.recipe.task import Run, Task

State = tuple[dict[str, Any], dict[str, NDArray[Any]]]  # JSON, arrays
# title -> rows of a table: text, numbers or None by column
Summary = Mapping[str, Sequence[Mapping[str, Any]]]


@runtime_checkable
class Predictor(Protocol):
    """A fitted recipe: a forecast for every item of any panel of the schema it was fitted on."""

    def predict(self, panel: Panel, *, levels: Sequence[float] | None = None) -> Forecast:
        """Forecast each item from its origin on, at `levels` (default: the task's)."""
        ...

    def state(self) -> State:
        """All that `Recipe.load` needs, as JSON and arrays."""
        ...


@runtime_checkable
class Summarised(Protocol):
    """A predictor that has something to say about how it was fitted; a report shows it."""

    def summary(self) -> Summary:
        """Tables by their titles."""
        ...


@runtime_checkable
class Recipe(Protocol):
    """A way to forecast: a frozen dataclass whose fields are its hyperparameters."""

    name: ClassVar[str]

    def fit(self, panel: Panel, task: Task, run: Run) -> Predictor:
        """Train on what lies before each item's origin."""
        ...

    def load(self, schema: Schema, task: Task, state: State, run: Run) -> Predictor:
        """The predictor whose `state` this is."""
        ...


@runtime_checkable
class Continues(Protocol):
    """A recipe whose training can go on from a fitted predictor, on newer data."""

    def fit_from(self, start: Predictor, panel: Panel, task: Task, run: Run) -> Predictor:
        """Train on what lies before each item's origin; `panel` has the schema of `start`, vocabularies perhaps longer."""
        ...


def keeps_time_limit(recipe: Recipe) -> bool:
    """Whether a recipe's training heeds `Run.time_limit`: it says so itself, by a class variable of that name."""
    return bool(getattr(recipe, "keeps_time_limit", False))
