"""What is made from a forecast: totals, scenarios and explanations; and monitors of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, StringConstraints

from foretell.service.catalogue import Resource
from foretell.service.schemas.common import Asked, Identifier, Level, Name, ResourceOut, Spec

Column = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Change = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Key = tuple[Annotated[str, StringConstraints(max_length=1000)], ...]


class TotalsSpec(Spec):
    """What `work.totals` is told."""

    by: tuple[Column, ...] = ()
    steps: int | None = None
    levels: tuple[Level, ...] | None = None


class TotalsIn(Asked):
    """Sums of a forecast over groups of items, from joint paths."""

    name: Name | None = None
    forecast: Identifier
    by: tuple[Column, ...] = Field(
        default=(),
        max_length=20,
        description="Columns of the key or metadata; region/store has regions and stores. Empty: all items alone.",
        examples=[["region/store", "family"]],
    )
    steps: int | None = Field(
        default=None, ge=1, description="Sums over the first steps. Default: each step."
    )
    levels: tuple[Level, ...] | None = None


class ScenarioSpec(Spec):
    """What `work.scenario` is told."""

    changes: Mapping[str, tuple[Change, ...]]
    items: tuple[str | Key, ...] | None = None
    by: Column | None = None
    levels: tuple[Level, ...] | None = None


class ScenarioIn(Asked):
    """Plans to compare with that of a forecast."""

    name: Name | None = None
    forecast: Identifier
    changes: Mapping[Name, tuple[Change, ...]] = Field(
        min_length=1,
        max_length=20,
        description="The changes of each scenario, one after the other.",
        examples=[{"promotion": ["promo = 1 where family = 'MUG'"]}],
    )
    items: tuple[str | Key, ...] | None = Field(default=None, max_length=100_000)
    by: Column | None = Field(default=None, description="A column that `result` has sums by, too.")


class ExplanationSpec(Spec):
    """What `work.explanation` is told."""

    items: tuple[str | Key, ...] | None = None
    by: tuple[Column, ...] | None = None
    level: Level | None = None
    permutations: int | None = None


class ExplanationIn(Asked):
    """What drives a forecast."""

    name: Name | None = None
    forecast: Identifier
    items: tuple[str | Key, ...] | None = Field(default=None, max_length=100_000, examples=[["mug"]])
    by: tuple[Column, ...] | None = Field(default=None, description="Sums over groups in place of items.")
    level: Level | None = Field(default=None, description="Of a quantile. Default: the mean.")
    permutations: int | None = Field(default=None, ge=2, le=10_000)


class MonitorSpec(Spec):
    """What `work.monitor` is told."""

    forecasts: tuple[Identifier, ...]
    by: tuple[Column, ...] = ()


class MonitorIn(Asked):
    """A model's forecasts, judged by what has come since."""

    name: Name | None = None
    model: Identifier
    version: Identifier | None = Field(
        default=None, description="Of data, with the actuals. Default: the newest."
    )
    backtest: Identifier | None = Field(default=None, description="What is usual.")
    by: tuple[Column, ...] = Field(default=(), max_length=20)


class FromForecastOut(ResourceOut):
    """Of a forecast."""

    forecast_id: str
    model_id: str
    version_id: str

    @classmethod
    def of(cls, found: Resource) -> Self:
        return cls(**cls.fields_of(found))


class TotalsOut(FromForecastOut):
    """Totals of a forecast; GET .../rows answers its numbers."""


class ScenarioOut(FromForecastOut):
    """Scenarios beside the baseline; `result` has totals, GET .../rows the numbers of each item."""


class ExplanationOut(FromForecastOut):
    """Contributions of drivers; `result` has impact scores, GET .../rows the numbers of each item."""


class MonitorOut(ResourceOut):
    """A judgement: `result` has the verdict, its reasons and the runs."""

    model_id: str
    version_id: str
    backtest_id: str | None

    @classmethod
    def of(cls, found: Resource) -> MonitorOut:
        return cls(**cls.fields_of(found))
