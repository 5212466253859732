"""Forecasts and their rows."""

from __future__ import annotations

from pydantic import Field

from foretell.service.catalogue import Resource
from foretell.service.schemas.common import Asked, Identifier, Level, Name, ResourceOut, Spec


class ForecastIn(Asked):
    """A forecast of a model, of the data it was trained on or of a newer version."""

    name: Name | None = None
    model: Identifier
    version: Identifier | None = Field(
        default=None, description="Of data. Default: the newest of the model's data set."
    )
    levels: tuple[Level, ...] | None = Field(default=None, description="Default: the model's.")
    horizon: int | None = Field(default=None, ge=1, description="Fewer steps than the model's.")


class ForecastSpec(Spec):
    """What `work.forecast` is told."""

    levels: tuple[float, ...] | None = None
    horizon: int | None = None


class ForecastOut(ResourceOut):
    """A forecast; GET .../rows answers its numbers."""

    model_id: str
    version_id: str

    @classmethod
    def of(cls, found: Resource) -> ForecastOut:
        return cls(**cls.fields_of(found))
