"""Models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from foretell.service.catalogue import Resource
from foretell.service.schemas.common import Asked, Identifier, Level, Name, ResourceOut, Spec

RecipeName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Seed = Annotated[int, Field(ge=0, lt=1 << 32)]


class _Training(Asked):
    recipe: RecipeName | None = Field(
        default=None, description="A registered recipe. Default: mqrnn.", examples=["ets"]
    )
    horizon: int | None = Field(
        default=None, ge=1, le=100_000, description="Steps; it must be given, but with from."
    )
    levels: tuple[Level, ...] | None = None
    settings: Mapping[str, Any] | None = Field(default=None, description="Hyperparameters of the recipe.")
    time_limit: str | float | None = Field(default=None, examples=["10m"])
    calibrate: bool = False
    seed: Seed = 0


class ModelIn(_Training):
    """A model to train on the newest version of a data set, or on another one."""

    name: Name | None = None
    dataset: Identifier
    version: Identifier | None = None
    from_model: Identifier | None = Field(
        default=None, alias="from", description="A model that training goes on from."
    )


class TrainSpec(Spec):
    """What `work.train` is told."""

    recipe: RecipeName | None = None
    horizon: int | None = None
    levels: tuple[float, ...] | None = None
    settings: Mapping[str, Any] | None = None
    time_limit: str | float | None = None
    calibrate: bool = False
    seed: int = 0


class ModelOut(ResourceOut):
    """A trained model; `result` has its recipe, horizon, levels, scores and seconds."""

    version_id: str
    from_model_id: str | None = None

    @classmethod
    def of(cls, found: Resource) -> ModelOut:
        return cls(**cls.fields_of(found))
