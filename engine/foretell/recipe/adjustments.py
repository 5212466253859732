"""What a model does to a forecast after its recipe has made it: calibration, reconciliation and the like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, Self, TypeVar

from foretell.errors import ForetellError
from foretell.recipe.forecast import Forecast
from foretell.recipe.protocols import Summary


class Adjustment(Protocol):
    """A change of forecasts that is learnt with a model and kept with it; registered under its `kind`."""

    kind: ClassVar[str]  # under which a saved model names it
    extra_levels: ClassVar[tuple[float, ...]]  # that it reads, besides those asked for

    def apply(self, forecast: Forecast) -> Forecast:
        """The forecast adjusted, at the same levels: those asked for and `extra_levels`. Levels may cross: `Model` sorts."""
        ...

    def summary(self) -> Summary:
        """Tables, by their titles, for the report."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types; `from_json` reads them back."""
        ...

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Self:
        """The adjustment that `to_json` wrote."""
        ...


class UnknownAdjustment(ForetellError):
    """A saved model has an adjustment of a kind that is not registered."""


A = TypeVar("A", bound=Adjustment)
_KINDS: dict[str, type[Adjustment]] = {}


def register_adjustment(adjustment: type[A]) -> type[A]:
    """A class decorator: saved models may name this adjustment by its kind. Raises ForetellError for a kind that is taken."""
    taken = _KINDS.setdefault(adjustment.kind, adjustment)
    if taken is not adjustment:
        raise ForetellError(f"two adjustments are called {adjustment.kind!r}: {taken!r} and {adjustment!r}")
    return adjustment


def adjustment_to_json(adjustment: Adjustment) -> dict[str, Any]:
    """Its kind and what it says of itself."""
    return {"kind": adjustment.kind, **adjustment.to_json()}


def adjustment_from_json(state: Mapping[str, Any]) -> Adjustment:
    """The adjustment that `adjustment_to_json` wrote; raises UnknownAdjustment for a kind that is not registered."""
    rest = {key: value for key, value in state.items() if key != "kind"}
    if state["kind"] not in _KINDS:
        raise UnknownAdjustment(
            f"the model has an adjustment {state['kind']!r}, which this foretell does not know. It knows:"
            f" {', '.join(sorted(_KINDS))}."
        )
    return _KINDS[state["kind"]].from_json(rest)
